return {
  cases = {
    {inputs = {{2, 3}, {2, 3}, {2, 3}}},
    {inputs = {{4, 1, 3}, {5, 1}, {3}}, attr = {value = -0.5}},
    {inputs = {{shape = {4}, dtype = "i64"}, {shape = {4}, dtype = "i64"}, {shape = {4}, dtype = "i64"}}, attr = {value = 2}, result = "i64"},
  },
  each = function(x, a, b, attr) return x + (attr.value or 1) * a * b end,
  floor = 4, -- of what cancels
  errors = {
    {inputs = {{2, 3}, {2, 4}, {}}, message = "(2, 4)"},
    {inputs = {{shape = {2}, dtype = "i64"}, {shape = {2}, dtype = "i64"}, 1}, attr = {value = 0.5}, message = "value"},
  },
}
