--- live.lua: the losses of a run as a curve that follows its log, for the plots that train.new{live = …} shows.
--
-- The curve is the unbiased moving average of the logged losses, thinned to POINTS, with the losses themselves thin under
-- it in pictures; both axes are logarithmic after a thousand steps, and the first hundredth of the run does not count for
-- the range of losses.

local live = {}

local DECAY, POINTS, ROWS, LOGARITHMIC = 0.9, 1000, 12, 1000

local Live = {}
Live.__index = Live

--- The curve of a trainer's log, read from its start.
function live.new(trainer)
  return setmetatable({log = trainer.log, read = 0, sum = 0.0, weight = 0.0, stride = 1, x = {}, y = {}, raw = {}}, Live)
end

--- Keeps every other point.
local function halve(list)
  for j = 1, POINTS do list[j] = list[2 * j] end
  for j = 2 * POINTS, POINTS + 1, -1 do list[j] = nil end
end

--- Reads what was logged since the last call.
function Live:follow()
  local log = self.log
  for i = self.read + 1, #log.loss do
    self.sum = DECAY * self.sum + (1 - DECAY) * log.loss[i]
    self.weight = DECAY * self.weight + (1 - DECAY)
    if i % self.stride == 0 then
      local n = #self.x + 1
      self.x[n], self.y[n], self.raw[n] = log.step[i], self.sum / self.weight, log.loss[i]
    end
    if #self.x >= 2 * POINTS then
      self.stride = 2 * self.stride
      for _, list in ipairs{self.x, self.y, self.raw} do halve(list) end
    end
  end
  self.read = #log.loss
end

--- Min and max of `lists`, which go with self.x, and of the validation losses; nil while there is too little.
local function range(self, lists)
  local low, high, count = math.huge, -math.huge, #self.x
  if count < 3 then return nil end
  local first = 1 + (count >= 100 and count // 100 or 0)
  for _, list in ipairs(lists) do
    for i = first, count do low, high = math.min(low, list[i]), math.max(high, list[i]) end
  end
  for i, loss in ipairs(self.log.val_loss) do
    if self.log.val_step[i] >= self.x[first] then low, high = math.min(low, loss), math.max(high, loss) end
  end
  if low < high then return low, high end
end

--- The figure of curves whose values are in `lists`.
local function figure_of(self, curves, lists, xlabel, ylabel)
  local low, high = range(self, lists)
  if not low then return nil end
  local logarithmic = self.x[#self.x] > LOGARITHMIC and low > 0
  local limits = require("plot.axis").new(logarithmic and "log10" or "linear", low, high)
  curves.logx, curves.logy, curves.ylim = logarithmic, logarithmic, {limits.low, limits.high}
  curves.xlabel, curves.ylabel = xlabel, ylabel
  return require("plot.figure").new(curves)
end

--- The figure of the run so far, or nil while there is too little of a curve.
function Live:figure()
  self:follow()
  local log = self.log
  local curves = {{x = self.x, y = self.raw, style = "dots"}, {x = self.x, y = self.y, title = "train"}}
  if #log.val_loss > 0 then
    curves[3] = {x = log.val_step, y = log.val_loss, title = "validation", style = "linespoints"}
  end
  return figure_of(self, curves, {self.y, self.raw}, "step", "loss")
end

--- The lines of the plot in characters, or nil while there is too little of a curve.
function Live:lines(columns)
  self:follow()
  local figure = figure_of(self, {{x = self.x, y = self.y}}, {self.y}, "step, loss smoothed")
  if not figure then return nil end
  local text = require("plot.text").draw(figure, {columns = math.min(columns - 1, 100), rows = ROWS})
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

return live
