-- What training writes when stderr is no terminal: plain lines, few of them, and a log that is JSON.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"

--- stderr of a run with these options.
local function errors_of(options)
  local script = 'package.path = "tests/?.lua;" .. package.path; local s = require "train.support"; '
    .. "local t = s.trainer {" .. options .. "}; t:run()"
  return (support.shell(("'%s' -e '%s' 2>&1 >/dev/null"):format(GPTSH, script)))
end

test("a run into a pipe ends with one plain line", function()
  local out = errors_of "progress = true"
  assert(out:match "^step 30/30 loss %d+%.%d%d%d%d lr 1%.%d%d%de%-03 tok/s %d+ eta 0s\n$", out)
end)

test("every evaluation gets a line, and nothing has escapes", function()
  local out = errors_of "progress = true, val = s.tokens(), eval_every = 10"
  local lines = 0
  for line in out:gmatch "[^\n]+" do
    lines = lines + 1
    assert(line:match "^step %d+/30 loss .* val %d+%.%d%d%d%d bpb %d+%.%d%d%d%d$", line)
  end
  test.equal(lines, 3)
  assert(not out:find "[\r\27]")
end)

test("progress = false is silent", function() test.equal(errors_of "progress = false", "") end)

test("the log has a header and a record for every step, each a line of JSON", function()
  local folder = support.folder()
  local t = support.trainer {folder = folder, val = support.tokens(), eval_every = 15, log_every = 5, steps = 20}
  t:run()
  local lines = {}
  for line in io.lines(folder .. "/log.jsonl") do lines[#lines + 1] = json.decode(line) end
  support.remove(folder)
  local run = lines[1].run
  test.equal(run.gptsh, (support.shell("'" .. (os.getenv "GPTSH" or "./gptsh") .. "' --version"):match "^gptsh [%d.]+"))
  test.equal(run.options.seed, 11)
  test.equal(run.model.config.hidden_dim, 32)
  test.equal(run.schedule, "schedule.cosine{total = 30, warmup = 3, final = 0.1}")
  local steps = {}
  for i = 2, #lines do steps[i - 1] = lines[i].step end
  test.equal(steps, {5, 10, 15, 15, 20})
  test.equal(lines[5].val_loss, t.log.val_loss[1])
  test.equal(lines[6].loss, t.loss)
end)

test("numbers that JSON lacks are written as text", function()
  local folder = support.folder()
  local log = require "gt.train.log"
  os.execute("mkdir " .. folder)
  local path = folder .. "/log.jsonl"
  local journal = log.create(path, {run = {}})
  journal:write {step = 1, loss = 0 / 0, norm = 1 / 0}
  journal:close()
  local records = log.read(path)
  support.remove(folder)
  test.equal(records[1].norm, "inf")
  assert(records[1].loss:find "nan")
end)

test("a log that cannot be written stops the run with the reason, after a whole step", function()
  local folder = support.folder()
  local t = support.trainer {folder = folder}
  t:run(2)
  t.journal.file:close()
  t.journal.file = assert(io.open("/dev/full", "ab"))
  test.raises(function() t:run() end, "No space left on device")
  test.equal(t.step_count, 3)
  support.remove(folder)
end)
