return {
  cases = {
    {inputs = {{2, 3}, {2, 3}}},
    {inputs = {{4, 1, 3}, {5, 1}}},
    {inputs = {{}, {3}}},
    {inputs = {{3, 5}, 2}},
    {inputs = {{2, 3}, {3}}, attr = {alpha = -2}},
  },
  each = function(a, b, attr) return a - (attr.alpha or 1) * b end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  floor = 1, -- of what cancels
  errors = {
    {inputs = {{2, 3}, {2, 4}}, message = "(2, 3)"},
    {inputs = {{2, 3}, {2, 4}}, message = "(2, 4)"},
    {inputs = {{shape = {2}, dtype = "i64"}, {shape = {2}, dtype = "i64"}}, attr = {alpha = 0.5}, message = "alpha"},
    {inputs = {{shape = {2}, dtype = "bool"}, {shape = {2}, dtype = "bool"}}, message = "logical_xor"},
  },
}
