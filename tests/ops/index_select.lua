local arrays = require "arrays"

local function index(n, high) return {shape = {n}, dtype = "i64", low = 0, high = high} end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{4, 3}, index(6, 4)}, attr = {dim = 0}},
    {inputs = {{4, 3}, index(2, 3)}, attr = {dim = -1}},
    {inputs = {{5}, index(9, 5)}, attr = {dim = 0}},
    {inputs = {{2, 3, 4}, {shape = {2}, dtype = "i32", low = 0, high = 3}}, attr = {dim = 1}},
    {inputs = {{4, 3}, index(0, 4)}, attr = {dim = 0}},
    {inputs = {{30, 250}, index(41, 30)}, attr = {dim = 0}},
  },
  oracle = function(x, index_, attr)
    local X, I = arrays.of(x), arrays.of(index_)
    local d = attr.dim % X.ndim
    return arrays.make(arrays.with(X.shape, d, I.shape[1]), x.dtype, function(...)
      local at = {...}
      at[d + 1] = math.tointeger(I(at[d + 1]))
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {0, 3}}}, attr = {dim = 0},
      message = "index_select: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {shape = {1}, dtype = "i64", values = {-1}}}, attr = {dim = 1},
      message = "index_select: index -1 is out of range for dimension 1 of size 2"},
    {inputs = {{3, 2}, {shape = {1, 1}, dtype = "i64", values = {0}}}, attr = {dim = 1},
      message = "index_select: expected a 1-d index, got (1, 1)"},
    {inputs = {{3, 2}, {shape = {1}, dtype = "bool", values = {true}}}, attr = {dim = 1},
      message = "index_select: expected an integer index, got bool"},
  },
}
