local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 5}}, attr = {shifts = {2}, dims = {1}}},
    {inputs = {{3, 4, 2}}, attr = {shifts = {-1, 7}, dims = {0, -2}}},
    {inputs = {{2, 5}}, attr = {shifts = {3}}},
    {inputs = {{4}}, attr = {shifts = {1, 1}, dims = {0, 0}}},
    {inputs = {{}}, attr = {shifts = {2}}},
    {inputs = {{0, 3}}, attr = {shifts = {1}, dims = {0}}},
    {inputs = {{35, 80}}, attr = {shifts = {-17, 9}, dims = {0, 1}}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    if not attr.dims then
      local n, k = #X.elements, 0
      return arrays.make(X.shape, x.dtype, function()
        k = k + 1
        return X.elements[(k - 1 - attr.shifts[1]) % n + 1]
      end)
    end
    return arrays.make(X.shape, x.dtype, function(...)
      local at = {...}
      for k, dim in ipairs(attr.dims) do
        local d = dim % X.ndim + 1
        at[d] = (at[d] - attr.shifts[k]) % X.shape[d]
      end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {shifts = {1}, dims = {0, 1}}, message = "roll: expected 2 shifts, one per dimension, got 1"},
    {inputs = {{2, 3}}, attr = {shifts = {1, 1}}, message = "roll: expected 1 shifts, one per dimension, got 2"},
    {inputs = {{2, 3}}, attr = {shifts = {1}, dims = {2}}, message = "roll: expected a dimension from -2 to 1, got 2"},
  },
}
