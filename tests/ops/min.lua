local reduction = require "reduction"

local function beats(b, a) return b < a end

return {
  cases = {
    {inputs = {{2, 3}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim = -2, keepdim = true}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{5, 149, 157}}, attr = {dim = 1}},
    {inputs = {{3, 40001}}, attr = {dim = 1}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
    {inputs = {{shape = {4, 3}, dtype = "i64"}}, attr = {dim = 0}, result = "i64"},
    {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}, gradient = false},
  },
  oracle = function(x, attr)
    local whole = not x.dtype.is_floating_point
    local function place(row) return reduction.place(row, beats) end
    return reduction.map(x, attr, function(row) return row[place(row) + 1] end, whole and "i64" or "f64"),
      reduction.map(x, attr, place, "i64")
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, 1}}, message = "one dimension"},
    {inputs = {{0, 3}}, attr = {dim = 0}, message = "(0, 3)"},
  },
}
