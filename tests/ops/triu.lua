local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 3}}},
    {inputs = {{2, 3, 5}}, attr = {diagonal = 1}},
    {inputs = {{5, 3}}, attr = {diagonal = -2}},
    {inputs = {{3, 4}}, attr = {diagonal = 9223372036854775807}},
    {inputs = {{3, 4}}, attr = {diagonal = -9223372036854775807}},
    {inputs = {{0, 3}}},
    {inputs = {{70, 67}}, attr = {diagonal = 5}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    local shift = math.max(-1000, math.min(1000, attr.diagonal or 0))
    return arrays.make(X.shape, "f64", function(...)
      local at = {...}
      local i, j = at[#at - 1], at[#at]
      return j >= i + shift and X(...) or 0
    end)
  end,
  errors = {
    {inputs = {{3}}, message = "triu: expected at least 2 dimensions, got 1"},
  },
}
