local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 6}}, attr = {shape = {3, 4}}},
    {inputs = {{2, 3, 4}}, attr = {shape = {4, 6}}},
    {inputs = {{3, 5}}, attr = {shape = {-1}}},
    {inputs = {{}}, attr = {shape = {1}}},
    {inputs = {{0, 3}}, attr = {shape = {5, 0}}},
    {inputs = {{33, 65}}, attr = {shape = {65, 33}}},
  },
  oracle = function(x, attr)
    local shape = {table.unpack(attr.shape)}
    if shape[1] == -1 then shape[1] = x:numel() end
    return arrays.reshaped(x, shape)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {shape = {7}}, message = "reshape: shape (7) is invalid for input of size 6"},
  },
}
