--- show.lua: values as the text that prompt and cells display.
-- Tables print as constructors that can be pasted back, on one line when that fits in 79 columns, else one item per
-- line.  Values with a __tostring print through it.
local native = require "native"

local WIDTH, DEPTH, ITEMS = 79, 8, 1000

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then
  true until while]]):gmatch "%a+" do
  keywords[word] = true
end

local function quoted(text)
  return (string.format("%q", text):gsub("\\\n", "\\n"):gsub("\\9", "\\t"):gsub("\\13", "\\r"))
end

local function key_text(key, show, depth)
  if type(key) == "string" then
    if key:match "^[%a_][%w_]*$" and not keywords[key] then return key .. " = " end
    return "[" .. quoted(key) .. "] = "
  end
  return "[" .. show(key, depth) .. "] = "
end

-- Numbers first, then strings, then the rest by type.
local order = {number = 1, string = 2, boolean = 3}
local function before(a, b)
  local ta, tb = order[type(a)] or 4, order[type(b)] or 4
  if ta ~= tb then return ta < tb end
  if ta <= 2 then return a < b end
  return tostring(a) < tostring(b)
end

--- Indents all lines but the first.
local function indent(text, columns)
  return (text:gsub("\n", "\n" .. (" "):rep(columns)))
end

--- Display width of the last or longest line in code points.
local function columns(text)
  return utf8.len(text) or #text
end

local function layout(open, items, close)
  local line = open .. table.concat(items, ", ") .. close
  if columns(line) <= WIDTH and not line:find "\n" then return line end
  for i, item in ipairs(items) do items[i] = indent(item, #open) end
  return open .. table.concat(items, ",\n" .. (" "):rep(#open)) .. close
end

local show

local function function_text(f)
  local info = debug.getinfo(f, "S")
  if info.what == "C" then
    local op = native.describe(f)
    return op and ("<op %s%s>"):format(op.name, op.in_place and "_" or "") or "<built-in function>"
  end
  if info.source:find "^=builtin:" then return "<library function>" end
  return ("<function at %s:%d>"):format(info.short_src, info.linedefined)
end

local function table_text(value, depth, open_tables)
  if open_tables[value] then return "<this table again>" end
  if depth > DEPTH then return "{…}" end
  open_tables[value] = true
  local items, keys, count = {}, {}, rawlen(value)
  for i = 1, math.min(count, ITEMS) do items[i] = show(rawget(value, i), depth + 1, open_tables) end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  for i = 1, math.min(#keys, ITEMS) do
    local key = keys[i]
    local label = key_text(key, function(k, d) return show(k, d, open_tables) end, depth + 1)
    items[#items + 1] = label .. indent(show(rawget(value, key), depth + 1, open_tables), columns(label))
  end
  local left = math.max(count - ITEMS, 0) + math.max(#keys - ITEMS, 0)
  if left > 0 then items[#items + 1] = ("… %d more"):format(left) end
  open_tables[value] = nil
  return layout("{", items, "}")
end

function show(value, depth, open_tables)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "function" then return function_text(value) end
  if kind ~= "table" then return tostring(value) end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.lazy then return ("<%s, see help(%s)>"):format(meta.__name, meta.__name) end
  if type(meta) == "table" and meta.__show then
    return meta.__show(value, function(v) return show(v, depth + 1, open_tables) end, layout)
  end
  if type(meta) == "table" and meta.__tostring then return tostring(value) end
  return table_text(value, depth, open_tables)
end

--- show(value) -> the text that the prompt displays for it
return {show = function(value) return show(value, 0, {}) end}
