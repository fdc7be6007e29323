return {
  cases = {
    {inputs = {{2, 3}, {2, 3}}},
    {inputs = {{4, 1, 3}, {5, 1}}},
    {inputs = {{}, {3}}},
    {inputs = {{3, 5}, 2}},
  },
  each = function(a, b) return a * b end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
}
