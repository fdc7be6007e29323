-- The Taylor series, good to 1e-11 for |x| < 3.
local function erf(x)
  local term, sum = x, x
  for n = 1, 120 do
    term = -term * x * x / n
    sum = sum + term / (2 * n + 1)
  end
  return sum * 2 / math.sqrt(math.pi)
end

return {
  cases = {
    {inputs = {{shape = {3, 5}, low = -3, high = 3}}},
    {inputs = {{shape = {3}, values = {0, 0.001, -2.5}}}},
    {inputs = {{shape = {5}, values = {0.92, 0.922, -0.922, 1e-30, 2.99}}}, gradient = false, dtypes = {"f64", "f32"}},
  },
  each = erf,
  tol = {f64 = 1e-10},
}
