--- strict.lua: %strict: a global that was never given a value is an error where the user's code reads it.

local native = require "native"
local shell = require "native.shell"

local strict = {}

local on, installed = false, false

--- Does the function that reads belong to the library, or to Lua itself?
local function from_library(level)
  local info = debug.getinfo(level + 1, "S")
  return not info or info.what == "C" or info.source:find "^=builtin:" ~= nil
end

local function undefined(name)
  local known = {}
  for _, names in ipairs {shell.variables(), _G, native.lazy()} do
    for key in next, names do
      if type(key) == "string" then known[#known + 1] = key end
    end
  end
  error(("variable '%s' is not defined%s"):format(name, native.suggest(name, known)), 3)
end

--- Wraps what looks for globals now, for good: others may do the same.
local function install()
  local meta = getmetatable(_G)
  if type(meta) ~= "table" or type(meta.__index) ~= "function" then error("%strict: _G has a metatable of yours", 0) end
  installed = true
  local before = meta.__index
  function meta.__index(globals, name)
    local value = before(globals, name)
    if value == nil and on and type(name) == "string" and not from_library(2) then undefined(name) end
    return value
  end
end

--- %strict on|off
function strict.set(argument)
  if argument ~= "on" and argument ~= "off" then
    error(("%%strict expects on or off, got '%s'"):format(argument), 0)
  end
  on = argument == "on"
  if on and not installed then install() end
end

return strict
