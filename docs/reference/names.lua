--- names.lua: the public names of the Lua library as documentation: what help() says of each, by name space.

local doc = require "shell.doc"

local names = {}

--- name -> "lua/bind/tensor.c:120" for functions that one row of one binding table registers.
local function registered(root)
  local places = {}
  for _, file in ipairs(require("native.folder").list(root .. "/lua/bind")) do
    local number = 0
    for line in io.lines(root .. "/lua/bind/" .. file) do
      number = number + 1
      local name = line:match '^%s+{"([%w_]+)", %w+}' or line:match '= {{"([%w_]+)", %w+}'
      if name then places[name] = places[name] == nil and "lua/bind/" .. file .. ":" .. number end
    end
  end
  return places
end

--- Where something is written, from the root of the source: "builtin:gt.train:34" -> "lua/lib/gt/train.lua:34".
local function place_of(found, name, places)
  local module, line = (found.place or ""):match "^builtin:(.*):(%d+)$"
  if module then return "lua/lib/" .. module:gsub("%.", "/") .. ".lua:" .. line end
  return found.place or found.complete and places[name] or nil
end

--- {name =, signature = text or nil, lines =, place =}: nil for what has no text, as constants have not.
local function entry(value, full, name, places)
  local found = doc.of(value, full)
  if not found then
    if type(value) == "table" or type(value) == "function" then return nil end
    return {name = full, lines = {torch.type(value) .. " " .. tostring(value)}}
  end
  local first = found.text[1] or ""
  local bare = full:match "[%w_]+$"
  local says = first:find("^[%w_.:]*%f[%w_]" .. bare .. "%f[^%w_]%s*[%({\":]") ~= nil -- the text begins with how it is called
  return {name = full, signature = not says and found.signature or nil, lines = found.text, place = place_of(found, name, places)}
end

local function same(a, b)
  return b and table.concat(a.lines, "\n") == table.concat(b.lines, "\n") and a.signature == b.signature
end

--- {{prefix =, about =, entries =}, …}.  A method that says the same as the function of its name refers to that.
function names.sections(root)
  local places, functions, list = registered(root), {}, {}
  for _, section in ipairs(doc.sections()) do
    local prefix, space, about = table.unpack(section)
    local entries = {}
    for _, name in ipairs(doc.names(space)) do
      local found = entry(doc.member(space, name), prefix .. name, name, places)
      if prefix == "torch." then functions[name] = found end
      if found and prefix ~= "torch." and same(found, functions[name]) then
        found = {name = found.name, lines = {"as torch." .. name}, place = found.place}
      end
      entries[#entries + 1] = found
    end
    if #entries > 0 then list[#list + 1] = {prefix = prefix, about = about, entries = entries} end
  end
  return list
end

return names
