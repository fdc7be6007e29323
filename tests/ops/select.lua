local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 4}}, attr = {dim = 0, index = 1}},
    {inputs = {{3, 4}}, attr = {dim = -1, index = -1}},
    {inputs = {{5}}, attr = {dim = 0, index = 4}},
    {inputs = {{2, 0, 3}}, attr = {dim = 2, index = 1}},
    {inputs = {{7, 19, 5}}, attr = {dim = 1, index = -19}},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    local d = attr.dim % X.ndim
    local i = attr.index % X.shape[d + 1]
    return arrays.make(arrays.with(X.shape, d, nil), x.dtype, function(...)
      return X(table.unpack(arrays.inserted({...}, d, i)))
    end)
  end,
  errors = {
    {inputs = {{3, 4}}, attr = {dim = 0, index = 5}, message = "select: index 5 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 4}}, attr = {dim = 1, index = -5}, message = "select: index -5 is out of range for dimension 1 of size 4"},
    {inputs = {{0}}, attr = {dim = 0, index = 0}, message = "select: index 0 is out of range for dimension 0 of size 0"},
    {inputs = {{}}, attr = {dim = 0, index = 0}, message = "select: a 0-d tensor cannot be indexed"},
  },
}
