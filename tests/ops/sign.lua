return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {3}, values = {0, -0.0, -3}}}, gradient = false},
  },
  each = function(x) return x > 0 and 1 or x < 0 and -1 or 0 end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8"},
  kinks = {0},
}
