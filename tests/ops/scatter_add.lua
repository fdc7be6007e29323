local arrays = require "arrays"

local function index(shape, high) return {shape = shape, dtype = "i64", low = 0, high = high} end

return {
  dtypes = {"f64", "f32", "bf16", "i64", "i32"},
  cases = {
    {inputs = {{4, 3}, index({2, 3}, 4), {2, 3}}, attr = {dim = 0}},
    {inputs = {{4, 3}, index({4, 7}, 3), {4, 7}}, attr = {dim = -1}},
    {inputs = {{5}, index({9}, 5), {11}}, attr = {dim = 0}},
    {inputs = {{4, 5, 3}, index({2, 6, 2}, 5), {3, 7, 2}}, attr = {dim = 1}},
    {inputs = {{4, 3}, index({0, 3}, 4), {2, 3}}, attr = {dim = 0}},
    {inputs = {{60, 33}, index({400, 33}, 60), {400, 33}}, attr = {dim = 0}},
  },
  -- sums of a few hundred terms in another order than the oracle's
  tol = {f64 = 1e-13, f32 = 5e-6},
  oracle = function(x, index_, src, attr)
    local X, I, S = arrays.of(x), arrays.of(index_), arrays.of(src)
    local d, values = attr.dim % X.ndim, {}
    for k, value in ipairs(X.elements) do values[k] = value end
    arrays.make(I.shape, "f64", function(...)
      local at, k = {...}, 0
      at[d + 1] = math.tointeger(I(...))
      for e, size in ipairs(X.shape) do k = k * size + at[e] end
      values[k + 1] = values[k + 1] + S(...)
      return 0
    end)
    local k = 0
    return arrays.make(X.shape, "f64", function()
      k = k + 1
      return values[k]
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {shape = {1, 2}, dtype = "i64", values = {0, 3}}, {1, 2}}, attr = {dim = 0},
      message = "scatter_add: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, index({1, 2}, 1), {1, 1}}, attr = {dim = 0},
      message = "scatter_add: expected an index no larger than (1, 1), got (1, 2)"},
    {inputs = {{3, 2}, index({1, 2}, 1), {shape = {1, 2}, dtype = "f32"}}, attr = {dim = 0},
      message = "scatter_add: expected src of dtype float64, got float32"},
  },
}
