return {
  cases = {
    {inputs = {{shape = {3, 5}, low = 0.1, high = 4}}},
    {inputs = {{shape = {4}, values = {0, -1, 1 / 0, 4}}}, gradient = false},
  },
  each = function(x) return 1 / math.sqrt(x) end,
}
