local reduction = require "reduction"

return {
  cases = reduction.cases {
    {inputs = {{0, 3}}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
    {inputs = {{shape = {4, 3}, dtype = "i32"}}, attr = {dim = 0}, result = "i64"},
    {inputs = {{shape = {40}, dtype = "bool"}}, result = "i64"},
    {inputs = {{shape = {70001}, dtype = "u8", low = 0, high = 255}}, result = "i64"},
  },
  oracle = function(x, attr)
    local whole = not x.dtype.is_floating_point
    return reduction.map(whole and x:to("i64") or x, attr, reduction.sum, whole and "i64" or "f64")
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
  },
}
