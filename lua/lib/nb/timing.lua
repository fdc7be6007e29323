--- timing.lua: %time and %timeit.  The device is synchronised before every look at the clock.

local shell = require "native.shell"
local units = require "base.units"

local timing = {}

local function clock()
  torch.cuda.synchronize()
  return torch.perf_counter()
end

local function allocated() return torch.memory_allocated() / 2 ^ 20 end

--- Begins to measure; returns the function that tells how long it took and what memory was left allocated.
local function begin()
  local before, cpu, start = allocated(), os.clock(), clock()
  return function()
    local wall = clock() - start
    cpu = os.clock() - cpu
    return ("wall %s · cpu %s · memory %+.1f MiB"):format(units.seconds(wall), units.seconds(cpu), allocated() - before)
  end
end

--- %time: runs the statement once, shows its value, then what it took.
function timing.time(statement)
  local run, how = shell.compile(statement, "=%time")
  local told = begin()
  local results = table.pack(run())
  local text = told()
  shell.show(how, table.unpack(results, 1, results.n))
  print(text)
end

--- -- %%time as the first line of a cell: to be closed at its end; tells nothing of a cell that failed.
function timing.watch()
  local told = begin()
  return setmetatable({}, {__close = function(_, failure)
    if failure == nil then print(told()) end
  end})
end

--- A function that runs the statement n times; an expression's value is dropped.
local function repeated(statement)
  local form = "return function(__n) for __i = 1, __n do %s end end"
  local ok, run = pcall(shell.compile, form:format(statement .. "\n"), "=%timeit")
  if not ok then
    local fine, other = pcall(shell.compile, form:format("local _ = " .. statement .. "\n"), "=%timeit")
    if not fine then error(run, 0) end
    run = other
  end
  return (run())
end

local RUNS, LEAST = 7, 0.2 -- how often; seconds that a run takes at least

--- %timeit [-n LOOPS] [-r RUNS] [-q] STATEMENT -> its numbers in seconds: mean, std, median, min, loops, runs.
function timing.timeit(arguments)
  local loops, runs, quiet
  while true do
    local option, rest = arguments:match "^%-([nrq])%s*(.*)$"
    if not option then break end
    if option == "q" then
      quiet, arguments = true, rest
    else
      local count, after = rest:match "^(%d+)%s+(.*)$"
      count = math.tointeger(tonumber(count))
      if not count or count < 1 then error("%timeit: -" .. option .. " expects a whole number above 0", 0) end
      if option == "n" then loops = count else runs = count end
      arguments = after
    end
  end
  local run = repeated(arguments)
  local function measure(count)
    local start = clock()
    run(count)
    return clock() - start
  end
  if not loops then
    loops = 1
    while measure(loops) < LEAST do loops = loops * 2 end
  end
  local times, sum, squares = {}, 0, 0
  runs = runs or RUNS
  for i = 1, runs do
    times[i] = measure(loops) / loops
    sum = sum + times[i]
  end
  local mean = sum / runs
  for _, t in ipairs(times) do squares = squares + (t - mean) ^ 2 end
  table.sort(times)
  local std, median = math.sqrt(squares / runs), (times[(runs + 1) // 2] + times[runs // 2 + 1]) / 2
  if not quiet then
    print(("%s ± %s per loop (mean ± std. dev. of %d run%s, %s loop%s each)"):format(units.seconds(mean), units.seconds(std),
      runs, runs == 1 and "" or "s", f"{loops:,}", loops == 1 and "" or "s"))
    print(("median %s, fastest %s"):format(units.seconds(median), units.seconds(times[1])))
  end
  return {mean = mean, std = std, median = median, min = times[1], loops = loops, runs = runs}
end

return timing
