-- Norm and clipping of all gradients, averages of weights: alone, as hand-written loops use them.
local test = require "harness"

local function parameter(values, dtype)
  local p = nn.Parameter(torch.zeros(#values):to(dtype or torch.float32))
  p.grad = torch.tensor(values):to(dtype or torch.float32)
  return p
end

test("the norm is over all gradients together", function()
  local a, b = parameter {3, 0}, parameter {0, 4, 12}
  test.close(nn.utils.get_total_norm {a.grad, b.grad}, 13.0, 1e-14)
  test.equal(nn.utils.get_total_norm(a.grad), 3.0)
  test.equal(nn.utils.get_total_norm {torch.ones(4), torch.ones(5)}, 3.0) -- of the tensors given, as PyTorch's
  test.equal(nn.utils.clip_grad_norm_({nn.Parameter(torch.ones(3))}, 1), 0.0) -- no gradient, nothing to add
end)

test("clipping answers the norm before and scales as PyTorch does", function()
  local a, b = parameter {3, 0}, parameter {0, 4, 12}
  test.equal(nn.utils.clip_grad_norm_({a, b}, 1.0), 13.0)
  local factor = 1 / (13 + 1e-6)
  test.close(a.grad:tolist(), {3 * factor, 0}, 1e-7)
  test.close(b.grad:tolist(), {0, 4 * factor, 12 * factor}, 1e-7)
end)

test("a norm below the limit changes no bit", function()
  local a = parameter {0.1, 0.2}
  local before = a.grad:tolist()
  nn.utils.clip_grad_norm_(a, 1.0)
  test.equal(a.grad:tolist(), before)
end)

test("f64, f16 and bf16 gradients are clipped in their own dtype", function()
  for _, dtype in ipairs {torch.float64, torch.float16, torch.bfloat16} do
    local a = parameter({30, 40}, dtype)
    test.equal(nn.utils.clip_grad_norm_({a}, 5.0), 50.0)
    test.equal(a.grad.dtype, dtype)
    -- half an ulp of bf16 is 2^-9 of the value
    test.close(a.grad:float():tolist(), {3.0, 4.0}, 4e-3)
  end
end)

test("large and odd sizes give the norm of a sum in f64, for any number of threads", function()
  torch.manual_seed(1)
  local list = {}
  for i, n in ipairs {1, 32767, 32768, 32769, 100003} do
    list[i] = nn.Parameter(torch.zeros(n))
    list[i].grad = torch.randn(n)
  end
  local square = 0.0
  for _, p in ipairs(list) do square = square + p.grad:double():square():sum():item() end
  local threads, norms = torch.get_num_threads(), {}
  for i, n in ipairs {1, 2, 3} do
    torch.set_num_threads(n)
    norms[i] = nn.utils.clip_grad_norm_(list, math.huge)
  end
  torch.set_num_threads(threads)
  test.equal(norms[2], norms[1])
  test.equal(norms[3], norms[1])
  test.close(norms[1], math.sqrt(square), 1e-12)
end)

test("gradients that are not finite stay as they are", function()
  local a = parameter {1, 0 / 0}
  local norm = nn.utils.clip_grad_norm_(a, 1.0)
  assert(norm ~= norm)
  test.equal(a.grad[0]:item(), 1.0)
  test.raises(function() nn.utils.clip_grad_norm_(a, 1.0, {error_if_nonfinite = true}) end, "expected a finite norm, got nan")
  test.raises(function() nn.utils.clip_grad_norm_(a, 0) end, "max_norm expects a number > 0, got 0")
  test.raises(function() nn.utils.clip_grad_norm_(a, 1, {norm_type = 1}) end, "expected norm_type = 2")
  test.raises(function() nn.utils.clip_grad_norm_({3}, 1) end, "item 1 is 3")
  test.raises(function() require "native.train".length(torch.arange(3)) end, "norm: expected float tensors, got int64")
end)

test("an average moves by 1 - decay and leaves the weights alone", function()
  local m = nn.Linear(3, 2)
  local first = m.weight:detach():clone()
  local average = train.average(m, {decay = 0.75})
  do
    local _ <close> = torch.no_grad()
    m.weight:copy_(first + 1)
  end
  average:update()
  test.close(average:state_dict()["weight"]:tolist(), (first + 0.25):tolist(), 1e-6)
  test.close(m.weight:detach():tolist(), (first + 1):tolist(), 1e-6)
end)

test("apply puts the average in the model's place, also when the function fails", function()
  local m = nn.Linear(3, 2)
  local average = train.average(m, {decay = 0.5})
  local start = m.weight:detach():tolist()
  do
    local _ <close> = torch.no_grad()
    m.weight:mul_(2)
  end
  local moved = m.weight:detach():tolist()
  test.equal(average:apply(function() return m.weight:detach():tolist() end), start)
  test.equal(m.weight:detach():tolist(), moved)
  test.raises(function() average:apply(function() error "broken" end) end, "broken")
  test.equal(m.weight:detach():tolist(), moved)
end)

test("averages of half weights are float32", function()
  local p = nn.Parameter(torch.ones(4, {dtype = torch.bfloat16}))
  local average = train.average({p}, {decay = 0.999})
  do
    local _ <close> = torch.no_grad()
    p:fill_(2)
  end
  average:update()
  test.close(average.values[1]:tolist(), {1.001, 1.001, 1.001, 1.001}, 1e-6)
end)

test("bad averages are refused", function()
  local m = nn.Linear(2, 2)
  test.raises(function() train.average(m, {decay = 1}) end, "decay expects a number in [0, 1), got 1")
  test.raises(function() train.average(m, {deacy = 0.5}) end, "did you mean 'decay'")
  test.raises(function() train.average {3} end, "item 1: expected a tensor, got 3")
end)
