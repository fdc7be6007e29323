--- softmax.lua: what the tests of softmax and log_softmax share: the cases and a walk along lines.
local arrays = require "arrays"

--- A test of op `name`; value(x, most, sum) is the result at x, given the maximum of x's line and the sum of
-- exp(x - maximum) over it.
return function(name, value)
  local function oracle(x, attr)
    local X, lines = arrays.of(x), {}
    local d = X.ndim > 0 and attr.dim % X.ndim or 0
    local function line_through(at)
      at[d + 1] = 0
      local key = table.concat(at, " ")
      if lines[key] then return lines[key] end
      local most, sum, n = -math.huge, 0, X.shape[d + 1] or 1
      for i = 0, n - 1 do
        at[d + 1] = i
        most = math.max(most, X(table.unpack(at)))
      end
      for i = 0, n - 1 do
        at[d + 1] = i
        sum = sum + math.exp(X(table.unpack(at)) - most)
      end
      lines[key] = {most = most, sum = sum}
      return lines[key]
    end
    return arrays.make(X.shape, "f64", function(...)
      local line = line_through {...}
      return value(X(...), line.most, line.sum)
    end)
  end

  return {
    dtypes = {"f64", "f32", "bf16", "f16"},
    -- exp within 2 ulp, a sum of n terms in lanes, one division
    tol = {f64 = 1e-13, f32 = 2e-6, f16 = 2e-3},
    cases = {
      {inputs = {{3, 5}}, attr = {dim = -1}},
      {inputs = {{3, 5}}, attr = {dim = 0}},
      {inputs = {{2, 4, 3}}, attr = {dim = 1}},
      {inputs = {{37}}, attr = {dim = 0}},
      {inputs = {{}}, attr = {dim = 0}},
      {inputs = {{0, 3}}, attr = {dim = 1}},
      {inputs = {{3, 0}}, attr = {dim = 1}},
      {inputs = {{4, 1}}, attr = {dim = 1}},
      {inputs = {{shape = {2, 3}, values = {1e4, -1e4, 0, 500, 501, 502}}}, attr = {dim = 1}, gradient = false},
      {inputs = {{shape = {3}, values = {-math.huge, 1, 2}}}, attr = {dim = 0}, gradient = false},
      {inputs = {{9, 1000}}, attr = {dim = -1}, gradient = false},
      {inputs = {{33, 200}}, attr = {dim = 0}, gradient = false},
    },
    oracle = oracle,
    errors = {
      {inputs = {{2, 3}}, attr = {dim = 2}, message = name .. ": expected a dimension from -2 to 1, got 2"},
    },
  }
end
