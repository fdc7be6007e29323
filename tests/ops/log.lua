return {
  cases = {
    {inputs = {{shape = {3, 5}, low = 0.1, high = 4}}},
    {inputs = {{shape = {4}, values = {0, -1, 1 / 0, 1}}}, gradient = false},
    {inputs = {{shape = {4}, values = {1e-40, 1e38, 0.99, 0 / 0}}}, gradient = false, dtypes = {"f64", "f32"}},
  },
  each = function(x) return math.log(x) end,
  floor = 1e-3, -- near 1 the logarithm itself is small
}
