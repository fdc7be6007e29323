--- ranks.lua: points of a sweep distributed to the ranks of mpirun.
-- Every rank runs the whole script and comes to the same sweep.  Rank 0 has the journal and gives a point to each free rank,
-- itself included; between the steps of its own points it hears the others.  In the end all ranks get all records, so
-- that the script continues in the same way everywhere.

local ranks = require "native.ranks"
local train = require "native.train"
local json = require "base.json"
local keywords = require "base.keywords"
local point_of = require "gt.sweep.point"
local processes = require "gt.sweep.processes"

local M = {}

local function say(rank, message) ranks.send(rank, json.encode(message)) end

-- ---- rank 0 ----

--- Gives a free rank the next point; without one it stays free.
local function give(game, rank)
  game.busy[rank] = table.remove(game.waiting, 1)
  game.free[rank] = not game.busy[rank] or nil
  if game.busy[rank] then say(rank, {key = game.busy[rank].key}) end
end

--- What another rank says.
local function hear(game, book, rank, message)
  local point = game.busy[rank]
  if message.step then return book:tick(point, message.step, message.loss) end
  if message.record then book:done(point, message.record) end
  if message.error then book:raise(point, message.error, game.ranks) end
  give(game, rank)
end

--- Hears all that has come, waiting for the first as long as told.
local function listen(game, book, seconds)
  local text, rank = ranks.receive(seconds)
  while text do
    hear(game, book, rank, json.decode(text))
    text, rank = ranks.receive(0)
  end
end

local function count(list)
  local n = 0
  for _ in pairs(list) do n = n + 1 end
  return n
end

local function lead(s, missing, book, count_of_ranks)
  local game = {waiting = processes.longest_first(missing), busy = {}, free = {}, ranks = count_of_ranks}
  listen(game, book, 0)
  while game.waiting[1] do
    local point = table.remove(game.waiting, 1)
    local ok, record = pcall(point_of.run, s, point, function(t)
      book:tick(point, t.step_count, t.smooth_loss)
      listen(game, book, 0)
    end)
    torch.tidy(collectgarbage)
    if ok then book:done(point, record) else book:raise(point, tostring(record), game.ranks) end
    listen(game, book, 0)
  end
  while count(game.free) < game.ranks - 1 do listen(game, book, 1) end
end

-- ---- the others ----

local function follow(s, points, book)
  local by_key = {}
  for _, point in ipairs(points) do by_key[point.key] = point end
  say(0, {ready = true})
  while true do
    local text = ranks.receive(1)
    local message = text and json.decode(text) or {}
    if message.known then
      for key, record in pairs(message.known) do book.known[key] = record end
      for key, why in pairs(message.failed) do book.failed[key] = why end
      return
    end
    if message.key then
      local point = by_key[message.key] or keywords.fail "sweep: this rank has come to another sweep than rank 0"
      point_of.report(s, point, function(said) say(0, said) end)
      torch.tidy(collectgarbage)
    end
  end
end

-- ---- both ----

--- Does this process keep the journal?  Every one does but those that mpirun has made rank 1 or more.
function M.first() return (ranks.open() or 0) == 0 end

--- Runs what is not known yet, when mpirun has started us -> true.
function M.run(s, points, book)
  local rank, number, here = ranks.open()
  if not rank then return false end
  local threads = torch.get_num_threads()
  local function back() torch.set_num_threads(threads) end
  train.guard(back, function()
    torch.set_num_threads(math.max(1, threads // here))
    if rank > 0 then return follow(s, points, book) end
    local missing = book:missing(points)
    local function play() lead(s, missing, book, number) end
    if #missing > 0 then book:follow(points, missing, s, play) else play() end
    local known = {}
    for _, point in ipairs(points) do known[point.key] = book.known[point.key] end
    for other = 1, number - 1 do say(other, {known = known, failed = book.failed}) end
  end)
  back()
  return true
end

return M
