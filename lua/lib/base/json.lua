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

local MOST = 1 << 30 -- bytes of a text, and of what it is put together from
local PIECE = 64 -- bytes that an item takes next to its text
local GIVEN = 1024 -- counted for a key that a __pairs of the user's gives, which need not end

local encode

--- Counts bytes: what has no end ends here.
local function spend(state, bytes)
  state.left = state.left - bytes
  if state.left < 0 then native.raise "json.encode: the text would take more than 1 GiB" end
end

local function quoted(text, state)
  if not utf8.len(text) then native.raise "json: a string is not valid UTF-8" end
  local quote = native.json_quote(text, state.left)
  if not quote then spend(state, math.huge) end
  spend(state, #quote + PIECE)
  return quote
end

--- Items between two brackets: on one line, or on lines of their own.
local function enclosed(items, open, close, state, depth)
  if #items == 0 then return open .. close end
  if not state.indent then return open .. table.concat(items, ",") .. close end
  local line = "\n" .. (" "):rep(state.indent * (depth + 1))
  spend(state, #line * #items)
  return open .. line .. table.concat(items, "," .. line) .. "\n" .. (" "):rep(state.indent * depth) .. close
end

local function encode_list(value, state, depth)
  local items = {}
  for i = 1, rawlen(value) do items[i] = encode(rawget(value, i), state, depth + 1) end
  return enclosed(items, "[", "]", state, depth)
end

local function encode_object(value, state, depth)
  local keys, items, plain = {}, {}, getmetatable(value) == nil
  for key in pairs(value) do
    if type(key) ~= "string" then native.raise("json: an object needs string keys, got " .. tostring(key)) end
    spend(state, plain and PIECE or GIVEN)
    keys[#keys + 1] = key
  end
  if plain then table.sort(keys) end -- an odict keeps its order
  for i, key in ipairs(keys) do
    items[i] = quoted(key, state) .. (state.indent and ": " or ":") .. encode(value[key], state, depth + 1)
  end
  return enclosed(items, "{", "}", state, depth)
end

function encode(value, state, depth)
  local kind = type(value)
  spend(state, PIECE)
  if value == nil or value == json.null then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return quoted(value, state) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      native.raise("json: " .. tostring(value) .. " has no JSON form")
    end
    return tostring(value)
  end
  if torch.is_tensor(value) then return encode(value:tolist(), state, depth) end
  if kind ~= "table" then native.raise("json: cannot write a " .. kind) end
  if depth > 100 then native.raise "json: tables nest deeper than 100" end
  if rawlen(value) > 0 or getmetatable(value) == array then return encode_list(value, state, depth) end
  return encode_object(value, state, depth)
end

--- json.encode(value, {indent = n}): tables with a list part are arrays, others objects with sorted keys; an empty
--- table is {}, an empty json.array [].
function json.encode(value, options)
  return encode(value, {indent = options.indent, left = MOST}, 0)
end

require "base.keywords".sign(json, [[
  decode(text: string)
  array(list: table)
  encode(value, {indent: integer[0,16]|false = false})
]], "json.")

return json
