--- show.lua: values as the text that prompt and cells display.
-- Tables print as constructors that can be pasted back, on one line when that fits in 79 columns, else one item per
-- line.  Values with a __tostring print through it; tables in `summaries` have another text at the prompt.
local native = require "native"

local WIDTH = 79
local FULL = {depth = 8, items = 1000} -- what show() goes down to and how many items of a table it writes
local PAIRS = 1 << 20 -- that a table of a mode is made of at most
local SHORT = {depth = 4, items = 50} -- the same of values at the prompt

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

local summaries = setmetatable({}, {__mode = "k"}) -- plain table -> function(table) -> text

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

--- An object whose __tostring fails is still shown.
local function object_text(value)
  local ok, text = pcall(tostring, value)
  if ok then return text end
  return ("<%s whose __tostring failed: %s>"):format(type(value), text)
end

-- `state`: limits, and the tables that are being written, for cycles.
local function table_text(value, depth, state)
  if state.open[value] then return "<this table again>" end
  if depth > state.limits.depth then return next(value) == nil and "{}" or "{…}" end
  state.open[value] = true
  local items, keys, count, most = {}, {}, rawlen(value), state.limits.items
  for i = 1, math.min(count, most) do items[i] = show(rawget(value, i), depth + 1, state) end
  for key in next, value do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then keys[#keys + 1] = key end
  end
  table.sort(keys, before)
  for i = 1, math.min(#keys, most) do
    local key = keys[i]
    local label = key_text(key, function(k, d) return show(k, d, state) end, depth + 1)
    items[#items + 1] = label .. indent(show(rawget(value, key), depth + 1, state), columns(label))
  end
  local left = math.max(count - most, 0) + math.max(#keys - most, 0)
  if left > 0 then items[#items + 1] = ("… %d more"):format(left) end
  state.open[value] = nil
  return layout("{", items, "}")
end

function show(value, depth, state)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind == "function" then return function_text(value) end
  if kind ~= "table" then return object_text(value) end
  local meta = native.meta
  local name, own_show = meta(value, "__name"), meta(value, "__show")
  if meta(value, "lazy") and type(name) == "string" then return ("<%s, see help(%s)>"):format(name, name) end
  if own_show then
    return own_show(value, function(v) return show(v, depth + 1, state) end, layout)
  end
  if meta(value, "__tostring") then return object_text(value) end
  if summaries[value] and state.limits == SHORT then
    local ok, text = pcall(summaries[value], value) -- the table is the user's to change: it may not be what it was
    if ok then return text end
  end
  return table_text(value, depth, state)
end

-- ---- tables of records ----

--- The names of the columns of a list of records: 1 … n for lists, else the keys of all.
local function header_of(list)
  local names, seen = {}, {}
  for _, record in ipairs(list) do
    for key in pairs(type(record) == "table" and record or {record}) do
      if not seen[key] then names[#names + 1], seen[key] = key, true end
    end
  end
  table.sort(names, before)
  return names
end

--- The rows that grid.text wants: the header, then `most` items of a list, or the pairs of a table.
local function rows_of(value, most)
  local function cell(item)
    if item == nil then return "" end
    return type(item) == "string" and item or show(item, 0, {limits = FULL, open = {}})
  end
  if torch.is_tensor(value) then value = value:tolist() end
  local list, count = {}, #value
  if count > 0 then
    for i = 1, math.min(count, most) do list[i] = value[i] end -- a __len may promise more than there is time for
  else
    for key, item in pairs(value) do
      if #list == PAIRS then native.raise(("show: more than %d pairs: has it no end?"):format(PAIRS)) end
      list[#list + 1] = {key = key, value = item}
    end
    table.sort(list, function(a, b) return before(a.key, b.key) end)
    count = #list
  end
  local names, rows = header_of(list), {{}}
  for i, name in ipairs(names) do rows[1][i] = cell(name) end
  for i = 1, math.min(#list, most) do
    local record, row = type(list[i]) == "table" and list[i] or {list[i]}, {}
    for k, name in ipairs(names) do row[k] = cell(record[name]) end
    rows[i + 1] = row
  end
  if count > most then rows[#rows + 1] = {("… %d more"):format(count - most)} end
  return rows
end

local options_known = {mode = "lua", rows = FULL.items, depth = FULL.depth}

--- show(value[, {rows = 1000, depth = 8, mode =}]) -> text that can be pasted back as Lua, or, with a mode, a table of the
-- items of a list ("box", "md", "tsv": the first row has the names of the fields) or "json".
local function public(value, options)
  local o = defaults(options, options_known)
  if o.mode == "lua" then return show(value, 0, {limits = {depth = o.depth, items = o.rows}, open = {}}) end
  if o.mode == "json" then return json.encode(value) end
  if o.mode ~= "box" and o.mode ~= "md" and o.mode ~= "tsv" then
    native.raise(("show: expected mode box, md, tsv or json, got %s"):format(show(o.mode, 0, {limits = SHORT, open = {}})))
  end
  if type(value) ~= "table" and not torch.is_tensor(value) then
    native.raise(("show: mode %s expects a table or a tensor, got %s"):format(o.mode, torch.type(value)))
  end
  return require("base.grid").text(rows_of(value, o.rows), o.mode)
end

--- The text that the prompt displays for a value.
local function display(value) return show(value, 0, {limits = SHORT, open = {}}) end

public = native.signature("show(value, options: table = nil)", public)

return {show = public, display = display, summaries = summaries}
