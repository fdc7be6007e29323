--- look.lua: what objects have, by raw access only: no code of the user's runs.

local native = require "native.module"

local look = {}

--- Calls visit(name, value) for the fields of an object: its own, those its type lists, then its class's.
function look.each_field(object, visit)
  for _ = 1, 8 do
    if type(object) == "table" then
      for name, value in next, object do visit(name, value) end
    end
    if native.is_module(object) then
      local list = native.children(object)
      for i = 1, #list, 2 do visit(list[i], list[i + 1]) end
      for _, kind in ipairs {"parameters", "buffers"} do
        local tensors = native.walk(object, kind)
        for i = 1, #tensors, 2 do visit(tensors[i], tensors[i + 1]) end
      end
      for name, value in next, native.fields(object) or {} do visit(name, value) end
      object = native.class_of(object)
    else
      local meta = debug.getmetatable(object)
      if type(meta) ~= "table" then return end
      for name in next, rawget(meta, "lazy") or {} do visit(name) end
      for name, value in next, rawget(meta, "methods") or {} do visit(name, value) end
      for _, name in ipairs(rawget(meta, "__fields") or {}) do visit(name) end
      object = rawget(meta, "__index")
      if torch.is_tensor(object) or type(object) ~= "table" then return end
    end
    if object == nil then return end
  end
end

--- The field of an object without running its code; lazy names of the library are fetched.
local function field(object, name)
  local found, lazy
  look.each_field(object, function(key, value)
    if key == name and found == nil then
      found, lazy = value, value == nil
    end
  end)
  if lazy and (debug.getmetatable(object).lazy or {})[name] then return object[name] end
  return found
end

--- The value of "a.b:c" in the session, or nil; nothing of the user's runs.
function look.value_of(path, variables)
  local value
  for name in path:gmatch "[%a_][%w_]*" do
    if value == nil then
      value = rawget(variables, name)
      if value == nil then value = rawget(_G, name) end
      if value == nil and require("native").lazy()[name] then value = _ENV[name] end
    elseif torch.is_tensor(value) then
      value = rawget(torch.Tensor, name)
    else
      value = field(value, name)
    end
    if value == nil then return nil end
  end
  return value
end

return look
