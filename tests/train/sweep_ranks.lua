-- Sweeps over the ranks of mpirun: the same table and journal, ranks that die, builds without MPI.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
-- As root, on one core too, in containers that forbid reading another process's memory.
local MPIRUN = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
  .. "OMPI_MCA_btl_vader_single_copy_mechanism=none mpirun -n 2"

local starts = os.execute(MPIRUN .. " true >/dev/null 2>&1")

--- test(name, body) where MPI is.
local function ranks_test(name, body)
  local reason = not os.execute "command -v mpirun >/dev/null" and "mpirun is not installed"
    or not starts and "mpirun starts nothing here"
    or not os.execute(("test -e \"$(dirname \"$(readlink -f '%s')\")/gptsh-mpi.so\""):format(GPTSH)) and "built without mpicc"
  if reason then return test.skip(name, reason) end
  test(name, body)
end

local folder = support.folder()
os.execute("mkdir " .. folder)
-- arguments: journal, what shall happen in which rank
support.write(folder .. "/a.lua", [[
  package.path = "tests/?.lua;" .. package.path
  local support = require "train.support"
  local rank = os.getenv "OMPI_COMM_WORLD_RANK" or "none"
  local trouble, where = arg[2], arg[3]
  print "begin"
  local function model(point)
    io.open(arg[1] .. ".ranks", "a"):write(rank, "\n"):close()
    if where == rank and point.seed > 0 and point.lr >= 2.0 ^ -6 then
      if trouble == "kill" then os.execute "kill -9 $PPID" end
      if trouble == "fail" and point.width == 16 then error "out of ideas" end
    end
    local gpt = GPT{n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8, hidden_dim = point.width}
    gpt:init_weights()
    return gpt
  end
  local r = sweep{lr = pow2(-8, -4), steps = 12, data = support.tokens(), B = 2, T = 8, width = {16, 32}, seeds = 2, jobs = 1,
    journal = arg[1], progress = false, refine = true, model = model}
  print(r)
  io.open(arg[1] .. ".table", "w"):write(tostring(r)):close()
  if trouble == "after" and where == rank then error "too late" end
  print "end"]])

local function go(launcher, ...)
  local out, code = support.shell(("%s '%s' '%s/a.lua' %s 2>'%s/err'"):format(launcher, GPTSH, folder, table.concat({...}, " "), folder))
  return out, support.read(folder .. "/err"), code
end

local function has(text, part) assert(text:find(part, 1, true), text) end

local whole = go("", folder .. "/alone")

ranks_test("two ranks give the table of one process, print once and share the points", function()
  local journal = folder .. "/two"
  local out, errors = go(MPIRUN, journal)
  test.equal(out, whole)
  assert(not errors:find "gptsh" and not errors:find "sweep", errors)
  has(support.read(journal .. ".ranks"), "1\n")
  local function sorted(path) -- without the seconds
    local lines = {}
    for line in io.lines(path) do lines[#lines + 1] = line:gsub('"seconds":[^,}]*', "") end
    table.sort(lines)
    return lines
  end
  test.equal(sorted(journal), sorted(folder .. "/alone"))
  os.remove(journal .. ".ranks")
  test.equal(go(MPIRUN, journal), whole) -- all is known
end)

ranks_test("a rank that dies ends the run with a word, and the journal goes on without MPI", function()
  for _, rank in ipairs {"1", "0"} do
    local journal = folder .. "/killed" .. rank
    local _, errors, code = go(MPIRUN, journal, "kill", rank)
    assert(code ~= 0)
    has(errors, "signal 9")
    local _, lines = support.read(journal):gsub("\n", "")
    assert(lines < 21, lines)
    test.equal(go("", journal), whole)
  end
end)

ranks_test("a point that fails is named, and the other ranks go on", function()
  local journal = folder .. "/failed"
  local out, errors = go(MPIRUN, journal, "fail", "1")
  has(errors, "out of ideas")
  has(out, "sweep again to try it")
  test.equal(go(MPIRUN, journal), whole)
end)

ranks_test("an error in one rank ends all of them", function()
  local _, errors, code = go(MPIRUN, folder .. "/late", "after", "1")
  assert(code ~= 0)
  has(errors, "too late")
end)

test("without the plug-in a sweep under mpirun says what is missing", function()
  local program = folder .. "/gptsh"
  os.execute(("cp -L '%s' '%s'"):format(GPTSH, program))
  local function try(code)
    return support.shell(("OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0 '%s' -e '%s' 2>&1"):format(program, code))
  end
  has((try "sweep{lr = 0.1, model = nn.Linear(2, 2), data = data.text{text = (\"a\"):rep(100)}, steps = 1, B = 1, T = 4, objective = function() end}"),
      "started by mpirun, but this build has no MPI plug-in")
  test.equal((try "print(1)"), "1\n")
end)

support.remove(folder)
