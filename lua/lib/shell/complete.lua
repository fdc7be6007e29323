--- complete.lua: what Tab offers.  Objects are looked into by raw access only: no code of the user's runs.

local look = require "shell.look"
local words = require "shell.doc".words
local native = require "native"

local MOST, SECONDS = 500, 0.05 -- names offered at most; time on the clock to look for them

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

--- The keys that a function takes: its op's attributes, the names of its signature, or, where one table is all it
-- takes, names before "=" or inside {…} in its text.
local function keys_of(value, name)
  local callee = type(value) == "table" and rawget(value, "init") or value
  local op = type(value) == "function" and native.describe(value)
  local signature = type(callee) == "function" and native.signature_of(callee)
  local keys = {}
  for key, type in ((signature or "") .. ","):gmatch "[(,]%s*([%a_][%w_]*):? ?([%w_|]*)" do
    if key ~= "self" and type ~= "table" then keys[#keys + 1] = key end
  end
  if op then
    for i, attr in ipairs(op.attrs) do keys[i] = attr.name end
    return keys
  end
  local found = require "shell.doc".of(value, name)
  if not found or signature and not signature:find ": table" then return keys end
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
    if torch.is_tensor(object) then object = torch.Tensor end
    if object ~= nil then look.each_field(object, within_time) end
  else
    local call = open_call(before)
    local callee = call and (look.value_of(call, variables) or rawget(torch.Tensor, call:match "[%w_]*$"))
    for _, key in ipairs(callee and keys_of(callee, call) or {}) do offer(key .. " = ") end
    if rawequal(callee, GPT) then -- takes the settings of a configuration too
      for _, key in ipairs(keys_of(GPTConfig, "GPTConfig")) do offer(key .. " = ") end
    end
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
