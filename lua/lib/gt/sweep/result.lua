--- result.lua: what the points of a sweep say: a curve per width with mean and standard error over seeds, the optimum of
-- each by a parabola in log2 of the learning rate, its drift.

local text = require "gt.sweep.text"

local result = {}

local Result = {__name = "sweep", __tostring = text.of}
Result.__index = Result

-- ---- numbers ----

--- Mean of a list and its standard error; the error is nil for fewer than two.
function result.mean(values)
  local sum, squares, n = 0.0, 0.0, #values
  if n == 0 then return nil end
  for _, v in ipairs(values) do sum = sum + v end
  local mean = sum / n
  for _, v in ipairs(values) do squares = squares + (v - mean) ^ 2 end
  return mean, n > 1 and math.sqrt(squares / (n - 1) / n) or nil
end

--- Lowest point of the parabola through three points with x rising and the middle one not above the others.
function result.vertex(x1, y1, x2, y2, x3, y3)
  local first, second = (y2 - y1) / (x2 - x1), (y3 - y2) / (x3 - x2)
  local bend = (second - first) / (x3 - x1)
  if not (bend > 0) then return x2, y2 end
  local x = (x1 + x2) / 2 - first / (2 * bend)
  return x, y1 + first * (x - x1) + bend * (x - x1) * (x - x2)
end

--- The optimum of losses by learning rate; false where it diverged.
--   {index, lr, loss}: the best of the grid; {log2, fitted}: the parabola's, or edge: why there is none: "low", "high",
--   "both" ends of the grid, or "diverged" neighbours, which may also have failed
function result.optimum(rates, losses)
  local i
  for k, loss in ipairs(losses) do
    if loss and (not i or loss < losses[i]) then i = k end
  end
  if not i then return {edge = "diverged"} end
  local best = {index = i, lr = rates[i], loss = losses[i]}
  if #rates == 1 then
    best.edge = "both"
  elseif i == 1 or i == #rates then
    best.edge = i == 1 and "low" or "high"
  elseif not (losses[i - 1] and losses[i + 1]) then
    best.edge = "diverged"
  else
    best.log2, best.fitted = result.vertex(math.log(rates[i - 1], 2), losses[i - 1], math.log(rates[i], 2), losses[i],
                                           math.log(rates[i + 1], 2), losses[i + 1])
  end
  return best
end

-- ---- curves ----

--- Learning rates between the best one of a curve and its neighbours, in octaves; none where it has only one.
function result.between(curve)
  local out, i = {}, curve.optimum.index
  if not i or i == 1 or i == #curve.lr then return out end
  for _, k in ipairs {i - 1, i} do out[#out + 1] = math.sqrt(curve.lr[k] * curve.lr[k + 1]) end
  return out
end

--- Learning rates of one width in order, and the number of each.
local function rates_of(points, width)
  local rates, place = {}, {}
  for _, point in ipairs(points) do
    if point.width == width and not place[point.lr] then
      rates[#rates + 1], place[point.lr] = point.lr, true
    end
  end
  table.sort(rates)
  for i, lr in ipairs(rates) do place[lr] = i end
  return rates, place
end

--- Losses of one width: by_seed[s][i], false where it diverged or failed; how many failed at each learning rate.
local function collect(self, width, place)
  local by_seed, failed, index = {}, {}, {}
  for s, seed in ipairs(self.seeds) do by_seed[s], index[seed] = {}, s end
  for _, point in ipairs(self.points) do
    if point.width == width then
      local i = place[point.lr]
      by_seed[index[point.seed]][i] = point.loss or false
      failed[i] = (failed[i] or 0) + (point.failed and 1 or 0)
    end
  end
  return by_seed, failed
end

--- Standard error of the fitted optimum over seeds, where every seed has one.
local function error_of_optimum(rates, by_seed)
  local found = {}
  for s, losses in ipairs(by_seed) do found[s] = result.optimum(rates, losses).log2 end
  if #found < #by_seed then return nil end
  local _, error = result.mean(found)
  return error
end

--- A learning rate at which one seed diverges or fails has no mean.
local function curve_of(self, width)
  local rates, place = rates_of(self.points, width)
  local by_seed, failed = collect(self, width, place)
  local curve = {width = width, lr = rates, mean = {}, error = {}, diverged = {}, failed = failed}
  for i = 1, #rates do
    local losses, lost = {}, 0
    for s = 1, #self.seeds do
      if by_seed[s][i] then losses[#losses + 1] = by_seed[s][i] else lost = lost + 1 end
    end
    curve.diverged[i] = lost - failed[i]
    curve.mean[i], curve.error[i] = false, false
    if lost == 0 then
      local mean, error = result.mean(losses)
      curve.mean[i], curve.error[i] = mean, error or false
    end
  end
  curve.optimum = result.optimum(rates, curve.mean)
  if curve.optimum.log2 then curve.optimum.error = error_of_optimum(rates, by_seed) end
  return curve
end

--- The best learning rate of one curve that another has too, and what it costs there.
local function carried(from, to)
  local at, best, there = {}, nil, nil
  for i, lr in ipairs(to.lr) do at[lr] = to.mean[i] end
  for i, lr in ipairs(from.lr) do
    local loss = from.mean[i]
    if loss and at[lr] ~= nil and (not best or loss < best) then best, there = loss, lr end
  end
  if not (there and at[there]) then return nil end
  return there, at[there] - to.optimum.loss
end

--- How the optimum moves from the smallest to the largest width, and what the best learning rate of the smallest costs there.
local function drift_of(curves)
  local first, last = curves[1], curves[#curves]
  local a, b = first.optimum, last.optimum
  local drift = {from = first.width, to = last.width}
  if a.log2 and b.log2 then
    drift.octaves = b.log2 - a.log2
    drift.error = a.error and b.error and math.sqrt(a.error ^ 2 + b.error ^ 2) or nil
  end
  if a.index and b.loss then drift.lr, drift.penalty = carried(first, last) end
  return drift
end

--- result.new{lr =, widths =, seeds =, steps =, score =, points =} -> the result of a sweep.
--   points        every one: {width, lr, seed, first, loss or diverged = reason, steps, seconds}, or failed = reason
--   curves        per width {width, lr, mean, error, diverged = seeds that did, failed, optimum}; false for no value
--   drift         {octaves, error, from, to, penalty of lr} over two or more widths
function result.new(fields)
  local self = setmetatable(fields, Result)
  self.curves = {}
  for i = 1, math.max(1, #self.widths) do self.curves[i] = curve_of(self, self.widths[i]) end
  if #self.curves > 1 then self.drift = drift_of(self.curves) end
  return self
end

--- result:plot{title =, save =}: plot.sweep of this sweep.
function Result:plot(options) return plot.sweep(self, options) end

return result
