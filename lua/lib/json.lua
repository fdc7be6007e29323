--- json.lua: JSON text; numbers keep their type and every digit.
local native = require "native"

local json = {}

--- What null reads as, and writes.
json.null = setmetatable({}, {__tostring = function() return "null" end, __name = "json.null"})

local array = {__name = "json.array"}

--- json.decode(text) -> tables, strings, numbers, booleans, json.null; raises with line and column
--- An empty array is an empty json.array, so that it is written as one again.
function json.decode(text) return native.json_decode(text, json.null, array) end

--- json.array(list) -> the list, marked to be written as an array even when it is empty
function json.array(list)
  local meta = getmetatable(list)
  if type(list) ~= "table" or meta ~= nil and meta ~= array then
    native.raise("json.array: expected a plain table, got " .. (type(list) == "table" and "one with a metatable" or "a " .. type(list)))
  end
  return setmetatable(list, array)
end

local escapes = {['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t"}

local function quoted(text)
  if not utf8.len(text) then native.raise "json: a string is not valid UTF-8" end
  return '"' .. text:gsub('[%c"\\\127]', function(c) return escapes[c] or ("\\u%04x"):format(c:byte()) end) .. '"'
end

local encode

local function encode_list(value, indent, depth)
  local items = {}
  for i = 1, #value do items[i] = encode(value[i], indent, depth + 1) end
  if #items == 0 then return "[]" end
  if not indent then return "[" .. table.concat(items, ",") .. "]" end
  local line = "\n" .. (" "):rep(indent * (depth + 1))
  return "[" .. line .. table.concat(items, "," .. line) .. "\n" .. (" "):rep(indent * depth) .. "]"
end

local function encode_object(value, indent, depth)
  local keys, items = {}, {}
  for key in pairs(value) do
    if type(key) ~= "string" then native.raise("json: an object needs string keys, got " .. tostring(key)) end
    keys[#keys + 1] = key
  end
  if not getmetatable(value) then table.sort(keys) end -- an odict keeps its order
  for i, key in ipairs(keys) do
    items[i] = quoted(key) .. (indent and ": " or ":") .. encode(value[key], indent, depth + 1)
  end
  if #items == 0 then return "{}" end
  if not indent then return "{" .. table.concat(items, ",") .. "}" end
  local line = "\n" .. (" "):rep(indent * (depth + 1))
  return "{" .. line .. table.concat(items, "," .. line) .. "\n" .. (" "):rep(indent * depth) .. "}"
end

function encode(value, indent, depth)
  local kind = type(value)
  if value == nil or value == json.null then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return quoted(value) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      native.raise("json: " .. tostring(value) .. " has no JSON form")
    end
    return tostring(value)
  end
  if torch.is_tensor(value) then return encode(value:tolist(), indent, depth) end
  if kind ~= "table" then native.raise("json: cannot write a " .. kind) end
  if depth > 100 then native.raise "json: tables nest deeper than 100" end
  if rawlen(value) > 0 or getmetatable(value) == array then return encode_list(value, indent, depth) end
  return encode_object(value, indent, depth)
end

--- json.encode(value, {indent = n}): tables with a list part are arrays, others objects with sorted keys; an empty
--- table is {}, an empty json.array [].
function json.encode(value, options)
  return encode(value, defaults(options, {indent = false}).indent, 0)
end

require "gt.keywords".sign(json, [[
  decode(text: string)
  array(list: table)
  encode(value, options: table = nil)
]], "json.")

return json
