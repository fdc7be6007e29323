local reduction = require "reduction"

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3}}, attr = {dim = 1, correction = 0}},
    {inputs = {{2, 3, 4}}, attr = {dim = {0, -1}, keepdim = true}},
    {inputs = {{2, 3, 4}}, attr = {dim = 1, unbiased = false, keepdim = true}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{5, 149, 157}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 2}, correction = 2}},
    -- far from 0: nothing cancels
    {inputs = {{shape = {2, 50}, low = 1000, high = 1001}}, attr = {dim = 1}, dtypes = {"f64", "f32"}, gradient = false},
    {inputs = {{0, 3}}, attr = {dim = 1}},
    {inputs = {{1}}, gradient = false}, -- 0 / 0
  },
  oracle = function(x, attr)
    return reduction.map(x, attr, function(row)
      local mean, squares = reduction.sum(row) / #row, {}
      for i, x_i in ipairs(row) do squares[i] = (x_i - mean) ^ 2 end
      local value = reduction.sum(squares) / (#row - (attr.unbiased == false and 0 or attr.correction or 1))
      return value
    end)
  end,
  -- the mean of 100 numbers near 1000 is good to 1e-13
  tol = {f64 = 1e-11},
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
    {inputs = {{shape = {2}, dtype = "i64"}}, message = "int64"},
    {inputs = {{2, 3}}, attr = {unbiased = false, correction = 2}, message = "var: expected unbiased or correction, got both"},
  },
}
