--- figure.lua: a figure as data: curves, axes, texts.  It draws itself in the terminal, and through gnuplot into files.

local axis = require "plot.axis"
local keywords = require "base.keywords"
local native = require "native.series"
local series = require "plot.series"

local Figure = {__name = "plot.Figure"}
Figure.__index = Figure

local STYLE = [[style: "lines"|"points"|"linespoints"|"steps"|"boxes"|"crosses"|"stars"|"dots" = nil]]
local CURVE = "({x: any = nil, y: any, title: string = nil, error: any = nil, colour: string = nil, " .. STYLE .. "})"
--- How a figure is shown: options of every call that makes one.
Figure.SHOWN = [[save: string = nil, inline: boolean|"auto"|"kitty"|"iterm"|"sixel"|"text" = nil]]
Figure.OPTIONS = "x: any = nil, title: string = nil, xlabel: string = nil, ylabel: string = nil, logx: boolean|integer = nil, " ..
  "logy: boolean|integer = nil, xlim: list = nil, ylim: list = nil, labels: list = nil, size: list = nil, " ..
  STYLE .. ", " .. Figure.SHOWN
local read = keywords.options("plot({" .. Figure.OPTIONS .. "})")
local POINTS = 2000 -- of a curve in a drawing; files of numbers keep them all

-- ---- reading options ----

local LONGEST = 4096 -- bytes of a text

--- A text of the user as it is drawn: controls, which a terminal or gnuplot may obey, become blanks; bytes that are not
-- UTF-8, which would make an .svg unreadable, question marks.
local function text(name, value)
  if value == nil then return nil end
  if type(value) ~= "string" then keywords.fail("plot: expected %s to be a string, got %s", name, keywords.show(value)) end
  if #value > LONGEST then
    keywords.fail("plot: expected %s to have at most %d bytes, got %d", name, LONGEST, #value)
  end
  if not utf8.len(value) then value = value:gsub("[\x80-\xff]", "?") end
  value = value:gsub("\xef\xbf[\xbe\xbf]", "?") -- U+FFFE and U+FFFF
  return (value:gsub("%c", " "):gsub("\xc2[\x80-\x9f]", " "):gsub("\xe2\x80[\xaa-\xae]", " "))
end

local function colour(value)
  if value ~= nil and not value:find "^#%x%x%x%x%x%x$" then
    keywords.fail("plot: expected colour to be '#rrggbb', got %s", keywords.show(value))
  end
  return value
end

local function limits(name, value)
  if value == nil then return nil end
  local two = type(value) == "table" and #value == 2 and type(value[1]) == "number" and type(value[2]) == "number"
  if not two or not (value[1] < value[2])
    or not (series.finite(value[1]) and series.finite(value[2])) then
    keywords.fail("plot: expected %s to be {low, high}, two numbers in order, got %s", name, keywords.show(value))
  end
  return {value[1] + 0.0, value[2] + 0.0}
end

local function pixels(value)
  if value == nil then return nil end
  for i = 1, 2 do
    local side = type(value) == "table" and #value == 2 and math.tointeger(value[i])
    if not side or side < 100 or side > 10000 then
      keywords.fail("plot: expected size to be {width, height}, whole numbers in 100 … 10000, got %s", keywords.show(value))
    end
  end
  return value
end

local function kind(name, value)
  return axis.kind(value) or
    keywords.fail("plot: expected %s to be true (or 10) or 2 for a logarithmic axis, got %s", name, keywords.show(value))
end

local function count_up(n)
  local out = {}
  for i = 1, n do out[i] = i - 1.0 end
  return out
end

--- One curve from {y values}, a tensor, or {x =, y =, title =, style =, error =, colour =}.
local function read_curve(what, item, shared)
  local curve = {}
  if type(item) == "table" and item.y ~= nil then
    item = keywords.options(what .. CURVE)(item)
    curve.y = series.numbers(what .. ": y", item.y)
    curve.x = item.x ~= nil and series.numbers(what .. ": x", item.x)
    curve.title, curve.style, curve.colour = text("a curve's title", item.title), item.style, colour(item.colour)
    curve.error = item.error ~= nil and series.numbers(what .. ": error", item.error) or nil
  else
    curve.y = series.numbers(what, item)
  end
  curve.x = curve.x or shared or count_up(#curve.y)
  for _, name in ipairs{"x", "error"} do
    if curve[name] and #curve[name] ~= #curve.y then
      keywords.fail("%s: expected as many %s as y values, got %d and %d", what, name, #curve[name], #curve.y)
    end
  end
  return curve
end

--- Is `options` one curve itself: plot{1, 2, 3} or plot(tensor)?
local function one_curve(options) return type(options[1]) == "number" end

--- The table plot{curves, options} that plot(curves, more) means; a tensor is a curve.
function Figure.options(curves, more)
  if torch.is_tensor(curves) then curves = {curves} end
  if type(curves) ~= "table" then keywords.fail("plot: expected a table of curves, got %s", keywords.show(curves)) end
  if torch.is_tensor(more) or type(more) == "table" and type(more[1]) == "number" then
    keywords.fail("plot: expected options as the second argument, got numbers; " ..
                  "y over x is plot{y, x = x}, two curves are plot{a, b}")
  end
  if curves.y ~= nil and curves[1] == nil then curves = {curves} end -- one curve with a title or x of its own
  if more == nil then return curves end
  local all = {}
  for key, value in pairs(curves) do all[key] = value end
  for key, value in pairs(read(more)) do
    if all[key] ~= nil then keywords.fail("plot: %s is given twice", key) end
    all[key] = value
  end
  return all
end

local function read_curves(options)
  local labels = options.labels and keywords.list("plot: labels", options.labels)
  local shared = options.x ~= nil and series.numbers("plot: x", options.x) or nil
  local count = 0
  for key in pairs(options) do
    local place = math.type(key) == "integer" and key or 1
    if place < 1 then keywords.fail("plot: curves are counted from 1, got one at %d", place) end
    count = place == key and math.max(count, place) or count
  end
  local items = one_curve(options) and {table.move(options, 1, count, 1, {})} or options
  if items ~= options then count = 1 end
  if labels and #labels > count then
    keywords.fail("plot: %d labels for %d curve%s", #labels, count, count == 1 and "" or "s")
  end
  local curves = {}
  for i = 1, count do
    local item = items[i]
    local curve = read_curve(("plot: curve %d"):format(i), item, shared)
    curve.title = curve.title or labels and text("labels", labels[i]) or nil
    curve.style = curve.style or options.style or "lines"
    curves[i] = curve
  end
  if #curves == 0 then keywords.fail("plot: nothing to draw: expected at least one list of numbers") end
  return curves
end

-- ---- axes ----

--- Drops what a logarithmic axis cannot show and says how much.
local function drop_hidden(self)
  if self.logx == "linear" and self.logy == "linear" then return end
  local dropped = 0
  for _, curve in ipairs(self.curves) do
    local x, y, e = {}, {}, curve.error and {} or nil
    for i = 1, #curve.x do
      local hidden = (self.logx ~= "linear" and curve.x[i] <= 0) or (self.logy ~= "linear" and curve.y[i] <= 0)
      if hidden then
        dropped = dropped + 1
      else
        x[#x + 1], y[#y + 1] = curve.x[i], curve.y[i]
        if e then e[#e + 1] = curve.error[i] end
      end
    end
    curve.x, curve.y, curve.error = x, y, e
  end
  if dropped > 0 then
    self.notes[#self.notes + 1] = ("%d point%s at or below 0 left out: the axis is logarithmic"):format(dropped, dropped == 1 and "" or "s")
  end
end

local function lists(self, name)
  local out = {}
  for i, curve in ipairs(self.curves) do out[i] = curve[name] end
  if name == "y" then -- bars of errors and the foot of boxes belong to the range
    for _, curve in ipairs(self.curves) do
      for i, e in ipairs(curve.error or {}) do
        if series.finite(e) then out[#out + 1] = {curve.y[i] - e, curve.y[i] + e} end
      end
      if curve.style == "boxes" then out[#out + 1] = {0.0} end
    end
  end
  return out
end

local function no_points(self, name, log)
  local points = 0
  for _, curve in ipairs(self.curves) do points = points + #curve.x end
  if points == 0 and not self.notes[1] then keywords.fail("plot: nothing to draw: no values") end
  if self.notes[1] then keywords.fail("plot: nothing to draw: %s", self.notes[1]) end
  keywords.fail("plot: nothing to draw: no %s value is a finite number%s", name, log ~= "linear" and " above 0" or "")
end

local function make_axis(self, name, log, given)
  if given then
    if log ~= "linear" and given[1] <= 0 then
      keywords.fail("plot: expected %slim to be positive on a logarithmic axis, got %s", name, tostring(given[1]))
    end
    return axis.new(log, given[1], given[2], true)
  end
  local low, high = series.range(lists(self, name), log ~= "linear")
  if not low then no_points(self, name, log) end
  return axis.new(log, low, high)
end

--- Has every point of the curves a whole number as its x, as indices and steps are?
local function counted(curves)
  for _, curve in ipairs(curves) do
    for _, x in ipairs(curve.x) do
      if x % 1 ~= 0 then return false end
    end
  end
  return true
end

--- Takes texts and size from options.
function Figure:read_look(options, size)
  for _, name in ipairs{"title", "xlabel", "ylabel"} do self[name] = text(name, options[name]) end
  self.size = pixels(options.size) or size
end

--- A figure from the options of plot{…}.
function Figure.new(options)
  local named = {}
  for key, value in pairs(options) do
    if math.type(key) ~= "integer" then named[key] = value end
  end
  read(named)
  local self = setmetatable({notes = {}}, Figure)
  self:read_look(options, {900, 560})
  self.logx, self.logy = kind("logx", options.logx), kind("logy", options.logy)
  self.curves = read_curves(options)
  drop_hidden(self)
  self.x = make_axis(self, "x", self.logx, limits("xlim", options.xlim))
  if counted(self.curves) then self.x:counting() end
  self.y = make_axis(self, "y", self.logy, limits("ylim", options.ylim))
  return self
end

local function pick(list, places)
  local out = {}
  for k, i in ipairs(places) do out[k] = list[i] end
  return out
end

--- The curves with few enough points to draw: copies with x, y, error, title, style, colour.
function Figure:drawn()
  local out = {}
  for i, curve in ipairs(self.curves) do
    local copy = setmetatable({}, {__index = curve})
    local places = series.thin(curve.x, curve.y, POINTS, self.x)
    for _, name in ipairs{"x", "y", "error"} do
      copy[name] = places and curve[name] and pick(curve[name], places) or curve[name]
    end
    out[i] = copy
  end
  return out
end

-- ---- results ----

--- fig:data() -> the numbers as tab-separated text: curve, x, y, error; the matrix of a heat map.
function Figure:data()
  if self.cells then return native.cells(self.cells) end
  local out = {"curve\tx\ty\terror\n"}
  for i, curve in ipairs(self.curves) do
    local name = (curve.title or tostring(i)):gsub("[%c%%]", " ")
    out[#out + 1] = native.rows(name, curve.x, curve.y, curve.error)
  end
  return table.concat(out)
end

--- fig:script([kind = "svg"]) -> the gnuplot script that draws it, data included.
function Figure:script(format) return require("plot.gnuplot").script(self, format or "svg") end

--- fig:text{columns =, rows =, colour =, ascii =} -> the figure in characters.
function Figure:text(options) return require("plot.text").draw(self, options or {}) end

--- fig:save(path): the ending chooses svg, png, pdf, txt, tsv or gp.  The numbers (.tsv) and the script (.gp) of an
-- image are written next to it.  Returns the figure.
function Figure:save(path)
  require("plot.files").save(self, path)
  return self
end

function Figure:__tostring()
  local name = self.title and "'" .. self.title .. "': " or ""
  if self.cells then return ("figure %s%d x %d cells"):format(name, #self.cells, #self.cells[1]) end
  local curves, points = 0, 0
  for _, curve in ipairs(self.curves) do
    local under = curve.style == "dots" and #self.curves > 1
    if not under then curves, points = curves + 1, points + #curve.x end
  end
  return ("figure %s%d curve%s, %d points"):format(name, curves, curves == 1 and "" or "s", points)
end

return Figure
