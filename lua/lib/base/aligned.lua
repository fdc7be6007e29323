--- aligned.lua: cells as aligned text.  What is too wide for the terminal continues below, in blocks of columns that all begin
-- with the first one; files and pipes get whole lines.

local terminal = require "native.terminal"

local GAP = 2

local function length(cell) return utf8.len(cell) or #cell end

--- The end of a text, after an ellipsis where that is not all.
local function ending(cell, max)
  if length(cell) <= max then return cell end
  return "…" .. cell:sub(utf8.offset(cell, 1 - max))
end

--- Width of every column.
local function measure(cells)
  local width = {}
  for _, row in ipairs(cells) do
    for i, cell in ipairs(row) do width[i] = math.max(width[i] or 0, length(cell)) end
  end
  return width
end

--- Columns 2 … n in lists that fit next to the first one.
local function blocks(width, columns)
  local out, used = {{}}, width[1]
  for i = 2, #width do
    if #out[#out] > 0 and used + GAP + width[i] > columns then out[#out + 1], used = {}, width[1] end
    table.insert(out[#out], i)
    used = used + GAP + width[i]
  end
  return out
end

--- One line of a block; nil when it has nothing to say there.
local function line(row, block, width, left)
  local out, empty = {}, #block > 0
  for _, i in ipairs {1, table.unpack(block)} do
    local cell = row[i] or ""
    empty = empty and (i == 1 or cell == "")
    local pad = (" "):rep(width[i] - length(cell))
    out[#out + 1] = left[i] and cell .. pad or pad .. cell
  end
  return not empty and table.concat(out, (" "):rep(GAP)):gsub("%s+$", "") or nil
end

--- aligned(cells, left[, columns]) -> text without a final newline.  cells: lists of texts, one per line; left[i]: column i goes
-- to the left; columns: of the terminal.
return function(cells, left, columns)
  columns = columns or terminal.is(1) and terminal.size(1) or math.huge
  local width, most = measure(cells), 0
  for i = 2, #width do most = math.max(most, width[i]) end
  width[1] = math.min(width[1], math.max(8, columns - GAP - most))
  local out = {}
  for _, block in ipairs(blocks(width, columns)) do
    if #out > 0 then out[#out + 1] = "" end
    for _, row in ipairs(cells) do
      local short = setmetatable({ending(row[1], width[1])}, {__index = row})
      out[#out + 1] = line(short, block, width, left)
    end
  end
  return table.concat(out, "\n")
end
