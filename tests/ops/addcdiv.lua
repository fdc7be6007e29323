return {
  cases = {
    {inputs = {{2, 3}, {2, 3}, {shape = {2, 3}, low = 0.5, high = 2}}},
    {inputs = {{4, 1, 3}, {5, 1}, {shape = {3}, low = -2, high = -0.5}}, attr = {value = -0.5}},
  },
  each = function(x, a, b, attr) return x + (attr.value or 1) * (a / b) end,
  floor = 4, -- of what cancels
  errors = {{inputs = {{2, 3}, {2, 4}, {}}, message = "(2, 4)"}},
}
