local function targets(...) return {shape = {select("#", ...)}, dtype = "i64", values = {...}} end
local function drawn(n, high, dtype) return {shape = {n}, dtype = dtype or "i64", low = 0, high = high} end

local file = {
  -- exp and log within 2 ulp, a sum over the classes
  tol = {f64 = 1e-13, f32 = 2e-6},
  cases = {
    {inputs = {{3, 5}, targets(4, 0, 2)}},
    {inputs = {{3, 5}, targets(4, -100, 2)}, attr = {reduction = "none"}},
    {inputs = {{4, 5}, targets(4, -1, 2, -1)}, attr = {reduction = "mean", ignore_index = -1}},
    {inputs = {{3, 5}, targets(4, 1, 1)}, attr = {reduction = "sum", ignore_index = 1}},
    {inputs = {{shape = {4, 6}, low = -30, high = 30}, drawn(4, 6, "i32")}, attr = {softcap = 15}},
    {inputs = {{shape = {4, 6}, low = -3, high = 3}, drawn(4, 6)}, attr = {softcap = 1.5, reduction = "none"}},
    {inputs = {{2, 3}, targets(-1, -1)}, attr = {ignore_index = -1}, gradient = false}, -- nothing counts: NaN
    {inputs = {{shape = {2, 3}, values = {1e4, 0, -1e4, 0, 500, 501}}, targets(1, 2)}, attr = {reduction = "none"}, gradient = false},
    {inputs = {{shape = {1, 3}, values = {-math.huge, 1, 2}}, targets(2)}, gradient = false},
    -- large logits keep their digits
    {inputs = {{shape = {1, 3}, values = {1e4, 1e4 - 1, 0}}, targets(1)}, dtypes = {"f64", "f32"}, gradient = false},
    {inputs = {{shape = {2, 3}, values = {-1e6, -1e6 - 1, -1e6, 7e5, 7e5, 7e5 + 2}}, targets(1, 2)}, dtypes = {"f64", "f32"},
      gradient = false},
    {inputs = {{3, 1}, drawn(3, 1)}},
    {inputs = {{90, 1000}, drawn(90, 1000)}, attr = {softcap = 15}, gradient = false},
  },
  oracle = function(z, t, attr)
    local cap = attr.softcap or 0
    if cap > 0 then z = (z / cap):tanh() * cap end
    local ignored = attr.ignore_index or -100
    local counts = t:ne(ignored)
    local logp = z:log_softmax({dim = -1})
    local safe = torch.where(counts, t, torch.zeros_like(t)):to("i64")
    local loss = -logp:gather(safe:unsqueeze(1), {dim = 1}):squeeze({dim = 1})
    loss = torch.where(counts, loss, torch.zeros_like(loss))
    if attr.reduction == "none" then return loss end
    if attr.reduction == "sum" then return loss:sum() end
    return loss:sum() / counts:to("f64"):sum()
  end,
  errors = {
    {inputs = {{2, 5}, targets(1, 5)}, message = "cross_entropy: target 5 is out of range for 5 classes"},
    {inputs = {{2, 5}, targets(1, -1)}, message = "cross_entropy: target -1 is out of range for 5 classes"},
    {inputs = {{5}, targets(1)}, message = "cross_entropy: expected logits (N, V), got (5)"},
    {inputs = {{2, 5}, targets(1)}, message = "cross_entropy: expected targets (2), one per row, got (1)"},
    {inputs = {{2, 5}, {2}}, message = "cross_entropy: expected an integer index, got float64"},
    {inputs = {{2, 5}, targets(1, 1)}, attr = {softcap = -1}, message = "cross_entropy: expected a positive softcap"},
  },
}

return file
