return {
  cases = {
    {inputs = {{2, 3}, {2, 3}}},
    {inputs = {{4, 1, 3}, {5, 1}}},
    {inputs = {{}, {3}}},
    {inputs = {{3, 5}, 2}},
    {inputs = {{shape = {4}, values = {1, 0 / 0, 1 / 0, -0.0}}, {shape = {4}, values = {1, 0 / 0, 2, 0}}}, dtypes = {"f64", "f32", "bf16", "f16"}},
  },
  each = function(a, b) return a < b end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8", "bool"},
  result = "bool",
  gradient = false,
}
