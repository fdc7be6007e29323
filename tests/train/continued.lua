-- What a run that is continued calls, and with which settings: as if it had never stopped.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local want = support.straight()

local function with_folder(fn)
  local folder = support.folder()
  local ok, message = pcall(fn, folder)
  support.remove(folder)
  if not ok then error(message, 0) end
end

local function open(folder, more)
  local o = {data = support.options().data, progress = false}
  for key, value in pairs(more or {}) do o[key] = value end
  return train.open(folder, o)
end

-- ---- callbacks ----

--- on_step that notes its calls, with all that it may look at.
local function noted(calls)
  return function(t)
    calls[#calls + 1] = ("%d %.6f %.6f %.6f %.6f %d"):format(t.step_count, t.loss, t.rate, t.norm, t.smooth_loss, #t.log.step)
  end
end

test("on_step is called once for every step, whatever stops the run and however it is continued", function()
  local straight = {}
  support.trainer({on_step = noted(straight)}):run()
  test.equal(#straight, 30)
  for _, how in ipairs {"open", "resume", "rewind", "fork"} do
    with_folder(function(folder)
      local calls = {}
      local t = support.trainer {folder = folder, save_every = 10, on_step = noted(calls)}
      t:run(20)
      if how == "open" then t = open(folder, {on_step = noted(calls)}) end
      if how == "resume" then t = support.trainer {folder = folder, resume = true, on_step = noted(calls)} end
      if how == "rewind" then t:rewind(20) end
      if how == "fork" then t = open(folder):fork {on_step = noted(calls)} end
      t:run()
      test.equal(t:hash(), want)
      test.equal(calls, straight)
    end)
  end
end)

test("a run with on_step is continued without it", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 10, on_step = function() end}
    t:run()
    t.on_step = nil
    t:rewind(10)
    t:run()
    t:close()
    local o = open(folder, {step = 10})
    o:fork():run()
    o:run()
    test.equal(o:hash(), want)
  end)
end)

test("what on_step changes is in the checkpoint of its step", function()
  local function halve(t) if t.step_count == 10 then t.lr = t.lr / 2 end end
  local straight = support.straight {on_step = halve}
  with_folder(function(folder)
    support.trainer({folder = folder, save_every = 10, on_step = halve}):run(10)
    local t = support.trainer {folder = folder, resume = true, on_step = halve}
    test.equal(t.lr, 0.005) -- what the run has come to, not what it began with
    t:run()
    test.equal(t:hash(), straight)
  end)
end)

test("a state that was saved with its step's callbacks still due makes them up, with all that they may look at", function()
  with_folder(function(folder)
    local calls, straight = {}, {}
    support.trainer({on_step = noted(straight)}):run()
    local t = support.trainer {folder = folder, val = support.tokens(), eval_every = 5, on_step = noted(calls)}
    t:run(4)
    local eval = t.eval
    rawset(t, "eval", function() error "stopped" end)
    test.raises(function() t:run() end, "stopped")
    rawset(t, "eval", eval)
    test.equal({t.step_count, #calls}, {5, 4})
    t:save()
    t:close()
    t = open(folder, {val = support.tokens(), on_step = noted(calls)})
    t:run(5)
    test.equal(t.log.val_step, {5, 10})
    test.equal(calls, table.move(straight, 1, 10, 1, {}))
    t = open(folder, {step = 5}) -- neither val nor on_step: nothing of it can be made up
    t:run()
    test.equal(t:hash(), want)
  end)
end)

test("asked to end between a step and its callbacks, a run makes them up when it is continued", function()
  with_folder(function(folder)
    os.execute("mkdir -p " .. folder)
    local file = folder .. "/run.lua"
    support.write(file, ([[package.path = "tests/?.lua;" .. package.path
      local support, step = require "train.support", require "gt.train.step"
      local attempt = step.attempt
      step.attempt = function(t)
        attempt(t)
        if t.step_count == 7 then os.execute "kill -TERM $PPID" end
      end
      local t = support.trainer {folder = "%s/run", resume = true, on_step = function(t)
        io.write(t.step_count, t.rate and " " or "? ") io.flush()
      end}
      local m = t:monitor {every = 7}
      if t.step_count > 0 then step.attempt = attempt end
      t:run()]]):format(folder))
    local out, code = support.shell(("'%s' %s 2>&1"):format(GPTSH, file))
    test.equal(code, 143)
    local more
    more, code = support.shell(("'%s' %s 2>&1"):format(GPTSH, file))
    test.equal(code, 0)
    local expected = {}
    for i = 1, 30 do expected[i] = tostring(i) end
    local called = {}
    for word in (out .. more):gmatch "%d+%??" do called[#called + 1] = word end
    test.equal(called, expected)
    local _, looks = support.read(folder .. "/run/log.jsonl"):gsub('"monitor"', "")
    test.equal(looks, 4)
  end)
end)

test("a trainer does not step, evaluate or save inside of its own steps and evaluations", function()
  local t = support.trainer()
  local function refused(method, message)
    local ok, why = pcall(method)
    if ok or not tostring(why):find(message, 1, true) or why:find "\n" then test.fail(tostring(why)) end
  end
  for name, call in pairs {step = function(s) s:step() end, run = function(s) s:run(1) end, resume = function(s) s:resume() end} do
    t.on_step = call
    refused(function() t:step() end, f"t:{name}: this trainer is in the middle of a run: not from its on_step, objective, model or loader")
    refused(function() t:run(2) end, f"t:{name}: this trainer is in the middle of a run")
  end
  local other = support.trainer()
  other.on_step = function() t:step() end
  t.on_step = function() other:step() end
  refused(function() t:step() end, "t:step: this trainer is in the middle of a run")
  t.on_step, other.on_step = nil, nil
  local count = t.step_count
  for name, call in pairs {step = function() t:step() end, eval = function() t:eval(support.tokens()) end,
                           sample = function() t:sample "a" end, fork = function() t:fork() end} do
    t.objective = function(model, x, y) call() return model(x, y) end
    refused(function() t:step() end, f"t:{name}: this trainer is in the middle of a step")
    refused(function() t:eval(support.tokens()) end, f"t:{name}: this trainer is in the middle of an evaluation")
  end
  t.objective = nil
  test.equal(t.step_count, count)
  t:run() -- nothing of it stays
  with_folder(function(folder)
    t = support.trainer {folder = folder, on_step = function(s) -- what may be done there
      if s.step_count == 3 then s:save() s:eval(support.tokens()) s:sample("a", {max_new_tokens = 1}) s:fork():run(1) end
    end}
    t:run()
    test.equal(t:hash(), want)
    t.objective = function(model, x, y) t:save() return model(x, y) end
    t.steps = 31
    refused(function() t:run() end, "t:save: this trainer is in the middle of a step")
    t.objective = function(model, x, y) t:rewind(3) return model(x, y) end
    refused(function() t:run() end, "t:rewind: this trainer is in the middle of a step")
  end)
end)

-- ---- settings ----

test("settings of optimizers that are given when a run is continued count, the others are the run's", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 10}
    t:run(10)
    t.lr = 0.004
    t:run(10)
    t:close()
    local function check(o, lr, decay, beta)
      local group = o.optimizers[1].param_groups[1]
      test.equal({o.step_count, o.lr, group.weight_decay, group.betas[2]}, {20, lr, decay, beta})
      o:step()
      test.close(o.rate, lr * o.schedule(20), 1e-15)
      o:close()
    end
    check(open(folder), 0.004, 0.1, 0.95)
    check(open(folder, {optim = {lr = 0.5}}), 0.5, 0.1, 0.95)
    check(open(folder, {optim = {name = "AdamW", lr = 0.01, betas = {0.9, 0.8}}}), 0.01, 0.1, 0.8)
    check(open(folder, {optim = {weight_decay = 0.3}}), 0.004, 0.3, 0.95)
    local resume = {folder = folder, resume = true}
    check(support.trainer(resume), 0.004, 0.1, 0.95)
    resume.optim = {lr = 0.02, betas = {0.9, 0.95}, weight_decay = 0.1}
    check(support.trainer(resume), 0.02, 0.1, 0.95)
  end)
  with_folder(function(folder)
    local function make(lr, decay)
      return function(m) return optim.AdamW(m:parameters(), {lr = lr, weight_decay = decay}) end
    end
    local t = support.trainer {folder = folder, optim = make(0.01, 0.1), schedule = schedule.constant()}
    t:run(5)
    t.lr = 0.005
    t:save()
    t:close()
    local function settings(o)
      o:close()
      return {o.lr, o.optimizers[1].param_groups[1].weight_decay}
    end
    test.equal(settings(open(folder, {optim = make(0.01, 0.1)})), {0.005, 0.1})
    test.equal(settings(open(folder, {optim = make(0.03, 0.1)})), {0.03, 0.1})
    test.equal(settings(open(folder, {optim = make(0.01, 0.2)})), {0.005, 0.2})
    t = open(folder, {optim = make(0.03, 0.2)})
    t:run(1)
    t:save()
    t:close()
    test.equal(settings(open(folder)), {0.03, 0.2})
    test.equal(settings(open(folder, {optim = make(0.03, 0.2)})), {0.03, 0.2})
  end)
end)

test("an option that could not count is refused, with the reason", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, schedule = function() return 1 end, val = support.tokens(), eval_every = 5}
    t:run(5)
    t:save()
    local function refused(message, more) test.raises(function() open(folder, more) end, message) end
    local own = schedule.constant()
    refused("train.open: the run has a function as schedule, which only your code can make: pass schedule = …")
    refused("train.open: expected seed = 11, that of the run, whose random streams continue, got 12", {seed = 12, schedule = own})
    refused("train.open: resume belongs to train.new", {resume = true, schedule = own})
    refused("train.open: overwrite would drop the run that is opened", {overwrite = true, schedule = own})
    refused("train.open: eval_every needs val", {eval_every = 5, schedule = own})
    refused("expected optimizer 1 to be the AdamW it was saved with, got SGD", {optim = {name = "SGD"}, schedule = own})
    test.raises(function() support.trainer {folder = folder, resume = true, seed = 12} end,
      "train.new: expected seed = 11, that of the run")
    test.raises(function() t:fork {resume = true} end, "t:fork: resume belongs to train.new")
    t = open(folder, {seed = 11, schedule = own})
    test.equal(t.eval_every, nil)
    local before = t:hash()
    test.equal(t:fork():hash(), before)
    local a, b = t:fork {seed = 3}:hash(), t:fork {seed = 3}:hash()
    test.equal({a == b, a == before}, {true, false})
  end)
  with_folder(function(folder)
    local t = support.trainer {folder = folder, objective = function(model, x, y) return model(x, y) end}
    t:run(1)
    t:save()
    t:close()
    test.raises(function() open(folder) end, "the run has a function as objective")
  end)
end)

test("another name in the field folder is refused: lock and log are of the folder that was taken", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder}
    t:run(2)
    t.folder = folder .. "-other"
    test.raises(function() t:run(1) end, "train: the folder of a trainer cannot be changed, got '")
    test.raises(function() t:step() end, "t:fork{folder = …} continues in another one")
    test.raises(function() t:save() end, "train: the folder of a trainer cannot be changed")
    t.folder = folder
    t:run()
    test.equal(t:hash(), want)
  end)
end)

test("a trainer whose folder a later one took says so when it runs", function()
  with_folder(function(folder)
    local script = ([[package.path = "tests/?.lua;" .. package.path
local s = require "train.support"
local t = s.trainer {folder = "%s"}
t:run(2)
local later = s.trainer {folder = "%s"}
t:run(1)
t:run(1)]]):format(folder, folder)
    support.write(folder .. ".lua", script)
    local out = support.shell(("'%s' %s.lua 2>&1 >/dev/null"):format(GPTSH, folder))
    os.remove(folder .. ".lua")
    test.equal(out, f"train: '{folder}' belongs to a later trainer now: this one continues without a folder and saves nothing\n")
  end)
end)
