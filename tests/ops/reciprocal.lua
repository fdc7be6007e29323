return {
  cases = {
    {inputs = {{shape = {3, 5}, low = 0.2, high = 2}}},
    {inputs = {{shape = {4}, values = {0, -0.0, -1 / 0, 4}}}, gradient = false},
  },
  each = function(x) return 1 / x end,
}
