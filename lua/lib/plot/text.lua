--- text.lua: figures in characters: Braille dots (two by four to a cell) in UTF-8 terminals, marks elsewhere.

local terminal = require "native.terminal"
local harmless = require "native".visible

local text = {}

local COLOURS = {34, 31, 32, 35, 33, 36, 90, 37} -- the terminal's own palette: blue, red, green, magenta, …
local MARKS = {"o", "+", "#", "%", "@", "&", "=", "~"}
local SIGNS = {[true] = {crosses = "×", stars = "✶"}, [false] = {crosses = "x", stars = "*"}} -- by unicode
local BITS = {[0] = {[0] = 0x01, 0x02, 0x04, 0x40}, {[0] = 0x08, 0x10, 0x20, 0x80}} -- [column][row] of a Braille cell

-- ---- a canvas of dots ----

local Canvas = {}
Canvas.__index = Canvas

local function canvas(columns, rows, braille)
  local self = {columns = columns, rows = rows, braille = braille, bits = {}, owner = {}, sign = {}}
  self.wide, self.high = columns * (braille and 2 or 1), rows * (braille and 4 or 1)
  return setmetatable(self, Canvas)
end

--- Sets a dot, or a sign in the place of the cell's dots.
function Canvas:dot(px, py, owner, sign)
  if px < 0 or py < 0 or px >= self.wide or py >= self.high then return end
  local column, row = px, py
  if self.braille then column, row = px // 2, py // 4 end
  local cell = row * self.columns + column
  if self.braille then self.bits[cell] = (self.bits[cell] or 0) | BITS[px % 2][py % 4] end
  if sign or not self.sign[cell] then self.owner[cell], self.sign[cell] = owner, sign end
end

--- A straight line between two dots.
function Canvas:line(x0, y0, x1, y1, owner)
  local steps = math.max(math.abs(x1 - x0), math.abs(y1 - y0), 1)
  if steps > 20000 then return end
  for i = 0, steps do
    self:dot(math.floor(x0 + (x1 - x0) * i / steps + 0.5), math.floor(y0 + (y1 - y0) * i / steps + 0.5), owner)
  end
end

function Canvas:row(row, paint)
  local out = {}
  for column = 0, self.columns - 1 do
    local cell = row * self.columns + column
    local owner = self.owner[cell]
    if not owner then
      out[#out + 1] = " "
    else
      local mark = self.braille and utf8.char(0x2800 + self.bits[cell]) or MARKS[(owner - 1) % #MARKS + 1]
      out[#out + 1] = paint(self.sign[cell] or mark, owner)
    end
  end
  return (table.concat(out):gsub("%s+$", ""))
end

-- ---- curves ----

local function finite(v) return v == v and v < math.huge and v > -math.huge end

--- A box from the foot of the axis to the point, as wide as to the middles between its neighbours.
local function box(board, figure, curve, i, place, owner)
  local x, before, after = curve.x[i], curve.x[i - 1], curve.x[i + 1]
  local half = math.abs((after and after - x or before and x - before or 0) / 2)
  local left, top = place(before and (before + x) / 2 or x - half, curve.y[i])
  local right = place(after and (x + after) / 2 or x + half, curve.y[i])
  local _, foot = place(figure.x.low, math.max(figure.y.low, 0))
  for px = left, math.max(left, right - 1) do board:line(px, foot, px, top, owner) end
end

--- The part of the line from (x0, y0) to (x1, y1) inside of the unit square (Liang & Barsky 1984); nothing when none is.
local function clipped(x0, y0, x1, y1)
  local first, last = 0, 1
  local function cut(from, way) -- what stays of from + t way >= 0
    if way == 0 then return from >= 0 end
    if way > 0 then first = math.max(first, -from / way) else last = math.min(last, -from / way) end
    return first <= last
  end
  local dx, dy = x1 - x0, y1 - y0
  if not (cut(x0, dx) and cut(1 - x0, -dx) and cut(y0, dy) and cut(1 - y0, -dy)) then return nil end
  return x0 + first * dx, y0 + first * dy, x0 + last * dx, y0 + last * dy
end

--- The bar of an error, which may be longer than the frame is high.
local function bar(segment, figure, x, y, e)
  local function up(value) return figure.y:place(figure.y.kind == "linear" and value or math.max(value, figure.y.low)) end
  segment(figure.x:place(x), up(y - e), figure.x:place(x), up(y + e))
end

--- Dots of every point and, where the style says so, of the lines between neighbours; clipped to the frame.
local function trace(board, figure, curve, owner, sign)
  local joined = curve.style == "lines" or curve.style == "linespoints" or curve.style == "steps"
  local lastx, lasty
  local function dot_of(u, v)
    return math.floor(u * (board.wide - 1) + 0.5), math.floor((1 - v) * (board.high - 1) + 0.5)
  end
  local function place(x, y)
    return dot_of(math.max(-1, math.min(2, figure.x:place(x))), math.max(-1, math.min(2, figure.y:place(y))))
  end
  local function segment(x0, y0, x1, y1)
    x0, y0, x1, y1 = clipped(x0, y0, x1, y1)
    if not x0 then return end
    local px, py = dot_of(x0, y0)
    local qx, qy = dot_of(x1, y1)
    board:line(px, py, qx, qy, owner)
  end
  for i = 1, #curve.x do
    local x, y, e = curve.x[i], curve.y[i], curve.error and curve.error[i]
    if finite(x) and finite(y) then
      local u, v = figure.x:place(x), figure.y:place(y)
      if e and finite(e) then bar(segment, figure, x, y, e) end
      if curve.style == "boxes" then
        box(board, figure, curve, i, place, owner)
      elseif joined and lastx and curve.style == "steps" then
        local middle = (lastx + u) / 2
        segment(lastx, lasty, middle, lasty)
        segment(middle, lasty, middle, v)
        segment(middle, v, u, v)
      elseif joined and lastx then
        segment(lastx, lasty, u, v)
      elseif u >= 0 and u <= 1 and v >= 0 and v <= 1 then
        local px, py = dot_of(u, v)
        board:dot(px, py, owner, sign)
      end
      lastx, lasty = u, v
    else
      lastx = nil
    end
  end
end

-- ---- the frame ----

local function pad(label, width) return (" "):rep(width - terminal.width(label)) .. label end

local function cut(label, width)
  label = harmless(label)
  while terminal.width(label) > width do label = label:sub(1, utf8.offset(label, -1) - 1) end
  return label
end

local function left_labels(figure, rows)
  local labels, width = {}, 0
  for _, tick in ipairs(figure.y:ticks(math.max(2, rows // 3))) do
    local row = math.floor((1 - figure.y:place(tick.value)) * (rows - 1) + 0.5)
    labels[row] = tick.label
    width = math.max(width, #tick.label)
  end
  return labels, width
end

--- The line of x labels under `columns` columns; labels that would touch are left out.
local function bottom_labels(figure, columns)
  local line, at = {}, 0
  for _, tick in ipairs(figure.x:ticks(math.max(2, columns // 10))) do
    local middle = math.floor(figure.x:place(tick.value) * (columns - 1) + 0.5)
    local start = math.max(0, math.min(columns - #tick.label, middle - #tick.label // 2))
    if start >= at then
      line[#line + 1] = (" "):rep(start - at) .. tick.label .. " "
      at = start + #tick.label + 1
    end
  end
  return (table.concat(line):gsub("%s+$", ""))
end

--- What blank and full cells of a heat map mean.
local function shades_of(shades)
  local low, high = ("%.4g"):format(shades.low), ("%.4g"):format(shades.high)
  if low == high then low, high = tostring(shades.low), tostring(shades.high) end
  return ("blank: %s, full: %s"):format(low, high)
end

--- The names of curves and axes as lines of at most `columns` cells.
local function legend(figure, curves, sign_of, paint, columns)
  local parts, lines = {}, {}
  if figure.cells then parts[1] = {"", shades_of(figure.shades)} end
  for i, curve in ipairs(curves) do
    if curve.title then parts[#parts + 1] = {sign_of(i, curve), " " .. curve.title, i} end
  end
  for _, axis in ipairs{"x", "y"} do
    local label = figure[axis .. "label"]
    if label then parts[#parts + 1] = {"", axis .. ": " .. label} end
  end
  local used
  for _, part in ipairs(parts) do
    local label = cut(part[2], columns - 1)
    local width = terminal.width(part[1]) + terminal.width(label)
    local piece = (part[3] and paint(part[1], part[3]) or "") .. label
    if used and used + 3 + width <= columns then
      lines[#lines], used = lines[#lines] .. "   " .. piece, used + 3 + width
    else
      lines[#lines + 1], used = piece, width
    end
  end
  return lines
end

local SHADES = {[true] = {" ", "░", "▒", "▓", "█"}, [false] = {" ", ".", ":", "*", "#"}}

--- Rows of shades for a heat map.
local function shade_rows(figure, columns, rows, smooth)
  local cells, shades, out = figure.cells, SHADES[smooth], {}
  local high, wide = #cells, #cells[1]
  for r = 0, rows - 1 do
    local line = {}
    for c = 0, columns - 1 do
      local value = cells[1 + math.min(high - 1, r * high // rows)][1 + math.min(wide - 1, c * wide // columns)]
      local level = figure.shades:place(value)
      line[#line + 1] = finite(value) and shades[1 + math.floor(math.max(0, math.min(1, level)) * 4 + 0.5)] or "?"
    end
    out[r] = table.concat(line)
  end
  return out
end

--- The curves that are drawn in characters: dots lie under a curve in pictures, here they would hide it.
local function visible(figure)
  local all, out = figure:drawn(), {}
  for _, curve in ipairs(all) do
    if curve.style ~= "dots" then out[#out + 1] = curve end
  end
  return #out > 0 and out or all
end

--- Columns and rows of the figure: what the options say, or what fits into the terminal.
local function size_of(options)
  local columns, rows = terminal.size(1)
  columns, rows = options.columns or math.min(columns - 1, 120), options.rows or math.min(rows - 6, 24)
  return math.max(columns, 30), math.max(rows, 8)
end

--- The figure as lines of text.  options: columns, rows (of the whole), colour, ascii.
function text.draw(figure, options)
  local columns, rows = size_of(options)
  local colour, unicode = options.colour, not options.ascii and terminal.utf8()
  if colour == nil then colour = terminal.colour(1) end
  local curves = figure.cells and {} or visible(figure)
  -- several curves without colours are told apart by their marks
  local braille = unicode and (colour or #curves <= 1)
  local function paint(mark, owner)
    return colour and ("\x1b[%dm%s\x1b[0m"):format(COLOURS[(owner - 1) % #COLOURS + 1], mark) or mark
  end
  local function sign_of(i, curve)
    return SIGNS[unicode][curve.style] or braille and "⣿" or MARKS[(i - 1) % #MARKS + 1]
  end

  local key = legend(figure, curves, sign_of, paint, columns - 6)
  local body = math.max(4, rows - 1 - #key - (figure.title and 1 or 0))
  local labels, width = left_labels(figure, body)
  local inner = columns - width - 2
  local picture
  if figure.cells then
    local shaded = shade_rows(figure, inner, body, unicode)
    picture = function(row) return shaded[row] end
  else
    local board = canvas(inner, body, braille)
    for i, curve in ipairs(curves) do trace(board, figure, curve, i, SIGNS[unicode][curve.style]) end
    picture = function(row) return board:row(row, paint) end
  end

  local out = {}
  if figure.title then out[1] = pad(" ", width + 1) .. cut(figure.title, inner) end
  for row = 0, body - 1 do
    local edge = unicode and (labels[row] and "┤" or "│") or "|"
    out[#out + 1] = pad(labels[row] or "", width) .. " " .. edge .. picture(row)
  end
  out[#out + 1] = pad("", width) .. " " .. (unicode and "└" .. ("─"):rep(inner) or "+" .. ("-"):rep(inner))
  out[#out + 1] = pad("", width + 2) .. bottom_labels(figure, inner)
  for _, line in ipairs(key) do out[#out + 1] = pad("", width + 2) .. line end
  for _, note in ipairs(figure.notes) do out[#out + 1] = harmless(note) end
  return table.concat(out, "\n") .. "\n"
end

return text
