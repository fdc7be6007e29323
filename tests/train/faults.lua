-- Every call on files that a trainer's save makes fails once, finds the disk full, is the last before kill -9, or sees
-- SIGTERM come: afterwards the last checkpoint is whole, and going on from it is exact to the bit.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local BUILD = os.getenv "GPTSH_BUILD" or "build/release"

--- Runs tests/faults/save.lua with failing calls.
local function faulty(...)
  local settings = "ASAN_OPTIONS=verify_asan_link_order=0" -- the library of the sanitizers wants to be the first one
  return support.shell(("%s LD_PRELOAD='%s/tests/calls.so' '%s' --threads 1 tests/faults/save.lua %s 2>&1")
    :format(settings, BUILD, GPTSH, table.concat({...}, " ")))
end

--- Folder of a run, removed when the scope ends.
local function temporary()
  local name = support.folder()
  return name, setmetatable({}, {__close = function() support.remove(name .. "*") end})
end

local straight = support.saving_run(support.folder())
straight:run()
local want, log = straight:hash(), support.log(straight.folder)
support.remove(straight.folder)

for _, case in ipairs {{"full", 1, "a full disk", "the first save"}, {"full", 5, "a full disk", "a later save"},
                       {"fail", 5, "an error", "a later save"}} do
  test(f"{case[3]} at any call of {case[4]} is told and leaves the rest whole", function()
    local folder, _ <close> = temporary()
    local out = faulty(folder, case[1], case[2])
    local failures = out:match "^%d+\t(%d+)\n$"
    if not failures then test.fail(out) end
    test.equal(tonumber(failures) > 50, true)
  end)
end

--- Goes on with what is on the disk; answers whether there was a checkpoint.
local function check_whole(folder, call)
  local t = support.saving_run(folder)
  local from = t.step_count
  t:run()
  if t:hash() ~= want then test.fail(f"call {call}: another end than without the fault") end
  test.equal(support.log(folder), log)
  t:close()
  test.equal(support.shell("cd " .. folder .. "; ls -Ad .lock .step* log.jsonl step-000008 2>/dev/null"),
             ".lock\nlog.jsonl\nstep-000008\n")
  return from
end

--- Ends the run at every `stride`-th call; `code` is what it must say.
local function end_everywhere(how, code, stride)
  local folder, _ <close> = temporary()
  local from = {}
  for n = 0, 1000, stride do
    support.remove(folder)
    local out, got = faulty(folder, how, 5, n)
    from[check_whole(folder, n)] = true
    if got == 0 then return from end
    if got ~= code then test.fail(f"call {n}: exit status {got}: {out}") end
  end
end

test("killed before any call of a save, a run goes on to the same bits", function()
  local from = end_everywhere("kill", 137, 1)
  test.equal({from[4], from[8]}, {true, true}) -- before the new checkpoint was there, and after
end)

test("asked to end during a save, a run saves, says so, and goes on to the same bits", function()
  local from = end_everywhere("term", 143, 4)
  test.equal(from[4], nil) -- it came no further than step 6 before it was asked
end)
