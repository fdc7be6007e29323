--- optim.lua: corners of the native optimizers' arithmetic; optim_api.lua follows whole formulas and the interface.
local test = require "harness"

test("AdamW's eps stands outside the corrected root", function()
  -- gradients of 1e-6 with eps 1e-6: the first step is lr g / (|g| + eps) = lr / 2
  local p = nn.Parameter(torch.zeros(3))
  p.grad = torch.full({3}, 1e-6)
  optim.AdamW({p}, {lr = 1, eps = 1e-6, weight_decay = 0}):step()
  test.close(p:detach():tolist(), {-0.5, -0.5, -0.5}, 1e-6)
end)

test("AdamW passes over parameters without gradient, and decays those whose gradient is zero", function()
  local a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
  a.grad = torch.zeros(2)
  local opt = optim.AdamW({a, b}, {lr = 0.5, weight_decay = 0.5})
  for _ = 1, 3 do opt:step() end
  test.close(a:detach():tolist(), {0.75 ^ 3, 0.75 ^ 3}, 1e-6)
  test.equal(b:detach():tolist(), {1.0, 1.0})
end)

--- A parameter and its gradient, drawn from a seed.
local function drawn(seed, ...)
  torch.manual_seed(seed)
  local p = nn.Parameter(torch.randn {...})
  p.grad = torch.randn {...}
  return p
end

test("matrices that step together step as each would alone", function()
  for _, ns_dtype in ipairs {"f32", "bf16"} do
    local together, alone = {}, {}
    for i = 1, 5 do
      together[i], alone[i] = drawn(i, 40, 24), drawn(i, 40, 24)
    end
    local options = {ns_dtype = ns_dtype, weight_decay = 0.1}
    local opt = optim.Muon(together, options)
    local opts = {}
    for i, p in ipairs(alone) do opts[i] = optim.Muon({p}, options) end
    for _ = 1, 2 do
      opt:step()
      for _, one in ipairs(opts) do one:step() end
    end
    for i = 1, 5 do test.equal(together[i]:detach():tolist(), alone[i]:detach():tolist()) end
  end
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

test("the size of Muon's step is lr sqrt(max(1, rows / cols)) times an orthogonal matrix", function()
  local lr = 0.02
  for _, shape in ipairs {{64, 64}, {128, 32}, {32, 128}} do
    local p = drawn(7, shape[1], shape[2])
    local before = p:detach():clone()
    optim.Muon({p}, {ns_dtype = "f32"}):step()
    local norm = (p:detach() - before):square():sum():sqrt():item()
    local exact = lr * math.sqrt(math.max(1, shape[1] / shape[2])) * math.sqrt(math.min(shape[1], shape[2]))
    -- five iterations leave singular values between 0.68 and 1.2 (smaller ones below 1/500 of the norm)
    assert(norm > 0.65 * exact and norm < 1.2 * exact, norm / exact)
  end
end)

test("Muon refuses vectors, and missing gradients before anything has changed", function()
  local a, b = nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(8, 8))
  test.raises(function() optim.Muon({a, nn.Parameter(torch.ones(4))}) end,
              "Muon: expected matrices, got a parameter (4)")
  local opt = optim.Muon({a, b})
  a.grad = torch.ones(4, 4)
  test.raises(function() opt:step() end, "Muon: parameter 1 (8, 8) has no gradient")
  test.equal(a:detach():sum():item(), 16.0)
end)
