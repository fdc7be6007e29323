-- A run whose (N+1)-th call on files fails or ends it, preloaded with calls.so (calls.c):
--
--   gptsh save.lua FOLDER kill|term BEFORE N   once, from step BEFORE to the end
--   gptsh save.lua FOLDER fail|full BEFORE     within the three steps after BEFORE, for N = 0, 1, 2, … until nothing
--                                              fails: a failure must be told, leave the last checkpoint whole, and the
--                                              same trainer must be able to go on
package.path = "tests/?.lua;" .. package.path
local support = require "train.support"
local checkpoint = require "gt.train.checkpoint"
local folder, how, before, number = arg[1], arg[2], tonumber(arg[3]), tonumber(arg[4])

local function arm(n) os.remove(("calls:%s:%d"):format(how, n)) end
local function disarm() return (select(3, os.remove "calls:off")) end

local function expect(condition, ...)
  if not condition then error(table.concat({"call", number, ...}, " "), 0) end
end

local function begin()
  local t = support.saving_run(folder)
  t:run(before)
  arm(number)
  return t
end

if number then
  begin():run()
  print(disarm())
  return
end

--- Another trainer goes on from a copy of what is on the disk.
local function check_disk(want, log)
  local copy = folder .. "-copy"
  os.execute(("cp -r '%s' '%s'"):format(folder, copy))
  for _, step in ipairs(checkpoint.steps(copy)) do
    local manifest, why = checkpoint.verify(copy, step)
    expect(manifest, why)
  end
  expect(before < 4 or #checkpoint.steps(copy) > 0, "no checkpoint left")
  local t = support.saving_run(copy)
  t:run()
  expect(t:hash() == want and support.log(copy) == log, "what was on the disk goes on to another end")
  t:close()
end

--- For the next run.
local function clean() os.execute(("rm -rf '%s' '%s-copy'"):format(folder, folder)) end

number = 1 << 30
local straight = begin()
straight:run()
disarm()
straight:close()
local want, log, failures = straight:hash(), support.log(folder), 0
clean()
for n = 0, math.maxinteger do
  number = n
  local t = begin()
  local ok, why = pcall(t.run, t, 3)
  local calls = disarm()
  if not ok then
    failures = failures + 1
    expect(why:find(folder, 1, true), "no path in:", why)
    expect(why:find(how == "full" and "No space left on device" or "Input/output error", 1, true), why)
  end
  check_disk(want, log)
  t:run()
  expect(t:hash() == want and support.log(folder) == log, "the same trainer goes on to another end")
  expect(checkpoint.verify(folder, 8), "the last checkpoint is not whole")
  t:close()
  clean()
  if calls <= n then
    expect(ok, why)
    break
  end
end
print(number, failures)
