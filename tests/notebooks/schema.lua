--- schema.lua: the rules of nbformat's schema 4.5 for what gptsh writes: check(text) -> list of breaches.

local function is_text(value)
  if type(value) == "string" then return true end
  if type(value) ~= "table" then return false end
  for key, line in pairs(value) do
    if math.type(key) ~= "integer" or type(line) ~= "string" then return false end
  end
  return true
end

local function is_object(value)
  if type(value) ~= "table" then return false end
  for key in pairs(value) do
    if type(key) ~= "string" then return false end
  end
  return true
end

local function is_count(value) return value == json.null or (math.type(value) == "integer" and value >= 0) end

local function is_bundle(value)
  if not is_object(value) then return false end
  for kind, data in pairs(value) do
    if not kind:find "json" and not is_text(data) then return false end
  end
  return true
end

local function one_of(...)
  local words = {}
  for _, word in ipairs{...} do words[word] = true end
  return function(value) return words[value] == true end
end

local is_string = function(value) return type(value) == "string" end
local is_list = function(value) return type(value) == "table" and (next(value) == nil or #value > 0) end

-- Kind of output -> its fields: all required, no others allowed.
local outputs = {
  stream = {output_type = is_string, name = is_string, text = is_text},
  execute_result = {output_type = is_string, execution_count = is_count, data = is_bundle, metadata = is_object},
  display_data = {output_type = is_string, data = is_bundle, metadata = is_object},
  error = {output_type = is_string, ename = is_string, evalue = is_string, traceback = is_list},
}

local text_cell = {id = is_string, cell_type = is_string, metadata = is_object, source = is_text}
local cells = {
  markdown = text_cell, raw = text_cell,
  code = {id = is_string, cell_type = is_string, metadata = is_object, source = is_text, outputs = is_list, execution_count = is_count},
}

local top = {
  cells = is_list, metadata = is_object, nbformat = one_of(4), nbformat_minor = one_of(5),
}

return function(text)
  local found = {}
  local function complain(...) found[#found + 1] = table.concat({...}, " ") end

  local function fields(place, value, rules)
    if type(value) ~= "table" then return complain(place, "is no object") end
    if not rules then return complain(place, "is of no known kind") end
    for name, rule in pairs(rules) do
      if value[name] == nil then
        complain(place, "has no", name)
      elseif not rule(value[name]) then
        complain(place, "has a bad", name)
      end
    end
    for name in pairs(value) do
      if not rules[name] then complain(place, "has a field too many:", tostring(name)) end
    end
  end

  local function metadata(place, value)
    if value.name ~= nil and (not is_string(value.name) or value.name == "") then complain(place, "bad name") end
    local seen = {}
    for _, tag in ipairs(value.tags or {}) do
      if not is_string(tag) or tag:find "," or tag == "" or seen[tag] then complain(place, "bad tag", tostring(tag)) end
      seen[tag] = true
    end
    for name, hidden in pairs(value.jupyter or {}) do
      if (name == "source_hidden" or name == "outputs_hidden") and type(hidden) ~= "boolean" then complain(place, "bad", name) end
    end
  end

  local book = json.decode(text)
  fields("notebook", book, top)
  local kernel, language = book.metadata.kernelspec, book.metadata.language_info
  if not (is_object(kernel) and is_string(kernel.name) and is_string(kernel.display_name)) then complain("bad kernelspec") end
  if not (is_object(language) and is_string(language.name)) then complain("bad language_info") end
  local ids = {}
  for i, cell in ipairs(book.cells) do
    local place = "cell " .. i
    fields(place, cell, cells[cell.cell_type])
    if not (is_string(cell.id) and cell.id:find "^[a-zA-Z0-9_-]+$" and #cell.id <= 64) then complain(place, "bad id") end
    if ids[cell.id] then complain(place, "its id is not the only one") end
    ids[cell.id] = true
    metadata(place, cell.metadata)
    for k, output in ipairs(cell.outputs or {}) do fields(place .. " output " .. k, output, outputs[output.output_type]) end
  end
  -- What decoding does not tell: empty arrays are arrays, empty objects objects.
  for _, name in ipairs{"outputs", "source", "text", "tags", "traceback", "cells"} do
    if text:find('"' .. name .. '": {', 1, true) then complain(name, "is an object") end
  end
  for _, name in ipairs{"metadata", "data"} do
    if text:find('"' .. name .. '": [', 1, true) then complain(name, "is an array") end
  end
  if not text:find "\n}\n$" or text:find "\n\n" then complain("layout of the file") end
  return found
end
