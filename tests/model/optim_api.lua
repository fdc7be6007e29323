--- optim_api.lua: the native optimizers next to their oracles, parameter groups, state, optimizers in Lua.
local test = require "harness"
local oracle = require "model.optim_oracle"

--- The same two matrices and a vector each time, f64 so that rounding does not hide a wrong formula.
local function params(dtype)
  torch.manual_seed(11)
  local out = {}
  for i, shape in ipairs{{6, 4}, {3, 8}, {5, 5}} do
    out[i] = nn.Parameter(torch.randn(shape, {dtype = dtype or "f64"}))
  end
  return out
end

--- Sets gradients that depend on the parameters and on the step, deterministically.
local function set_gradients(list, step)
  torch.manual_seed(100 + step)
  for _, p in ipairs(list) do p.grad = p:detach() * 0.1 + torch.randn(p.shape, {dtype = p.dtype}) end
end

--- Runs native and oracle side by side; the largest difference after `steps`.
local function compare(make_native, make_oracle, steps, dtype)
  local a, b = params(dtype), params(dtype)
  local native, reference = make_native(a), make_oracle(b)
  for step = 1, steps do
    set_gradients(a, step)
    set_gradients(b, step)
    native:step()
    reference()
  end
  local worst = 0
  for i in ipairs(a) do worst = math.max(worst, (a[i] - b[i]):abs():max():item()) end
  return worst
end

local function all(list, settings)
  local out = {}
  for i, p in ipairs(list) do out[i] = {p, settings} end
  return out
end

test("AdamW follows its oracle", function()
  for _, o in ipairs{
    {lr = 1e-2, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0.01},
    {lr = 0.1, betas = {0.8, 0.95}, eps = 1e-10, weight_decay = 0.0},
    {lr = 0.05, betas = {0.5, 0.5}, eps = 1e-3, weight_decay = 0.5},
  } do
    local worst = compare(function(list) return optim.AdamW(list, o) end,
                          function(list) return oracle.adamw(all(list, o)) end, 12)
    test.close(worst, 0, 1e-13) -- f64 rounding over 12 steps of values near 1
  end
end)

test("AdamW in f32 stays within rounding of f32", function()
  local o = {lr = 1e-2, betas = {0.9, 0.999}, eps = 1e-8, weight_decay = 0.01}
  local worst = compare(function(list) return optim.AdamW(list, o) end,
                        function(list) return oracle.adamw(all(list, o)) end, 12, "f32")
  test.close(worst, 0, 5e-6) -- 12 steps, each a few units of 6e-8 at |p| < 4
end)

test("Muon follows its oracle: tall, wide and square matrices, decay, Nesterov on and off", function()
  for _, o in ipairs{
    {lr = 0.02, momentum = 0.95, nesterov = true, ns_steps = 5, ns_dtype = "f32", weight_decay = 0},
    {lr = 0.1, momentum = 0.5, nesterov = false, ns_steps = 3, ns_dtype = "f32", weight_decay = 0.3},
  } do
    local worst = compare(function(list) return optim.Muon(list, o) end,
                          function(list) return oracle.muon(all(list, o)) end, 12)
    test.close(worst, 0, 1e-5) -- Newton-Schulz in f32 amplifies small singular values 3.4^5 = 480 times at most
  end
end)

test("Muon's bf16 iteration stays near the f32 one", function()
  local o = {lr = 0.02, momentum = 0.95, nesterov = true, ns_steps = 5, ns_dtype = "bf16", weight_decay = 0}
  local worst = compare(function(list) return optim.Muon(list, o) end,
                        function(list) return oracle.muon(all(list, o)) end, 10, "f32")
  test.close(worst, 0, 0.05) -- ten steps of 0.02 with entries of 8 bits
end)

test("SGD follows its oracle", function()
  for _, o in ipairs{
    {lr = 0.1, momentum = 0, weight_decay = 0, nesterov = false},
    {lr = 0.1, momentum = 0.9, weight_decay = 0.1, nesterov = false},
    {lr = 0.1, momentum = 0.9, weight_decay = 0.0, nesterov = true},
  } do
    local worst = compare(function(list) return optim.SGD(list, o) end,
                          function(list) return oracle.sgd(all(list, o)) end, 10)
    test.close(worst, 0, 1e-13) -- f64 rounding
  end
end)

test("groups have settings of their own", function()
  local a, b = params(), params()
  local one = {lr = 0.1, betas = {0.9, 0.99}, eps = 1e-8, weight_decay = 0.2}
  local two = {lr = 0.001, betas = {0.9, 0.99}, eps = 1e-8, weight_decay = 0}
  local native = optim.AdamW({{params = {a[1]}, lr = 0.1, weight_decay = 0.2}, {params = {a[2], a[3]}}},
                             {lr = 0.001, betas = {0.9, 0.99}, weight_decay = 0})
  local reference = oracle.adamw{{b[1], one}, {b[2], two}, {b[3], two}}
  for step = 1, 10 do
    set_gradients(a, step)
    set_gradients(b, step)
    native:step()
    reference()
  end
  for i = 1, 3 do test.close(a[i], b[i], 1e-13) end -- f64 rounding
end)

test("settings can be read and changed at any time", function()
  local list = params()
  local opt = optim.AdamW(list, {lr = 0.5})
  local group = opt.param_groups[1]
  test.equal({group.lr, group.initial_lr, group.betas, group.eps}, {0.5, 0.5, {0.9, 0.999}, 1e-8})
  group.lr = 0.0
  group.weight_decay = 0
  set_gradients(list, 1)
  local before = list[1]:detach():clone()
  opt:step()
  test.equal(list[1], before)
  test.equal({group.lr, group.initial_lr}, {0.0, 0.5})
  group.betas = {0.1, 0.2}
  test.equal(group.betas, {0.1, 0.2})
  group.tag = "mine"
  test.equal(group.tag, "mine")
  test.equal(group.params[2] == list[2], true)
  local names = {}
  for name in pairs(group) do names[#names + 1] = name end
  test.equal(names, {"params", "lr", "betas", "eps", "weight_decay", "initial_lr", "tag"})
end)

test("bad settings are refused and leave the old ones", function()
  local list = params()
  local opt = optim.AdamW(list)
  local group = opt.param_groups[1]
  test.raises(function() group.lr = -1 end, "lr")
  test.raises(function() group.lr = 0 / 0 end, "lr")
  test.raises(function() group.lr = "fast" end, "AdamW: lr expects a number, got a string")
  test.raises(function() group.betas = {0.5, 1.5} end, "beta2")
  test.raises(function() group.betas = 0.5 end, "expected betas to be a table of two numbers")
  test.raises(function() group.lrr = 1 end, "AdamW: a parameter group has no field 'lrr' (did you mean 'lr'?)")
  test.raises(function() group.learning_rate = 1 end, "(did you mean 'lr'?)")
  test.equal({group.lr, group.betas}, {1e-3, {0.9, 0.999}})
  test.raises(function() optim.AdamW(list, {lr = -1}) end, "lr")
  test.raises(function() optim.AdamW(list, {learning_rate = 1}) end, "AdamW has no argument 'learning_rate' (did you mean 'lr'?)")
  test.raises(function() optim.AdamW({}, {}) end, "no parameters were given")
  test.raises(function() optim.AdamW{3} end, "item 1 of the parameters: expected a tensor, got")
  test.raises(function() optim.AdamW(list[1]) end, "params expects a list, got a Tensor")
  test.raises(function() optim.AdamW{list[1], list[1]} end, "twice")
  test.equal(torch.type(opt), "AdamW")
  test.raises(function() optim.AdamW{{lr = 1}} end, "expected group 1 to be a table with params")
  test.raises(function() optim.AdamW{{params = {list[1]}, rl = 1}} end, "AdamW group has no argument 'rl'")
  test.raises(function() optim.Muon{nn.Parameter(torch.ones(3))} end, "Muon: expected matrices")
  test.raises(function() optim.Muon(list, {ns_dtype = "f8"}) end, 'ns_dtype expects "bf16" or "f32"')
  test.raises(function() optim.Muon(list, {nesterov = 1}) end, "nesterov expects true or false")
  test.raises(function() return opt.stepp end, "AdamW has no field or method 'stepp' (did you mean 'step'?)")
  test.raises(function() return optim.Adamw end, "(did you mean 'AdamW'?)")
end)

test("nesterov without momentum is refused, as nothing would come of it", function()
  local p = {nn.Parameter(torch.ones(2))}
  for _, settings in ipairs { {nesterov = true}, {nesterov = true, momentum = 0} } do
    test.raises(function() optim.SGD(p, settings) end, "SGD: expected momentum > 0 with nesterov = true, got 0")
  end
  test.raises(function() optim.SGD({ {params = p, nesterov = true} }) end, "expected momentum > 0 with nesterov")
  test.equal(optim.SGD(p, {nesterov = true, momentum = 0.9}).param_groups[1].nesterov, true)
end)

test("a step with a bad gradient changes nothing", function()
  local list = params()
  local opt = optim.Muon(list)
  set_gradients(list, 1)
  list[3].grad = nil
  local before = list[1]:detach():clone()
  test.raises(function() opt:step() end, "grad")
  test.equal(list[1], before)
end)

test("zero_grad drops gradients, or zeroes them", function()
  local list = params()
  local opt = optim.SGD(list, {lr = 0.1})
  set_gradients(list, 1)
  opt:zero_grad{set_to_none = false}
  test.equal(list[1].grad:abs():max():item(), 0.0)
  opt:zero_grad()
  test.equal(list[1].grad, nil)
end)

test("parameters may come from an iterator; Muon makes one group per size", function()
  local function linear(n, m) return nn.Linear(n, m, {bias = false}) end
  local model = nn.Sequential(linear(4, 8), linear(8, 2), linear(8, 4))
  local opt = optim.Muon(model:parameters(), {lr = 0.02})
  local groups = {}
  for i, g in ipairs(opt.param_groups) do groups[i] = {#g.params, g.params[1]:numel()} end
  test.equal(groups, {{1, 16}, {2, 32}})
  opt:add_param_group{params = {nn.Parameter(torch.ones(2, 2))}, lr = 0.5}
  test.equal({#opt.param_groups, opt.param_groups[3].lr, opt.param_groups[3].initial_lr}, {3, 0.5, 0.5})
end)

test("state is readable per parameter", function()
  local list = params()
  local opt = optim.AdamW(list)
  test.equal(opt.state[list[1]], {})
  set_gradients(list, 1)
  local grad = list[2].grad:clone()
  opt:step()
  local state = opt.state[list[2]]
  test.equal(state.step, 1)
  test.close(state.exp_avg, grad * 0.1, 1e-15)
  test.equal(opt.state[torch.ones(1)], nil)
end)

--- Ten steps; after five the optimizer goes through state_dict into a new one: same bits?
local function resumed(make)
  local a, b = params(), params()
  local straight, first = make(a), make(b)
  for step = 1, 5 do
    for _, list in ipairs{a, b} do set_gradients(list, step) end
    straight:step()
    first:step()
  end
  first.param_groups[1].lr = 0.03
  straight.param_groups[1].lr = 0.03
  local saved = first:state_dict()
  local second = make(b)
  second:load_state_dict(saved)
  for step = 6, 10 do
    for _, list in ipairs{a, b} do set_gradients(list, step) end
    straight:step()
    second:step()
  end
  for i in ipairs(a) do
    if not torch.equal(a[i], b[i]) then return false end
  end
  return true
end

test("an optimizer restored from its state dict continues bit for bit", function()
  test.equal(resumed(function(list) return optim.AdamW(list, {lr = 0.1}) end), true)
  test.equal(resumed(function(list) return optim.Muon(list, {lr = 0.1}) end), true)
  test.equal(resumed(function(list) return optim.SGD(list, {lr = 0.1, momentum = 0.9}) end), true)
end)

test("a state dict that does not fit changes nothing", function()
  local list = params()
  local opt = optim.AdamW(list, {lr = 0.1})
  set_gradients(list, 1)
  opt:step()
  local function refuses(change, message)
    local saved = opt:state_dict()
    change(saved)
    test.raises(function() opt:load_state_dict(saved) end, message)
    test.equal({opt.param_groups[1].lr, opt.state[list[1]].step}, {0.1, 1})
  end
  refuses(function(s) s.param_groups[2] = s.param_groups[1] end, "saved with 2 parameter groups")
  refuses(function(s) s.param_groups[1].params[4] = 4 end, "was saved with 4 parameters")
  refuses(function(s) s.param_groups[1].lr = -3 end, "lr")
  refuses(function(s) s.state[2].exp_avg = torch.ones(2) end, "exp_avg")
  refuses(function(s) s.state[3] = 5 end, "state[3] must be a table")
  refuses(function(s) s.state[1].step = "x" end, "step")
  refuses(function(s) s.state = nil end, "expects {state = …, param_groups = …}")
end)

test("optimizers print as in PyTorch", function()
  local opt = optim.AdamW(params(), {lr = 0.5, betas = {0.8, 0.95}})
  test.equal(tostring(opt), [[
AdamW (
Parameter Group 0
    betas: (0.8, 0.95)
    eps: 1e-08
    initial_lr: 0.5
    lr: 0.5
    weight_decay: 0.01
)]])
end)

-- ---- in Lua ----

local Descent = optim.class "Descent"
function Descent:init(list, o) self:setup(list, defaults(o, {lr = 0.1, momentum = 0})) end
function Descent:step()
  local _ <close> = torch.no_grad()
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do
      local state = self.state[p]
      state.buffer = state.buffer and state.buffer * group.momentum + p.grad or p.grad:clone()
      p:sub_(state.buffer * group.lr)
    end
  end
end

test("an optimizer written in Lua equals the native one", function()
  local a, b = params(), params()
  local own, native = Descent(a, {lr = 0.05, momentum = 0.9}), optim.SGD(b, {lr = 0.05, momentum = 0.9})
  for step = 1, 5 do
    for _, list in ipairs{a, b} do set_gradients(list, step) end
    own:step()
    native:step()
  end
  for i in ipairs(a) do test.close(a[i], b[i], 1e-14) end -- f64 rounding
  test.equal(own.param_groups[1].initial_lr, 0.05)
  own:zero_grad()
  test.equal(a[1].grad, nil)
  test.equal(tostring(own):match "^Descent %(\nParameter Group 0\n    initial_lr: 0%.05\n" ~= nil, true)
  test.equal(tostring(Descent), "class Descent")
end)

test("an optimizer written in Lua resumes bit for bit and checks its input", function()
  test.equal(resumed(function(list) return Descent(list, {lr = 0.1, momentum = 0.9}) end), true)
  local list = params()
  test.raises(function() Descent{list[1], list[1]} end, "appears twice")
  test.raises(function() Descent{} end, "no parameters were given")
  test.raises(function() Descent{3} end, "item 1 of the parameters: expected a tensor, got number")
  local Empty = optim.class "Empty"
  function Empty:init(list_) self:setup(list_) end
  test.raises(function() Empty(list):step() end, "Empty has no step")
end)

test("dropping a parameter drops its state", function()
  local weak = setmetatable({}, {__mode = "v"})
  local opt = Descent({nn.Parameter(torch.ones(2))}, {lr = 0.1})
  local p = opt.param_groups[1].params[1]
  p.grad = torch.ones(2)
  opt:step()
  weak[1] = opt.state[p].buffer
  p, opt.param_groups[1].params[1] = nil, nil -- luacheck: ignore
  collectgarbage()
  collectgarbage()
  test.equal(weak[1], nil)
end)

test("zeropower_via_newtonschulz5 pulls singular values together", function()
  torch.manual_seed(2)
  local g = torch.randn(8, 5)
  local x = optim.zeropower_via_newtonschulz5(g, {steps = 5, dtype = "f32"})
  test.close(x, oracle.newton_schulz(g, 5, "f32"), 1e-4) -- f32, products in another order
  -- singular values within [0.68, 1.14] (the post's bounds): trace of x^T x over 5
  local mean = x:square():sum():item() / 5
  test.equal(mean > 0.68 ^ 2 and mean < 1.14 ^ 2, true)
  test.equal(tostring(optim.zeropower_via_newtonschulz5(g).dtype), "torch.float32")
  test.raises(function() optim.zeropower_via_newtonschulz5(torch.ones(3)) end, "expected a matrix")
end)

test("wide matrices with vanishing singular values: a run on one Gram matrix stretches their rounding no further than stated", function()
  torch.manual_seed(3)
  local low = torch.randn(48, 3):matmul(torch.randn(3, 120))
  for _, noise in ipairs {0, 1e-6, 1e-3} do
    local g = low + torch.randn(48, 120) * noise
    local exact = oracle.newton_schulz(g:double(), 5, "f64"):float()
    local x = optim.zeropower_via_newtonschulz5(g, {steps = 5, dtype = "f32"})
    -- 3 steps stretch the last bit of A at most 2048 times: 2048 * 2^-24 = 1.2e-4 of the norm, a rank's part of it an element
    local off = ((x - exact):norm() / exact:norm()):item()
    test.equal(off < 1.2e-4 or {off, noise}, true)
  end
end)

test("optimizers leave nothing behind", function()
  local function live()
    collectgarbage()
    collectgarbage()
    return torch.memory_allocated("cpu")
  end
  local function job()
    local list = params("f32")
    local opt = optim.AdamW(list)
    set_gradients(list, 1)
    opt:step()
    opt:load_state_dict(opt:state_dict())
    opt:step()
  end
  job()
  local before = live()
  for n = 0, 1000, 3 do
    torch.debug.fail_after(n, true)
    local ok = pcall(job)
    torch.debug.fail_after()
    if ok then break end
    test.equal(live(), before)
  end
end)

test("a setting that is false is false", function()
  local opt = optim.SGD({nn.Parameter(torch.ones(2))}, {lr = 0.1})
  test.equal(opt.param_groups[1].nesterov, false)
  assert(tostring(opt):find("nesterov: False", 1, true), tostring(opt))
end)

test("step(closure) runs the closure first, records its gradients and gives its loss", function()
  local Plain, Own = optim.class "Plain", optim.class "Own"
  function Plain:init(list) self:setup(list, {lr = 1}) end
  function Plain:step()
    local _ <close> = torch.no_grad()
    for _, p in ipairs(self.param_groups[1].params) do p:sub_(p.grad) end
  end
  Own.init = Plain.init
  function Own:step(closure) -- takes it itself
    local _ <close> = torch.enable_grad()
    closure()
    Plain.step(self)
    return closure()
  end
  for _, make in ipairs {function(p) return optim.SGD({p}, {lr = 1}) end, function(p) return Plain {p} end, function(p) return Own {p} end} do
    local p = nn.Parameter(torch.ones(2))
    local opt, calls = make(p), 0
    local function closure()
      calls = calls + 1
      opt:zero_grad()
      local loss = (p * p):sum()
      loss:backward()
      return loss
    end
    local _ <close> = torch.no_grad()
    local loss = opt:step(closure)
    test.equal(p, {-1.0, -1.0}) -- 1 - 2
    test.equal({loss:item(), calls}, {2.0, opt.__name == "Own" and 2 or 1})
  end
  local p = nn.Parameter(torch.ones(2))
  test.raises(function() optim.SGD({p}):step(3) end, "step: closure expects a function, got 3")
  test.raises(function() Plain({p}):step "x" end, "step: closure expects a function, got 'x'")
  test.raises(function() optim.AdamW({p}):zero_grad {set_to_nil = true} end, "zero_grad has no argument 'set_to_nil' (did you mean 'set_to_none'?)")
end)
