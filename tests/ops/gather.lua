local arrays = require "arrays"

local function index(shape, high) return {shape = shape, dtype = "i64", low = 0, high = high} end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{4, 3}, index({2, 3}, 4)}, attr = {dim = 0}},
    {inputs = {{4, 3}, index({4, 7}, 3)}, attr = {dim = -1}},
    {inputs = {{5}, index({9}, 5)}, attr = {dim = 0}},
    {inputs = {{4, 5, 3}, index({2, 6, 2}, 5)}, attr = {dim = 1}},
    {inputs = {{4, 3}, index({0, 3}, 4)}, attr = {dim = 0}},
    {inputs = {{4, 3}, {shape = {4, 1}, dtype = "u8", low = 0, high = 3}}, attr = {dim = 1}},
    {inputs = {{90, 70}, index({90, 120}, 70)}, attr = {dim = 1}},
  },
  oracle = function(x, index_, attr)
    local X, I = arrays.of(x), arrays.of(index_)
    local d = attr.dim % X.ndim
    return arrays.make(I.shape, x.dtype, function(...)
      local at = {...}
      at[d + 1] = math.tointeger(I(...))
      return X(table.unpack(at))
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {shape = {1, 2}, dtype = "i64", values = {0, 3}}}, attr = {dim = 0},
      message = "gather: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {shape = {1, 2}, dtype = "i64", values = {0, -1}}}, attr = {dim = 0},
      message = "gather: index -1 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, index({2}, 1)}, attr = {dim = 0},
      message = "gather: expected an index no larger than (3, 2) apart from dimension 0, got (2)"},
    {inputs = {{3, 2}, index({1, 3}, 1)}, attr = {dim = 0}, message = "got (1, 3)"},
    {inputs = {{3, 2}, {shape = {1, 2}, dtype = "f32", values = {0, 1}}}, attr = {dim = 0},
      message = "gather: expected an integer index, got float32"},
  },
}
