return {
  cases = {
    {inputs = {{2, 3}, {2, 3}}},
    {inputs = {{4, 1, 3}, {5, 1}}},
    {inputs = {{3, 5}, 0.25}, dtypes = {"f64", "f32", "bf16", "f16"}},
    {inputs = {{shape = {4}, values = {0 / 0, 1, 1 / 0, 2}}, {shape = {4}, values = {1, 0 / 0, 5, 2}}}, gradient = false},
  },
  each = function(a, b)
    if a ~= a or b ~= b then return 0 / 0 end
    return math.min(a, b)
  end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  result = function(dtype) return dtype end,
}
