local reduction = require "reduction"

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
    {inputs = {{0, 3}}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
  },
  oracle = function(x, attr)
    return reduction.map(x, attr, function(row) return reduction.sum(row) / #row end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
    {inputs = {{shape = {2}, dtype = "i64"}}, message = "int64"},
  },
}
