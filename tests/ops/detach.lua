local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  gradient = false,
  cases = {
    {inputs = {{2, 3}}},
    {inputs = {{}}},
    {inputs = {{0, 3}}},
    {inputs = {{5, 67, 35}}},
  },
  oracle = function(x) return arrays.reshaped(x, arrays.of(x).shape) end,
}
