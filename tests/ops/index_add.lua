local arrays = require "arrays"

local function index(n, high) return {shape = {n}, dtype = "i64", low = 0, high = high} end

return {
  dtypes = {"f64", "f32", "bf16", "i64", "i32"},
  cases = {
    {inputs = {{4, 3}, index(6, 4), {6, 3}}},
    {inputs = {{4, 3}, index(5, 3), {4, 5}}, attr = {dim = -1, alpha = 2.0}},
    {inputs = {{5}, index(9, 5), {9}}, attr = {dim = 0}},
    {inputs = {{4, 3}, index(0, 4), {0, 3}}},
    {inputs = {{20, 1100}, index(33, 20), {33, 1100}}, gradient = false}, -- more than one piece of columns
  },
  -- sums of a few terms, rounded once each
  tol = {f64 = 1e-13, f32 = 2e-6},
  oracle = function(x, index_, src, attr)
    local X, I, S = arrays.of(x), arrays.of(index_), arrays.of(src)
    local d, alpha = (attr.dim or 0) % X.ndim, attr.alpha or 1
    return arrays.make(X.shape, "f64", function(...)
      local at, sum = {...}, X(...)
      local here = at[d + 1]
      for i = 0, I.shape[1] - 1 do
        at[d + 1] = i
        if I(i) == here then sum = sum + alpha * S(table.unpack(at)) end
      end
      return sum
    end)
  end,
  errors = {
    {inputs = {{shape = {2}, dtype = "i64"}, {shape = {1}, dtype = "i64", values = {0}}, {shape = {1}, dtype = "i64"}},
      attr = {dim = 0, alpha = 0.5}, message = "index_add: expected a whole alpha for int64 tensors, got 0.5"},
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {0, 3}}, {2, 2}},
      message = "index_add: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, index(2, 3), {3, 2}}, message = "index_add: expected src of shape (2, 2), got (3, 2)"},
    {inputs = {{3, 2}, {shape = {2, 1}, dtype = "i64", values = {0, 1}}, {2, 2}},
      message = "index_add: expected a 1-d index, got (2, 1)"},
  },
}
