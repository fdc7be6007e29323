return {
  cases = {
    {inputs = {{2, 3}, {shape = {2, 3}, low = 0.5, high = 3}}},
    {inputs = {{4, 1, 3}, {shape = {5, 1}, low = -3, high = -0.5}}},
    {inputs = {{3, 5}, 2}},
    {inputs = {3, {shape = {2, 2}, low = 0.5, high = 3}}},
    {inputs = {{shape = {3}, values = {1, -1, 0}}, {shape = {3}, values = {0, 0, 0}}}, gradient = false},
  },
  each = function(a, b) return a / b end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "u8"},
  result = function(dtype) return dtype:find("f") and dtype or "f32" end,
}
