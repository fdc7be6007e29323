local reduction = require "reduction"

return {
  cases = reduction.cases {
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
