--- book.lua: what is known of the points of a sweep while it runs: finished ones, which go into the journal at once, and
-- those that failed; and the progress line.

local native = require "native.train"
local interrupted = require "native.module".interrupted
local keywords = require "base.keywords"
local progress = require "gt.sweep.progress"
local point_name = require "gt.sweep.text".point

local book = {}

local Book = {}
Book.__index = Book

--- journal: one, or nil; known: records by key without one.
function book.new(journal, known)
  return setmetatable({journal = journal, known = journal and journal.known or known, failed = {}, errors = 0, ended = 0},
                      Book)
end

local function count(list)
  local n = 0
  for _ in pairs(list) do n = n + 1 end
  return n
end

--- Those that have no record yet, and that have not failed.
function Book:missing(points)
  local out = {}
  for _, point in ipairs(points) do
    if not self.known[point.key] and not self.failed[point.key] then out[#out + 1] = point end
  end
  return out
end

--- Ctrl-C: what is kept and how to continue.
local function tell_stop(self, points)
  local done = #points - #self:missing(points) - count(self.failed)
  local where = self.journal and f" in '{self.journal.path}'" or ""
  io.stderr:write(f"sweep stopped: {done} of {#points} points are finished and kept{where}; the same call continues with the rest\n")
end

--- Shows progress, if it is wanted, while `body` runs the missing ones of all points.
function Book:follow(points, missing, s, body)
  local work = 0
  for _, point in ipairs(missing) do work = work + point.work end
  self.bar = s.progress and progress.new(#points, #points - #missing, work, s.steps) or nil
  local function finish()
    if self.bar then self.bar:finish() end
    self.bar = nil
  end
  native.guard(function()
    finish()
    if interrupted() and not native.ending() then tell_stop(self, points) end
  end, body)
  finish()
end

--- A running point has reached a step.
function Book:tick(point, step, loss)
  if self.bar then self.bar:tick(point, step, loss) end
end

--- A point is finished.
function Book:done(point, record)
  native.shielded(function()
    if self.journal then self.journal:write(record) else self.known[record.key] = record end
    self.ended = self.ended + 1
  end)
  if self.bar then self.bar:add(point) end
end

--- A point has failed for a reason that is not its own: the others continue.
function Book:fail(point, why)
  self.failed[point.key] = why
  if self.bar then
    self.bar:drop(point)
    self.bar:erase()
  end
  io.stderr:write(("sweep: %s failed: %s\n"):format(point_name(point), why))
end

--- A point has raised an error; when none has ended well and `many` did that, the program is wrong and not the point.
function Book:raise(point, why, many)
  self.errors = self.errors + 1
  if self.ended == 0 and self.errors >= many then keywords.fail("sweep: %s: %s", point_name(point), why) end
  self:fail(point, why)
end

return book
