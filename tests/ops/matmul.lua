local arrays = require "arrays"

local function int(...) return {shape = {...}, dtype = "i64", low = -9, high = 10} end

-- An operand as (batch…, rows, columns), and its element at a broadcast batch index.
local function element(X, batch, i, j)
  local at, own = {}, #X.shape - 2
  for d = 1, own do
    local from = #batch - own + d
    at[d] = X.shape[d] == 1 and 0 or batch[from]
  end
  at[own + 1], at[own + 2] = i, j
  return X(table.unpack(at))
end

return {
  -- sums of K products, each rounded; K is at most 150 here
  tol = {f64 = 1e-13, f32 = 2e-6},
  strided = "close", -- a single row takes another path where the other operand is transposed
  cases = {
    {inputs = {{2, 3}, {3, 4}}},
    {inputs = {{3}, {3}}},
    {inputs = {{3}, {3, 4}}},
    {inputs = {{2, 3}, {3}}},
    {inputs = {{5, 2, 3}, {3, 4}}},
    {inputs = {{5, 2, 3}, {3}}},
    {inputs = {{3}, {5, 3, 2}}},
    {inputs = {{2, 3}, {5, 3, 2}}},
    {inputs = {{5, 2, 3}, {5, 3, 4}}},
    {inputs = {{5, 1, 2, 3}, {4, 3, 2}}},
    {inputs = {{1, 1, 2, 3}, {2, 5, 3, 1}}},
    {inputs = {{2, 0}, {0, 3}}},
    {inputs = {{0, 2}, {2, 3}}},
    {inputs = {{4, 0, 3}, {3, 2}}},
    {inputs = {{1, 1}, {1, 1}}},
    {inputs = {int(3, 5), int(5, 4)}, result = "i64"},
    {inputs = {int(2, 3, 5), int(5)}, result = "i64"},
    {inputs = {{67, 129}, {129, 35}}, gradient = false},
    {inputs = {{3, 31, 64}, {3, 64, 33}}, gradient = false},
  },
  oracle = function(a, b)
    local row, column = a.ndim == 1, b.ndim == 1
    local A = arrays.of(row and a:reshape(1, -1) or a)
    local B = arrays.of(column and b:reshape(-1, 1) or b)
    local shape, n = {}, math.max(A.ndim, B.ndim) - 2
    for d = 1, n do
      local x, y = A.shape[d - n + A.ndim - 2] or 1, B.shape[d - n + B.ndim - 2] or 1
      shape[d] = x == 1 and y or x
    end
    if not row then shape[#shape + 1] = A.shape[A.ndim - 1] end
    if not column then shape[#shape + 1] = B.shape[B.ndim] end
    return arrays.make(shape, a.dtype, function(...)
      local at = {...}
      local batch, next = {table.unpack(at, 1, n)}, n + 1
      local i, j, sum = 0, 0, 0
      if not row then i, next = at[next], next + 1 end
      if not column then j = at[next] end
      for k = 0, A.shape[A.ndim] - 1 do sum = sum + element(A, batch, i, k) * element(B, batch, k, j) end
      return sum
    end)
  end,
  errors = {
    {inputs = {{3, 4}, {5, 6}},
      message = "matmul: expected a's last dimension (4) to match b's second-to-last (5) [a: (3, 4), b: (5, 6)]"},
    {inputs = {{3, 4}, {3}}, message = "matmul: expected a's last dimension (4) to match b's only one (3) [a: (3, 4), b: (3)]"},
    {inputs = {{2, 3, 4}, {3, 4, 5}}, message = "matmul: expected batch dimensions that broadcast [a: (2, 3, 4), b: (3, 4, 5)]"},
    {inputs = {{}, {3}}, message = "matmul: expected at least 1 dimension [a: (), b: (3)]"},
    {inputs = {{2, 2}, {shape = {2, 2}, dtype = "f32"}}, message = "matmul: expected both to have one dtype, got float64 and float32"},
    {inputs = {{shape = {2, 2}, dtype = "bool"}, {shape = {2, 2}, dtype = "bool"}}, message = "matmul: expected numbers, got bool"},
  },
}
