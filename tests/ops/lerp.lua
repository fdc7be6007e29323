return {
  cases = {
    {inputs = {{2, 3}, {2, 3}}, attr = {weight = 0.25}},
    {inputs = {{4, 1, 3}, {5, 1}}, attr = {weight = 0.75}},
    {inputs = {{3}, {3}}, attr = {weight = 1}},
    {inputs = {{3}, {3}}, attr = {weight = -2}},
  },
  each = function(a, b, attr) return a + attr.weight * (b - a) end,
  floor = 4, -- of what cancels
  errors = {
    {inputs = {{2, 3}, {2, 4}}, attr = {weight = 0.5}, message = "(2, 4)"},
    {inputs = {{2}, {shape = {2}, dtype = "i64"}}, attr = {weight = 0.5}, message = "int64"},
    {inputs = {{2}, {2}}, message = "weight"},
  },
}
