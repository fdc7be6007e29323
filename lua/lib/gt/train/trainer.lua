--- trainer.lua: the object that train.new makes: it can be stopped after any step, looked into, changed and continued.

local native = require "native.train"
local terminal = require "native.terminal"
local folder = require "native.folder"
local fitting = require "gt.train.fitting"
local generate = require "gt.generate"
local keywords = require "base.keywords"
local checkpoint = require "gt.train.checkpoint"
local log = require "gt.train.log"
local optimizers = require "gt.train.optimizers"
local progress = require "gt.train.progress"
local session = require "gt.train.session"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local step = require "gt.train.step"
local tripwire = require "gt.train.tripwire"

local trainer = {}

local STDERR = 2

local Trainer, methods = {__name = "Trainer"}, {}

--- What may be read although it is nil, and what may be set: these and the options that are fields.
local fields = {
  "loader", "optimizers", "params", "names", "ema", "step_count", "tokens", "elapsed", "loss", "smooth_loss",
  "smooth_sum", "norm", "rate", "momentum_now", "val_loss", "journal", "target", "paused", "due", "before",
  "unfinished", "log", "lock", "bar", "saved", "picture", "wires", "watch", "nonfinite", "updates", "skipped",
  "skipped_now", "empty", "made", "lineage", "doing", "lost",
}
local option_fields = settings.with "field"
table.move(option_fields, 1, #option_fields, #fields + 1, fields)
local is_field = {}
for _, name in ipairs(fields) do is_field[name] = true end

local function first_group(t) return t.optimizers[1].param_groups[1] end

function Trainer.__index(t, key)
  if methods[key] then return methods[key] end
  if key == "lr" then return first_group(t).initial_lr end
  if key == "val_loss" then return t.log.val_loss[#t.log.val_loss] end
  if is_field[key] or type(key) ~= "string" then return nil end
  local names = table.move(fields, 1, #fields, 1, {"lr"})
  for name in pairs(methods) do names[#names + 1] = name end
  table.sort(names)
  keywords.fail("Trainer has no field or method '%s'%s", key, keywords.suggest(key, names))
end

--- t.lr = x makes x the peak learning rate of the first group and changes all others by the same factor.
function Trainer.__newindex(t, key, value)
  if key ~= "lr" then
    if not is_field[key] then local _ = t[key] end -- raises with the right names
    return rawset(t, key, value)
  end
  if type(value) ~= "number" or not (value > 0 and value < math.huge) then
    keywords.fail("train: expected lr > 0, got %s", keywords.show(value))
  end
  local factor = value / first_group(t).initial_lr
  for _, opt in ipairs(t.optimizers) do
    for _, group in ipairs(opt.param_groups) do group.initial_lr = group.initial_lr * factor end
  end
  first_group(t).initial_lr = value
end

function Trainer.__tostring(t)
  local loss = t.loss and f", loss {t.smooth_loss:.4f}" or ""
  local place = t.folder and f", in '{t.folder}'" or ""
  local skips = t.skipped > 0 and f", {t.skipped} batches without a target skipped" or ""
  local batch = rawget(t.loader, "B") and f", batches {t.loader.B} x {t.loader.T}" or ""
  return f"Trainer({torch.type(t.model)}, step {t.step_count}{t.steps and '/' .. t.steps or ''}{batch}{loss}{skips}{place})"
end

-- ---- making one ----

--- First line of the log.
local function header(t)
  local data = state.gather(t)
  return {run = {
    format = 1, gptsh = native.version(), lua = _VERSION, threads = torch.get_num_threads(), model = data.model,
    parameters = t.model:num_params(), optimizers = data.optimizers, options = data.options,
    schedule = t.schedule and tostring(t.schedule), loader = data.loader, rng = data.rng,
    started = os.date "!%Y-%m-%dT%H:%M:%SZ",
  }}
end

local function log_path(t) return t.folder .. "/log.jsonl" end

local locked = setmetatable({}, {__mode = "v"}) -- folder -> the trainer of this session that writes there

--- A line on stderr.
local function say(t, text)
  if t.bar then t.bar:erase() end
  io.stderr:write("train: ", text, "\n")
end

--- The trainers that hold the lock of a folder.
local function holder(path)
  local pid = math.tointeger(tonumber((folder.head(path .. "/.lock", 20)))) -- nil where it does not say
  local own <close> = io.open "/proc/self/stat"
  if not pid then return "another process trains" end
  return pid == (own and own:read "n") and "another trainer of this session trains, under another name of the folder,"
    or f"another process, {pid}, trains"
end

--- Removes what the trainer's branch has abandoned, and says so.
local function clear(t)
  local branch = t.lineage
  local left, last = checkpoint.clear(t.folder, branch and branch.from)
  if #left > 0 then
    local what = branch and branch.from >= 0 and f"the run continues from step {branch.from}" or "a later run took their place"
    say(t, f"step {last} is saved in '{t.folder}'; removed: {#left > 1 and 'checkpoints of steps' or 'the checkpoint of step'} {table.concat(left, ', ')}: {what}")
  end
  if not branch then return end
  log.clear(t.folder, branch.branch)
  branch.cleared = true
end

--- The trainer of this session that has the folder.
local function owner_of(path)
  local t = locked[path]
  return t and t.lock and t
end

--- Keeps other processes out of the trainer's folder.
local function lock(t)
  folder.make(t.folder)
  t.lock = folder.lock(t.folder)
  if not t.lock then
    collectgarbage() -- a trainer that no variable holds any more may still have it
    t.lock = folder.lock(t.folder)
  end
  if not t.lock then keywords.fail("train: %s in '%s'", holder(t.folder), t.folder) end
end

--- Makes the folder this trainer's: no other process, and no other trainer of this session, writes there.
function trainer.take_folder(t)
  if folder.kind(log_path(t)) == "symbolic link" then
    keywords.fail("train: '%s' is a symbolic link: a run writes into its own folder only", log_path(t))
  end
  local before = owner_of(t.folder)
  if before then
    t.lock, before.lock, before.folder, before.lost = before.lock, nil, nil, t.folder
    if before.journal then before.journal:close() end
    before.journal = nil
  elseif not t.lock then
    lock(t)
  end
  locked[t.folder] = t
  checkpoint.tidy(t.folder)
  clear(t)
end

--- Trainer from checked options; its folder is not touched.  what: who got the options ("train.new").
function trainer.make(o, what)
  what = what or "train.new"
  local t = {step_count = 0, tokens = 0, elapsed = 0.0, smooth_sum = 0.0, updates = 0, skipped = 0, log = log.columns {},
             due = {}, paused = false}
  for _, name in ipairs(option_fields) do
    t[name] = o[name]
    if o[name] == nil then t[name] = settings.defaults[name] end
  end
  t.clip = o.clip or nil
  t.loader = settings.loader(o, what)
  local tokens = settings.is_loader(o.data) and o.data.tokens or o.data
  t.tokenizer = o.tokenizer or (settings.is_tokens(tokens) and tokens.tokenizer or nil)
  t.optimizers = optimizers.make(o.model, o.optim, what)
  t.params = optimizers.check(t.optimizers, what)
  t.made = optimizers.settings(t.optimizers)
  t.names = state.names(o.model)
  for i, p in ipairs(t.params) do
    if not t.names[p] then
      keywords.fail("%s: parameter %d of the optimizers is not one of the model%s", what, i,
                    what == "t:fork" and ", which is a copy: optim = function(model) … end, or settings, make theirs from it" or "")
    end
  end
  if o.val ~= nil and not settings.is_tokens(o.val) then
    keywords.fail("%s: expected val to be tokens, got %s%s", what, keywords.show(o.val), settings.reader_hint(o.val))
  end
  fitting.check(what, o.model, tokens, o.val, t.tokenizer)
  if o.eval_every and not o.val then keywords.fail("%s: eval_every needs val", what) end
  for _, key in ipairs(settings.with "inside") do
    if o[key] and not o.folder then keywords.fail("%s: %s needs folder", what, key) end
  end
  if o.ema then t.ema = require "gt.train.average".average(o.model, {decay = o.ema}) end
  if o.seed then torch.manual_seed(o.seed) end
  session.begun[t] = 0
  return setmetatable(t, Trainer)
end

--- Puts a checkpoint into the trainer; of the settings of the optimizers those that were given now count before its own.
-- optim: the option as it was given to train.open, true where another function got it, nil where none was given.
function trainer.restore(t, from, at, optim)
  local data, tensors = checkpoint.load(from, at)
  local function fits()
    if state.hash_of(data, tensors) ~= data.hash then keywords.fail "it and the tensors are not of one state" end
    state.restore(t, data, tensors)
    if state.hash(t) ~= data.hash then
      keywords.fail "this does not restore the state it was made of: the model, loader or optimizers differ"
    end
  end
  local now = optimizers.settings(t.optimizers)
  checkpoint.blame(from, data.step, fits)
  local made = data.made or optimizers.saved_settings(data.optimizers)
  if optim == nil then
    t.made = made
  else
    optimizers.prefer(t.optimizers, now, made, optim)
    t.made = now
  end
  return data
end

--- Begins a branch of the folder: from a checkpoint in it, or anew.  Nothing on the disk changes before its first record.
function trainer.begin_log(t, data)
  local _, _, highest = checkpoint.steps(t.folder)
  t.lineage = {branch = highest + 1, from = data and data.step or -1, base = data and {branch = data.branch, from = data.from}}
  t.journal = log.branch(t.folder, t.lineage.branch, header(t),
                         data and {branch = data.branch, bytes = data.log_bytes or 0})
  if t.journal.lost then say(t, f"'{t.journal.lost}' is not as long as it was at step {data.step}: the run continues with a new log") end
  if data then t.log = log.columns(t.journal:records()) end
end

-- ---- running ----

--- t:loss_of(x, y[, options of the model]) -> the loss of a batch as the trainer computes it (objective, autocast).
function methods.loss_of(t, x, y, options)
  local function run()
    if t.objective then return t.objective(t.model, x, y) end
    return t.model(x, y, options)
  end
  if not t.autocast then return run() end
  return torch.autocast(t.autocast, run)
end

local function record_of(t)
  return {step = t.step_count, loss = not t.empty and t.loss or nil, norm = not t.empty and t.norm or nil, lr = t.rate,
          tokens = t.tokens, elapsed = t.elapsed, momentum = t.momentum_now, skipped = t.skipped_now}
end

local function note(t, record)
  if t.journal then t.journal:write(record) end
  log.add(t.log, record)
end

local function settle_log(t)
  if not t.due.log then return end
  note(t, record_of(t))
  t.due.log = nil
end

--- What the monitor finds, into the log.
local function settle_watch(t)
  local found = t.watch and t.watch:after()
  native.shielded(function()
    if found and t.journal then t.journal:write {step = t.step_count, monitor = found} end
    t.due.watch = nil
  end)
end

local function settle_eval(t)
  local loss, bpb = t:eval()
  native.shielded(function()
    note(t, {step = t.step_count, val_loss = loss, val_bpb = bpb})
    t.due.eval = nil
  end)
  if t.bar then t.bar:note(f"val {loss:.4f}" .. (bpb and f" bpb {bpb:.4f}" or "")) end
end

--- What has to follow a step: each part is done once, also when a Ctrl-C came between.  The checkpoint comes last, so that
-- it holds what on_step has changed and a run that continues from it has nothing of the step left to do.
local function settle(t)
  native.shielded(settle_log, t)
  if t.due.note then
    t.due.note = nil
    say(t, f"step {t.step_count}: a batch without a target (all are -1) was skipped; t.skipped counts them")
  end
  if t.due.watch then settle_watch(t) end
  if t.due.eval then settle_eval(t) end
  if t.due.on_step then
    t.due.on_step = nil
    if t.bar then t.bar:erase() end
    if t.on_step then t.on_step(t) end
  end
  if t.due.save then t:save() end
end

local RUNNING = {step = true, eval = true, run = true}
local MOVING = {step = true, eval = true}

--- Refuses a method that cannot be called while the trainer is doing something that it would change.
local function refuse(t, method, while_doing)
  if not while_doing[t.doing] then return end
  keywords.fail("t:%s: this trainer is in the middle of %s: not from its on_step, objective, model or loader%s", method,
                t.doing == "eval" and "an evaluation" or t.doing == "step" and "a step" or "a run",
                while_doing == RUNNING and "; t:pause() ends the run, and t:fork() makes another trainer" or "")
end

--- The same, for methods that are made elsewhere.
function trainer.refuse(t, method) refuse(t, method, MOVING) end

--- Results of fn(…), with the trainer marked as doing `what`, so that what is called back cannot begin it again.
local function during(t, what, fn, ...)
  local before = t.doing
  local function back() t.doing = before end
  return native.guard(back, function(...)
    t.doing = what
    local results = table.pack(fn(...))
    back()
    return table.unpack(results, 1, results.n)
  end, ...)
end

--- The folder is locked for, and the log written by, the trainer that took it: another name in the field does not move it.
local function check_place(t)
  if t.folder and locked[t.folder] ~= t then
    keywords.fail("train: the folder of a trainer cannot be changed, got '%s': t:fork{folder = …} continues in another one",
                  tostring(t.folder))
  end
  if not t.lost then return end
  io.stderr:write(f"train: '{t.lost}' belongs to a later trainer now: this one continues without a folder and saves nothing\n")
  t.lost = nil
end

local function one_step(t)
  t.model:train()
  settle(t)
  during(t, "step", step.attempt, t)
  settle(t)
  return t.loss
end

--- t:step() -> loss: one step, with what is due after it (log, eval_every, on_step, save_every).
function methods.step(t, n)
  if n ~= nil then keywords.fail("t:step: is one step; t:run(n) does n of them, got %s", keywords.show(n)) end
  refuse(t, "step", RUNNING)
  settings.check_fields(t)
  check_place(t)
  return during(t, "run", one_step, t)
end

local function stopped(t) session.stopped[1], session.told[1] = t, nil end

--- When the process is asked to end and there is a folder, the state is saved before it does.
local function leave(t)
  stopped(t)
  if t.picture then t.picture:stop() end
  if t.bar then t.bar:finish() end
  t.bar = nil
  if t.step_count == 0 or t.unfinished then return end
  pcall(settle_log, t) -- what cannot be written now is due still
  if not t.folder or not native.ending() then return end
  settle_log(t)
  if t.due.watch then settle_watch(t) end -- no checkpoint holds what it needs
  t:save()
end

--- Pauses when a tripwire says so, and says why.
local function look_out(t)
  local reason = t.wires and t.wires:look(t)
  if not reason then return end
  t.paused = true
  if t.bar then t.bar:erase() end
  io.stderr:write(f"paused at step {t.step_count}: {reason}\n")
end

--- A run at its end saves what is unsaved there.
local function wants_save(t) return t.folder and t.step_count == t.steps and t.saved ~= t.step_count end

local function loop(t)
  t.model:train()
  settle(t)
  while t.step_count < t.target and not t.paused do
    during(t, "step", step.attempt, t)
    settle(t)
    if t.bar then t.bar:tick() end
    if t.picture then t.picture:tick() end
    look_out(t)
  end
  if wants_save(t) then t:save() end
  if t.paused then stopped(t) end
  if t.picture then t.picture:finish() end
  if t.bar then t.bar:finish() end
  t.bar = nil
end

--- A run that has nothing to do says why: at a terminal, and where progress goes; resume() always.
local function tell_end(t, always)
  if wants_save(t) or next(t.due) or not (always or t.progress or terminal.is(STDERR)) then return end
  local why = t.steps and t.step_count >= t.steps and f"all {t.steps} steps are done; t.steps = {2 * t.step_count} allows more"
    or f"no run to resume, the last one made its steps and ended at step {t.target}; "
      .. (t.steps and f"t:run() continues to step {t.steps}" or "t:run(n) makes n more")
  io.stderr:write(f"train: {why}\n")
end

--- Runs to t.target; stopped by pause() or Ctrl-C it keeps the target for resume().
local function run(t, resumed)
  check_place(t)
  local at_end = t.step_count >= t.target
  if at_end then tell_end(t, resumed) end
  t.paused = false
  t.bar = t.progress and not at_end and progress.new(t, t.target) or nil
  t.picture = type(t.live) == "string" and require("gt.train.picture").new(t) or nil
  native.guard(function() leave(t) end, during, t, "run", loop, t)
  return t.loss
end

--- t:run([n]) -> loss: n steps; without n to the end of `steps`.
function methods.run(t, n)
  refuse(t, "run", RUNNING)
  settings.check_fields(t)
  if n == nil and not t.steps then keywords.fail("t:run: expected a number of steps, as train.new got none") end
  if n ~= nil and (type(n) ~= "number" or not math.tointeger(n) or n < 1) then
    keywords.fail("t:run: expected a whole number of steps >= 1, got %s", keywords.show(n))
  end
  local target = n and t.step_count + math.tointeger(n) or t.steps
  t.target = t.steps and math.min(target, t.steps) or target
  return run(t)
end

--- t:pause(): the run ends after this step; for on_step.
function methods.pause(t) t.paused = true end

--- t:pause_if{loss_z = 6, gnorm_z = 8}: the run pauses after a step whose loss or gradient norm is that many
-- std above the mean of the last 128 steps.  t:pause_if(nil): no more.
function methods.pause_if(t, options) t.wires = options ~= nil and tripwire.new(options, t.log) or nil end

--- t:monitor{every = 50, what = {"ratio", "grad_rms", "weight_norm", "update_norm"}} -> monitor: looks at the update of every
-- weight in every so many steps (help(train.monitor)), also into log.jsonl; t:monitor(nil): no more.
function methods.monitor(t, options)
  t.watch = options ~= nil and require "gt.train.monitor".monitor(t.model, options) or nil
  for _, record in ipairs(t.watch and t.journal and t.journal:records() or {}) do
    if record.monitor then t.watch:add(record.step, record.monitor) end
  end
  return t.watch
end

--- t:resume() -> loss: continues the run that pause() or Ctrl-C stopped.
function methods.resume(t)
  refuse(t, "resume", RUNNING)
  settings.check_fields(t)
  t.target = t.target or t.steps
  if not t.target then keywords.fail("t:resume: no run to continue; t:run(n) begins one") end
  return run(t, true)
end

--- Runs a function without gradients and with the model in evaluation mode; random streams and mode are then as before.
local function aside(t, fn, ...)
  local seed, stream = native.rng()
  local training = t.model.training
  local function back()
    native.set_rng(seed, stream)
    t.model:train(training)
  end
  return native.guard(back, function(...)
    local _ <close> = torch.no_grad()
    t.model:eval()
    local results = table.pack(during(t, "eval", fn, ...))
    native.shielded(back)
    return table.unpack(results, 1, results.n)
  end, ...)
end

--- t:eval([tokens[, {ema = false, B =, T =}]]) -> mean loss over every target of tokens (val when none are given), and
-- bits per byte where the tokenizer knows its bytes.  Changes nothing.
function methods.eval(t, tokens, options)
  refuse(t, "eval", MOVING)
  tokens = tokens or t.val
  if not settings.is_tokens(tokens) then
    keywords.fail("t:eval: expected tokens, got %s; train.new{val = …} sets them", keywords.show(tokens))
  end
  local function measure() return require "gt.train.bpb".measure(t, tokens, options) end
  local function run_it() return aside(t, measure) end
  if not options.ema then return run_it() end
  if not t.ema then keywords.fail("t:eval: ema = true needs train.new{ema = …}") end
  return t.ema:apply(run_it)
end

--- t:sample(prompt[, options]) -> ids[, their text]: what the model writes after the prompt; options are those of
-- model:generate.  A model without generate returns logits (B, T, V) of m(ids).  Changes nothing.
function methods.sample(t, prompt, o)
  refuse(t, "sample", MOVING)
  o.tokenizer = o.tokenizer or t.tokenizer
  return aside(t, function()
    if t.model:has "generate" then return t.model:generate(prompt, o) end
    local tokens = t.loader.tokens
    return generate.generate(t.model, prompt, generate.read(o), {vocab_size = tokens and tokens.vocab_size, sequence_len = t.loader.T})
  end)
end

-- ---- keeping and going back ----

--- t:hash() -> 32 hexadecimal digits that tell this state from any other: weights, averages, moments, settings of the
-- optimizers, random streams, position in the data, step.
function methods.hash(t) return state.hash(t) end

--- t:save() -> the folder of the new checkpoint.  It appears whole or not at all.
function methods.save(t, elsewhere)
  if elsewhere ~= nil then keywords.fail("t:save: takes no path: checkpoints go into train.new{folder = …}; torch.save(path, t.model) writes weights") end
  if not t.folder then keywords.fail("t:save: needs train.new{folder = …}") end
  if t.unfinished then keywords.fail("t:save: step %d is half done; t:step() completes it", t.step_count + 1) end
  refuse(t, "save", MOVING)
  check_place(t)
  local due, branch = t.due.save, t.lineage
  t.due.save = nil -- the checkpoint must not ask for another one
  local data, tensors = state.gather(t)
  if t.step_count ~= branch.from then t.journal:begin() end
  data.log_bytes = t.journal:sync()
  local own = t.journal.begun and branch or branch.base
  data.branch, data.from = own.branch, own.from
  local function still_due() t.due.save = due end
  local path = native.guard(still_due, checkpoint.save, t.folder, data, tensors, state.hash(t))
  t.saved = t.step_count
  if t.journal.begun and not branch.cleared then clear(t) end
  if t.keep then checkpoint.prune(t.folder, t.keep) end
  return path
end

--- Continues the run in the trainer's folder from a checkpoint.
function trainer.go_back(t, at, optim)
  local data = trainer.restore(t, t.folder, at, optim)
  if not t.lock then trainer.take_folder(t) end
  if t.journal then t.journal:close() end
  trainer.begin_log(t, data)
  if t.watch then t.watch:cut(data.step) end
  if t.wires then t.wires:follow(t.log) end
  t.saved, t.paused = data.step, false
  return t
end

--- The same for a new trainer, which gets the folder only where the checkpoint fits.
function trainer.open(t, at, optim)
  if owner_of(t.folder) then return trainer.go_back(t, at, optim) end
  lock(t)
  local function unlock()
    t.lock:close()
    t.lock = nil
  end
  return native.guard(unlock, function()
    trainer.take_folder(t)
    return trainer.go_back(t, at, optim)
  end)
end

--- t:rewind([step]): back to the checkpoint of a step, of the last one when none is named.  Later ones, and the log after it,
-- stay until a step that was made from there has been saved; then they are removed, and named.
function methods.rewind(t, at)
  if not t.folder then keywords.fail("t:rewind: needs train.new{folder = …} and a checkpoint") end
  refuse(t, "rewind", MOVING)
  return trainer.go_back(t, at)
end

--- t:close(): gives the folder back, for other processes; the trainer continues without one.
function methods.close(t)
  if t.journal then t.journal:close() end
  if t.lock then t.lock:close() end
  t.journal, t.lock, t.folder = nil, nil, nil
end

keywords.sign(methods, ([[
  loss_of(self: Trainer, x, y = nil, options: table = nil)
  step(self: Trainer, n: integer = nil)
  run(self: Trainer, n: integer = nil)
  pause(self: Trainer)
  pause_if(self: Trainer, options: table = nil)
  monitor(self: Trainer, options: table = nil)
  resume(self: Trainer)
  eval(self: Trainer, tokens: any = nil, {ema: boolean = false, B: integer[1,] = nil, T: integer[1,] = nil})
  sample(self: Trainer, prompt: string|list|tensor = nil, {GENERATE})
  hash(self: Trainer)
  save(self: Trainer, elsewhere: string = nil)
  rewind(self: Trainer, at: integer = nil)
  close(self: Trainer)
]]):gsub("GENERATE", (generate.OPTIONS:gsub("= [^,]+", "= nil"))), "t:")

trainer.methods = methods

-- For completion, which looks into objects without running their code.
Trainer.methods = methods
Trainer.__fields = table.move(option_fields, 1, #option_fields, 7, {"lr", "loss", "smooth_loss", "val_loss", "rate", "norm"})

return trainer
