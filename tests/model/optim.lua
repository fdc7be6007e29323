--- optim.lua: the native optimizers against versions written in a few lines of elementary ops.
local test = require "harness"

local function parameters(shapes)
  torch.manual_seed(5)
  local out = {}
  for i, shape in ipairs(shapes) do out[i] = nn.Parameter(torch.randn(shape)) end
  return out
end

--- Gives every parameter the gradient of step t: the same numbers whoever asks.
local function set_gradients(params, t)
  torch.manual_seed(100 + t)
  for _, p in ipairs(params) do p.grad = torch.randn(p.shape) * 10 ^ (t - 3) end
end

--- Five steps of `native`, a list of optimizers, beside five of `reference(p, g, state, t)`.
local function follow(shapes, make, reference, tolerance)
  local ours, theirs = parameters(shapes), parameters(shapes)
  local opt, states = make(ours), {}
  for t = 1, 5 do
    set_gradients(ours, t)
    opt:step()
    set_gradients(theirs, t)
    local _ <close> = torch.no_grad()
    for i, p in ipairs(theirs) do
      states[i] = states[i] or {}
      reference(p, p.grad, states[i], t)
    end
  end
  for i, p in ipairs(ours) do
    local most = (p:detach() - theirs[i]:detach()):abs():max():item()
    if not (most <= tolerance) then error(("parameter %d differs by %.3g"):format(i, most)) end
  end
end

local shapes = {{7, 5}, {4, 4}, {3, 11}, {33, 17}}

-- ---- AdamW ----

local function adamw(lr, beta1, beta2, eps, decay)
  return function(p, g, state, t)
    state.m = state.m or torch.zeros(p.shape)
    state.v = state.v or torch.zeros(p.shape)
    p:mul_(1 - lr * decay)
    state.m = state.m * beta1 + g * (1 - beta1)
    state.v = state.v * beta2 + g:square() * (1 - beta2)
    local m, v = state.m / (1 - beta1 ^ t), state.v / (1 - beta2 ^ t)
    p:sub_(lr * m / (v:sqrt() + eps))
  end
end

test("AdamW follows its formula", function()
  -- five steps of size lr on weights of size 1: a few units in the last place
  follow(shapes, function(p) return optim.AdamW(p) end, adamw(1e-3, 0.9, 0.999, 1e-8, 0.01), 1e-6)
  follow(shapes, function(p)
    return optim.AdamW(p, {lr = 0.1, betas = {0.8, 0.95}, eps = 1e-10, weight_decay = 0.1})
  end, adamw(0.1, 0.8, 0.95, 1e-10, 0.1), 2e-6)
end)

test("AdamW's eps stands outside the corrected root", function()
  -- gradients of 1e-6 with eps 1e-6: the first step is lr g / (|g| + eps) = lr / 2
  local p = nn.Parameter(torch.zeros(3))
  p.grad = torch.full({3}, 1e-6)
  optim.AdamW({p}, {lr = 1, eps = 1e-6, weight_decay = 0}):step()
  test.close(p:detach():tolist(), {-0.5, -0.5, -0.5}, 1e-6)
end)

test("AdamW without gradients only decays nothing: such parameters are passed over", function()
  local a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
  a.grad = torch.zeros(2)
  local opt = optim.AdamW({a, b}, {lr = 0.5, weight_decay = 0.5})
  for _ = 1, 3 do opt:step() end
  test.close(a:detach():tolist(), {0.75 ^ 3, 0.75 ^ 3}, 1e-6)
  test.equal(b:detach():tolist(), {1.0, 1.0})
end)

-- ---- Muon ----

local function newton_schulz(g, steps)
  local a, b, c = 3.4445, -4.7750, 2.0315
  local tall = g:size(0) > g:size(1)
  local x = tall and g:transpose(0, 1) or g
  x = x / (x:square():sum():sqrt() + 1e-7)
  for _ = 1, steps do
    local A = x:matmul(x:transpose(0, 1))
    x = a * x + (b * A + c * A:matmul(A)):matmul(x)
  end
  return tall and x:transpose(0, 1) or x
end

local function muon(lr, momentum, nesterov, steps, decay)
  return function(p, g, state)
    state.m = state.m or torch.zeros(p.shape)
    state.m = state.m * momentum + g * (1 - momentum)
    local u = nesterov and g * (1 - momentum) + state.m * momentum or state.m
    p:mul_(1 - lr * decay)
    p:sub_(lr * math.sqrt(math.max(1, p:size(0) / p:size(1))) * newton_schulz(u, steps))
  end
end

test("Muon in float32 follows its formula", function()
  -- the iteration's slope at zero is 3.4445^5 = 485: rounding of small singular values grows by that
  follow(shapes, function(p) return optim.Muon(p, {ns_dtype = "f32"}) end, muon(0.02, 0.95, true, 5, 0), 2e-5)
  follow(shapes, function(p)
    return optim.Muon(p, {lr = 0.1, momentum = 0.8, nesterov = false, ns_steps = 3, ns_dtype = "f32", weight_decay = 0.2})
  end, muon(0.1, 0.8, false, 3, 0.2), 1e-4)
end)

test("Muon in bfloat16 stays near", function()
  -- bf16 products keep 3 digits; the updates have entries of size lr
  follow(shapes, function(p) return optim.Muon(p) end, muon(0.02, 0.95, true, 5, 0), 5 * 0.02 * 0.1)
end)

test("Muon sees a convolution kernel as one matrix (out, the rest)", function()
  local p, flat = nn.Parameter(torch.zeros(4, 3, 2)), nn.Parameter(torch.zeros(4, 6))
  torch.manual_seed(1)
  local g = torch.randn(4, 3, 2)
  p.grad, flat.grad = g, g:view(4, 6):clone()
  optim.Muon({p}, {ns_dtype = "f32"}):step()
  optim.Muon({flat}, {ns_dtype = "f32"}):step()
  test.equal(p:detach():view(4, 6):tolist(), flat:detach():tolist())
end)

test("Muon refuses vectors, and missing gradients before anything has changed", function()
  local a, b = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(8, 8))
  test.raises(function() optim.Muon({a, nn.Parameter(torch.ones(4))}) end, "Muon: expected matrices, got a parameter (4)")
  local opt = optim.Muon({a, b})
  a.grad = torch.ones(4, 4)
  test.raises(function() opt:step() end, "Muon: parameter 1 (8, 8) has no gradient")
  test.equal(a:detach():sum():item(), 16.0)
end)

-- ---- SGD ----

local function sgd(lr, momentum, nesterov, decay)
  return function(p, g, state)
    g = g + decay * p
    state.m = state.m and momentum * state.m + g or g
    p:sub_(lr * (nesterov and g + momentum * state.m or state.m))
  end
end

test("SGD follows its formula", function()
  -- the last gradients are of size 100, so the weights reach 10: 2e-5 is two units in their last place
  follow(shapes, function(p) return optim.SGD(p, {lr = 0.1}) end, sgd(0.1, 0, false, 0), 2e-5)
  follow(shapes, function(p) return optim.SGD(p, {lr = 0.01, momentum = 0.9, weight_decay = 0.1}) end,
         sgd(0.01, 0.9, false, 0.1), 2e-5)
  follow(shapes, function(p)
    return optim.SGD(p, {lr = 0.01, momentum = 0.9, nesterov = true, weight_decay = 0.1})
  end, sgd(0.01, 0.9, true, 0.1), 2e-5)
end)

-- ---- state ----

test("a saved state continues bit for bit", function()
  for _, name in ipairs {"AdamW", "Muon", "SGD"} do
    local options = name == "SGD" and {momentum = 0.9} or {}
    local a = parameters(shapes)
    local first = optim[name](a, options)
    for t = 1, 3 do
      set_gradients(a, t)
      first:step()
    end
    local b = parameters(shapes)
    local _ <close> = torch.no_grad()
    for i, p in ipairs(b) do p:copy_(a[i]) end
    local second = optim[name](b, options)
    second:load_state_dict(first:state_dict())
    for t = 4, 5 do
      set_gradients(a, t)
      set_gradients(b, t)
      first:step()
      second:step()
    end
    for i, p in ipairs(b) do test.equal(p:tolist(), a[i]:tolist()) end
  end
end)

test("the learning rate can be changed between steps and remembers where it began", function()
  local p = nn.Parameter(torch.zeros(2))
  local opt = optim.SGD({p}, {lr = 1})
  p.grad = torch.ones(2)
  opt:step()
  opt.param_groups[1].lr = 0.25
  opt:step()
  test.equal(p:detach():tolist(), {-1.25, -1.25})
  test.equal(opt.param_groups[1].initial_lr, 1.0)
end)
