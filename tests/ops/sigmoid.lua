return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {6}, values = {1 / 0, -1 / 0, 0 / 0, 20, -88, 0}}}, gradient = false, dtypes = {"f64", "f32"}},
  },
  each = function(x) return 1 / (1 + math.exp(-x)) end,
  tol = {f32 = 4 * 2 ^ -23},
}
