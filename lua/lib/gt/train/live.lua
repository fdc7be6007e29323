--- live.lua: the loss as a plot above the progress line, for train.new{live = true}.
--
-- The curve is the unbiased moving average of the logged losses, thinned to POINTS; both axes are logarithmic after a
-- thousand steps, and the first hundredth of the run does not count for the range of losses.

local live = {}

local DECAY, POINTS, ROWS, LOGARITHMIC = 0.9, 1000, 12, 1000

local Live = {}
Live.__index = Live

--- The curve of a trainer's log, read from its begin.
function live.new(trainer)
  return setmetatable({log = trainer.log, read = 0, sum = 0.0, weight = 0.0, stride = 1, x = {}, y = {}}, Live)
end

--- Reads what was logged since the last call.
function Live:follow()
  local log = self.log
  for i = self.read + 1, #log.loss do
    self.sum = DECAY * self.sum + (1 - DECAY) * log.loss[i]
    self.weight = DECAY * self.weight + (1 - DECAY)
    if i % self.stride == 0 then
      self.x[#self.x + 1], self.y[#self.y + 1] = log.step[i], self.sum / self.weight
    end
    if #self.x >= 2 * POINTS then
      self.stride = 2 * self.stride
      for j = 1, POINTS do self.x[j], self.y[j] = self.x[2 * j], self.y[2 * j] end
      for j = 2 * POINTS, POINTS + 1, -1 do self.x[j], self.y[j] = nil, nil end
    end
  end
  self.read = #log.loss
end

--- The lines of the plot, or nil while there is too little of a curve.
function Live:lines(columns)
  self:follow()
  local count = #self.x
  if count < 3 then return nil end
  local low, high = math.huge, -math.huge
  for i = 1 + (count >= 100 and count // 100 or 0), count do
    low, high = math.min(low, self.y[i]), math.max(high, self.y[i])
  end
  if not (low < high) then return nil end
  local logarithmic = self.x[count] > LOGARITHMIC and low > 0
  local figure = require("plot.figure").new{{x = self.x, y = self.y}, xlabel = "step, loss smoothed", ylim = {low, high},
                                            logx = logarithmic, logy = logarithmic}
  local text = require("plot.text").draw(figure, {columns = math.min(columns - 1, 100), rows = ROWS})
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

return live
