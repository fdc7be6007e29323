local arrays = require "arrays"

-- Python's slice bounds.
local function bound(i, n, default)
  if not i then return default end
  if i < 0 then i = i + n end
  return math.max(0, math.min(n, i))
end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{5, 3}}, attr = {start = 1, stop = 4}},
    {inputs = {{2, 7}}, attr = {dim = 1, start = 1, step = 2}},
    {inputs = {{2, 7}}, attr = {dim = -1, start = -3, stop = -1}},
    {inputs = {{2, 7}}, attr = {dim = 1, start = -100, stop = 100, step = 3}},
    {inputs = {{4}}, attr = {start = 3, stop = 1}},
    {inputs = {{4}}, attr = {start = 9}},
    {inputs = {{4, 3}}, attr = {step = 9223372036854775807}},
    {inputs = {{0, 3}}, attr = {dim = 1, start = 1}},
    {inputs = {{3, 40, 5}}, attr = {dim = 1, start = 2, stop = 39, step = 4}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    local d, step = (attr.dim or 0) % X.ndim, attr.step or 1
    local n = X.shape[d + 1]
    local start, stop = bound(attr.start, n, 0), bound(attr.stop, n, n)
    local count = 0
    for _ = start, stop - 1, step do count = count + 1 end
    return arrays.make(arrays.with(X.shape, d, count), x.dtype, function(...)
      local at = {...}
      at[d + 1] = start + at[d + 1] * step
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{}}, attr = {}, message = "slice: a 0-d tensor cannot be sliced"},
    {inputs = {{3}}, attr = {step = 0}, message = "slice: expected a positive step, got 0"},
    {inputs = {{3}}, attr = {step = -1}, message = "slice: expected a positive step, got -1"},
    {inputs = {{3}}, attr = {dim = 1}, message = "slice: expected a dimension from -1 to 0, got 1"},
  },
}
