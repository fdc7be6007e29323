return {
  cases = {
    {inputs = {{3, 5}}, attr = {min = -0.5, max = 0.75}},
    {inputs = {{3, 5}}, attr = {min = -1}, dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"}},
    {inputs = {{3, 5}}, attr = {max = 1}, dtypes = {"f64", "f32", "i64"}},
    {inputs = {{3, 5}}},
    {inputs = {{3, 5}}, attr = {min = 2, max = 1}, gradient = false}, -- max wins
    {inputs = {{shape = {3}, values = {0 / 0, 1 / 0, -1 / 0}}}, attr = {min = -2, max = 2}, gradient = false, dtypes = {"f64", "f32", "bf16", "f16"}},
  },
  each = function(x, attr)
    if x ~= x then return x end
    return math.min(math.max(x, attr.min or -1 / 0), attr.max or 1 / 0)
  end,
  kinks = {-1, -0.5, 0.75, 1},
  errors = {{inputs = {{shape = {2}, dtype = "i64"}}, attr = {min = 0.5}, message = "whole bound"}},
}
