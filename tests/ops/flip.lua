local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}}, attr = {dims = {0}}},
    {inputs = {{2, 3, 4}}, attr = {dims = {-1, 0}}},
    {inputs = {{2, 3}}, attr = {dims = {}}},
    {inputs = {{}}, attr = {dims = {0}}},
    {inputs = {{0, 3}}, attr = {dims = {0, 1}}},
    {inputs = {{70, 67}}, attr = {dims = {1}}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    return arrays.make(X.shape, x.dtype, function(...)
      local at = {...}
      for _, dim in ipairs(X.ndim > 0 and attr.dims or {}) do
        local d = dim % X.ndim + 1
        at[d] = X.shape[d] - 1 - at[d]
      end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dims = {2}}, message = "flip: expected a dimension from -2 to 1, got 2"},
    {inputs = {{2, 3}}, attr = {dims = {0, -2}}, message = "flip: expected each dimension once, got 0 twice"},
  },
}
