--- fstring.lua: the function that f"…" calls in code that was not rewritten when it was compiled, and for f-strings that
-- could not be.
local native = require "native"

local ABSENT = {}

-- Local variables and upvalues that the function at `level` can see, then its globals.
local function visible(level)
  local found = {}
  local info = debug.getinfo(level + 1, "f")
  local globals = _G
  for i = 1, 255 do
    local name, value = debug.getupvalue(info.func, i)
    if not name then break end
    if name == "_ENV" then globals = value end
    found[name] = value == nil and ABSENT or value
  end
  for i = 1, 255 do
    local name, value = debug.getlocal(level + 1, i)
    if not name then break end
    found[name] = value == nil and ABSENT or value
  end
  return found, globals
end

--- f"text": the text with its {expressions} filled in.
local function late(text, ...)
  if type(text) ~= "string" or select("#", ...) > 0 then native.raise 'f expects one string: f"…{expression}…"' end
  local source = "return f" .. string.format("%q", text)
  local chunk = native.rewrite(source)
  if chunk == source then
    native.raise("f-string: cannot read " .. string.format("%q", text) .. ": a brace or an expression is not complete")
  end
  -- Levels: 1 this function, 2 the C function f, 3 its caller.
  local found, globals = visible(3)
  local env = setmetatable({__f = __f}, {__index = function(_, name)
    local value = found[name]
    if value == ABSENT then return nil end
    if value == nil then value = globals[name] end
    if value == nil then native.raise(("f-string: name '%s' is not visible here"):format(name)) end
    return value
  end})
  return assert(load(chunk, "=builtin:f-string", "t", env))()
end

return {late = late}
