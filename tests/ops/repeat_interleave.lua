local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}}, attr = {repeats = 2, dim = 0}},
    {inputs = {{2, 3}}, attr = {repeats = 3, dim = -1}},
    {inputs = {{2, 3}}, attr = {repeats = 2}},
    {inputs = {{}}, attr = {repeats = 3}},
    {inputs = {{2, 3}}, attr = {repeats = 0, dim = 1}},
    {inputs = {{3, 5, 41}}, attr = {repeats = 4, dim = 1}},
  },
  oracle = function(x, attr)
    local X = arrays.of(attr.dim and x or x:reshape(-1))
    local d = (attr.dim or 0) % X.ndim
    return arrays.make(arrays.with(X.shape, d, X.shape[d + 1] * attr.repeats), x.dtype, function(...)
      local at = {...}
      at[d + 1] = at[d + 1] // attr.repeats
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2}}, attr = {repeats = -1}, message = "repeat_interleave: expected repeats >= 0, got -1"},
    {inputs = {{2}}, attr = {repeats = 1, dim = 1}, message = "repeat_interleave: expected a dimension from -1 to 0, got 1"},
  },
}
