--- state.lua: everything that decides how training goes on, as plain data and tensors: weights, averages, optimizers,
-- random streams, position in the data, step.

local native = require "native.train"
local json = require "json"
local keywords = require "gt.keywords"
local optimizers = require "gt.train.optimizers"
local schedule = require "gt.schedule"

local state = {}

--- parameter -> its first name, and name -> parameter
function state.names(model)
  local names, by_name = {}, {}
  for name, p in model:named_parameters() do
    names[p], by_name[name] = name, p
  end
  return names, by_name
end

--- Plain data that decides the next step, and the tensors of the optimizers.
local function decisive(t)
  local seed, stream = native.rng()
  local data, tensors = optimizers.capture(t.optimizers, t.names)
  return {
    step = t.step_count, tokens = t.tokens, rng = {seed = seed, stream = stream}, loader = t.loader:state(),
    optimizers = data, ema = t.ema ~= nil,
  }, tensors
end

--- A schedule of the library as data; functions have no such form.
function state.schedule_data(value)
  if not schedule.is(value) then return nil end
  local plain = {}
  for key, setting in pairs(value.settings) do
    if type(setting) ~= "function" then plain[key] = setting end
  end
  return {kind = value.kind, settings = plain}
end

--- The class of a model, its forward multipliers, and its configuration where that is a table of plain values.
function state.model_data(model)
  local data = {class = torch.type(model), multipliers = reparam.multipliers(model)}
  if not optimizers.is_gpt(model) then return data end
  data.config = {}
  for key, value in pairs(model.config) do data.config[key] = value end
  return data
end

--- Options that a checkpoint keeps for train.open.
local kept = {"steps", "accumulate", "clip", "autocast", "save_every", "eval_every", "keep", "log_every", "seed"}

--- Plain data of the whole trainer, and its tensors in the files they are saved in.
function state.gather(t)
  local data, moments = decisive(t)
  data.elapsed, data.smooth_sum, data.loss, data.due = t.elapsed, t.smooth_sum, t.loss, t.due
  data.options = {ema = t.ema and t.ema.decay}
  for _, key in ipairs(kept) do data.options[key] = t[key] end
  data.model = state.model_data(t.model)
  data.schedule_settings, data.momentum_settings = state.schedule_data(t.schedule), state.schedule_data(t.momentum)
  local tensors = {model = t.model:state_dict(), optim = moments}
  if t.ema then tensors.ema = t.ema:state_dict() end
  return data, tensors
end

local function add_tensors(hash, tensors)
  local names = {}
  for name in pairs(tensors) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    hash:bytes(name)
    hash:tensor(tensors[name])
  end
end

--- XXH3-128 of weights, averages, moments, settings of the optimizers, random streams, position in the data and step.
-- Not of the time it took.
function state.hash(t)
  local data, moments = decisive(t)
  local hash = native.hash()
  hash:bytes(json.encode(data))
  add_tensors(hash, t.model:state_dict())
  add_tensors(hash, moments)
  if t.ema then add_tensors(hash, t.ema:state_dict()) end
  return hash:text()
end

--- The step each trainer had when the last input of a prompt began, or when it was made or restored.
state.begun = setmetatable({}, {__mode = "k"})

--- The running mean of the loss, with the weight that its start at 0 lacks.
function state.smooth(t) return t.smooth_sum / (1 - 0.9 ^ t.step_count) end

--- Puts gathered state back into a trainer over the same parameters; optimizers and loader
-- stay as they are where data has none.
function state.restore(t, data, tensors)
  if data.ema ~= (t.ema ~= nil) then
    keywords.fail("the checkpoint was made %s averages of the weights: %s ema", data.ema and "with" or "without",
                  data.ema and "pass" or "leave out")
  end
  if data.loader then t.loader:load_state(data.loader) end
  t.model:load_state_dict(tensors.model)
  if data.model.multipliers then reparam.set_multipliers(t.model, data.model.multipliers) end
  if data.optimizers then optimizers.restore(t.optimizers, data.optimizers, tensors.optim, t.names) end
  if t.ema then t.ema:load_state_dict(tensors.ema) end
  native.set_rng(data.rng.seed, data.rng.stream)
  t.step_count, t.tokens, t.elapsed = data.step, data.tokens, data.elapsed
  t.smooth_sum, t.loss, t.due = data.smooth_sum, data.loss, data.due
  t.smooth_loss = t.loss and state.smooth(t) or nil
  t.unfinished, t.before = nil, nil
  state.begun[t] = t.step_count
end

return state
