-- Sweeps over processes: the same table, copies that die, Ctrl-C, and that only one session writes a journal.
local test = require "harness"
local support = require "train.support"
local options = support.sweep_options

local GPTSH = os.getenv "GPTSH" or "./gptsh"

local function has(text, part) assert(tostring(text):find(part, 1, true), tostring(text)) end

--- A family that calls trouble(point) when a point, not the look at its width, begins.
local function family(trouble)
  return function(point)
    if point.seed > 0 then trouble(point) end
    local model = GPT {n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8, hidden_dim = point.width}
    model:init_weights()
    return model
  end
end

--- What a function writes to stderr, when it runs in a session of its own: a script that begins with `source`.
local function session(folder, source, ...)
  support.write(folder .. "/a.lua", 'package.path = "tests/?.lua;" .. package.path\n' .. source)
  local out, code = support.shell(("'%s' '%s/a.lua' %s 2>'%s/err'"):format(GPTSH, folder, table.concat({...}, " "), folder))
  return out, support.read(folder .. "/err"), code
end

local function new_folder()
  local folder = support.folder()
  os.execute("mkdir " .. folder)
  return folder
end

test("processes give the same points as this session, bit for bit", function()
  local loader = support.tokens():loader {B = 2, T = 8, shuffle = true, seed = 9}
  loader:next()
  for _, more in ipairs {{}, {data = loader}, {val = support.tokens(), lr = {0.01, 2.0 ^ 12}, optim = {name = "SGD"}}} do
    if more.data then more.B, more.T = false, false end
    local function go(jobs)
      local o = options(more)
      o.jobs = jobs
      if more.data then o.B, o.T = nil, nil end
      local place = more.data and loader:state()
      local r = sweep(o)
      if place then test.equal(loader:state(), place) end
      for _, point in ipairs(r.points) do point.seconds = nil end
      return r
    end
    local one = go(1)
    for jobs = 2, 3 do
      local many = go(jobs)
      test.equal(many.points, one.points)
      test.equal(tostring(many), tostring(one))
    end
  end
end)

test("threads and random streams are as before", function()
  local threads = torch.get_num_threads()
  torch.manual_seed(5)
  local expected = torch.randn(3)
  torch.manual_seed(5)
  sweep(options {width = 16, jobs = 2})
  assert(torch.equal(torch.randn(3), expected))
  test.equal(torch.get_num_threads(), threads)
end)

test("a copy that dies costs its point, which is named and done by the next call", function()
  for _, path in ipairs {false, support.folder()} do
    local deadly = true
    local function go()
      return sweep(options {jobs = 2, journal = path or nil, seeds = 1, model = family(function(point)
        if not deadly or point.width == 32 then return end
        if point.lr == 2.0 ^ -6 then os.execute "kill -9 $PPID" end
        if point.lr == 2.0 ^ -5 then os.exit(3) end
        if point.lr == 2.0 ^ -4 then error "out of ideas" end
      end)})
    end
    local r = go()
    has(r, "width 16 lr 2^-6 seed 1 failed, sweep again to try it: its process was killed by signal 9, perhaps for want of memory")
    has(r, "width 16 lr 2^-5 seed 1 failed, sweep again to try it: its process ended with status 3")
    has(r, "width 16 lr 2^-4 seed 1 failed")
    has(r, "out of ideas")
    test.equal(r.curves[1].failed, {0, 0, 1, 1, 1})
    test.equal(r.curves[1].diverged, {0, 0, 0, 0, 0})
    test.equal(#r.curves[2].mean, 5)
    plot.sink = function() end
    plot.sweep(r)
    plot.sink = nil
    deadly = false
    local again = go()
    test.equal(tostring(again), tostring(sweep(options {jobs = 1, seeds = 1, model = family(function() end)})))
    if path then os.remove(path) end
  end
end)

test("the line for a point that failed goes to stderr, one for each", function()
  local folder = new_folder()
  local _, errors = session(folder, [[
    local support = require "train.support"
    sweep{lr = {0.01, 0.02}, steps = 3, data = support.tokens(), B = 2, T = 8, jobs = 2, progress = false, width = 16,
      model = function(point)
        if point.seed == 1 and point.lr == 0.02 then os.execute "kill -9 $PPID" end
        return GPT{n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8, hidden_dim = 16}
      end}]])
  test.equal(errors, "sweep: width 16 lr 0.02 seed 1 failed: its process was killed by signal 9, perhaps for want of memory\n")
  support.remove(folder)
end)

--- Fails when a process whose number is in the file still runs.
local function all_gone(path)
  local count = 0
  for pid in support.read(path):gmatch "%d+" do
    count = count + 1
    assert(not io.open("/proc/" .. pid .. "/stat"), pid .. " still runs")
  end
  return count
end

test("an error that no point escapes is raised at once, and copies at work are ended", function()
  local folder = new_folder()
  test.raises(function()
    sweep(options {jobs = 2, model = family(function(point)
      io.open(folder .. "/pids", "a"):write(io.open "/proc/self/stat":read "n", "\n"):close()
      while point.lr == 2.0 ^ -8 and point.seed == 1 do end
      error "no such layer"
    end)})
  end, "no such layer")
  local begun = all_gone(folder .. "/pids") -- of 20 points; the one at work may end before its line is written
  assert(begun == 2 or begun == 3, begun)
  support.remove(folder)
end)

test("Ctrl-C ends the copies, keeps the journal, and the next call continues", function()
  local folder = new_folder()
  local source = [[
    local support = require "train.support"
    local folder, stop = arg[1], arg[2] == "stop"
    print(sweep{lr = pow2(-8, -4), steps = 12, data = support.tokens(), B = 2, T = 8, jobs = 2, progress = false, width = 16,
      journal = folder .. "/journal", model = function(point)
        io.open(folder .. "/pids", "a"):write(io.open "/proc/self/stat":read "n", "\n"):close()
        if stop and point.seed == 1 and point.lr == 2.0 ^ -5 then
          os.execute "kill -INT $(cut -d' ' -f4 /proc/$PPID/stat)"
          while true do end
        end
        local model = GPT{n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8, hidden_dim = 16}
        model:init_weights()
        return model
      end})]]
  local out, errors = session(folder, source, folder, "stop")
  test.equal(out, "")
  local done, path = errors:match "sweep stopped: (%d+) of 5 points are finished and kept in '(.-)'; the same call continues with the rest\n"
  test.equal({tonumber(done), path}, {#support.read(folder .. "/journal"):gsub("[^\n]", "") - 1, folder .. "/journal"})
  local count = all_gone(folder .. "/pids")
  assert(count >= 4, count)
  local _, lines = support.read(folder .. "/journal"):gsub("\n", "")
  assert(lines >= 2 and lines < 6, lines)
  local whole = session(folder, source, folder)
  has(whole, "1 width, 5 learning rates")
  test.equal(select(2, support.read(folder .. "/journal"):gsub("\n", "")), 6)
  support.remove(folder)
end)

test("a journal that another session writes is refused and not touched", function()
  local path = support.folder()
  sweep(options {width = 16, seeds = 1, journal = path, lr = {0.01}})
  local before = support.read(path)
  local lock <close> = require "native.folder".lock_file(path)
  test.raises(function() sweep(options {journal = path}) end, "another session is sweeping with the journal")
  test.equal(support.read(path), before)
  lock:close()
  sweep(options {width = 16, seeds = 1, journal = path, lr = {0.02}})
  os.remove(path)
end)

test("refining adds points between the best rates, seeds and journal included", function()
  local path = support.folder()
  local o = options {lr = pow2(-8, -2, 2), width = 16, jobs = 2, journal = path, steps = 20}
  local coarse = sweep(o)
  o.refine = true
  local fine = sweep(o)
  local best = coarse.curves[1].optimum
  assert(best.log2, tostring(coarse))
  test.equal(#fine.points, #coarse.points + 2 * 2)
  test.equal(table.pack(table.unpack(fine.curves[1].lr, best.index, best.index + 2)),
             {best.lr / 2, best.lr, best.lr * 2, n = 3})
  has(fine, "4 learning rates and some between")
  o.refine = 2
  local finer = sweep(o)
  test.equal(#finer.points, #fine.points + 2 * 2)
  test.close(finer.curves[1].optimum.log2, fine.curves[1].optimum.log2, 1)
  assert(finer.curves[1].error[finer.curves[1].optimum.index])
  test.equal(#sweep(options {lr = {2.0 ^ -14, 2.0 ^ -13}, width = 16, refine = true, seeds = 1}).points, 2) -- an edge
  os.remove(path)
end)

test("what cannot be a number of jobs is refused", function()
  test.raises(function() sweep(options {jobs = 0}) end, "jobs expects an integer >= 1, got 0")
  test.raises(function() sweep(options {jobs = "all"}) end, "jobs expects an integer")
  test.raises(function() sweep(options {refine = -1}) end, "refine expects an integer >= 0 or true or false, got -1")
end)
