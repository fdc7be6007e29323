--- look.lua: what objects have, by raw access only: no code of the user's runs.

local native = require "native.module"
local meta_of = require "native".meta

local look = {}

--- Calls visit(name, value) for the entries of a table, or for that of one name; returns true when visit() did: it has
-- seen enough.
local function visit_table(fields, visit, only)
  if type(fields) ~= "table" then return false end
  if only then
    local value = rawget(fields, only)
    return value ~= nil and visit(only, value)
  end
  for name, value in next, fields do
    if visit(name, value) then return true end
  end
end

--- Calls visit(name, value) for the fields of an object, or for that of one name: its own, those its type lists, then its
-- class's.
function look.each_field(object, visit, only)
  for _ = 1, 8 do
    if visit_table(object, visit, only) then return end
    if native.is_module(object) then
      local list = native.children(object)
      for i = 1, #list, 2 do visit(list[i], list[i + 1]) end
      for _, kind in ipairs {"parameters", "buffers"} do
        local tensors = native.walk(object, kind)
        for i = 1, #tensors, 2 do visit(tensors[i], tensors[i + 1]) end
      end
      if visit_table(native.fields(object), visit, only) then return end
      if visit_table(native.settings(object), function(_, name) return visit(name) end) then return end
      object = native.class_of(object)
    else
      local lazy, fields = meta_of(object, "lazy"), meta_of(object, "__fields")
      if visit_table(lazy, function(name) return visit(name) end, only) then return end
      if visit_table(meta_of(object, "methods"), visit, only) then return end
      if visit_table(fields, function(_, name) return visit(name) end) then return end
      object = meta_of(object, "__index")
      if type(object) ~= "table" then return end
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
    return found ~= nil
  end, name)
  local lazies = lazy and meta_of(object, "lazy")
  if type(lazies) == "table" and rawget(lazies, name) then return object[name] end
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
    elseif torch.is_tensor(value) then -- its fields are read by C
      local tensor = value
      local ok, found = pcall(function() return tensor[name] end)
      value = ok and found or nil
    else
      value = field(value, name)
    end
    if value == nil then return nil end
  end
  return value
end

return look
