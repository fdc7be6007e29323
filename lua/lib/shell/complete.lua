--- complete.lua: what Tab offers.  Objects are looked into by raw access only: no code of the user's runs.

local native = require "native.module"

local MOST, SECONDS = 500, 0.05 -- names offered at most; time to look for them

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch "%a+" do
  keywords[#keywords + 1] = word
end

-- ---- looking into objects ----

--- Calls visit(name, value) for the fields of an object: its own, those its type lists, then its class's.
local function each_field(object, visit)
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
  each_field(object, function(key, value)
    if key == name and found == nil then
      found, lazy = value, value == nil
    end
  end)
  if lazy and (debug.getmetatable(object).lazy or {})[name] then return object[name] end
  return found
end

--- The value of "a.b:c" in the session, or nil.
local function value_of(path, variables)
  local value
  for name in path:gmatch "[%a_][%w_]*" do
    if value == nil then
      value = rawget(variables, name)
      if value == nil then value = rawget(_G, name) end
      if value == nil and getmetatable(_G).lazy[name] then value = _G[name] end
    elseif torch.is_tensor(value) then
      value = rawget(torch.Tensor, name)
    else
      value = field(value, name)
    end
    if value == nil then return nil end
  end
  return value
end

-- ---- keys of keyword tables ----

--- The call that the text ends inside of: "nn.Linear" for "y = nn.Linear(4, 8, {bi"; only where a key may stand.
local function open_call(before)
  local code = before:gsub("\"[^\"\n]*\"", '""'):gsub("'[^'\n]*'", "''")
  local brace = code:match "^.*(){[^{}()]*$"
  if not brace or not code:sub(brace):find "[{,]%s*$" then return nil end
  local head = code:sub(1, brace - 1)
  local direct = head:match "([%a_][%w_.:]*)%s*%(?%s*$"
  if direct then return direct end
  local depth = 0
  for i = #head, 1, -1 do
    local c = head:sub(i, i)
    if c == ")" or c == "}" then depth = depth + 1 end
    if c == "(" or c == "{" then
      if depth == 0 then return c == "(" and head:sub(1, i - 1):match "([%a_][%w_.:]*)%s*$" or nil end
      depth = depth - 1
    end
  end
end

--- The keys that a function documents: its op's attributes, or names before "=" or inside {…} in its text.
local function keys_of(value, name)
  local op = type(value) == "function" and require "native".describe(value)
  local keys = {}
  if op then
    for i, attr in ipairs(op.attrs) do keys[i] = attr.name end
    return keys
  end
  local found = require "doc".of(value, name)
  if not found then return keys end
  local text = (found.signature or "") .. "\n" .. table.concat(found.text, "\n")
  local seen = {}
  local function add(key)
    if not seen[key] then keys[#keys + 1], seen[key] = key, true end
  end
  for inside in text:gmatch "{(.-)}" do
    for item in (inside .. ","):gmatch "(.-)," do
      local key = item:match "^%s*([%a_][%w_]*)%s*$" or item:match "^%s*([%a_][%w_]*)%s*=[^=]"
        or item:match "^%s*([%a_][%w_]*)%s*=$"
      if key then add(key) end
    end
  end
  for key in text:gmatch "\n%s*([%a_][%w_]*) =%s" do add(key) end
  for key in text:gmatch "\n  ([%a_][%w_]*)   *%a" do add(key) end
  return keys
end

-- ---- the offer ----

--- Texts that may stand in place of `word`, which follows `before`, sorted.
local function complete(before, word, variables)
  local found, seen, deadline = {}, {}, os.clock() + SECONDS
  local head, stem = word:match "^(.*[.:])([^.:]*)$"
  head, stem = head or "", stem or word
  local function offer(name, value)
    if type(name) ~= "string" or seen[name] or #found >= MOST or name:sub(1, #stem) ~= stem then return end
    if name:sub(1, 1) == "_" and stem:sub(1, 1) ~= "_" then return end
    if not name:find "^[%a_][%w_]*$" and not name:find "^[%a_][%w_]* = $" then return end
    seen[name] = true
    found[#found + 1] = head .. name .. (type(value) == "function" and "(" or "")
  end
  local methods_only = head:sub(-1) == ":"
  local function within_time(name, value)
    if os.clock() < deadline and (type(value) == "function" or not methods_only) then offer(name, value) end
  end
  if before:find "^%s*%%$" then
    for _, row in ipairs(require "shell.commands".list) do offer(row[1]) end
  elseif before:find "^%s*%%cell%s+$" then
    for _, name in ipairs(require "shell.commands".cell_names()) do
      if name:sub(1, #word) == word then found[#found + 1] = name end
    end
  elseif head ~= "" then
    local object = value_of(head:sub(1, -2), variables)
    if torch.is_tensor(object) then object = torch.Tensor end
    if object ~= nil then each_field(object, within_time) end
  else
    local call = open_call(before)
    local callee = call and (value_of(call, variables) or rawget(torch.Tensor, call:match "[%w_]*$"))
    for _, key in ipairs(callee and keys_of(callee, call) or {}) do offer(key .. " = ") end
    if rawequal(callee, GPT) then -- takes the settings of a configuration too
      for _, key in ipairs(keys_of(GPTConfig, "GPTConfig")) do offer(key .. " = ") end
    end
    if #found == 0 then
      for _, name in ipairs(keywords) do offer(name) end
      for name, value in next, variables do within_time(name, value) end
      for name, value in next, _G do within_time(name, value) end
      for name in next, getmetatable(_G).lazy do offer(name) end
    end
  end
  table.sort(found)
  return found
end

return complete
