local reduction = require "reduction"

-- Around 1, so that long products stay in range.
local function near_one(shape) return {shape = shape, low = 0.9, high = 1.1} end

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3, 4}}, attr = {dim = {0, -1}, keepdim = true}},
    {inputs = {{}}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {near_one {5, 149, 31}}, attr = {dim = 1}},
    {inputs = {near_one {20011}}, tol = {f64 = 1e-11}},
    -- the gradient with one zero, with two, with none
    {inputs = {{shape = {3, 3}, values = {2, 0, 3, 0, 0, 5, 1, 2, 3}}}, attr = {dim = 1}},
    {inputs = {{shape = {4, 3}, dtype = "i64", low = -5, high = 5}}, attr = {dim = 0}, result = "i64"},
  },
  oracle = function(x, attr)
    local whole = not x.dtype.is_floating_point
    return reduction.map(x, attr, function(row)
      local product = whole and 1 or 1.0
      for _, value in ipairs(row) do product = product * value end
      return product
    end, whole and "i64" or "f64")
  end,
  tol = {f64 = 1e-12},
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
  },
}
