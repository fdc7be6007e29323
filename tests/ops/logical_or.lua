return {
  cases = {
    {inputs = {{shape = {4}, values = {0, 1, 0, 3}}, {shape = {4}, values = {0, 0, 2, 1}}}},
    {inputs = {{4, 1, 3}, {5, 1}}},
  },
  each = function(a, b) return a ~= 0 or b ~= 0 end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8", "bool"},
  result = "bool",
  gradient = false,
}
