--- plan.lua: what a training step will take, before anything is allocated.
--
-- The step is run on the meta device, where ops keep shapes and no data and the allocator only counts: what is live when is
-- what a step on the CPU has, to the byte.  What the ops keep for the backward and what they compute is read from the graph.

local native = require "native.plan"
local module = require "native.module"
local family = require "gt.family"
local flops = require "gt.plan.flops"
local keywords = require "base.keywords"
local models = require "gt.models"
local optimizers = require "gt.train.optimizers"
local settings = require "gt.train.settings"
local text = require "gt.plan.text"
local time = require "gt.plan.time"

local Plan = {__name = "plan"}
Plan.__index = Plan
Plan.__tostring = text.of

local function collect()
  collectgarbage()
  collectgarbage() -- what the finalizers of the first let go
end

-- ---- what is planned ----

--- The model on meta, and bytes that its tensors hold already.
local function on_meta(given, dtype)
  local model, held = nil, 0
  if module.is_module(given) then
    for p in given:parameters() do held = held + (p.device.type == "cpu" and p:nbytes() or 0) end
    model = native.shadowed(given, function() return given:clone() end)
  elseif family.callable(given) then
    model = given()
    if not module.is_module(model) then
      keywords.fail("plan: expected the function to make a module, got %s", keywords.show(model))
    end
  elseif type(given) == "table" then
    model = models.GPT(given, {device = "meta"})
  else
    keywords.fail("plan: expected a GPTConfig, a model, or a function that makes one, got %s", keywords.show(given))
  end
  if dtype then model:to {dtype = dtype} end
  model:train()
  return model, held
end

--- Example inputs as functions of the batch.
local function read_inputs(o, model)
  if o.input ~= nil then
    if o.sequence then keywords.fail "plan: expected sequence or input, got both" end
    local list = torch.is_tensor(o.input) and {o.input} or keywords.list("plan: input", o.input)
    local batch = o.batch
    for i, x in ipairs(list) do
      if not torch.is_tensor(x) then
        keywords.fail("plan: expected input to be a tensor or a list of tensors, got %s as number %d", keywords.show(x), i)
      end
      batch = batch or x.ndim > 0 and x.shape[0] or 1
    end
    if #list == 0 then keywords.fail "plan: expected input to hold a tensor, got an empty list" end
    return batch, function(n)
      local out = {}
      for i, x in ipairs(list) do
        local sizes = {}
        for d = 1, x.ndim do sizes[d] = d == 1 and n or x.shape[d - 1] end
        out[i] = torch.empty(sizes, {dtype = x.dtype, device = "meta"})
      end
      return out
    end
  end
  local longest = settings.sequence_len(model)
  if not o.sequence and not longest then
    keywords.fail("plan: expected input, an example of what %s takes, like {x, y}", module.class_name(model))
  end
  local T = o.sequence or longest
  return o.batch or 1, function(n)
    local function ids() return torch.empty({n, T}, {dtype = torch.long, device = "meta"}) end
    return {ids(), ids()}
  end
end

--- The loss of a batch; of a model that returns no loss, the mean of what it returns.
local function loss_of(p, inputs)
  local y = p.objective(p.model, table.unpack(inputs))
  if not torch.is_tensor(y) then keywords.fail("plan: expected the model to answer a tensor, got %s", keywords.show(y)) end
  return y:numel() == 1 and y or y:float():mean()
end

local function read_objective(o)
  local objective = o.objective or function(model, ...) return model(...) end
  local low = o.autocast
  if not low then return objective end
  return function(...) return torch.autocast("meta", {dtype = low}, objective, ...) end
end

local function make_optimizers(p)
  local given = p.given_optimizer
  if type(given) == "string" then given = {name = given} end
  local list = optimizers.make(p.model, given, "plan")
  local own = {}
  for q in p.model:parameters() do own[q] = true end
  for _, q in ipairs(optimizers.check(list, "plan")) do
    if not own[q] then keywords.fail "plan: expected settings or function(model) as optimizer: this one has other weights" end
  end
  return list
end

-- ---- a step on meta ----

local function live() return torch.memory_allocated "meta" end

--- Runs fn -> {first =, peak =, last =}: bytes live before, at most, and after it; its result.
local function phase(fn)
  local first = live()
  torch.reset_peak_memory_stats "meta"
  local result = fn()
  return {first = first, peak = torch.max_memory_allocated "meta", last = live()}, result
end

local function zero_grad(p, opts)
  p.model:zero_grad()
  for _, opt in ipairs(opts) do opt:zero_grad() end
end

--- Forward and backward of every micro-batch, then the update; the last of each are measured -> phases, the loss's census.
local function step(p, opts, batch)
  local phases, inputs, census = {}, nil, nil
  for i = 1, p.accumulate do
    inputs = nil
    collect()
    inputs = p.inputs(batch)
    local loss
    phases.forward, loss = phase(function() return loss_of(p, inputs) end)
    if i == p.accumulate then census = native.census(loss) end
    phases.backward = phase(function()
      loss:backward()
      loss = nil
    end)
  end
  phases.update = phase(function()
    for _, opt in ipairs(opts) do opt:step() end
  end)
  zero_grad(p, opts)
  collect()
  return phases, census, inputs
end

--- The second of two steps: the first makes the optimizers' state.
local function simulate(p, batch)
  collect()
  local before = live() - p.model_bytes
  local opts = make_optimizers(p)
  step(p, opts, batch)
  local phases, census, inputs = step(p, opts, batch)
  local peak, where = 0, nil
  for _, name in ipairs {"forward", "backward", "update"} do
    local at = phases[name]
    at.first, at.peak, at.last = at.first - before, at.peak - before, at.last - before
    if at.peak > peak then peak, where = at.peak, name end
  end
  return {phases = phases, census = census, inputs = inputs, optimizers = opts, peak = peak, where = where}
end

-- ---- memory by kind ----

local function state_bytes(opt)
  local sum = 0
  for _, state in pairs(opt:state_dict().state) do
    for _, value in pairs(state) do
      if torch.is_tensor(value) then sum = sum + value:nbytes() end
    end
  end
  return sum
end

--- Number of logits; 0 where the loss is another one.
local function logits_of(census)
  for _, o in ipairs(census) do
    if o.op == "linear_cross_entropy" then return o.inputs[1][1] * o.inputs[2][1] end
    if o.op == "cross_entropy" then return flops.numel(o.inputs[1]) end
  end
  return 0
end

--- Does this op keep logits there?  The fused loss has them as a list, next to its rows.
local function keeps_logits(o, shape, count)
  if flops.numel(shape) ~= count then return false end
  return o.op == "cross_entropy" or o.op == "softcap" or o.op == "linear_cross_entropy" and #shape == 1
end

--- What the graph keeps besides weights and the batch, each storage once -> bytes of activations and of logits, bytes by op.
local function kept_of(p, sim)
  local known, activations, logits, by_op = {}, 0, 0, {}
  local function skip(t) known[native.storage(t)] = true end
  for q in p.model:parameters() do skip(q) end
  for b in p.model:buffers() do skip(b) end
  for _, x in ipairs(sim.inputs) do skip(x) end
  local count = logits_of(sim.census)
  for _, o in ipairs(sim.census) do
    for _, kept in ipairs(o.kept) do
      local key, bytes, shape = kept[1], kept[2], kept[3]
      if not known[key] then
        known[key] = true
        if keeps_logits(o, shape, count) then
          logits = logits + bytes
        else
          activations = activations + bytes
          by_op[o.op] = (by_op[o.op] or 0) + bytes
        end
      end
    end
  end
  return activations, logits, by_op
end

local function memory_of(p, sim)
  local m = {weights = 0, gradients = 0, buffers = 0, batch = 0, states = {}, state = 0, peak = sim.peak}
  for q in p.model:parameters() do
    m.weights = m.weights + q:nbytes()
    if q.requires_grad then m.gradients = m.gradients + q:nbytes() end
  end
  for b in p.model:buffers() do m.buffers = m.buffers + b:nbytes() end
  for _, x in ipairs(sim.inputs) do m.batch = m.batch + x:nbytes() end
  for _, opt in ipairs(sim.optimizers) do
    local bytes = state_bytes(opt)
    m.states[#m.states + 1] = {name = opt.__name, bytes = bytes}
    m.state = m.state + bytes
  end
  m.activations, m.logits, p.kept = kept_of(p, sim)
  m.workspace = 0
  for _, at in pairs(sim.phases) do m.workspace = math.max(m.workspace, at.peak - math.max(at.first, at.last)) end
  return m
end

--- Parameters, each tensor once; `tied`: those that have a second name.
local function parameters_of(model)
  local out, seen = {unique = 0, trainable = 0, tied = 0}, {}
  for q in model:parameters() do
    out.unique = out.unique + q:numel()
    if q.requires_grad then out.trainable = out.trainable + q:numel() end
    seen[native.storage(q)] = 0
  end
  for _, t in pairs(model:state_dict()) do
    local key = native.storage(t)
    if seen[key] then
      seen[key] = seen[key] + 1
      if seen[key] > 1 then out.tied = out.tied + t:numel() end
    end
  end
  return out
end

-- ---- does it fit? ----

--- The largest batch whose step takes no more than `available`, 0 if none does; `high` does not fit.
local function fitting_batch(p, available, high)
  local low = 0
  while high - low > 1 do
    local middle = (low + high) // 2
    if simulate(p, middle).peak <= available then low = middle else high = middle end
  end
  return low
end

local function judge(p, o, held)
  p.available = o.memory or native.free_memory(torch.device "cpu") + held
  p.fits = p.memory.peak <= p.available
  if not p.fits then p.fitting_batch = fitting_batch(p, p.available, p.batch) end
end

-- ---- the plan ----

local function check_options(o)
  if o.optim ~= nil and o.optimizer ~= nil then keywords.fail "plan: expected optim or optimizer, got both" end
  if o.optim == nil then o.optim = o.optimizer end
  for _, key in ipairs {"dtype", "autocast"} do
    if o[key] ~= nil then
      local ok, dtype = pcall(torch.tensor, 0, {dtype = o[key]})
      if not ok then keywords.fail("plan: expected %s to be a dtype like 'bf16', got %s", key, keywords.show(o[key])) end
      o[key] = dtype.dtype
    end
  end
  return o
end

--- plan(config or model[, {batch = 1, sequence =, optimizer =, dtype =, autocast =, accumulate = 1, …}]) -> plan: memory by
-- kind, operations, time of a training step, before anything is allocated; shown as a table.
-- config      a GPTConfig or its settings; or a model; or a function that makes one
-- batch       sequences; sequence: their length, that of the config if not given
-- optim       as in train.new, or a name: nil is the GPT's own recipe, else AdamW; "SGD"; {name = "Muon", …}; function(model);
--             also as optimizer
-- dtype       of the weights; autocast: of products in the forward ("bf16"); accumulate: micro-batches per step
-- input       for other models an example of what they take, a tensor or a list; batch then replaces the first size
-- objective   function(model, x, y) -> loss; without it what the model returns, or its mean
-- memory      bytes to fit into, in place of what is free here
-- time        false: no measurement, which takes some tenths of a second and 40 MB for a moment, once for every size
-- The step is run on the meta device, so that p.memory.peak is the peak of a real step; of a class written in Lua, of one
-- between whose ops the collector does not run.  The time is within a factor of 1.5 or so.  p.parameters.unique, .tied; p.memory
-- (.weights, .gradients, .state, .activations, .logits, .workspace, .peak, in bytes); p.kept: activations by op; p.phases;
-- p.flops.forward, .train, .attention (per token); p.time.seconds, .tokens_per_second, .measured; p.fits, p.available,
-- p.fitting_batch.
local function plan(config, options)
  local o = check_options(options)
  local streams <close> = family.keep_streams() -- luacheck: no unused
  local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
  collect()
  local before, held, sim = live() -- luacheck: no unused
  local p = {accumulate = o.accumulate, given_optimizer = o.optim, objective = read_objective(o)}
  do
    local device <close> = family.on_device "meta" -- luacheck: no unused
    p.model, held = on_meta(config, o.dtype)
    collect()
    p.model_bytes = live() - before
    p.batch, p.inputs = read_inputs(o, p.model)
    sim = simulate(p, p.batch)
    p.memory = memory_of(p, sim)
    p.parameters = parameters_of(p.model)
    judge(p, o, held)
  end
  local first = sim.inputs[1]
  p.tokens = first.dtype.is_floating_point and first.ndim > 0 and first:numel() // first.shape[-1] or first:numel()
  local sum = flops.of(sim.census)
  p.flops = {forward = sum.forward / p.tokens, train = (sum.forward + sum.backward) / p.tokens, attention = sum.attention / p.tokens}
  p.compute = tostring(o.autocast or p.model:parameters()().dtype):match "[^.]*$"
  if o.time then p.time = time.of(p, sim, sum) end
  p.phases, p.peak_in, p.name, p.shape = sim.phases, sim.where, module.class_name(p.model), first.shape
  p.model, p.inputs, p.objective, p.given_optimizer, p.model_bytes = nil, nil, nil, nil, nil
  return setmetatable(p, Plan)
end

local public = {plan = plan}
keywords.sign(public, [[plan(config, {batch: integer[1,] = nil, sequence: integer[1,] = nil, optim: any = nil,
  optimizer: any = nil, dtype: dtype = nil, autocast: dtype = nil, accumulate: integer[1,] = 1, input: any = nil,
  objective: function = nil, memory: number(0,] = nil, time: boolean = true})]])
return public
