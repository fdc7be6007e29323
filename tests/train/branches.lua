-- Going back to a checkpoint, or beginning anew over a run: nothing of the old run goes before something of the new one is
-- there; what goes is named; what has gone does not come back.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local want, losses = support.straight()

local function with_folder(fn)
  local folder = support.folder()
  local ok, message = pcall(fn, folder)
  support.remove(folder .. "*")
  if not ok then error(message, 0) end
end

local function names_in(folder) return (support.shell("ls -A '" .. folder .. "' | tr '\\n' ' '"):gsub(" $", "")) end

local function open(folder, more)
  local o = {data = support.options().data, progress = false}
  for key, value in pairs(more or {}) do o[key] = value end
  return train.open(folder, o)
end

--- A run of 30 steps with checkpoints of 10, 20 and 30.
local function whole_run(folder)
  local t = support.trainer {folder = folder, save_every = 10}
  t:run()
  t:close()
  return support.log(folder)
end

local WHOLE = ".lock log.jsonl step-000010 step-000020 step-000030"

--- Everything of a run directory, as one hash of names and bytes.
local function fingerprint(folder) return (support.shell("cd '" .. folder .. "'; find . -type f ! -name .lock | sort | xargs md5sum")) end

test("opening an earlier checkpoint to look, evaluate, sample or save it again changes nothing", function()
  with_folder(function(folder)
    whole_run(folder)
    local before = fingerprint(folder)
    local t = open(folder, {step = 10, val = support.tokens()})
    t:eval()
    t:sample("the ", {max_new_tokens = 3})
    t:monitor {every = 5}
    t:close()
    test.equal(fingerprint(folder), before)
    t = open(folder)
    t:rewind(20)
    t:rewind(10)
    test.equal(#t.log.step, 10)
    t:run(0 + 1)
    t:rewind()
    test.equal({t.step_count, #t.log.step}, {30, 30})
    t:close()
    t = open(folder, {step = 10})
    t:save()
    t:close()
    test.equal(open(folder).step_count, 30)
  end)
end)

test("steps that were not saved leave the old run whole, with its log", function()
  with_folder(function(folder)
    local log = whole_run(folder)
    local t = open(folder, {step = 10})
    t:run(3)
    t:close()
    test.equal(names_in(folder), ".lock .log-2.jsonl log.jsonl step-000010 step-000020 step-000030")
    local _, lines = support.read(folder .. "/log.jsonl"):gsub("\n", "")
    test.equal(lines, 14) -- what is trained now is seen while it is trained
    t = open(folder, {step = 20})
    t:run(1)
    t:close()
    t = open(folder)
    test.equal({t.step_count, t:hash()}, {30, want})
    test.equal(t.log.loss, losses)
    t.steps = 33
    t:run()
    test.equal(support.log(folder):sub(1, #log), log)
    test.equal(names_in(folder), WHOLE .. " step-000033")
  end)
end)

test("once a step of the new branch is saved the old ones go, are named, and do not come back", function()
  with_folder(function(folder)
    whole_run(folder)
    local script = ([[package.path = "tests/?.lua;" .. package.path
      local support = require "train.support"
      local t = train.open("%s", {data = support.options().data, progress = false, step = 10})
      t:run(5) t:save() t:run(2)]]):format(folder)
    local out = support.shell(("'%s' -e '%s' 2>&1"):format(GPTSH, script))
    test.equal(out, f"train: step 15 is saved in '{folder}'; removed: checkpoints of steps 20, 30: the run continues from step 10\n")
    test.equal(names_in(folder), ".lock log.jsonl step-000010 step-000015")
    local t = open(folder)
    test.equal({t.step_count, #t.log.step}, {15, 15})
    t:run()
    test.equal(t:hash(), want)
    test.equal(t.log.loss, losses)
  end)
end)

test("a checkpoint that a branch has left behind no longer counts, also where its removal failed", function()
  with_folder(function(folder)
    whole_run(folder)
    os.execute(("cp -r '%s' '%s-old'"):format(folder, folder))
    local t = open(folder, {step = 10, save_every = 100})
    t:run(5)
    t:save()
    t:close()
    os.execute(("cp -r '%s-old/step-000030' '%s-old/step-000020' '%s'; cp '%s-old/log.jsonl' '%s/.log-2.jsonl'")
      :format(folder, folder, folder, folder, folder)) -- as if the process had ended right after the save
    local checkpoint = require "gt.train.checkpoint"
    test.equal({checkpoint.steps(folder)}, {{10, 15}, {20, 30}, 2})
    test.raises(function() open(folder, {step = 30}) end, "no checkpoint of step 30 in")
    t = open(folder)
    test.equal({t.step_count, #t.log.step}, {15, 15})
    test.equal(names_in(folder):find("step%-0000[23]0"), nil)
    t:run()
    test.equal(t:hash(), want)
    test.equal(names_in(folder), ".lock log.jsonl step-000010 step-000015 step-000030")
  end)
end)

test("branches of branches: each counts from where it began", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 5}
    t:run()
    t:rewind(20)
    t:run(5)
    test.equal(names_in(folder), ".lock log.jsonl step-000005 step-000010 step-000015 step-000020 step-000025")
    t:rewind(10)
    t:run(2)
    t:rewind(15)
    t:run(1)
    t:save()
    test.equal(names_in(folder), ".lock log.jsonl step-000005 step-000010 step-000015 step-000016")
    t:run()
    test.equal(t:hash(), want)
    test.equal(t.log.loss, losses)
    t:close()
    test.equal(support.log(folder), whole_run(folder .. "-straight"):gsub('"save_every":10', '"save_every":5'))
  end)
end)

test("a run that is begun anew leaves the old one until it has saved", function()
  with_folder(function(folder)
    local log = whole_run(folder)
    local t = support.trainer {folder = folder, overwrite = true, seed = 77}
    t:run(4)
    t:close()
    t = open(folder)
    test.equal({t.step_count, t:hash(), #t.log.step}, {30, want, 30})
    t:close()
    t = support.trainer {folder = folder, overwrite = true, steps = 3}
    t:run()
    test.equal(names_in(folder), ".lock log.jsonl step-000003")
    test.equal(#open(folder).log.step, 3)
    assert(#log > #support.log(folder))
  end)
end)

test("a fork, or a run opened into another folder, does not mix with a run that is there", function()
  with_folder(function(folder)
    whole_run(folder)
    local before = fingerprint(folder)
    local t = support.trainer()
    t:run(2)
    test.raises(function() t:fork {folder = folder} end, "t:fork: '" .. folder .. "' holds a run, up to step 30: overwrite = true")
    whole_run(folder .. "-b")
    test.raises(function() open(folder .. "-b", {folder = folder}) end, "train.open: '" .. folder .. "' holds a run, up to step 30")
    test.equal(fingerprint(folder), before)
    local fork = t:fork {folder = folder, overwrite = true}
    fork:run(1)
    test.equal(fingerprint(folder):find "step%-000030" ~= nil, true)
    fork:save()
    test.equal(names_in(folder), ".lock log.jsonl step-000003")
    fork:close()
    local other = open(folder .. "-b", {folder = folder .. "-c", step = 20})
    other:run()
    test.equal(other:hash(), want)
    test.equal(names_in(folder .. "-b"), WHOLE)
  end)
end)

test("names that are no steps are left alone", function()
  with_folder(function(folder)
    whole_run(folder)
    os.execute(("cd '%s'; mkdir step-99999999999999999999 step-1 step-999999999999999999; touch .log-99999999999999999999.jsonl")
      :format(folder))
    test.raises(function() open(folder) end, "step-999999999999999999' is damaged")
    os.execute(("rmdir '%s/step-999999999999999999'"):format(folder))
    local t = open(folder)
    test.equal(t:hash(), want)
    t:rewind(10)
    t:run()
    t:close()
    test.equal(names_in(folder), ".lock .log-99999999999999999999.jsonl log.jsonl step-000010 step-000020 step-000030 step-1 "
      .. "step-99999999999999999999")
  end)
end)

test("the checkpoint after a damaged one takes its place", function()
  with_folder(function(folder)
    whole_run(folder)
    support.write(folder .. "/step-000030/trainer.json", "{")
    local t = open(folder, {step = 20})
    t:run(2)
    t:save()
    test.equal(names_in(folder), ".lock log.jsonl step-000010 step-000020 step-000022")
    test.equal(open(folder).step_count, 22)
  end)
end)
