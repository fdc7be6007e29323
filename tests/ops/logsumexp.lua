local reduction = require "reduction"

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3, 4}}, attr = {dim = {0, -1}, keepdim = true}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{5, 149, 157}}, attr = {dim = 1}},
    {inputs = {{40001}}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{}}},
    -- neither overflow nor 0 * inf
    {inputs = {{shape = {3, 2}, values = {1000, 1001, -1000, -1001, -1 / 0, 3}}}, attr = {dim = 1}, gradient = false},
    {inputs = {{shape = {3, 2}, values = {-1 / 0, -1 / 0, 1 / 0, 3, 0 / 0, 3}}}, attr = {dim = 1}, gradient = false},
  },
  oracle = function(x, attr)
    return reduction.map(x, attr, function(row)
      local largest, powers = -math.huge, {}
      for _, value in ipairs(row) do largest = math.max(largest, value) end
      local shift = math.abs(largest) == math.huge and 0 or largest
      for i, value in ipairs(row) do powers[i] = math.exp(value - shift) end
      return shift + math.log(reduction.sum(powers))
    end)
  end,
  tol = {f64 = 1e-12},
  -- the saved result is rounded: its error is that of the logarithm of the gradient
  narrow_tol = {bf16 = 0.15, f16 = 3e-2},
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
    {inputs = {{shape = {2}, dtype = "i64"}}, message = "int64"},
  },
}
