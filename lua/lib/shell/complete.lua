--- complete.lua: what Tab offers.  Objects are looked into by raw access only: no code of the user's runs.

local look = require "shell.look"
local words = require "shell.doc".words
local native = require "native"

local MOST, SECONDS = 500, 0.05 -- names offered at most; time on the clock to look for them

-- ---- keys of keyword tables ----

--- The call that the text ends inside of: "nn.Linear" for "y = nn.Linear(4, 8, {bi"; only where a key is possible.
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

--- What a function takes by name, {{name, type}, …}: attributes of its op, parameters of its signature, fields of GPTConfig.
local function keys_of(value)
  local keys = {}
  local function add(rows)
    for _, row in ipairs(rows or {}) do
      if row.name ~= "self" and not (row.by == "place" and row.type:find "table") then keys[#keys + 1] = row end
    end
  end
  local class = type(value) == "table"
  local callee = class and (rawget(value, "init") or native.meta(value, "__call")) or value
  local op = type(callee) == "function" and native.describe(callee)
  add(op and op.attrs or type(callee) == "function" and native.parameters_of(callee))
  if rawequal(value, GPT) or rawequal(value, GPTConfig) then add(require "native.module".gpt_settings()) end
  return keys
end

--- The keys of the call in whose table the text ends, where one may come next.
local function open_keys(before, variables)
  local call = open_call(before)
  local callee = call and (look.value_of(call, variables) or rawget(torch.Tensor, call:match "[%w_]*$"))
  return callee and keys_of(callee) or {}
end

--- The words of a choice that may follow text that ends with "key =".
local function choices(before, variables)
  local found = {}
  local head, key = before:match "^(.*[{,]%s*)([%a_][%w_]*)%s*=%s*$"
  for _, row in ipairs(head and open_keys(head, variables) or {}) do
    if row.name == key then
      for word in row.type:gmatch '"([^"]*)"' do found[#found + 1] = word end
    end
  end
  return found
end

-- ---- the offer ----

local function in_string(before)
  return before:gsub("\\.", ""):gsub('"[^"\n]*"', ""):gsub("'[^'\n]*'", ""):find "[\"']" ~= nil
end

--- Texts that may replace `word`, which follows `before`, sorted.
local function complete(before, word, variables)
  local found, seen, deadline = {}, {}, torch.perf_counter() + SECONDS
  local head, stem = word:match "^(.*[.:])([^.:]*)$"
  head, stem = head or "", stem or word
  local function offer(name, value)
    if type(name) ~= "string" or seen[name] or #found >= MOST or name:sub(1, #stem) ~= stem then return end
    if head ~= "" and words[name] then return end -- cannot be written after a dot
    if name:sub(1, 1) == "_" and stem:sub(1, 1) ~= "_" then return end
    if not name:find "^[%a_][%w_]*$" and not name:find "^[%a_][%w_]* = $" then return end
    seen[name] = true
    found[#found + 1] = head .. name .. (type(value) == "function" and "(" or "")
  end
  if in_string(before) then -- the word of a choice; elsewhere the shell completes names of files
    local code, quote = before:match "^(.*)([\"'])$"
    for _, choice in ipairs(code and choices(code, variables) or {}) do
      if choice:sub(1, #word) == word then found[#found + 1] = choice .. quote end
    end
    table.sort(found)
    return found
  end
  local methods_only = head:sub(-1) == ":"
  --- Offers a name; true when that was the last one.
  local function within_time(name, value)
    if type(value) == "function" or not methods_only then offer(name, value) end
    return #found >= MOST or torch.perf_counter() > deadline
  end
  if before:find "^%s*%%$" then
    for _, row in ipairs(require "shell.commands".list) do offer(row[1]) end
  elseif before:find "^%s*%%cell%s+$" then
    for _, name in ipairs(require "shell.commands".cell_names()) do
      if name:sub(1, #word) == word then found[#found + 1] = name end
    end
  elseif head ~= "" then
    local object = look.value_of(head:sub(1, -2), variables)
    if object ~= nil then look.each_field(object, within_time) end
  else
    for _, row in ipairs(open_keys(before, variables)) do offer(row.name .. " = ") end
    for _, choice in ipairs(word == "" and choices(before, variables) or {}) do found[#found + 1] = '"' .. choice .. '"' end
    if #found == 0 then
      for name in next, words do offer(name) end
      for _, names in ipairs{variables, _G} do
        for name, value in next, names do
          if within_time(name, value) then break end
        end
      end
      for name in next, native.lazy() do offer(name) end
    end
  end
  table.sort(found)
  return found
end

return complete
