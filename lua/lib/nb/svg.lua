--- svg.lua: an SVG figure as a part of an HTML page: known elements and attributes only, ids of its own, no scripts and
--- nothing from elsewhere.

local svg = {}

local function set(words)
  local out = {}
  for word in words:gmatch "%S+" do out[word] = true end
  return out
end

local ELEMENTS = set [[svg g defs path line polyline polygon rect circle ellipse text tspan use clipPath linearGradient
  radialGradient stop title desc symbol pattern mask]]
local ATTRIBUTES = set [[id class d x y x1 y1 x2 y2 cx cy r rx ry width height viewBox points transform fill stroke
  fill-opacity stroke-opacity stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-miterlimit opacity color
  font-family font-size font-style font-weight text-anchor clip-path clip-rule fill-rule offset stop-color stop-opacity
  gradientUnits gradientTransform patternUnits dx dy preserveAspectRatio dominant-baseline rotate href xlink:href xml:space
  style]]

--- An attribute with the figure's prefix in front of ids, or nil for one that does not belong.
local function attribute(name, value, prefix)
  if not ATTRIBUTES[name] or value:find "[<\"]" then return nil end
  if name == "id" then value = prefix .. value end
  if name == "href" or name == "xlink:href" then
    if not value:find "^#" then return nil end
    name, value = "href", "#" .. prefix .. value:sub(2)
  end
  local bad = false
  value = value:gsub("[uU][rR][lL]%s*(%b())", function(place)
    local id = place:match "^%(%s*'?#([%w_.-]+)'?%s*%)$"
    bad = bad or not id
    return "url(#" .. prefix .. (id or "") .. ")"
  end)
  if bad or (name == "style" and value:lower():find "[\\@]") then return nil end
  return name .. '="' .. value .. '"'
end

--- A start tag; nil for one of an unknown element.
local function start_tag(name, rest, prefix, root)
  if not ELEMENTS[name] then return nil end
  local parts, size = {name}, {}
  for key, _, value in rest:gmatch "([%w:_-]+)%s*=%s*([\"'])(.-)%2" do
    size[key] = tonumber((value:gsub("px$", "")))
    local text = not (root and (key == "width" or key == "height")) and attribute(key, value:gsub('"', "&quot;"):gsub("&quot;", "'"), prefix)
    if text then parts[#parts + 1] = text end
  end
  if root then
    if not rest:find "viewBox" and size.width and size.height then
      parts[#parts + 1] = ('viewBox="0 0 %g %g"'):format(size.width, size.height)
    end
    parts[#parts + 1] = 'role="img"'
  end
  return "<" .. table.concat(parts, " ") .. (rest:find "/%s*$" and "/>" or ">")
end

--- The figure as an element; `prefix` makes its ids unlike those of others.  nil when the text is no SVG.
function svg.inline(text, prefix)
  text = text:gsub("<!%-%-.-%-%->", ""):gsub("<%?.-%?>", ""):gsub("<!.->", "")
  local out, at, hidden, root = {}, 1, nil, true
  while true do
    local first, last, close, name, rest = text:find("<(/?)([%w:_-]+)([^>]*)>", at)
    if not first then break end
    local between = text:sub(at, first - 1)
    if not hidden and not root then out[#out + 1] = (between:gsub("<", "&lt;")) end
    at = last + 1
    if hidden then -- inside of an element that is left out, with all that it holds
      if close == "/" and name == hidden then hidden = nil end
    elseif close == "/" then
      if ELEMENTS[name] then out[#out + 1] = "</" .. name .. ">" end
    else
      if root and name ~= "svg" then return nil end
      local tag = start_tag(name, rest, prefix, root)
      if tag then out[#out + 1] = tag end
      if not tag and not rest:find "/%s*$" then hidden = name end
      root = false
    end
  end
  if root or hidden then return nil end
  return table.concat(out)
end

return svg
