local reduction = require "reduction"

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {p = 1, dim = {0, -1}, keepdim = true}},
    {inputs = {{2, 3, 4}}, attr = {p = 3, dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {p = 1 / 0, dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {p = -1 / 0, dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {p = 0, dim = 1}},
    {inputs = {{2, 3}}, attr = {p = 0.5}},
    {inputs = {{5, 149, 157}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 2}}},
    {inputs = {{70001}}, attr = {p = 1 / 0}},
    {inputs = {{70001}}, attr = {p = -1 / 0}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{}}},
  },
  oracle = function(x, attr)
    local p = attr.p or 2
    return reduction.map(x, attr, function(row)
      local powers, largest, smallest, count = {}, 0, math.huge, 0
      for i, value in ipairs(row) do
        local size = math.abs(value)
        powers[i] = size ^ p
        largest, smallest = math.max(largest, size), math.min(smallest, size)
        count = count + (size ~= 0 and 1 or 0)
      end
      if p == 0 then return count end
      if p == 1 / 0 then return largest end
      if p == -1 / 0 then return smallest end
      return reduction.sum(powers) ^ (1 / p)
    end)
  end,
  kinks = {0},
  tol = {f64 = 1e-12},
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
    {inputs = {{shape = {2}, dtype = "i64"}}, message = "int64"},
    {inputs = {{2}}, attr = {p = 0 / 0}, message = "nan"},
    {inputs = {{0}}, attr = {p = 1 / 0}, message = "at least one element"},
  },
}
