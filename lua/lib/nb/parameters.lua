--- parameters.lua: -p NAME=VALUE: values for the names of the cell tagged "parameters", checked against its own ones.

local document = require "nb.document"
local native = require "native.notebook"
local source = require "nb.source"
local suggest = require("native").suggest

local parameters = {}

--- The first cell tagged "parameters", or nil.
function parameters.cell(doc)
  for _, cell in ipairs(doc.cells) do
    if cell.runs and document.tagged(cell, "parameters") then return cell end
  end
end

--- {name = text} of the texts "NAME=VALUE"; or nil and what is wrong.  Names are those the cell assigns.
function parameters.read(doc, texts)
  local cell = parameters.cell(doc)
  if #texts == 0 then return {}, cell end
  if not cell then return nil, doc.path .. ': -p needs a cell tagged parameters: -- %% parameters tags=["parameters"]' end
  local names, known, given = source.names(cell.body), {}, {}
  for _, name in ipairs(names) do known[name] = true end
  for _, text in ipairs(texts) do
    local name, value = text:match "^([%a_][%w_]*)=(.*)$"
    if not name then return nil, ("-p expects NAME=VALUE, got '%s'"):format(text) end
    if not known[name] then
      return nil, ("%s has no parameter '%s'%s; it has %s"):format(doc.path, name, suggest(name, names), table.concat(names, ", "))
    end
    given[name] = value
  end
  return given, cell
end

--- The variable where a notebook sees it: in the session's own table, else in the globals.
local function place_of(name)
  local variables = native.variables()
  return rawget(variables, name) ~= nil and variables or _G
end

function parameters.lookup(name)
  local value = rawget(native.variables(), name)
  if value == nil then value = rawget(_G, name) end
  return value
end

--- The text as a value of the kind that `default` is; or nil.  A value is a number, true, false or text, never code.
local function convert(text, default)
  local number = tonumber(text)
  local kind = type(default)
  if kind == "number" then
    if number and math.type(default) == "float" then return number + 0.0 end
    return number
  elseif kind == "boolean" then
    if text == "true" or text == "false" then return text == "true" end
  elseif kind == "string" then
    return text
  elseif kind == "nil" then
    if text == "true" or text == "false" then return text == "true" end
    return number or text
  end
end

--- After the cell has run: sets the parameters.  Returns nothing, or what is wrong.
function parameters.set(given)
  for name, text in pairs(given) do
    local default = parameters.lookup(name)
    local value = convert(text, default)
    if value == nil then
      local kind = type(default)
      if kind == "boolean" then kind = "true or false" end
      if kind ~= "number" and kind ~= "true or false" then
        return ("parameter '%s' is a %s and cannot be set by -p"):format(name, torch.type(default))
      end
      return ("parameter '%s' expects a %s, got '%s'"):format(name, kind, text):gsub("a true", "true")
    end
    place_of(name)[name] = value
  end
end

return parameters
