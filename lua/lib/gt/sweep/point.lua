--- point.lua: one point of a sweep: its trainer, its run, what decides its outcome.

local native = require "native.train"
local family = require "gt.family"
local json = require "base.json"
local result = require "gt.sweep.result"
local schedule = require "gt.schedule"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local train = require "gt.train"

local point = {}

--- Options that are passed to train.new.
point.TRAINING = {"val", "schedule", "momentum", "clip", "accumulate", "autocast", "objective", "B", "T"}

local TELL = 0.1 -- seconds between two messages of how far a point is
local GRACE = 5 -- steps after which a loss may be found too high

--- The point that represents a width when settings are compared.
function point.probe(width) return {width = width, lr = 2.0 ^ -10, seed = 0} end

--- The trainer of a point: weights, data and dropout follow from its seed alone.
local function trainer_of(s, p)
  torch.manual_seed(p.seed)
  local model = s.model(p)
  local o = {model = model, optim = s.optimizers(model, p), steps = s.steps, seed = p.seed, progress = false}
  for key, value in pairs(s.training) do o[key] = value end
  if s.start then
    s.data:load_state(s.start)
    o.data = s.data
  else
    o.data = s.data:loader {B = o.B, T = o.T or settings.sequence_len(model), shuffle = true, seed = p.seed}
    o.B, o.T = nil, nil
  end
  return train.new(o)
end

local function finite(value) return value - value == 0 end

--- One step -> why the point ends here, or nil.
local function step(s, t, record)
  if not family.step(t) then return "not finite" end
  record.first = record.first or t.loss
  if t.step_count >= GRACE and record.first and record.first > 0 and t.smooth_loss > s.limit * record.first then
    return ("above %g times the first loss"):format(s.limit)
  end
end

--- Validation loss, or the mean of the last training losses.
local function score(s, t)
  if s.training.val then return (t:eval()) end
  local losses = t.log.loss
  return (result.mean(table.move(losses, #losses - s.last + 1, #losses, 1, {})))
end

--- Trains one point -> its record; tick(trainer) after each step.
function point.run(s, p, tick)
  local started = torch.perf_counter()
  local t = trainer_of(s, p)
  local record = {key = p.key, width = p.width, lr = p.lr, seed = p.seed}
  while t.step_count < s.steps and not record.diverged do
    record.diverged = step(s, t, record)
    tick(t)
  end
  if not record.diverged then
    local loss = score(s, t)
    if finite(loss) then record.loss = loss else record.diverged = "not finite" end
  end
  record.steps, record.seconds = t.step_count, torch.perf_counter() - started
  return record
end

--- The same in another process than the one that shows it: tell(message) gets {step =, loss =} now and then, in the end
-- {record =} or {error =}.
function point.report(s, p, tell)
  local told = 0
  local ok, record = pcall(point.run, s, p, function(t)
    local now = torch.perf_counter()
    if now - told < TELL then return end
    told = now
    tell {step = t.step_count, loss = t.smooth_loss}
  end)
  tell(ok and {record = record} or {error = tostring(record)})
end

--- What decides the outcome of a width, as far as it can be seen: the state before the first step, the model's configuration
-- and multipliers, the first batch, the validation tokens, the options; with it the number of weights, as a measure of
-- work, and their device.
function point.describe(s, width)
  local t = trainer_of(s, point.probe(width))
  local hash, plain = native.hash(), {steps = s.steps, last = s.last, limit = s.limit}
  for _, key in ipairs(point.TRAINING) do
    local value = s.training[key]
    plain[key] = (schedule.is(value) or type(value) ~= "table" and type(value) ~= "userdata" and type(value) ~= "function")
      and tostring(value) or type(value)
  end
  plain.model = state.model_data(t.model)
  hash:bytes(t:hash())
  for _, batch in ipairs {t.loader:next()} do
    if torch.is_tensor(batch) then hash:tensor(batch) end
  end
  local val = s.training.val
  if val then
    plain.val = #val
    hash:tensor(val:slice(0, math.min(#val, 4096)))
  end
  hash:bytes(json.encode(plain))
  return {fingerprint = hash:text(), work = t.model:num_params(), device = t.params[1].device.type}
end

return point
