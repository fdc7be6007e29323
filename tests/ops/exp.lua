return {
  cases = {
    {inputs = {{3, 5}}},
    -- infinities, NaN, overflow, subnormal results
    {inputs = {{shape = {8}, values = {1 / 0, -1 / 0, 0 / 0, -0.0, 88.5, -87.5, -100, 3}}}, gradient = false, dtypes = {"f64", "f32"}},
  },
  each = math.exp,
  tol = {f32 = 4 * 2 ^ -23},
}
