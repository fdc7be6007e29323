local reduction = require "reduction"

local function beats(b, a) return b > a end

return {
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{70001}}},
    {inputs = {{2, 3}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim = -2, keepdim = true}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{5, 149, 157}}, attr = {dim = 1}},
    {inputs = {{3, 40001}}, attr = {dim = 1}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
    {inputs = {{shape = {4, 3}, dtype = "i64"}}, attr = {dim = 0}, result = "i64"},
    {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}},
    {inputs = {{shape = {4}, values = {2, 1, 2, 1}}}},
  },
  oracle = function(x, attr)
    return reduction.map(x, attr, function(row) return reduction.place(row, beats) end, "i64")
  end,
  result = "i64",
  gradient = false,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, 1}}, message = "one dimension"},
    {inputs = {{0, 3}}, message = "(0, 3)"},
  },
}
