local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  strided = false, -- a view of other strides is refused: see errors
  cases = {
    {inputs = {{2, 6}}, attr = {shape = {3, 4}}},
    {inputs = {{2, 6}}, attr = {shape = {2, -1, 3}}},
    {inputs = {{7}}, attr = {shape = {7, 1, 1}}},
    {inputs = {{}}, attr = {shape = {1, 1}}},
    {inputs = {{1, 1}}, attr = {shape = {}}},
    {inputs = {{0, 3}}, attr = {shape = {3, 0, 5}}},
    {inputs = {{2, 3, 4, 5}}, attr = {shape = {6, -1}}},
  },
  oracle = function(x, attr)
    local shape, n = {table.unpack(attr.shape)}, x:numel()
    for d, size in ipairs(shape) do
      if size == -1 then
        local rest = 1
        for e, other in ipairs(shape) do rest = e == d and rest or rest * other end
        shape[d] = n // rest
      end
    end
    return arrays.reshaped(x, shape)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {shape = {2, 4}}, message = "view: shape (2, 4) is invalid for input of size 6"},
    {inputs = {{2, 3}}, attr = {shape = {4, -1}}, message = "view: shape (4, -1) is invalid for input of size 6"},
    {inputs = {{2, 3}}, attr = {shape = {-1, -1}}, message = "only one dimension can be inferred"},
    {inputs = {{2, 3}}, attr = {shape = {-2, 3}}, message = "expected sizes >= -1"},
    {inputs = {{0, 3}}, attr = {shape = {0, -1}}, message = "-1 is ambiguous"},
    {inputs = {function() return torch.zeros(2, 3):transpose(0, 1) end}, attr = {shape = {6}},
      message = "view: shape (6) is not possible with strides (1, 3); use reshape"},
  },
}
