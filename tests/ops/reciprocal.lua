return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {4}, values = {0, -0.0, -1 / 0, 4}}}, gradient = false},
  },
  each = function(x) return 1 / x end,
  kinks = {0},
}
