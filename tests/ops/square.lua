return {
  cases = {
    {inputs = {{3, 5}}},
  },
  each = function(x) return x * x end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8", "bool"},
  result = function(dtype) return dtype == "bool" and "i64" or dtype end,
}
