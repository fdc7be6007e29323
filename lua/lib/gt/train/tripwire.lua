--- tripwire.lua: t:pause_if{…}: a run stops when a number of it leaves the range of its last values.
--
-- z = (value - mean) / std over the last WINDOW steps before this one, as soon as there are LEAST of them.

local keywords = require "base.keywords"

local tripwire = {}

local WINDOW, LEAST = 128, 16
local values = {loss_z = "loss", gnorm_z = "norm"} -- option -> field of the trainer

local Tripwire = {}
Tripwire.__index = Tripwire

local read = keywords.options "t:pause_if({loss_z: number(0,] = nil, gnorm_z: number(0,] = nil})"

--- From the options of t:pause_if: limits of z; columns: the log of the run so far.
function tripwire.new(options, columns)
  local limits = read(options)
  local self = setmetatable({limits = limits, last = {}}, Tripwire)
  if next(limits) == nil then keywords.fail("t:pause_if: expected loss_z or gnorm_z, got nothing") end
  self:follow(columns)
  return self
end

--- Takes the last values from a log, so that a run that is continued pauses where one that was never stopped does.
function Tripwire:follow(columns)
  for option in pairs(self.limits) do
    local list = {at = 0}
    self.last[option] = list
    for _, value in ipairs(columns[values[option]]) do
      list.at = list.at % WINDOW + 1
      list[list.at] = value
    end
  end
end

--- How many std the value lies above the mean of the list; 0 while the list is short.
local function score(value, list)
  local count, sum, squares = #list, 0, 0
  if count < LEAST then return 0 end
  for _, x in ipairs(list) do sum = sum + x end
  local mean = sum / count
  for _, x in ipairs(list) do squares = squares + (x - mean) ^ 2 end
  return (value - mean) / math.max(math.sqrt(squares / count), 1e-12 * math.abs(mean), 1e-300)
end

--- After a step: the reason to pause, or nil.
function Tripwire:look(t)
  local reason
  if t.empty then return nil end
  for option, limit in pairs(self.limits) do
    local name, list = values[option], self.last[option]
    local value = t[name]
    if value then
      local z = score(value, list)
      if not (z <= limit) then
        reason = ("%s %.4g is %.1f std above the mean of the last %d steps"):format(name, value, z, #list)
      end
      list.at = list.at % WINDOW + 1
      list[list.at] = value
    end
  end
  return reason
end

return tripwire
