return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {3, 5}, low = -100, high = 100}}, gradient = false},
  },
  each = math.cos,
}
