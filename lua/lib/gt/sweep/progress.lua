--- progress.lua: the line on stderr that tells how a sweep goes, redrawn on a terminal, every ten seconds elsewhere.

local terminal = require "native.terminal"
local clock = require "gt.train.progress".clock
local rate_text = require "gt.sweep.text".rate

local progress = {}

local Progress = {}
Progress.__index = Progress

local STDERR = 2
local REDRAW, PLAIN = 0.1, 10 -- seconds between two lines

--- total points, of which `done` are known; work: what all the others cost, in any unit.
function progress.new(total, done, work)
  local now = torch.perf_counter()
  return setmetatable({total = total, done = done, work = work, worked = 0, started = now, drawn = now,
                       tty = terminal.is(STDERR)}, Progress)
end

function Progress:line(point, t, work)
  local share = point and t and work * t.step_count / t.steps or 0
  local spent, worked = torch.perf_counter() - self.started, self.worked + share
  local left = worked > 0 and spent / worked * (self.work - worked) or math.huge
  local out = {("sweep %d/%d"):format(self.done, self.total)}
  if point then
    if point.width then out[#out + 1] = ("width %d"):format(point.width) end
    out[#out + 1] = ("lr %s seed %d"):format(rate_text(point.lr), point.seed)
    if t and t.loss then out[#out + 1] = ("step %d loss %.4g"):format(t.step_count, t.smooth_loss) end
  end
  out[#out + 1] = ("[%s<%s]"):format(clock(spent), clock(left))
  return table.concat(out, " ")
end

--- After each step of a point.
function Progress:tick(point, t, work)
  local now = torch.perf_counter()
  if now - self.drawn < (self.tty and REDRAW or PLAIN) then return end
  self.drawn = now
  local line = self:line(point, t, work)
  if self.tty then
    io.stderr:write("\r", line:sub(1, terminal.size(STDERR) - 1), "\27[K")
    io.stderr:flush()
  else
    io.stderr:write(line, "\n")
  end
end

--- A point that took `work` is done.
function Progress:add(work) self.done, self.worked = self.done + 1, self.worked + work end

--- The end, whatever it is.
function Progress:finish()
  io.stderr:write(self.tty and "\r" or "", self:line(), self.tty and "\27[K" or "", "\n")
end

return progress
