-- Ended at any call on files, by kill -9 or a power cut, while a run goes back or begins anew over one that is there: the old
-- run or the new one is on the disk, whole, with its log, and continues to the same bits; never neither, never both.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local BUILD = os.getenv "GPTSH_BUILD" or "build/release"
local KEEP = {keep = 9}

local base = support.folder()
local _ <close> = setmetatable({}, {__close = function() support.remove(base .. "*") end})

local old = support.saving_run(base, KEEP)
old:run()
local old_hash, old_losses = old:hash(), table.move(old.log.loss, 1, 8, 1, {})
old.steps = 9
old:run(1)
local old_end = old:hash()
old:close()
support.remove(base)
old = support.saving_run(base, KEEP)
old:run()
old:close()

local function branch(folder, what, how, number)
  support.remove(folder)
  os.execute(("cp -r '%s' '%s'"):format(base, folder))
  local settings = "ASAN_OPTIONS=verify_asan_link_order=0"
  return support.shell(("%s LD_PRELOAD='%s/tests/calls.so' '%s' --threads 1 tests/faults/branch.lua '%s' %s %s %d 2>/dev/null")
    :format(settings, BUILD, GPTSH, folder, what, how, number))
end

--- What the new run is where nothing ends it: states and losses of its steps.
local function undisturbed(folder, what)
  local out, code = branch(folder, what, "kill", 1 << 30)
  if code ~= 0 then test.fail(out) end
  local t = support.saving_run(folder, KEEP)
  local new = {step = t.step_count, hash = t:hash(), losses = table.move(t.log.loss, 1, #t.log.loss, 1, {}),
               calls = tonumber(out:match "^%d+")}
  t:run()
  new.ended, new.log = t:hash(), support.log(folder)
  t:close()
  return new
end

--- Which of the two is there; fails when it is not whole, or does not continue as it must.
local function look(folder, new)
  local t = support.saving_run(folder, KEEP)
  local found = t:hash()
  if found == old_hash then
    test.equal({t.step_count, t.log.loss}, {8, old_losses})
    t.steps = 9
    t:run()
    test.equal(t:hash(), old_end)
    t:close()
    return "old"
  end
  test.equal({t.step_count, found}, {new.step, new.hash})
  test.equal(t.log.loss, new.losses)
  t:run()
  test.equal(t:hash(), new.ended)
  test.equal(support.log(folder), new.log)
  t:close()
  local names = support.shell(("ls -A '%s' | grep -v '^step-' | tr '\\n' ' '"):format(folder))
  test.equal(names, ".lock log.jsonl ")
  return "new"
end

local HOW = {{"kill", 5}, {"cut", 6}, {"power", 4}} -- each test takes its share of the calls

for i, what in ipairs {"open", "rewind", "overwrite", "fork"} do
  for _, case in ipairs(HOW) do
    local how, stride = case[1], case[2]
    test(f"{what}: {how} at any call leaves the old run or the new one", function()
      local folder = base .. "-" .. what
      local new = undisturbed(folder, what)
      local seen, changes = {}, 0
      for n = i % stride, new.calls, stride do
        local out, code = branch(folder, what, how, n)
        if code ~= 137 and n < new.calls then test.fail(f"call {n}: exit status {code}: {out}") end
        local ok, found = pcall(look, folder, new)
        if not ok then test.fail(f"call {n}: {found}") end
        if #seen > 0 and seen[#seen] ~= found then changes = changes + 1 end
        seen[#seen + 1] = found
      end
      test.equal({seen[1], seen[#seen], changes}, {"old", "new", 1})
    end)
  end
end
