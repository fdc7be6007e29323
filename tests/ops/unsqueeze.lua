local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{2, 3}}, attr = {dim = 0}},
    {inputs = {{2, 3}}, attr = {dim = -1}},
    {inputs = {{2, 3}}, attr = {dim = -2}},
    {inputs = {{2, 3}}, attr = {dim = 2}},
    {inputs = {{}}, attr = {dim = -1}},
    {inputs = {{0, 3}}, attr = {dim = 1}},
  },
  oracle = function(x, attr)
    local shape = arrays.of(x).shape
    return arrays.reshaped(x, arrays.inserted(shape, attr.dim % (#shape + 1), 1))
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 3}, message = "unsqueeze: expected a dimension from -3 to 2, got 3"},
    {inputs = {{1, 1, 1, 1, 1, 1, 1, 1}}, attr = {dim = 0}, message = "unsqueeze: expected at most 7 dimensions, got 8"},
  },
}
