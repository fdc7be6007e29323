--- picture.lua: the loss of a run as an image file that follows it, for train.new{live = "loss.svg"}.
--
-- gnuplot draws in the background, one at a time, at most every picture.every seconds; the file is replaced whole.  Whatever goes
-- wrong is reported once and never stops the run.

local files = require "plot.files"
local gnuplot = require "plot.gnuplot"
local live = require "gt.train.live"
local shielded = require("native.train").shielded

local picture = {every = 5} -- seconds from one picture to the next

local Picture = {}
Picture.__index = Picture

--- The picture of a trainer's run at trainer.live, a path that ends in .svg, .png or .pdf.
function picture.new(trainer)
  return setmetatable({path = trainer.live, format = trainer.live:match "(%w+)$":lower(), curve = live.new(trainer),
                       trainer = trainer, began = -math.huge}, Picture)
end

local function begin(self)
  local figure = self.curve:figure()
  if not figure then return end
  local process, reason = gnuplot.start(gnuplot.script(figure, self.format))
  if not process then error(reason, 0) end
  self.process, self.figure, self.began = process, figure, torch.perf_counter()
end

local function end_of(self, how, ...)
  if not how then return end
  self.process = nil
  local image, reason = gnuplot.result(self.format, how, ...)
  if not image then error(reason, 0) end
  files.write(self.path, self.figure, image)
end

local function advance(self)
  if self.process then
    end_of(self, self.process:look())
  elseif torch.perf_counter() - self.began >= picture.every then
    begin(self)
  end
end

--- Calls fn(self) unless something went wrong before; says so when it does now.
local function attempt(self, fn)
  if self.broken then return end
  local ok, reason = pcall(fn, self)
  if ok then return end
  if reason == "interrupted" then error(reason, 0) end
  self.broken = true
  if self.trainer.bar then self.trainer.bar:erase() end
  io.stderr:write(("live: %s; %s is no longer drawn\n"):format(tostring(reason), self.path))
end

--- After each step: takes a picture that is ready, or begins the next one when it is time to.  Nothing here waits; a Ctrl-C
-- does until it is done, lest a process gets lost.
function Picture:tick() shielded(attempt, self, advance) end

--- The run was stopped, perhaps by Ctrl-C: what is being drawn is given up.
function Picture:stop()
  if self.process then self.process:stop() end
  self.process = nil
end

--- The last picture, with its numbers and script next to it.
local function complete(self)
  if self.process then end_of(self, self.process:wait()) end
  local figure = self.curve:figure()
  if figure then files.save(figure, self.path) end
end

--- The run has ended.
function Picture:finish() attempt(self, complete) end

return picture
