return {
  kinks = {0},
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{}}},
    {inputs = {{0, 3}}},
    {inputs = {{shape = {6}, values = {0, -0.0, math.huge, -math.huge, 0 / 0, 1e30}}}, gradient = false, dtypes = {"f64"}},
    {inputs = {{300, 250}}, gradient = false},
  },
  each = function(x)
    local r = x < 0 and 0 or x
    return r * r
  end,
  errors = {},
}
