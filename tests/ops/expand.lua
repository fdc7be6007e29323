local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 1}}, attr = {shape = {3, 4}}},
    {inputs = {{3, 1}}, attr = {shape = {2, -1, 5}}},
    {inputs = {{}}, attr = {shape = {2, 3}}},
    {inputs = {{1, 4}}, attr = {shape = {0, 4}}},
    {inputs = {{0, 1}}, attr = {shape = {2, 0, 3}}},
    {inputs = {{5, 7}}, attr = {shape = {5, 7}}},
    {inputs = {{1, 61, 1}}, attr = {shape = {9, 61, 13}}},
  },
  oracle = function(x, attr)
    local X, shape = arrays.of(x), {table.unpack(attr.shape)}
    local added = #shape - X.ndim
    for d = added + 1, #shape do
      if shape[d] == -1 then shape[d] = X.shape[d - added] end
    end
    return arrays.make(shape, x.dtype, function(...)
      local at = {}
      for d = 1, X.ndim do at[d] = X.shape[d] == 1 and 0 or (select(d + added, ...)) end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{3, 2}}, attr = {shape = {3, 4}}, message = "expand: expected size 2 at dimension 1, got (3, 4) for (3, 2)"},
    {inputs = {{3, 2}}, attr = {shape = {2}}, message = "expand: expected at least 2 dimensions, got (2) for (3, 2)"},
    {inputs = {{3}}, attr = {shape = {-1, 3}}, message = "expand: expected sizes, or -1 to keep one"},
  },
}
