--- train.lua: train.new, train.open and t:fork: the three ways to a trainer.

local keywords = require "gt.keywords"
local checkpoint = require "gt.train.checkpoint"
local optimizers = require "gt.train.optimizers"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local trainer = require "gt.train.trainer"

local train = {}

--- Does the trainer go on with a run in its folder?  Raises when there is one that nobody wants.
local function goes_on(t, o)
  local steps = checkpoint.steps(t.folder)
  local journal = package.loaded["shell.journal"] -- a session that is run again goes on with its runs
  if #steps > 0 and (o.resume or journal and journal.replaying) then return true end
  if #steps > 0 and not o.overwrite then
    keywords.fail("train.new: '%s' holds a run, up to step %d: resume = true goes on with it, overwrite = true drops it",
                  t.folder, steps[#steps])
  end
  return false
end

--- train.new{model =, data =, …} -> a trainer.
--   model        a module; m(x, y) must answer the loss, unless objective says otherwise
--   data         a loader, or tokens, which are cut into batches of B rows of T
--   val          tokens for t:eval() and eval_every
--   optim        an optimizer, a list of them, a function of the model, or settings {name = "AdamW", lr = …} for all
--                weights (weight decay on matrices only); nil: for a GPT AdamW and Muon, as
--                m:setup_optimizers{embedding_lr = 0.01} makes them
--   schedule     multiplier of every group's peak rate: schedule.cosine{…} or any function of the updates done
--   momentum     the same for the value of momentum, where an optimizer has one: schedule.momentum{…}
--   steps        where t:run() ends
--   accumulate   micro-batches per step (1); the loss is their mean
--   clip         limit of the norm of all gradients (none)
--   autocast     "bf16": products of the forward in bf16, weights stay as they are
--   ema          decay of an average of the weights, as t.ema
--   seed         of dropout and of a loader made here
--   folder       for checkpoints step-000400/ and log.jsonl; save_every, keep: how often and how many; they are also
--                made at the end of t:run() and when the process is asked to end (SIGTERM)
--   resume       true: go on from the last checkpoint of the folder, when there is one; overwrite: begin anew
--   live         true: the loss as a plot above the progress line (in a terminal of 24 rows or more); "loss.svg" (.png,
--                .pdf): as a file that is drawn again at most every 5 s while training goes on
--   eval_every, log_every (1), progress (true), on_step = function(t), objective = function(model, x, y) -> loss
--   reduce       function(gradients): adds them up over ranks, before clipping
-- t:step() t:run([n]) t:pause() t:pause_if{…} t:monitor{…} t:resume() t:eval() t:sample(prompt) t:save() t:rewind(step) t:fork{…} t:hash() t.lr
-- A step is done whole or taken back whole, whatever stops it: t:resume() goes on as if nothing had happened.
function train.new(options)
  local o = settings.read("train.new", options)
  if o.model == nil then keywords.fail("train.new: expected a model, got nothing") end
  local t = trainer.make(o)
  if not t.folder then return t end
  goes_on(t, o) -- who trains there already keeps the folder when this is refused
  trainer.take_folder(t)
  if goes_on(t, o) then return trainer.go_back(t) end
  checkpoint.prune(t.folder, 0)
  trainer.begin_log(t)
  return t
end

-- ---- from disk ----

--- A native GPT of the configuration that a checkpoint holds.
local function model_from(data, path)
  local config = data.model and data.model.config
  if type(config) ~= "table" then
    keywords.fail("train.open: '%s' holds a %s, which only your code can make: pass model = …", path,
                  data.model and data.model.class or "model")
  end
  return require "gt.models".GPT(config)
end

local function schedule_from(saved)
  return saved and require "gt.schedule"[saved.kind](saved.settings) or nil
end

--- train.open(folder[, options]) -> the trainer of the last checkpoint in the folder, or of {step = n}.
-- Options are those of train.new and go before what the checkpoint holds.  data must be given (B and T are kept); model, unless it is a
-- native GPT; optimizers and functions written in Lua too.  Checkpoints after the one that is opened are dropped when
-- training goes on, and the log is cut to it.
function train.open(path, options)
  keywords.string("train.open", "folder", path)
  local o = {}
  for key, value in pairs(options or {}) do o[key] = value end
  local at = o.step
  o.step = nil
  o = settings.read("train.open", o)
  local data = checkpoint.read(path, at)
  for key, value in pairs(data.options) do
    if o[key] == nil then o[key] = value end
  end
  if o.data == nil then
    keywords.fail("train.open: expected the data to go on with, tokens or a loader: train.open('%s', {data = …})", path)
  end
  if settings.is_tokens(o.data) and data.loader then o.B, o.T = o.B or data.loader.B, o.T or data.loader.T end
  o.folder = o.folder or path
  o.model = o.model or model_from(data, path)
  o.schedule = o.schedule or schedule_from(data.schedule_settings)
  o.momentum = o.momentum or schedule_from(data.momentum_settings)
  if o.eval_every and not o.val then o.eval_every = nil end
  if o.optim == nil then
    local _, by_name = state.names(o.model)
    o.optim = optimizers.rebuild(data.optimizers, by_name)
  end
  local t = trainer.make(o, "train.open")
  if o.folder ~= path then
    trainer.restore(t, path, at)
    trainer.take_folder(t)
    trainer.begin_log(t)
    return t
  end
  trainer.take_folder(t)
  return trainer.go_back(t, at)
end

-- ---- from another one ----

local function clone_model(model)
  if model:has "clone" then return model:clone() end
  if not optimizers.is_gpt(model) then
    keywords.fail("t:fork: %s has no clone(): define it, or pass model = …", torch.type(model))
  end
  return require "gt.models".GPT(model.config):load_state_dict(model:state_dict())
end

--- t:fork{…} -> an independent trainer in the same state: copies of model, optimizers and averages, a loader at the
-- same place.  Options as in train.new go before this trainer's own; folder, save_every and keep are not taken over.
-- lr = x is the same as fork.lr = x; optim = settings or a function(model) makes new optimizers, whose moments begin at zero; data, or B and T for the same
-- tokens, are a new loader that begins where it stands.
function trainer.methods.fork(t, options)
  local names = table.move(settings.names, 1, #settings.names, 1, {})
  names[#names + 1] = "lr"
  local o = settings.read("t:fork", options, names)
  for _, key in ipairs {"val", "schedule", "momentum", "steps", "accumulate", "clip", "autocast", "eval_every",
                        "log_every", "progress", "on_step", "objective", "reduce", "tokenizer"} do
    if o[key] == nil then o[key] = t[key] end
  end
  if o.ema == nil and t.ema then o.ema = t.ema.decay end
  local data, tensors = state.gather(t)
  o.model = o.model or clone_model(t.model)
  if o.data == nil and not o.B and not o.T then
    o.data = t.loader:clone()
  else
    data.loader, o.data = nil, o.data or t.loader.tokens -- the new one begins where it stands
    if settings.is_tokens(o.data) then o.B, o.T = o.B or t.loader.B, o.T or t.loader.T end
  end
  if o.optim == nil then
    local _, by_name = state.names(o.model)
    o.optim = optimizers.rebuild(data.optimizers, by_name, t.optimizers)
  else
    data.optimizers = nil -- they keep their own
  end
  local fork = trainer.make(o, "t:fork")
  state.restore(fork, data, tensors)
  for name, column in pairs(t.log) do fork.log[name] = table.move(column, 1, #column, 1, {}) end
  if o.lr ~= nil then fork.lr = o.lr end
  if fork.folder then
    trainer.take_folder(fork)
    trainer.begin_log(fork)
  end
  return fork
end

keywords.sign(trainer.methods, "fork(self: Trainer, options: table = nil)", "t:")
keywords.sign(train, "new(options: table = nil) open(path: string, options: table = nil)", "train.")

return train
