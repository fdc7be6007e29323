--- text.lua: a coordinate check as a table.

local aligned = require "base.aligned"

local M = {}

local function exponent(found) return found and ("%.2f"):format(found.p):gsub("^%-0%.00$", "0.00") or "-" end

local function head_of(check)
  local cells = {"module"}
  for _, width in ipairs(check.widths) do cells[#cells + 1] = tostring(width) end
  cells[#cells + 1] = "max/min"
  for t = 1, check.steps do cells[#cells + 1] = "p(" .. t .. ")" end
  for t = 2, check.steps do cells[#cells + 1] = "pΔ(" .. t .. ")" end
  cells[#cells + 1] = "verdict"
  return cells
end

local function line_of(check, line)
  local cells, low, high = {line.module}, math.huge, 0
  for i, value in ipairs(line.average.h[check.steps]) do
    cells[i + 1] = ("%.3g"):format(value)
    low, high = math.min(low, value), math.max(high, value)
  end
  cells[#cells + 1] = low > 0 and ("%.2f"):format(high / low) or "-"
  for t = 1, check.steps do cells[#cells + 1] = exponent(line.slopes.h[t]) end
  for t = 2, check.steps do cells[#cells + 1] = exponent(line.slopes.change[t]) end
  cells[#cells + 1] = line.verdict
  return cells
end

local function culprit_text(check)
  local c = check.culprit
  local name = c.tensor or c.module
  if c.exponent == math.huge then return ("%s is the first that is not finite, at t = %d"):format(name, c.t) end
  return ("%s is the first to fail: at t = %d its output %s as width^%.2f; its %s would need a factor of %.3g at width %d"):format(
    name, c.t, c.exponent > 0 and "grows" or "shrinks", c.exponent, c.what, c.factor, check.widths[#check.widths])
end

--- Title, mean |h| by width at the last t, exponents p of |h| and of its change, verdicts; then the module that fails first.
function M.of(check)
  local cells, left = {head_of(check)}, {true}
  left[#cells[1]] = true
  for _, line in ipairs(check.lines) do cells[#cells + 1] = line_of(check, line) end
  local title = ("coordinate check: %s %s, lr %.6g, %d seed%s: %s"):format(check.rule, check.optimizer, check.lr, #check.seeds,
    #check.seeds == 1 and "" or "s", check.verdict:upper())
  local out = {title, ("mean |h| by width at t = %d; |h| ∝ width^p, its change since t = 1 ∝ width^pΔ"):format(check.steps),
               aligned(cells, left)}
  if check.culprit then out[#out + 1] = culprit_text(check) end
  return table.concat(out, "\n")
end

return M
