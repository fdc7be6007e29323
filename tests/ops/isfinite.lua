return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {5}, values = {0 / 0, 1 / 0, -1 / 0, 0, 1}}}, dtypes = {"f64", "f32", "bf16", "f16"}},
  },
  each = function(x) return x == x and math.abs(x) ~= math.huge end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8", "bool"},
  result = "bool",
  gradient = false,
}
