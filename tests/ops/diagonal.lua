local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 3}}},
    {inputs = {{3, 5}}, attr = {offset = 1}},
    {inputs = {{5, 3}}, attr = {offset = -2}},
    {inputs = {{3, 3}}, attr = {offset = 4}},
    {inputs = {{3, 3}}, attr = {offset = -9223372036854775807}},
    {inputs = {{2, 3, 4}}, attr = {dim1 = -1, dim2 = 1}},
    {inputs = {{0, 3}}},
  },
  oracle = function(x, attr)
    local X, shift = arrays.of(x), attr.offset or 0
    local a, b = (attr.dim1 or 0) % X.ndim, (attr.dim2 or 1) % X.ndim
    local count = 0
    for i = 0, X.shape[a + 1] - 1 do
      local j = i + shift
      if j >= 0 and j < X.shape[b + 1] then count = count + 1 end
    end
    local shape = {}
    for d = 0, X.ndim - 1 do
      if d ~= a and d ~= b then shape[#shape + 1] = X.shape[d + 1] end
    end
    shape[#shape + 1] = count
    return arrays.make(shape, x.dtype, function(...)
      local rest, at, used = {...}, {}, 0
      local i = rest[#rest]
      for d = 0, X.ndim - 1 do
        if d == a then
          at[d + 1] = i + math.max(0, -shift)
        elseif d == b then
          at[d + 1] = i + math.max(0, shift)
        else
          used = used + 1
          at[d + 1] = rest[used]
        end
      end
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{3}}, message = "diagonal: expected at least 2 dimensions, got 1"},
    {inputs = {{3, 3}}, attr = {dim1 = 1, dim2 = -1}, message = "diagonal: expected two different dimensions, got 1 twice"},
  },
}
