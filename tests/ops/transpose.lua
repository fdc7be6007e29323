local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}}, attr = {dim0 = 0, dim1 = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim0 = -1, dim1 = 0}},
    {inputs = {{5}}, attr = {dim0 = 0, dim1 = 0}},
    {inputs = {{}}, attr = {dim0 = 0, dim1 = -1}},
    {inputs = {{0, 3}}, attr = {dim0 = 0, dim1 = 1}},
    {inputs = {{70, 67}}, attr = {dim0 = 1, dim1 = 0}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    if X.ndim == 0 then return x end
    local a, b = attr.dim0 % X.ndim + 1, attr.dim1 % X.ndim + 1
    local function swapped(list)
      local out = {table.unpack(list)}
      out[a], out[b] = out[b], out[a]
      return out
    end
    return arrays.make(swapped(X.shape), x.dtype, function(...) return X(table.unpack(swapped {...})) end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim0 = 0, dim1 = 2}, message = "transpose: expected a dimension from -2 to 1, got 2"},
    {inputs = {{2, 3}}, attr = {dim0 = -3, dim1 = 0}, message = "got -3"},
  },
}
