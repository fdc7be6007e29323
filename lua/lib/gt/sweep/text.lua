--- text.lua: a sweep as a table: best learning rates, where they are not bracketed, what diverged, how far the optimum moves.

local aligned = require "base.aligned"

local M = {}

--- A learning rate: 2^-7, 2^-7.5, or 0.003.
function M.rate(lr)
  local n = math.log(lr, 2)
  local whole, quarters = math.floor(n + 0.5), math.floor(4 * n + 0.5)
  if 2.0 ^ whole == lr then return ("2^%d"):format(whole) end
  if math.abs(4 * n - quarters) < 1e-9 then return ("2^%.4g"):format(quarters / 4) end
  return ("%.4g"):format(lr)
end

--- A point: "width 64 lr 2^-5 seed 1".
function M.point(p) return ("%slr %s seed %d"):format(p.width and ("width %d "):format(p.width) or "", M.rate(p.lr), p.seed) end

local function plural(n, word) return ("%d %s%s"):format(n, word, n == 1 and "" or "s") end

local function name_of(curve) return curve.width and ("width %d"):format(curve.width) or "the model" end

--- "2^-5, 2^-4 (1 of 2 seeds)"
local function diverged_cell(result, curve)
  local out = {}
  for i, lr in ipairs(curve.lr) do
    local n = curve.diverged[i]
    if n > 0 then
      out[#out + 1] = M.rate(lr) .. (n < #result.seeds and (" (%d of %d seeds)"):format(n, #result.seeds) or "")
    end
  end
  return #out > 0 and table.concat(out, ", ") or "-"
end

local function with_error(format, value, error)
  return format:format(value) .. (error and " ± " .. format:format(error) or "")
end

local function line_of(result, curve)
  local best = curve.optimum
  local cells = {curve.width and tostring(curve.width) or "-", "-", "-", "-", diverged_cell(result, curve)}
  if best.lr then
    cells[2], cells[3] = M.rate(best.lr), with_error("%.4f", best.loss, curve.error[best.index])
  end
  if best.log2 then cells[4] = with_error("%.2f", best.log2, best.error) end
  return cells
end

local function power(n) return ("2^%d"):format(n) end

--- Why there is no fitted optimum and what would help; nil when there is one.
local function complaint(curve)
  local best = curve.optimum
  if best.log2 then return nil end
  local name = name_of(curve)
  local lost = 0
  for _, n in ipairs(curve.failed) do lost = lost + n end
  if lost > 0 and (not best.lr or best.edge == "diverged") then return name .. ": optimum not known: points failed" end
  if not best.lr then return name .. ": every learning rate diverged: sweep lower ones" end
  if best.edge == "diverged" then
    return ("%s: optimum not bracketed: the neighbour of %s diverges: sweep smaller steps around it"):format(name, M.rate(best.lr))
  end
  local n = math.log(best.lr, 2)
  local to = best.edge == "low" and power(math.floor(n) - 2) or power(math.ceil(n) + 2)
  if best.edge == "both" then to = power(math.floor(n) - 2) .. " and " .. power(math.ceil(n) + 2) end
  return ("%s: optimum not bracketed: extend the sweep to %s"):format(name, to)
end

local function drift_line(result)
  local drift = result.drift
  if not drift then return nil end
  if not drift.octaves then
    return ("how far the optimum moves from width %d to %d is not known"):format(drift.from, drift.to)
  end
  local octaves = with_error("%.1f", drift.octaves, drift.error):gsub("^%-0%.0", "0.0")
  local line = ("optimum moves %s octaves from width %d to %d"):format(octaves, drift.from, drift.to)
  if not drift.penalty then return line end
  return ("%s; the best rate of width %d, %s, costs %.3f at width %d"):format(line, drift.from, M.rate(drift.lr),
    drift.penalty, drift.to)
end

local function is_refined(result)
  for _, curve in ipairs(result.curves) do
    if #curve.lr > #result.lr then return true end
  end
  return false
end

--- The text of a result.
function M.of(result)
  local widths = #result.widths > 0 and plural(#result.widths, "width") .. ", " or ""
  local rates = plural(#result.lr, "learning rate") .. (is_refined(result) and " and some between" or "")
  local out = {("sweep: %s%s, %s; %s"):format(widths, rates, plural(#result.seeds, "seed"), result.score)}
  local cells = {{"width", "best lr", "loss", "fitted log2", "diverged"}}
  for _, curve in ipairs(result.curves) do cells[#cells + 1] = line_of(result, curve) end
  out[2] = aligned(cells, {[5] = true})
  for _, curve in ipairs(result.curves) do out[#out + 1] = complaint(curve) end
  out[#out + 1] = drift_line(result)
  for _, p in ipairs(result.points) do
    if p.failed then out[#out + 1] = ("%s failed, sweep again to try it: %s"):format(M.point(p), p.failed) end
  end
  return table.concat(out, "\n")
end

return M
