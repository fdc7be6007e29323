local reduction = require "reduction"

local function beats(b, a) return b > a end

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim = {0, -1}, keepdim = true}},
    {inputs = {{2, 3, 4, 2}}, attr = {dim = {0, 2}}},
    {inputs = {{}}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{3, 1, 5}}, attr = {dim = 1}},
    {inputs = {{5, 149, 157}}},
    {inputs = {{70001}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 1}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 2}}},
    {inputs = {{20011, 3}}, attr = {dim = 0}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
    {inputs = {{shape = {4, 3}, dtype = "i32"}}, attr = {dim = 0}, result = "i32"},
    {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}, gradient = false},
  },
  oracle = function(x, attr)
    local whole = not x.dtype.is_floating_point
    return reduction.map(x, attr, function(row) return row[reduction.place(row, beats) + 1] end, whole and "i64" or "f64")
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
    {inputs = {{0, 3}}, message = "(0, 3)"},
  },
}
