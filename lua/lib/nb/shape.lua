--- shape.lua: JSON files that another program may have written, checked against what they must look like.
--
-- A shape is the name of a kind ("text", "number", "whole number", "boolean", "anything"), {list = shape},
-- {map = shape, names = pattern of variables}, {words = set}, or a table of shapes by field; a field whose name ends in
-- "?" may be missing or null.  Fields that a shape does not name are let be.

local json = require "base.json"

local shape = {}

local kinds = {
  text = function(value) return type(value) == "string" end,
  number = function(value) return type(value) == "number" end,
  ["whole number"] = function(value) return math.type(value) == "integer" end,
  boolean = function(value) return type(value) == "boolean" end,
  anything = function() return true end,
}

local function named(value)
  if value == nil or value == json.null then return "nothing" end
  if type(value) == "string" then return "a text" end
  if type(value) ~= "table" then return "a " .. type(value) end
  return #value > 0 and "a list" or "an object"
end

local function fail(place, expected, value)
  error(("%s: expected %s, got %s"):format(place:gsub(": $", ""), expected, named(value)), 0)
end

local function inside(place, name) return place .. (place:find ": $" and "" or ".") .. name:gsub("%c", " ") end

local check

local function check_list(value, inner, place)
  for key in pairs(value) do
    if math.type(key) ~= "integer" then fail(place, "a list", value) end
  end
  for i, item in ipairs(value) do check(item, inner, ("%s[%d]"):format(place, i)) end
end

local function check_map(value, wanted, place)
  for name, item in pairs(value) do
    if type(name) ~= "string" then fail(place, "an object", value) end
    if not name:find(wanted.names or "") then fail(inside(place, name), "the name of a variable", name) end
    check(item, wanted.map, inside(place, name))
  end
end

local function check_fields(value, fields, place)
  for name, wanted in pairs(fields) do
    local bare = name:gsub("%?$", "")
    if bare ~= name and value[bare] == json.null then value[bare] = nil end
    if bare == name or value[bare] ~= nil then check(value[bare], wanted, inside(place, bare)) end
  end
end

function check(value, wanted, place)
  if kinds[wanted] then
    if not kinds[wanted](value) then fail(place, "a " .. wanted, value) end
  elseif wanted.words then
    if not wanted.words[value] then fail(place, "one of the known words", value) end
  elseif type(value) ~= "table" or value == json.null then
    fail(place, wanted.list and "a list" or "an object", value)
  elseif wanted.list then
    check_list(value, wanted.list, place)
  elseif wanted.map then
    check_map(value, wanted, place)
  else
    check_fields(value, wanted, place)
  end
end

--- Raises with file and field, "x.out/manifest.json: cells[2].seconds: expected a number, got a text", where the value
--- that was read from `path` has another shape.  Fields that are null count as missing and are removed.
function shape.check(path, value, wanted)
  check(value, wanted, path .. ": ")
  return value
end

return shape
