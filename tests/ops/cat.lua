local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}, {2, 1}, {2, 4}}, attr = {dim = 1}},
    {inputs = {{2, 3}, {5, 3}}},
    {inputs = {{2, 3, 4}, {2, 0, 4}, {2, 2, 4}}, attr = {dim = -2}},
    {inputs = {{3}}},
    {inputs = {{0}, {2, 3}, {1, 3}}},
    {inputs = {{0}, {0}}},
    {inputs = {{65, 40}, {65, 33}}, attr = {dim = -1}},
  },
  oracle = function(...)
    local list = {...}
    local attr = table.remove(list)
    local parts, shape, dim = {}, nil, nil
    for _, t in ipairs(list) do
      local part = arrays.of(t)
      if not (part.ndim == 1 and part.shape[1] == 0) then
        shape = shape or arrays.with(part.shape, 0, part.shape[1])
        dim = (attr.dim or 0) % part.ndim
        parts[#parts + 1] = part
      end
    end
    if not shape then return torch.zeros({0}, {dtype = list[1].dtype}) end
    shape[dim + 1] = 0
    for _, part in ipairs(parts) do shape[dim + 1] = shape[dim + 1] + part.shape[dim + 1] end
    return arrays.make(shape, list[1].dtype, function(...)
      local at, k = {...}, 1
      while at[dim + 1] >= parts[k].shape[dim + 1] do
        at[dim + 1] = at[dim + 1] - parts[k].shape[dim + 1]
        k = k + 1
      end
      return parts[k](table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{2, 3}, {2, 4}}, message = "cat: expected shapes equal except at dimension 0, got (2, 3) and (2, 4) (at position 1)"},
    {inputs = {{2, 3}, {2, 3, 1}}, message = "(2, 3) and (2, 3, 1)"},
    {inputs = {{2}, {}}, message = "cat: a 0-d tensor (at position 1) cannot be joined"},
    {inputs = {{2}}, attr = {dim = 1}, message = "cat: expected a dimension from -1 to 0, got 1"},
  },
}
