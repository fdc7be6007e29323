-- A run that goes back, or begins anew, over one that is there, whose (N+1)-th call on files ends it, preloaded with calls.so:
--
--   gptsh branch.lua FOLDER open|rewind|overwrite|fork kill|cut|power N
package.path = "tests/?.lua;" .. package.path
local support = require "train.support"
local folder, what, how, number = arg[1], arg[2], arg[3], arg[4]

local begin = {}

--- Options of train.open: what a checkpoint does not hold.
local function opening()
  local o = support.saving_options(folder)
  return {data = o.data, val = o.val, progress = false, keep = 9}
end

function begin.open()
  local o = opening()
  o.step = 4
  return train.open(folder, o)
end

function begin.rewind()
  local t = train.open(folder, opening())
  t:rewind(4)
  return t
end

function begin.overwrite()
  return support.saving_run(folder, {keep = 9, overwrite = true, resume = false})
end

function begin.fork()
  local t = support.saving_run(nil)
  t:run(3)
  return t:fork {folder = folder, overwrite = true, keep = 9, val = t.val, eval_every = 3}
end

os.remove(("calls:%s:%s"):format(how, number))
local t = begin[what]()
t.lr = 0.02 -- no state of it is one of the run that is there
t:run(2)
t:save()
t.save_every = nil
t:run(1)
local calls = select(3, os.remove "calls:off")
print(calls, t.step_count)
