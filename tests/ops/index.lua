local arrays = require "arrays"

local function index(shape, high) return {shape = shape, dtype = "i64", low = -high, high = high} end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{4, 3}, index({6}, 4)}},
    {inputs = {{5}, index({2, 3}, 5)}},
    {inputs = {{4, 3, 2}, index({}, 4)}},
    {inputs = {{4, 3}, index({2, 0}, 4)}},
    {inputs = {{0, 3}, index({0}, 1)}},
    {inputs = {{100, 3}, {shape = {7}, dtype = "i8", low = -100, high = 100}}},
    {inputs = {{50, 150}, index({4, 20}, 50)}},
  },
  oracle = function(x, index_)
    local X, I = arrays.of(x), arrays.of(index_)
    local shape = {table.unpack(I.shape)}
    for d = 2, X.ndim do shape[#shape + 1] = X.shape[d] end
    return arrays.make(shape, x.dtype, function(...)
      local at = {...}
      local row = math.tointeger(I(table.unpack(at, 1, I.ndim))) % X.shape[1]
      return X(row, table.unpack(at, I.ndim + 1))
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {0, 3}}},
      message = "index: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {-4, 0}}},
      message = "index: index -4 is out of range for dimension 0 of size 3"},
    {inputs = {{}, {shape = {1}, dtype = "i64", values = {0}}}, message = "index: a 0-d tensor cannot be indexed"},
    {inputs = {{3}, {shape = {1}, dtype = "f32", values = {0}}}, message = "index: expected an integer index, got float32"},
  },
}
