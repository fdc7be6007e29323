--- progress.lua: the line on stderr that shows the progress of a sweep: redrawn on a terminal, every ten seconds elsewhere.

local terminal = require "native.terminal"
local clock = require "gt.train.progress".clock
local point_name = require "gt.sweep.text".point

local progress = {}

local Progress = {}
Progress.__index = Progress

local STDERR = 2
local REDRAW, PLAIN = 0.1, 10 -- seconds between two lines

--- total points, of which `done` are known; work: what all the others cost, in any unit; steps of each.
function progress.new(total, done, work, steps)
  local now = torch.perf_counter()
  return setmetatable({total = total, done = done, work = work, steps = steps, worked = 0, started = now, drawn = now,
                       running = {}, tty = terminal.redraws(STDERR)}, Progress)
end

--- Seconds that are left, from the speed so far.
local function left(self, spent)
  local worked = self.worked
  for _, at in ipairs(self.running) do worked = worked + at.point.work * at.step / self.steps end
  return worked > 0 and spent / worked * (self.work - worked) or math.huge
end

function Progress:line()
  local spent, last = torch.perf_counter() - self.started, self.running[#self.running]
  local out = {("sweep %d/%d [%s<%s]"):format(self.done, self.total, clock(spent), clock(left(self, spent)))}
  if #self.running > 1 then out[#out + 1] = ("%d running"):format(#self.running) end
  if last then out[#out + 1] = ("%s step %d loss %.4g"):format(point_name(last.point), last.step, last.loss) end
  return table.concat(out, " ")
end

local function forget(self, point)
  for i, at in ipairs(self.running) do
    if at.point == point then return table.remove(self.running, i) end
  end
  return {point = point}
end

--- A point has reached a step.
function Progress:tick(point, step, loss)
  local at = forget(self, point)
  at.step, at.loss = step, loss
  self.running[#self.running + 1] = at
  local now = torch.perf_counter()
  if now - self.drawn < (self.tty and REDRAW or PLAIN) then return end
  self.drawn = now
  if self.tty then
    terminal.write(STDERR, "\r", self:line():sub(1, terminal.size(STDERR) - 1), "\27[K")
    io.stderr:flush()
  else
    io.stderr:write(self:line(), "\n")
  end
end

--- A point is done.
function Progress:add(point)
  forget(self, point)
  self.done, self.worked = self.done + 1, self.worked + point.work
end

--- A point has failed: it costs no more.
function Progress:drop(point)
  forget(self, point)
  self.work = self.work - point.work
end

--- Another line follows on stderr.
function Progress:erase()
  if self.tty then terminal.write(STDERR, "\r\27[K") end
end

--- The end, whatever it is.
function Progress:finish()
  self.running = {}
  terminal.write(STDERR, self.tty and "\r" or "", self:line(), self.tty and "\27[K" or "", "\n")
end

return progress
