local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}}, attr = {repeats = {2, 1}}},
    {inputs = {{2, 3}}, attr = {repeats = {3, 1, 2}}},
    {inputs = {{}}, attr = {repeats = {4}}},
    {inputs = {{2, 3}}, attr = {repeats = {0, 2}}},
    {inputs = {{0, 3}}, attr = {repeats = {2, 2}}},
    {inputs = {{1, 2, 1, 2}}, attr = {repeats = {2, 1, 2, 1, 2, 3}}},
    {inputs = {{17, 30}}, attr = {repeats = {3, 5}}},
  },
  oracle = function(x, attr)
    local X, shape = arrays.of(x), {}
    local added = #attr.repeats - X.ndim
    for d, times in ipairs(attr.repeats) do shape[d] = times * (X.shape[d - added] or 1) end
    return arrays.make(shape, x.dtype, function(...)
      local at = {}
      for d = 1, X.ndim do at[d] = select(d + added, ...) % X.shape[d] end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {repeats = {2}}, message = "repeat: expected at least 2 repeats, got 1"},
    {inputs = {{2, 3}}, attr = {repeats = {2, -1}}, message = "repeat: expected repeats >= 0, got -1"},
  },
}
