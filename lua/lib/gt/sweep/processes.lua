--- processes.lua: points of a sweep on all cores, each in a copy of this session made by fork.
-- A copy has all that the point needs, functions and what they refer to included, and what it changes ends with it.  It has
-- one thread, so that the pool's others are ended before; small models are faster so than one after another on all cores.

local native = require "native.train"
local worker = require "native.worker"
local json = require "base.json"
local keywords = require "base.keywords"
local point_of = require "gt.sweep.point"

local processes = {}

local WAIT = 1.0 -- at most until the next look at them

--- What a copy does: lines of JSON with a step, in the end with the record or the error.
local function task(s, point, book, threads)
  return function(send)
    if book.journal then book.journal:leave() end
    torch.set_num_threads(threads)
    point_of.report(s, point, function(message) send(json.encode(message) .. "\n") end)
  end
end

--- Reads what a copy has said -> has it ended?
local function hear(copy, book)
  while true do
    local text = copy.worker:read()
    if not text then return true end
    if text == "" then return false end
    copy.rest = copy.rest .. text
    for line in copy.rest:gmatch "(.-)\n" do
      local message = json.decode(line)
      if message.step then
        book:tick(copy.point, message.step, message.loss)
      else
        copy.said = message
      end
    end
    copy.rest = copy.rest:match "[^\n]*$"
  end
end

local function death(how, code)
  if how == "exited" then return ("its process ended with status %d"):format(code) end
  return ("its process was killed by signal %d%s"):format(code, code == 9 and ", perhaps for want of memory" or "")
end

--- Enters how a copy ended.
local function settle(copy, book, jobs)
  local how, code = copy.worker:finish()
  local said = copy.said
  if said and said.record then
    book:done(copy.point, said.record)
  elseif said then
    book:raise(copy.point, said.error, jobs)
  else
    book:fail(copy.point, death(how, code))
  end
end

--- Starts copies until `jobs` run; when the system gives no more processes, those that run must do.
local function fill(pool, s, book)
  while #pool.running < pool.jobs and pool.waiting[1] do
    local point = pool.waiting[1]
    local ok, made = pcall(worker.start, task(s, point, book, pool.threads))
    if not ok and #pool.running == 0 then error(made, 0) end
    if not ok then pool.jobs = #pool.running break end
    table.remove(pool.waiting, 1)
    table.insert(pool.running, {worker = made, point = point, rest = ""})
  end
end

local function listen(pool, book, jobs)
  for i = #pool.running, 1, -1 do
    local copy = pool.running[i]
    if hear(copy, book) then
      table.remove(pool.running, i)
      settle(copy, book, jobs)
    end
  end
end

--- The points that take longest first, so that all cores end at about one time.
function processes.longest_first(points)
  local order, place = table.move(points, 1, #points, 1, {}), {}
  for i, point in ipairs(points) do place[point] = i end
  table.sort(order, function(a, b)
    if a.work ~= b.work then return a.work > b.work end
    return place[a] < place[b]
  end)
  return order
end

--- Runs points, `jobs` at a time.
function processes.run(s, points, book, jobs)
  local threads = torch.get_num_threads()
  local pool = {jobs = jobs, threads = math.max(1, threads // jobs), waiting = processes.longest_first(points), running = {}}
  local function stop()
    for _, copy in ipairs(pool.running) do copy.worker:close() end
    torch.set_num_threads(threads)
  end
  native.guard(stop, function()
    torch.set_num_threads(1)
    while #pool.running > 0 or pool.waiting[1] do
      native.shielded(fill, pool, s, book)
      local workers = {}
      for i, copy in ipairs(pool.running) do workers[i] = copy.worker end
      worker.wait(workers, WAIT)
      native.shielded(listen, pool, book, jobs)
    end
  end)
  stop()
end

-- ---- how many ----

--- Bytes that the system can still give; nil where it does not say.
local function available()
  local file <close> = io.open "/proc/meminfo"
  local kilobytes = file and (file:read "a"):match "MemAvailable:%s*(%d+) kB"
  return kilobytes and tonumber(kilobytes) * 1024
end

local BYTES = 32 -- a weight's: itself, its gradient and two moments, and as much again for activations

--- How many of the points shall run at a time: as the settings say; else on all cores, where half of the memory that is
-- free holds their states.  A GPU is not shared: copies of a process cannot use what it has opened.
function processes.jobs(s, points)
  local jobs, largest, memory = s.jobs or torch.get_num_threads(), 0, available()
  for _, point in ipairs(points) do
    if point.device ~= "cpu" and (s.jobs or 1) > 1 then
      keywords.fail("sweep: expected jobs = 1 for models on %s, got %d", point.device, s.jobs)
    end
    if point.device ~= "cpu" then return 1 end
    largest = math.max(largest, point.work)
  end
  if memory and not s.jobs then jobs = math.min(jobs, memory // 2 // (BYTES * largest)) end
  return math.max(1, math.min(jobs, #points))
end

return processes
