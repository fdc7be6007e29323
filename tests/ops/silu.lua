return {
  cases = {
    {inputs = {{3, 5}}},
  },
  each = function(x) return x / (1 + math.exp(-x)) end,
}
