--- svg.lua: an SVG figure as a part of an HTML page: known elements, attributes, style properties and functions only, ids
--- of its own, no scripts and nothing from elsewhere.

local escape = require("nb.markup").escape

local svg = {}

local function set(words)
  local out = {}
  for word in words:gmatch "%S+" do out[word] = true end
  return out
end

local ELEMENTS = set [[svg g defs path line polyline polygon rect circle ellipse text tspan use image clipPath
  linearGradient radialGradient stop title desc symbol pattern mask]]
local TEXTS = set "title desc" -- a page reads elements in them as its own
local STYLES = set [[fill stroke fill-opacity stroke-opacity stroke-width stroke-linecap stroke-linejoin stroke-dasharray
  stroke-dashoffset stroke-miterlimit opacity color font-family font-size font-style font-weight text-anchor
  clip-path clip-rule fill-rule stop-color stop-opacity dominant-baseline image-rendering shape-rendering
  text-rendering display visibility white-space]]
local ATTRIBUTES = set [[id class d x y x1 y1 x2 y2 cx cy r rx ry width height viewBox points transform offset
  gradientUnits gradientTransform patternUnits dx dy preserveAspectRatio rotate xml:space]]
local FUNCTIONS = set "rgb rgba hsl hsla translate rotate scale matrix skewX skewY"
local ENTITIES = {amp = "&", lt = "<", gt = ">", quot = '"', apos = "'"}

-- ---- attributes ----

--- The characters that a value means; nil when an entity of it is not known.
local function decoded(value)
  local unknown = false
  value = value:gsub("&([^;&]*);?", function(name)
    local base, digits = 10, name:match "^#(%d+)$"
    if not digits then base, digits = 16, name:match "^#[xX](%x+)$" end
    local code = digits and #digits < 8 and tonumber(digits, base)
    local fine = code and code >= 32 and code <= 0x10FFFF and code & ~0x7FF ~= 0xD800
    local char = fine and utf8.char(code) or ENTITIES[name]
    unknown = unknown or not char
    return char
  end)
  if not unknown then return value end
end

--- The value of an attribute or property with the figure's prefix in front of ids; nil for one that calls what is not
--- known or leads elsewhere.
local function harmless(value, prefix)
  if value:find '[\\@<>{}"]' or value:find("/*", 1, true) then return nil end
  local out, at = {}, 1
  while true do
    local first = value:find("(", at, true)
    if not first then return table.concat(out) .. value:sub(at) end
    local last = value:find(")", first, true)
    local name = value:sub(math.max(at, first - 24), first - 1):match "([%w_-]*)%s*$"
    local inside = last and value:sub(first + 1, last - 1) or "?"
    local id = name:lower() == "url" and inside:match "^%s*'?#([%w_.-]+)'?%s*$"
    if id then
      out[#out + 1] = value:sub(at, first) .. "#" .. prefix .. id .. ")"
    elseif FUNCTIONS[name] and not inside:find "[^%d%s.,%%eE+-]" then
      out[#out + 1] = value:sub(at, last)
    else
      return nil
    end
    at = last + 1
  end
end

--- The style without the properties that do not belong.
local function style(value, prefix)
  local out = {}
  for part in value:gmatch "[^;]+" do
    local name, property = part:match "^%s*([%w-]+)%s*:%s*(.*)$"
    property = STYLES[name] and harmless(property, prefix)
    if property then out[#out + 1] = name .. ": " .. property end
  end
  return #out > 0 and table.concat(out, "; ") or nil
end

--- Where an element leads: into the figure; an image to its own bytes.
local function link(element, value, prefix)
  if element == "image" then return value:find "^data:image/png;base64,[%w+/=%s]*$" and value or nil end
  local id = value:match "^#([%w_.-]+)$"
  return id and "#" .. prefix .. id
end

--- An attribute as it may be in the page, or nil.
local function attribute(element, name, value, prefix)
  value = decoded(value)
  if not value then return nil end
  if name == "href" or name == "xlink:href" then
    name, value = "href", link(element, value, prefix)
  elseif name == "style" then
    value = style(value, prefix)
  elseif name == "id" then
    value = prefix .. value
  else
    value = (ATTRIBUTES[name] or STYLES[name]) and harmless(value, prefix)
  end
  return value and name .. '="' .. escape(value) .. '"'
end

-- ---- elements ----

--- The attributes of the tag that continues at `at`: {{name, value}, …}, whether it closes itself, and where it ends; nil
--- for what is not a tag.
local function attributes(text, at)
  local list = {}
  while true do
    local name, quote, from = text:match("^%s+([%w:_.-]+)%s*=%s*([\"'])()", at)
    if not name then break end
    local last = text:find(quote, from, true)
    if not last then return nil end
    list[#list + 1] = {name, text:sub(from, last - 1)}
    at = last + 1
  end
  local slash, after = text:match("^%s*(/?)>()", at)
  if slash then return list, slash == "/", after end
end

--- The start tag of a known element.
local function start_tag(name, list, closed, prefix, root)
  local parts, size = {name}, {}
  for _, item in ipairs(list) do
    local key, value = item[1], item[2]
    size[key] = tonumber((value:gsub("px$", "")))
    local sized = root and (key == "width" or key == "height")
    parts[#parts + 1] = not sized and attribute(name, key, value, prefix) or nil
    size.viewBox = size.viewBox or key == "viewBox"
  end
  if root and not size.viewBox and size.width and size.height then
    parts[#parts + 1] = ('viewBox="0 0 %g %g"'):format(size.width, size.height)
  end
  if root then parts[#parts + 1] = 'role="img"' end
  return "<" .. table.concat(parts, " ") .. (closed and "/>" or ">")
end

local Reader = {}
Reader.__index = Reader

--- Adds the text up to `last`, unless it is in an element that is left out.
function Reader:add_text(first, last)
  if #self.open == 0 or self.hidden > 0 then return end
  self.out[#self.out + 1] = (self.text:sub(first, last):gsub("[<>]", {["<"] = "&lt;", [">"] = "&gt;"}))
end

--- An end tag; false when it does not close what is open.
function Reader:close(name)
  local last = table.remove(self.open)
  if not last or last.name ~= name then return false end
  if last.hidden then self.hidden = self.hidden - 1 end
  if self.hidden == 0 and not last.hidden then self.out[#self.out + 1] = "</" .. name .. ">" end
  return true
end

--- A start tag whose attributes begin at `at`; returns where it ends, nil for what is not one.
function Reader:start(name, at)
  local list, closed, after = attributes(self.text, at)
  local outer = self.open[#self.open]
  if not list or (not outer and (name ~= "svg" or #self.out > 0)) then return nil end
  local hidden = self.hidden > 0 or not ELEMENTS[name] or (outer and TEXTS[outer.name])
  if not hidden then self.out[#self.out + 1] = start_tag(name, list, closed, self.prefix, not outer) end
  if not closed then
    self.open[#self.open + 1] = {name = name, hidden = hidden}
    self.hidden = self.hidden + (hidden and 1 or 0)
  end
  return after
end

local ASIDE = {["<!--"] = "-->", ["<?"] = "?>", ["<!["] = "]]>", ["<!"] = ">"}

--- What begins with "<!" or "<?" at `at`: returns where it ends.
function Reader:aside(at)
  for _, begin in ipairs{"<!--", "<![", "<!", "<?"} do
    if self.text:sub(at, at + #begin - 1) == begin then
      local first, last = self.text:find(ASIDE[begin], at, true)
      if first and begin == "<![" then self:add_text(at + #"<![CDATA[", first - 1) end
      return last and last + 1
    end
  end
end

--- The figure as an element; `prefix` makes its ids unlike those of others.  nil when the text is not SVG.
function svg.inline(text, prefix)
  local self = setmetatable({text = text, prefix = prefix, out = {}, open = {}, hidden = 0}, Reader)
  local at = 1
  while true do
    local first = text:find("<", at, true)
    if not first then break end
    self:add_text(at, first - 1)
    local close, name, rest = text:match("^<(/?)([%a_][%w:_.-]*)()", first)
    if not name then
      at = self:aside(first)
    elseif close == "/" then
      at = text:match("^%s*>()", rest)
      if not self:close(name) then return nil end
    else
      at = self:start(name, rest)
    end
    if not at then return nil end
  end
  if #self.open > 0 or #self.out == 0 then return nil end
  return table.concat(self.out)
end

return svg
