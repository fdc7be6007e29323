local reduction = require "reduction"

return {
  cases = {
    {inputs = {{shape = {3, 3}, values = {1, 2, 3, 0, 0, 0, 1, 0, 0 / 0}}}, attr = {dim = 1}},
    {inputs = {{shape = {3, 3}, values = {1, 2, 3, 0, 0, 0, 1, 0, 5}}}, attr = {dim = 0, keepdim = true}},
    {inputs = {{shape = {2, 3}, dtype = "bool"}}},
    {inputs = {{shape = {20011, 3}, dtype = "i64", low = 0, high = 9}}, attr = {dim = 0}},
    {inputs = {{shape = {3, 2}, dtype = "u8", values = {1, 2, 0, 3, 0, 0}}}, attr = {dim = 1}, result = "u8"},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{}}},
  },
  oracle = function(x, attr)
    return reduction.map(x, attr, function(row)
      local holds = false
      for _, value in ipairs(row) do holds = holds or (value ~= 0 and value ~= false) end
      return holds
    end, "bool")
  end,
  result = "bool",
  gradient = false,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
  },
}
