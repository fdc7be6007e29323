local function targets(...) return {shape = {select("#", ...)}, dtype = "i64", values = {...}} end
local function drawn(n, high) return {shape = {n}, dtype = "i64", low = 0, high = high} end

return {
  tol = {f64 = 1e-12, f32 = 3e-6}, -- as cross_entropy, after sums of C products
  result = function(dtype) return dtype == "f64" and "f64" or "f32" end, -- a loss is never half precision
  strided = "close", -- the product may take another path for other sizes of step
  oracle_gradient = true,
  cases = {
    {inputs = {{3, 4}, {5, 4}, targets(4, 0, 2)}},
    {inputs = {{3, 4}, {5, 4}, targets(4, -100, 2)}, attr = {reduction = "none"}},
    {inputs = {{4, 2}, {5, 2}, targets(4, -1, 2, -1)}, attr = {ignore_index = -1, softcap = 2}},
    {inputs = {{3, 4}, {5, 4}, targets(4, 1, 1)}, attr = {reduction = "sum", softcap = 15}},
    {inputs = {{2, 3}, {4, 3}, targets(-1, -1)}, attr = {ignore_index = -1}, gradient = false},
    -- several blocks of tokens and of classes
    {inputs = {{1030, 3}, {7, 3}, drawn(1030, 7)}, attr = {softcap = 15}, dtypes = {"f64"}, blocks = true},
    {inputs = {{9, 3}, {4100, 3}, drawn(9, 4100)}, attr = {softcap = 15}, dtypes = {"f64"}, blocks = true},
  },
  oracle = function(x, weight, t, attr)
    local z = x:matmul(weight:transpose(0, 1))
    local cap = attr.softcap or 0
    if cap > 0 then z = (z / cap):tanh() * cap end
    local counts = t:ne(attr.ignore_index or -100)
    local safe = torch.where(counts, t, torch.zeros_like(t))
    local loss = -z:log_softmax({dim = -1}):gather(safe:unsqueeze(1), {dim = 1}):squeeze({dim = 1})
    loss = torch.where(counts, loss, torch.zeros_like(loss))
    if attr.reduction == "none" then return loss end
    if attr.reduction == "sum" then return loss:sum() end
    return loss:sum() / counts:to("f64"):sum()
  end,
  errors = {
    {inputs = {{2, 3}, {5, 3}, targets(1, 5)}, message = "linear_cross_entropy: target 5 is out of range for 5 classes"},
    {inputs = {{2, 3}, {5, 4}, targets(1, 2)},
      message = "linear_cross_entropy: expected x (N, C) and weight (V, C), got (2, 3) and (5, 4)"},
    {inputs = {{2, 3}, {5, 3}, targets(1)}, message = "linear_cross_entropy: expected targets (2), one per row, got (1)"},
  },
}
