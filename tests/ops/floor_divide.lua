return {
  cases = {
    {inputs = {{2, 3}, {shape = {2, 3}, low = 0.5, high = 3}}},
    {inputs = {{4, 1, 3}, {shape = {5, 1}, low = -3, high = -0.5}}},
    {inputs = {{3, 5}, 2}},
    {inputs = {3, {shape = {2, 2}, low = 0.5, high = 3}}},
    {inputs = {{shape = {4}, values = {7, -7, 7, -7}}, {shape = {4}, values = {2, 2, -2, -2}}}},
  },
  each = function(a, b) return a // b end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  gradient = false,
  errors = {
    {inputs = {{2, 3}, {2, 4}}, message = "(2, 4)"},
    {inputs = {{shape = {2}, dtype = "i64"}, 0}, message = "division by zero"},
  },
}
