--- disk.lua: whatever replaces something on the disk is killed at each of its calls on files, finds the disk full at each,
-- and sees each fail once: the old or the new is there, whole.  (Training runs: tests/train/faults.lua.)
local test = require "harness"
local support = require "train.support"
local writers = require "faults.writers"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local BUILD = os.getenv "GPTSH_BUILD" or "build/release"

--- Calls writers.FUNCTION with faulty calls in another process.
local function faulty(call)
  return support.shell(("GPTSH_HISTORY= ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD='%s/tests/calls.so' '%s' --threads 1 -e %q 2>&1"):format(
    BUILD, GPTSH, 'package.path = "tests/?.lua;" .. package.path require "faults.writers".' .. call))
end

--- Names of what a writing leaves in a folder.
local function listing(folder) return (support.shell(f"cd {folder} && find . -not -name .lock | sort")) end

local function clear(folder) support.shell(f"rm -rf {folder}; mkdir {folder}") end

local names = {}
for name in pairs(writers.cases) do names[#names + 1] = name end
table.sort(names)

-- Cases that take long: not each of their calls is tried.
local strides = {["a figure"] = 3, ["figure of a notebook"] = 7, ["outputs of a notebook"] = 2}

for _, name in ipairs(names) do
  local one, folder = writers.cases[name], support.folder()

  test(f"{name}: killed at any call", function()
    clear(folder)
    local out, status = faulty(f"kill('{name}', '{folder}', 1000000)")
    local calls = tonumber(out:match "calls\t(%d+)\n$")
    if status ~= 0 or not calls then test.fail(out) end
    test.equal(one.check(folder), "new")
    test.equal(calls > 3, true)
    local left, seen = listing(folder), {}
    for n = 0, calls - 1, strides[name] or 1 do
      clear(folder)
      out, status = faulty(f"kill('{name}', '{folder}', {n})")
      if status == 0 then break end -- fewer calls than before
      if status ~= 137 then test.fail(f"call {n}: exit status {status}: {out}") end
      local fine, which = pcall(one.check, folder)
      if not fine then test.fail(f"call {n}: {which}") end
      seen[which] = true
      if name ~= "nb import" or which == "old" then one.new(folder) end -- takes away what was left behind
      if one.check(folder) ~= "new" then test.fail(f"call {n}: not written anew") end
      if listing(folder) ~= left then test.fail(f"call {n}: left behind:\n{listing(folder)}\nnot\n{left}") end
    end
    test.equal(seen.old, true)
  end)

  for how, fault in pairs {full = "a full disk", fail = "an error"} do
    if not name:find "figure" then
      test(f"{name}: {fault} at any call", function()
        local out, status = faulty(f"broken('{how}', '{name}', '{folder}', {strides[name] or 1})")
        local failures = out:match "failures\t(%d+)\n$"
        if status ~= 0 or not failures then test.fail(out) end
        test.equal(tonumber(failures) > 0, true)
      end)
    end
  end
  support.remove(folder)
end
