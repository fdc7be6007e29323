--- complete.lua: what Tab offers.  Objects are looked into by raw access only: no code of the user's runs.

local look = require "shell.look"
local words = require "shell.doc".words
local native = require "native"

local MOST, SECONDS = 500, 0.05 -- names offered at most; time on the clock to look for them

-- ---- the arguments of calls ----

--- What is open where the text ends: {call = "nn.Linear", item = "bi"} in its table of keywords "y = nn.Linear(4, 8, {bi",
-- with `place`, from 1, among its arguments, and with `key` inside of the table that is the value of that keyword.
local function open_call(before)
  local code = before:gsub("\"[^\"\n]*\"", '""'):gsub("'[^'\n]*'", "''")
  local open = {} -- brackets, the innermost last
  for at, c in code:gmatch "()([(){}%[%],])" do
    local top = open[#open]
    if c:find "[({%[]" then
      open[#open + 1] = {bracket = c, at = at, place = 1, item = at + 1}
    elseif c == "," then
      if top then top.place, top.item = top.place + 1, at + 1 end
    else
      open[#open] = nil
    end
  end
  local inner, outer = open[#open], open[#open - 1]
  if not inner or inner.bracket == "[" then return nil end
  local found = {item = code:sub(inner.item)}
  local function name_before(bracket) return code:sub(1, bracket.at - 1):match "([%a_][%w_.:]*)%s*%(?%s*$" end
  if inner.bracket == "(" then
    found.place, found.call = inner.place, name_before(inner)
    return found
  end
  found.key = outer and outer.bracket == "{" and code:sub(outer.item, inner.at - 1):match "^%s*([%a_][%w_]*)%s*=%s*$" or nil
  if found.key then inner, outer = outer, open[#open - 2] end
  found.call = name_before(inner) or outer and outer.bracket == "(" and name_before(outer) or nil
  return found
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
  return keys, op ~= nil
end

--- Keywords whose value is a table of keywords of its own: name -> function that lists what is in it.
local inside = {optim = function() return require "gt.train.optimizers".keys() end}

--- The arguments of the call in which the text ends that may come there, and what stands there already.
local function open_arguments(before, variables)
  local open = open_call(before)
  local callee = open and open.call and (look.value_of(open.call, variables) or rawget(torch.Tensor, open.call:match "[%w_]*$"))
  if not callee then return {}, "" end
  local keys, is_op = keys_of(callee)
  if open.place then return not is_op and {keys[open.place]} or {}, open.item, true end
  if not open.key then return keys, open.item end
  for _, row in ipairs(keys) do
    if row.name == open.key and inside[open.key] then return inside[open.key](), open.item end
  end
  return {}, ""
end

--- The keys that may come where the text ends.
local function open_keys(before, variables)
  local rows, item, by_place = open_arguments(before, variables)
  return not by_place and item:find "^%s*$" and rows or {}
end

--- Texts that a type takes: name of the type -> function that lists them.
local texts = {
  device = function() return {"cpu", "cuda", "meta"} end,
  dtype = function()
    local names = {}
    for name, value in next, torch do
      if native.meta(value, "__name") == "dtype" and value.name == name then names[#names + 1] = name end
    end
    return names
  end,
  parametrization = function()
    local names = {}
    for i, rule in ipairs(require "gt.reparam.rule".list) do names[i] = rule.name end
    return names
  end,
}

--- The words of a choice that may follow the text, which ends with "key =" or where an argument begins.  in_quotes: also those
-- in whose place something else than a text may come.
local function choices(before, variables, in_quotes)
  local found = {}
  local rows, item, by_place = open_arguments(before, variables)
  local key = item:match "^%s*([%a_][%w_]*)%s*=%s*$"
  for _, row in ipairs((key or by_place and item:find "^%s*$") and rows or {}) do
    if by_place or row.name == key then
      for word in row.type:gmatch '"([^"]*)"' do found[#found + 1] = word end
      for name in row.type:gmatch(in_quotes and "[%a_]+" or "$^") do
        for _, word in ipairs(texts[name] and texts[name]() or {}) do found[#found + 1] = word end
      end
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
    for _, choice in ipairs(code and choices(code, variables, true) or {}) do
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
