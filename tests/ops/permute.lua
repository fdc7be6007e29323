local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3, 4}}, attr = {dims = {2, 0, 1}}},
    {inputs = {{2, 3, 4, 5}}, attr = {dims = {0, -2, 1, -1}}},
    {inputs = {{3}}, attr = {dims = {0}}},
    {inputs = {{0, 3, 2}}, attr = {dims = {1, 2, 0}}},
    {inputs = {{9, 33, 40}}, attr = {dims = {2, 1, 0}}},
  },
  oracle = function(x, attr)
    local X, shape = arrays.of(x), {}
    for d, from in ipairs(attr.dims) do shape[d] = X.shape[from % X.ndim + 1] end
    return arrays.make(shape, x.dtype, function(...)
      local at = {}
      for d, from in ipairs(attr.dims) do at[from % X.ndim + 1] = select(d, ...) end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dims = {0}}, message = "permute: expected 2 dimensions, got 1"},
    {inputs = {{2, 3}}, attr = {dims = {0, -2}}, message = "permute: expected each dimension once, got 0 twice"},
    {inputs = {{2, 3}}, attr = {dims = {0, 2}}, message = "permute: expected a dimension from -2 to 1, got 2"},
  },
}
