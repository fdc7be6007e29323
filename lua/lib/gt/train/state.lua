--- state.lua: everything that decides how training continues, as plain data and tensors: weights, averages, optimizers,
-- random streams, position in the data, step.

local native = require "native.train"
local json = require "base.json"
local keywords = require "base.keywords"
local optimizers = require "gt.train.optimizers"
local multipliers = require "gt.reparam.multipliers"
local schedule = require "gt.schedule"
local session = require "gt.train.session"
local settings = require "gt.train.settings"

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

--- A schedule of the library as data; one with a function in it, or of the user's, has no such form.
function state.schedule_data(value)
  if not schedule.is(value) then return nil end
  local plain = {}
  for key, setting in pairs(value.settings) do
    if type(setting) == "function" then return nil end
    plain[key] = setting
  end
  return {kind = value.kind, settings = plain}
end

--- Options of the trainer that are code of the user's: they must be given again when the checkpoint is opened.
local function functions_of(t, data)
  local names = {}
  for _, key in ipairs(settings.with "code") do
    if t[key] then names[#names + 1] = key end
  end
  for _, key in ipairs(settings.with "schedule") do
    if t[key] and not data[key .. "_settings"] then names[#names + 1] = key end
  end
  return names
end

--- The one dtype of all weights, "bfloat16"; nil where there are several.
local function dtype_of(model)
  local found
  for p in model:parameters() do
    local name = tostring(p.dtype):match "[%w_]+$"
    if found and name ~= found then return nil end
    found = name
  end
  return found
end

--- The class of a model, its forward multipliers, and its configuration where that is a table of plain values.
function state.model_data(model)
  local data = {class = torch.type(model), multipliers = multipliers.of(model)}
  if not optimizers.is_gpt(model) then return data end
  data.config = {}
  for key, value in pairs(model.config) do data.config[key] = value end
  return data
end

--- What the last step left in the trainer, and counts.
local last = {"loss", "norm", "rate", "momentum_now", "updates", "skipped", "skipped_now", "empty"}

--- Plain data of the whole trainer, and its tensors in the files they are saved in.
function state.gather(t)
  local data, moments = decisive(t)
  data.elapsed, data.smooth_sum, data.due = t.elapsed, t.smooth_sum, t.due
  for _, key in ipairs(last) do data[key] = t[key] end
  data.options = {ema = t.ema and t.ema.decay}
  for _, key in ipairs(settings.with "kept") do data.options[key] = t[key] end
  data.model, data.made = state.model_data(t.model), t.made
  data.model.dtype = dtype_of(t.model)
  for _, key in ipairs(settings.with "schedule") do data[key .. "_settings"] = state.schedule_data(t[key]) end
  data.functions = functions_of(t, data)
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

--- The hash that a state has which is made of that data and those tensors.
function state.hash_of(data, tensors)
  local hash = native.hash()
  hash:bytes(json.encode {step = data.step, tokens = data.tokens, rng = data.rng, loader = data.loader,
                          optimizers = data.optimizers, ema = data.ema})
  add_tensors(hash, tensors.model)
  add_tensors(hash, tensors.optim)
  if data.ema then add_tensors(hash, tensors.ema) end
  return hash:text()
end

--- XXH3-128 of weights, averages, moments, settings of the optimizers, random streams, position in the data and step.
-- Not of the time it took.
function state.hash(t)
  local data, moments = decisive(t)
  return state.hash_of(data, {model = t.model:state_dict(), optim = moments, ema = t.ema and t.ema:state_dict()})
end

--- The running mean of the loss, with the weight that its start at 0 lacks.
function state.smooth(t) return t.smooth_sum / (1 - 0.9 ^ t.updates) end

--- Raises where the state does not fit the trainer: nothing is restored by half.
local function check(t, data, tensors)
  if data.ema ~= (t.ema ~= nil) then
    keywords.fail("the checkpoint was made %s averages of the weights: %s ema", data.ema and "with" or "without",
                  data.ema and "pass" or "leave out")
  end
  for name, p in t.model:named_parameters() do
    local saved = tensors.model[name]
    if saved and saved.dtype ~= p.dtype then
      keywords.fail("the checkpoint holds '%s' as %s, the model has %s: model:to(%s) makes it fit", name,
                    tostring(saved.dtype), tostring(p.dtype), tostring(saved.dtype))
    end
  end
  if data.optimizers then optimizers.check_saved(t.optimizers, data.optimizers, t.names) end
end

--- Puts gathered state back into a trainer over the same parameters; optimizers and loader
-- stay as they are where data has none.
function state.restore(t, data, tensors)
  check(t, data, tensors)
  local before = t.loader:state()
  if data.loader then t.loader:load_state(data.loader) end
  native.guard(function() t.loader:load_state(before) end, function() t.model:load_state_dict(tensors.model) end)
  if data.model.multipliers then multipliers.set(t.model, data.model.multipliers) end
  if data.optimizers then optimizers.restore(t.optimizers, data.optimizers, tensors.optim) end
  if t.ema then t.ema:load_state_dict(tensors.ema) end
  native.set_rng(data.rng.seed, data.rng.stream)
  t.step_count, t.tokens, t.elapsed, t.smooth_sum = data.step, data.tokens, data.elapsed, data.smooth_sum
  for _, key in ipairs(last) do t[key] = data[key] end
  t.updates, t.skipped = t.updates or t.step_count, t.skipped or 0
  t.smooth_loss = t.loss and state.smooth(t) or nil
  -- What was due stays due where it can still be done, with all that it may look at.
  t.due = {log = data.due.log, eval = data.due.eval and t.val and true or nil,
           on_step = data.due.on_step and data.rate and t.on_step and true or nil}
  t.unfinished, t.before = nil, nil
  session.begun[t] = t.step_count
end

return state
