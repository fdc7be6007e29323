return {
  cases = {
    {inputs = {{3, 5}}},
  },
  each = math.floor,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  kinks = {-2, -1, 0, 1, 2},
}
