--- grid.lua: rows of texts as a table: columns with two blanks between them, a box, Markdown or tab-separated values.

local terminal = require "native.terminal"

local grid = {}

--- Rows filled up with blanks, so that every column is as wide as its widest text on the terminal.
local function padded(rows)
  local widths, out = {}, {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, terminal.width(text)) end
  end
  for r, row in ipairs(rows) do
    out[r] = {}
    for i, width in ipairs(widths) do
      local text = row[i] or ""
      out[r][i] = text .. (" "):rep(width - terminal.width(text))
    end
  end
  return out, widths
end

local function lines(rows, left, between, right)
  local out = {}
  for r, row in ipairs(rows) do out[r] = left .. table.concat(row, between) .. right end
  return out
end

local function ruler(widths, left, between, right, dash)
  local out = {}
  for i, width in ipairs(widths) do out[i] = dash:rep(width + 2) end
  return left .. table.concat(out, between) .. right
end

local function escaped(rows, pattern, by)
  local out = {}
  for r, row in ipairs(rows) do
    out[r] = {}
    for i, text in ipairs(row) do out[r][i] = text:gsub(pattern, by) end
  end
  return out
end

local modes = {}

function modes.columns(rows)
  local out = lines(padded(rows), "", "  ", "")
  for i, line in ipairs(out) do out[i] = line:gsub("%s+$", "") end
  return out
end

function modes.tsv(rows) return lines(escaped(rows, "[\t\r\n]", " "), "", "\t", "") end

function modes.md(rows)
  local filled, widths = padded(escaped(rows, "[|\r\n]", {["|"] = "\\|", ["\r"] = " ", ["\n"] = " "}))
  local out = lines(filled, "| ", " | ", " |")
  table.insert(out, 2, ruler(widths, "|", "|", "|", "-"))
  return out
end

function modes.box(rows)
  local filled, widths = padded(escaped(rows, "[\r\n]", " "))
  local ascii = not terminal.utf8()
  local bar = ascii and "|" or "│"
  local out = lines(filled, bar .. " ", " " .. bar .. " ", " " .. bar)
  local function rule(left, between, right)
    if ascii then return ruler(widths, "+", "+", "+", "-") end
    return ruler(widths, left, between, right, "─")
  end
  table.insert(out, 2, rule("├", "┼", "┤"))
  table.insert(out, 1, rule("┌", "┬", "┐"))
  out[#out + 1] = rule("└", "┴", "┘")
  return out
end

--- The rows, the first of which is the header, in a mode: "columns", "box", "md" or "tsv".
function grid.text(rows, mode) return table.concat(modes[mode](rows), "\n") end

return grid
