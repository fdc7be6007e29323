return {
  -- tanh within 2 ulp, a division and a product
  tol = {f64 = 1e-14, f32 = 6e-7},
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {3, 5}, low = -40, high = 40}}},
    {inputs = {{shape = {20}, low = -3, high = 3}}, attr = {cap = 1.5}},
    {inputs = {{}}},
    {inputs = {{0, 3}}},
    {inputs = {{shape = {5}, values = {0, 1e-5, math.huge, -math.huge, 1e30}}}, gradient = false, dtypes = {"f64", "f32"}},
    {inputs = {{300, 250}}, gradient = false},
  },
  each = function(x, attr)
    local cap = attr.cap or 15
    local e = math.exp(-2 * math.abs(x) / cap)
    local z = x / cap
    -- the series where 1 - e loses digits
    local t = math.abs(z) < 1e-2 and math.abs(z) * (1 - z ^ 2 / 3 + 2 * z ^ 4 / 15 - 17 * z ^ 6 / 315) or (1 - e) / (1 + e)
    return x < 0 and -cap * t or cap * t
  end,
  errors = {
    {inputs = {{2}}, attr = {cap = 0}, message = "softcap: expected a positive cap, got 0"},
    {inputs = {{2}}, attr = {cap = 0 / 0}, message = "softcap: expected a positive cap"},
  },
}
