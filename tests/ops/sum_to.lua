local reduction = require "reduction"

return {
  cases = {
    {inputs = {{2, 3}}, attr = {shape = {3}}},
    {inputs = {{2, 3}}, attr = {shape = {2, 1}}},
    {inputs = {{4, 2, 3}}, attr = {shape = {2, 1}}},
    {inputs = {{4, 2, 3}}, attr = {shape = {4, 2, 3}}},
    {inputs = {{0, 3}}, attr = {shape = {1, 3}}},
    {inputs = {{64, 33, 31}}, attr = {shape = {31}}},
  },
  oracle = function(x, attr)
    local added, dims = x.ndim - #attr.shape, {}
    for d = 1, x.ndim do
      if d <= added or attr.shape[d - added] ~= x:size(d - 1) then dims[#dims + 1] = d - 1 end
    end
    if #dims == 0 then return x end
    return reduction.map(x, {dim = dims}, reduction.sum):reshape(attr.shape)
  end,
  errors = {{inputs = {{2, 3}}, attr = {shape = {2}}, message = "(2, 3)"}},
}
