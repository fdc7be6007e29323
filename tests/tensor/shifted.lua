-- What goes through log(sum exp x) keeps its digits next to large logits: losses and gradients of shifted logits are
-- those of the logits.
local test = require "harness"

local SHIFTS = {1e4, -1e6, 2.0 ^ 60, 1e38}
local function grad_of(t) t:sum():backward() end

-- Two classes at one large logit, the third far below: loss log 2, gradient 0.5.
local function pair(shift, dtype)
  local low = shift > 0 and 0 or 4 * shift
  return torch.tensor({{shift, shift, low}}, {dtype = dtype}):requires_grad_(true)
end

for _, dtype in ipairs {"float64", "float32", "bfloat16"} do
  local tol = dtype == "bfloat16" and 2 ^ -8 or 2e-7
  test("cross_entropy, log_softmax, softmax and logsumexp of large logits in " .. dtype, function()
    for _, shift in ipairs(SHIFTS) do
      local x = pair(shift, dtype)
      local loss = F.cross_entropy(x, torch.tensor{1})
      test.close(loss:item(), math.log(2), tol)
      loss:backward()
      test.close(x.grad:float(), {{0.5, -0.5, 0.0}}, tol)

      x = pair(shift, dtype)
      local y = x:log_softmax(-1)
      test.close(y[{0, 0}]:item(), -math.log(2), tol)
      grad_of(y[":, 0"])
      test.close(x.grad:float(), {{0.5, -0.5, 0.0}}, tol)

      x = pair(shift, dtype)
      y = x:softmax(-1)
      test.close(y:detach():float(), {{0.5, 0.5, 0.0}}, tol)
      grad_of(y[":, 0"])
      test.close(x.grad:float(), {{0.25, -0.25, 0.0}}, tol)

      x = pair(shift, dtype)
      grad_of(x:logsumexp(-1))
      test.close(x.grad:float(), {{0.5, 0.5, 0.0}}, tol)
    end
  end)

  test("linear_cross_entropy of large logits in " .. dtype, function()
    for _, shift in ipairs(SHIFTS) do
      local x = torch.ones(1, 1, {dtype = dtype}):requires_grad_(true)
      local w = pair(shift, dtype).data:reshape(3, 1):requires_grad_(true)
      local loss = F.linear_cross_entropy(x, w, torch.tensor{1})
      test.close(loss:item(), math.log(2), 2e-7)
      loss:backward()
      test.close(w.grad:float(), {{0.5}, {-0.5}, {0.0}}, tol)
    end
    -- several blocks of classes, the largest logits in different ones
    local w = torch.zeros(4100, 1, {dtype = dtype})
    w[0], w[4099] = 1e4, 1e4
    local loss = F.linear_cross_entropy(torch.ones(1, 1, {dtype = dtype}), w, torch.tensor{4099})
    test.close(loss:item(), math.log(2), 2e-7)
  end)
end

test("one apart at ten thousand", function()
  local x = torch.tensor({{1e4, 1e4 - 1, 0.0}}, {requires_grad = true})
  local loss = F.cross_entropy(x, torch.tensor{1})
  test.close(loss:item(), 1.3132616875, 1e-6)
  loss:backward()
  test.close(x.grad, {{0.7310586, -0.7310586, 0.0}}, 1e-6)
  x = torch.tensor({{1e4, 1e4 - 1, 0.0}}, {requires_grad = true})
  grad_of(x:logsumexp(-1))
  test.close(x.grad, {{0.7310586, 0.2689414, 0.0}}, 1e-6)
end)
