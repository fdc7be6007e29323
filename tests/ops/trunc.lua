return {
  cases = {
    {inputs = {{3, 5}}},
  },
  each = function(x) return x < 0 and math.ceil(x) or math.floor(x) end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  kinks = {-2, -1, 0, 1, 2},
}
