local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  gradient = false, -- it is a gradient
  cases = {
    {inputs = {{2, 3}}, attr = {shape = {4, 5}, stride = {5, 1}, offset = 6}},
    {inputs = {{3}}, attr = {shape = {3, 3}, stride = {4}}},
    {inputs = {{}}, attr = {shape = {5}, stride = {}, offset = 2}},
    {inputs = {{2, 0}}, attr = {shape = {3}, stride = {1, 1}}},
    {inputs = {{2, 3}}, attr = {shape = {2, 3}, stride = {3, 1}}},
    {inputs = {{40, 35}}, attr = {shape = {35, 90}, stride = {2, 90}, offset = 1}},
  },
  oracle = function(x, attr)
    local X, values = arrays.of(x), {}
    local n = 1
    for _, size in ipairs(attr.shape) do n = n * size end
    for k = 1, n do values[k] = 0 end
    arrays.make(X.shape, x.dtype, function(...)
      local at = attr.offset or 0
      for d, step in ipairs(attr.stride) do at = at + step * (select(d, ...)) end
      values[at + 1] = X(...)
      return values[at + 1]
    end)
    local k = 0
    return arrays.make(attr.shape, "f64", function()
      k = k + 1
      return values[k]
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {shape = {6}, stride = {1}}, message = "place: expected 2 strides, got 1"},
  },
}
