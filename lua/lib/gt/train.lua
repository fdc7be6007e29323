--- train.lua: train.new, train.open and t:fork: the three ways to a trainer.

local keywords = require "base.keywords"
local checkpoint = require "gt.train.checkpoint"
local optimizers = require "gt.train.optimizers"
local session = require "gt.train.session"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local trainer = require "gt.train.trainer"

local train = {}

--- Refuses a folder that holds a run, unless it is to be replaced.
local function check_free(what, path, overwrite, advice)
  local steps = checkpoint.steps(path)
  if #steps == 0 or overwrite then return end
  keywords.fail("%s: '%s' holds a run, up to step %d: %soverwrite = true begins anew in its place", what, path, steps[#steps], advice)
end

--- Whether to continue the run in the folder; raises if there is one and neither resume nor overwrite was given.
local function continues(t, o)
  if (o.resume or session.replaying) and #checkpoint.steps(t.folder) > 0 then return true end
  check_free("train.new", t.folder, o.overwrite, "resume = true continues it, ")
  return false
end

--- Random streams continue as they were saved.
local function check_seed(what, seed, saved)
  if seed == nil or seed == saved then return end
  keywords.fail("%s: expected seed = %s, that of the run, whose random streams continue, got %s", what, tostring(saved),
                keywords.show(seed))
end

local function refuse_options(what, o, keys, why)
  for _, key in ipairs(keys) do
    if o[key] ~= nil then keywords.fail("%s: %s", what, why:format(key)) end
  end
end

--- train.new{model =, data =, …} -> a trainer.
--   model        a module; m(x, y) must return the loss, unless objective says otherwise
--   data         a loader, or tokens, which are cut into batches of B rows of T
--   val          tokens for t:eval() and eval_every
--   optim        an optimizer, a list of them, a function of the model, or settings {name = "AdamW", lr = …} for all
--                weights (weight decay on matrices only); nil: for a GPT AdamW and Muon, as
--                m:setup_optimizers{embedding_lr = 0.01} makes them
--   schedule     multiplier of every group's peak learning rate: schedule.cosine{…} or any function of the updates done
--   momentum     the same for the value of momentum, where an optimizer has one: schedule.momentum{…}
--   steps        where t:run() ends
--   accumulate   micro-batches per step (1); the loss is the mean over the targets of all of them, as of one large batch.
--                Targets of -1 do not count; a batch without a target is skipped and counted (t.skipped, log.jsonl), a
--                step without one updates nothing
--   clip         limit of the norm of all gradients (none)
--   autocast     "bf16": products of the forward in bf16, weights stay as they are
--   ema          decay of an average of the weights, as t.ema
--   seed         of dropout and of a loader made here
--   folder       for checkpoints step-000400/ and log.jsonl; save_every, keep: how often and how many; one is
--                also made when the last of `steps` is done and when the process is asked to end (SIGTERM); t:save()
--   resume       true: continue from the last checkpoint of the folder, when there is one.  Options count as they are
--                given; of optim, settings that are not what the run began with: a t.lr that was set since stays
--   overwrite    true: begin anew; the run in the folder stays until the first checkpoint of the new one is saved
--   live         true: the loss as a plot above the progress line (in a terminal of 24 rows or more); "loss.svg" (.png,
--                .pdf): as a file that is drawn again at most every 5 s while training continues
--   eval_every, log_every (1), progress (true), on_step = function(t), called once after each step, before its checkpoint
--   objective    function(model, x, y) -> loss[, number of targets that it is the mean over; else those of y that are not -1]
--   reduce       function(gradients): adds them up over ranks, before clipping
-- t:step() t:run([n]) t:pause() t:pause_if{…} t:monitor{…} t:resume() t:eval() t:sample(prompt) t:save() t:rewind(step) t:fork{…} t:hash() t.lr
-- A step is done whole or taken back whole, whatever stops it: t:resume() continues as if nothing had happened.
function train.new(o)
  settings.check("train.new", o)
  if o.model == nil then keywords.fail("train.new: expected a model, got nothing") end
  local t = trainer.make(o)
  if not t.folder then return t end
  if not continues(t, o) then
    trainer.take_folder(t)
    check_free("train.new", t.folder, o.overwrite, "") -- another process may have trained there until now
    trainer.begin_log(t)
    return t
  end
  check_seed("train.new", o.seed, checkpoint.read(t.folder).options.seed)
  return trainer.open(t, nil, o.optim ~= nil or nil)
end

-- ---- from disk ----

--- A native GPT of the configuration that a checkpoint holds.
local function model_from(data, path)
  local config = data.model and data.model.config
  if type(config) ~= "table" then
    keywords.fail("train.open: '%s' holds a %s, which only your code can make: pass model = …", path,
                  data.model and data.model.class or "model")
  end
  local model = require "gt.models".GPT(config)
  return data.model.dtype and model:to(torch[data.model.dtype]) or model
end

local function schedule_from(saved)
  return saved and require "gt.schedule"[saved.kind](saved.settings) or nil
end

--- Code of the user's that a checkpoint cannot hold must be given again.
local function check_functions(o, data)
  for _, key in ipairs(data.functions or {}) do
    if o[key] == nil then
      keywords.fail("train.open: the run has a function as %s, which only your code can make: pass %s = …", key, key)
    end
  end
end

--- train.open(folder[, options]) -> the trainer of the last checkpoint in the folder, or of {step = n}.
-- Options are those of train.new and go before what the checkpoint holds: also single settings of optim = {lr = …}; a seed
-- that is another one is refused.  data must be given (B and T are kept); model, unless it is a native GPT; optimizers and
-- functions written in Lua too.  Opening changes nothing in the folder: checkpoints after the one that is opened, and the
-- log after it, stay until a step that was made from there has been saved; then they are removed, and named.
-- {folder = …}: the run continues there, and this folder stays as it is.
function train.open(path, o)
  settings.check("train.open", o)
  local at = o.step
  refuse_options("train.open", o, {"resume"}, "%s belongs to train.new: a run that is opened is continued")
  o.folder = o.folder or path
  if o.folder == path then
    refuse_options("train.open", o, {"overwrite"}, "%s would drop the run that is opened; it goes with another folder")
  end
  local data = checkpoint.read(path, at)
  check_seed("train.open", o.seed, data.options.seed)
  check_functions(o, data)
  local optim, own = o.optim, o.folder == path
  if o.eval_every == nil and not o.val then data.options.eval_every = nil end
  for key, value in pairs(data.options) do
    if o[key] == nil then o[key] = value end
  end
  if o.data == nil then
    keywords.fail("train.open: expected the data to continue with, tokens or a loader: train.open('%s', {data = …})", path)
  end
  if settings.is_tokens(o.data) and data.loader then o.B, o.T = o.B or data.loader.B, o.T or data.loader.T end
  checkpoint.blame(path, data.step, function()
    o.model = o.model or model_from(data, path)
    for _, key in ipairs(settings.with "schedule") do o[key] = o[key] or schedule_from(data[key .. "_settings"]) end
    if o.optim == nil then
      local _, by_name = state.names(o.model)
      o.optim = optimizers.rebuild(data.optimizers, by_name)
    end
  end)
  if not own then check_free("train.open", o.folder, o.overwrite, "") end
  local t = trainer.make(o, "train.open")
  if own then return trainer.open(t, at, optim) end
  trainer.restore(t, path, at, optim)
  trainer.take_folder(t)
  trainer.begin_log(t)
  return t
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
-- same place.  Options as in train.new go before this trainer's own; folder, save_every and keep are not taken over;
-- with seed the random streams begin anew.
-- lr = x is the same as fork.lr = x; optim = settings or a function(model) makes new optimizers, whose moments begin at zero; data, or B and T for the same
-- tokens, are a new loader that begins at its position.
function trainer.methods.fork(t, o)
  settings.check("t:fork", o)
  refuse_options("t:fork", o, {"resume"}, "%s belongs to train.new: a fork continues from where t is")
  trainer.refuse(t, "fork")
  if o.folder then check_free("t:fork", o.folder, o.overwrite, "") end
  for _, key in ipairs(settings.with "forked") do
    if o[key] == nil then o[key] = t[key] end
  end
  if o.ema == nil and t.ema then o.ema = t.ema.decay end
  local data, tensors = state.gather(t)
  o.model = o.model or clone_model(t.model)
  if o.data == nil and not o.B and not o.T then
    o.data = t.loader:clone()
  else
    data.loader, o.data = nil, o.data or t.loader.tokens -- the new one begins at its position
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
  fork.due.on_step = nil -- t calls it
  if o.seed then torch.manual_seed(o.seed) else fork.seed = t.seed end
  for name, column in pairs(t.log) do fork.log[name] = table.move(column, 1, #column, 1, {}) end
  if o.lr ~= nil then fork.lr = o.lr end
  if fork.folder then
    trainer.take_folder(fork)
    trainer.begin_log(fork)
  end
  return fork
end

local options = settings.text(settings.names)
keywords.sign(trainer.methods, "fork(self: Trainer, {" .. options .. ", lr: number(0,) = nil})", "t:")
keywords.sign(train, "new({" .. settings.text(settings.names, true) .. "}) open(path: string, {step: integer[0,] = nil, " .. options .. "})", "train.")

return train
