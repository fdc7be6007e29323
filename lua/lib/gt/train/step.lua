--- step.lua: one step of the trainer, done whole or not at all.
--
-- Until the update everything can be taken back: gradients are dropped, loader and random streams put where they were.
-- The update itself is shielded: Ctrl-C waits for it.  Gradients of ranks would be added up in one place, t.reduce.

local native = require "native.train"
local keywords = require "base.keywords"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local unfinished = require "native.optim".unfinished

local step = {}

-- ---- taking back ----

local function drop_gradients(t)
  t.model:zero_grad()
  for _, opt in ipairs(t.optimizers) do opt:zero_grad() end
end

local function remember(t)
  local seed, stream = native.rng()
  return {loader = t.loader:state(), seed = seed, stream = stream, settings = {}}
end

local function roll_back(t)
  local before = t.before
  if not before or t.unfinished then return end
  drop_gradients(t)
  for _, saved in ipairs(before.settings) do saved.group.lr, saved.group.momentum = saved.lr, saved.momentum end
  t.loader:load_state(before.loader)
  native.set_rng(before.seed, before.stream)
  t.before = nil
end

-- ---- forward and backward ----

--- How many targets of a batch count: ids of -1 do not, which losses ignore; anything else does.
function step.targets(y)
  if not torch.is_tensor(y) then return 1 end
  if not tostring(y.dtype):find "%.int%d" or y.device.type ~= "cpu" then return y:numel() end
  return y:ne(-1):sum():item()
end

--- The loss of a batch and how many targets it is the mean over; no loss where there is none.
function step.loss_of(t, x, y)
  local targets = step.targets(y)
  if targets == 0 and not t.objective then return nil, 0 end
  local loss, given = t:loss_of(x, y)
  if t.objective and given ~= nil then
    if not math.type(given) or not (given >= 0 and given < math.huge) then
      keywords.fail("train: expected objective to answer loss[, number of targets], got %s as the number", keywords.show(given))
    end
    targets = given
  end
  if not torch.is_tensor(loss) or loss:numel() ~= 1 then
    keywords.fail("train: expected the model to answer a loss of one element, got %s",
                  torch.is_tensor(loss) and tostring(loss.shape) or keywords.show(loss))
  end
  return loss, targets
end

--- Loss of the next micro-batch, number of its targets, of its tokens.
local function forward(t)
  local x, y = t.loader:next()
  if x == nil then keywords.fail("train: the loader has no batch for step %d", t.step_count + 1) end
  local loss, targets = step.loss_of(t, x, y)
  return loss, targets, torch.is_tensor(x) and x:numel() or 0
end

--- Adds the gradient of share * loss / accumulate.
local function backward(t, loss, share)
  if t.accumulate == 1 then return loss:backward() end
  loss:backward(torch.full_like(loss:detach(), share / t.accumulate))
end

-- ---- finding what is not finite ----

--- Where what is not finite comes from: a weight, or the first op that made it when the step is computed again.
local function origin(t)
  for name, p in t.model:named_parameters() do
    if not p:detach():isfinite():all():item() then return f"weight {name} is not finite" end
  end
  drop_gradients(t)
  t.loader:load_state(t.before.loader)
  native.set_rng(t.before.seed, t.before.stream)
  local mode <close> = torch.autograd.detect_anomaly()
  local ok, message = pcall(function()
    for _ = 1, t.accumulate do
      local loss, targets = forward(t)
      if targets > 0 then backward(t, loss, 1) end
    end
  end)
  local found = mode:found()
  if not ok and not found then error(message, 0) end
  return found or "no op of the model made it"
end

local function fail_forward(t, value)
  t.nonfinite = t.step_count + 1
  keywords.fail("train: the loss of step %d is %s: %s; nothing was updated", t.step_count + 1, tostring(value), origin(t))
end

--- All gradients that are there, and the names of their weights.
local function gradients_of(t)
  local gradients, names = {}, {}
  for _, p in ipairs(t.params) do
    if p.grad then
      gradients[#gradients + 1] = p.grad
      names[#names + 1] = t.names[p]
    end
  end
  return gradients, names
end

local function fail_gradient(t, norm)
  t.nonfinite = t.step_count + 1
  local gradients, names = gradients_of(t)
  local i = native.first_nonfinite(gradients)
  local culprit = i and "gradient of " .. names[i] or "the norm of the gradients"
  keywords.fail("train: %s is not finite in step %d (norm %s): %s; nothing was updated", culprit, t.step_count + 1,
                tostring(norm), origin(t))
end

-- ---- one whole pass ----

--- One micro-batch: adds its gradient; one without a target is skipped.  Its share of the step is that of its targets, in
-- units of those of the first one: with as many in each of them no number is rounded for it.
local function micro_step(t, sums)
  local loss, targets, tokens = forward(t)
  if targets == 0 then
    sums.skipped = sums.skipped + 1
    return
  end
  local value = loss:item()
  if value - value ~= 0 then fail_forward(t, value) end
  sums.unit = sums.unit or targets
  local share = targets / sums.unit
  backward(t, loss, share)
  sums.loss, sums.shares, sums.tokens = sums.loss + value * share, sums.shares + share, sums.tokens + tokens
end

--- Forward, backward, reduction, clipping, checks -> {loss =, norm =, tokens =, skipped =}; without a loss where no
-- micro-batch had a target.
local function compute(t)
  local sums = {loss = 0.0, shares = 0.0, tokens = 0, skipped = 0}
  for _ = 1, t.accumulate do micro_step(t, sums) end
  if not sums.unit then return {tokens = 0, skipped = sums.skipped} end
  if sums.shares ~= t.accumulate then native.scale(t.params, t.accumulate / sums.shares) end
  if t.reduce then t.reduce((gradients_of(t))) end
  local norm, gradients
  if t.clip then norm, gradients = native.clip(t.params, t.clip) else norm, gradients = native.norm(t.params) end
  if gradients == 0 then keywords.fail("train: no weight of the optimizers got a gradient in step %d", t.step_count + 1) end
  if norm - norm ~= 0 then fail_gradient(t, norm) end
  return {loss = sums.loss / sums.shares, norm = norm, tokens = sums.tokens, skipped = sums.skipped}
end

-- ---- the update ----

--- The value of a schedule at this step, which must be a number that makes sense.
local function scheduled(t, what, fn)
  local value = fn(t.step_count, t)
  if type(value) ~= "number" or not (value >= 0 and value < math.huge) then
    keywords.fail("train: expected the %s at step %d to be a number >= 0, got %s", what, t.step_count,
                  keywords.show(value))
  end
  return value
end

--- Sets what the schedules say; returns the learning rate of the first group.
local function apply_schedules(t, multiplier, momentum)
  for _, opt in ipairs(t.optimizers) do
    for _, group in ipairs(opt.param_groups) do
      table.insert(t.before.settings, {group = group, lr = group.lr, momentum = group.momentum})
      group.lr = group.initial_lr * multiplier
      if momentum and group.momentum ~= nil then group.momentum = momentum end
    end
  end
  return t.optimizers[1].param_groups[1].lr
end

--- Runs the optimizers and the average from where an earlier attempt stopped.
local function optimize(t, u)
  for i = u.done + 1, #t.optimizers do
    t.optimizers[i]:step()
    u.done = i
  end
  if t.ema then t.ema:update() end
  t.loss, t.norm, t.updates = u.loss, u.norm, t.updates + 1
  t.smooth_sum = 0.9 * t.smooth_sum + 0.1 * u.loss
  t.smooth_loss = state.smooth(t)
end

local function every(t, n) return n and t.step_count % n == 0 or nil end

--- What has to follow the step.
local function due_of(t, u)
  local skips = u.skipped > 0 or nil
  return {log = every(t, t.log_every) or skips, eval = every(t, t.eval_every), save = every(t, t.save_every),
          on_step = t.on_step and true or nil, watch = t.watch and t.watch.pending and true or nil,
          note = skips and t.skipped == u.skipped or nil}
end

local function update(t)
  local u = t.unfinished
  if u.loss then optimize(t, u) end
  t.step_count = t.step_count + 1
  t.tokens = t.tokens + u.tokens
  t.elapsed = t.elapsed + u.seconds
  t.rate, t.momentum_now, t.empty = u.rate, u.momentum, u.loss == nil or nil
  t.skipped, t.skipped_now = t.skipped + u.skipped, u.skipped > 0 and u.skipped or nil
  t.due = due_of(t, u)
  t.unfinished, t.before = nil, nil
  drop_gradients(t)
end

--- Was nothing changed by the optimizer that failed first?  Native ones tell; one written in Lua may have stopped
-- anywhere.
local function untouched(t)
  local opt = t.optimizers[1]
  return t.unfinished.done == 0 and rawget(opt, "native") ~= nil and not unfinished(opt.native)
end

--- The update; when it fails before anything was changed, the step can still be taken back.
local function commit(t)
  local ok, message = pcall(update, t)
  if ok then return end
  if untouched(t) then
    t.unfinished = nil
    error(message, 0)
  end
  error(f"train: step {t.step_count + 1} is half done, the next step() continues it: {message}", 0)
end

--- Makes one step, or none.
function step.attempt(t)
  if t.unfinished then return native.shielded(commit, t) end
  settings.check_fields(t) -- on_step may have set some
  local started = torch.perf_counter()
  native.guard(function() roll_back(t) end, function()
    t.before = remember(t)
    drop_gradients(t)
    local multiplier = t.schedule and scheduled(t, "schedule", t.schedule) or 1
    local momentum = t.momentum and scheduled(t, "momentum", t.momentum) or nil
    local u = compute(t)
    if t.watch and u.loss then t.watch:before(t.step_count + 1) end
    native.shielded(function()
      u.rate, u.momentum, u.done = apply_schedules(t, multiplier, momentum), momentum, 0
      u.seconds = torch.perf_counter() - started
      t.unfinished = u
      commit(t)
    end)
  end)
end

return step
