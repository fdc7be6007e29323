--- sweep.lua: the figure of a sweep.
-- The top of the loss axis is the loss before training or the best loss + 1.5, whichever is less: one run that explodes
-- must not flatten the others.

local Figure = require "plot.figure"
local keywords = require "base.keywords"

local M = {}

local ABOVE = 1.5
local BLACK = "#000000"

--- Min and max loss to show; nil when nothing was finite.
local function frame(result)
  local best, start, most = math.huge, math.huge, -math.huge
  for _, point in ipairs(result.points) do
    if point.first then start = math.min(start, point.first) end
    if point.loss then best, most = math.min(best, point.loss), math.max(most, point.loss) end
  end
  if best == math.huge then return nil end
  local top = math.min(best + ABOVE, start)
  if not (top > best) then top = math.max(most, best + ABOVE) end -- nothing has learned
  return best - 0.06 * (top - best), top
end

--- The curve of one width without the learning rates that diverged.
local function curve_of(curve)
  local x, y, e = {}, {}, {}
  for i, mean in ipairs(curve.mean) do
    if mean then
      x[#x + 1], y[#y + 1] = curve.lr[i], mean
      e[#e + 1] = curve.error[i] or nil
    end
  end
  local title = curve.width and ("width %d"):format(curve.width) or "loss"
  return {x = x, y = y, error = #e == #y and e or nil, title = title, style = "linespoints"}
end

--- Marks of all curves: the best learning rates, and those that diverged, on the top edge.
local function marks(result, top)
  local best = {x = {}, y = {}, title = "best", style = "stars", colour = BLACK}
  local lost = {x = {}, y = {}, title = "diverged", style = "crosses", colour = BLACK}
  for _, curve in ipairs(result.curves) do
    local o = curve.optimum
    if o.lr then
      best.x[#best.x + 1], best.y[#best.y + 1] = o.log2 and 2.0 ^ o.log2 or o.lr, o.fitted or o.loss
    end
    for i, n in ipairs(curve.diverged) do
      if n > 0 then lost.x[#lost.x + 1], lost.y[#lost.y + 1] = curve.lr[i], top end
    end
  end
  return best, lost
end

function M.figure(result, options)
  local low, top = frame(result)
  if not low then keywords.fail "plot.sweep: nothing to draw: every point diverged" end
  local rates = result.lr
  local made = {xlabel = "learning rate", ylabel = result.score:match "^%a+ loss", logx = 2, ylim = {low, top},
                xlim = {rates[1] / 1.3, rates[#rates] * 1.3}, title = options.title}
  for _, curve in ipairs(result.curves) do
    local drawn = curve_of(curve)
    if #drawn.x > 0 then made[#made + 1] = drawn end
  end
  for _, mark in ipairs {marks(result, top)} do
    if #mark.x > 0 then made[#made + 1] = mark end
  end
  local figure = Figure.new(made)
  for line in (tostring(result) .. "\n"):gmatch "(.-)\n" do table.insert(figure.notes, line) end
  return figure
end

return M
