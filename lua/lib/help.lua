--- help.lua: help(x): what a function, an op or a value is for.
local native = require "native"

local function write(...) print(table.concat({...}, "\n")) end

-- ---- ops, from their descriptors ----

local function attr_text(attr)
  local show = require("show").show
  if attr.required then return attr.name end
  return attr.name .. " = " .. (attr.default == nil and "…" or type(attr.default) == "string" and
    '"' .. attr.default .. '"' or show(attr.default))
end

local function op_help(op)
  local attrs, lines = {}, {}
  for i, attr in ipairs(op.attrs) do
    attrs[i] = attr_text(attr)
    lines[i] = f"  {attr.name:<14} {attr.type}{attr.required and ', required' or ''}. {attr.doc}"
  end
  local keywords = #attrs > 0 and ", {" .. table.concat(attrs, ", ") .. "}" or ""
  local places = {}
  if op.where ~= "" then places[1] = "torch." .. op.name end
  if op.where:find "F" then places[#places + 1] = "F." .. op.name end
  if op.where:find "method" then places[#places + 1] = "t:" .. op.name .. "()" end
  if op.elementwise and op.where ~= "" then places[#places + 1] = "t:" .. op.name .. "_() in place" end
  places[#places + 1] = "torch.ops." .. op.name
  write(f"{op.name}({op.inputs}{keywords})", "  " .. op.doc, table.unpack(lines))
  write("  as " .. table.concat(places, ", "))
end

-- ---- Lua functions, from the comment above them ----

local function source_lines(info)
  local text = native.source(info.source:match "^=builtin:(.*)$" or "")
  if not text and info.source:sub(1, 1) == "@" then
    local file <close> = io.open(info.source:sub(2))
    text = file and file:read "a"
  end
  if not text and info.source:sub(1, 1) ~= "=" and info.source:sub(1, 1) ~= "@" then text = info.source end
  local lines = {}
  for line in ((text or "") .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

local function function_help(fn)
  local info = debug.getinfo(fn, "Su")
  local lines, comment = source_lines(info), {}
  for i = info.linedefined - 1, 1, -1 do
    local text = (lines[i] or ""):match "^%s*%-%-%-?%s?(.*)$"
    if not text then break end
    table.insert(comment, 1, "  " .. text)
  end
  local names = {}
  for i = 1, info.nparams do names[i] = debug.getlocal(fn, i) end
  if info.isvararg then names[#names + 1] = "…" end
  write(f"function ({table.concat(names, ', ')})  {info.short_src}:{info.linedefined}", table.unpack(comment))
end

-- ---- values ----

local function names_of(space)
  local names, meta = {}, getmetatable(space)
  for _, part in ipairs {space, meta and meta.lazy} do
    for name in next, part do
      if type(name) == "string" and name:sub(1, 2) ~= "__" then names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

local function wrapped(names)
  local lines, line = {}, " "
  for _, name in ipairs(names) do
    if #line + #name > 78 then
      lines[#lines + 1] = line
      line = " "
    end
    line = line .. " " .. name
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

local spaces = {"torch", "F", "nn", "optim", "data", "tokenizer", "plot", "train", "schedule", "reparam"}

--- A field of a name space, lazy ones included, or a method of an object; nil for unknown ones.
local function member(space, field)
  local meta = type(space) == "table" and getmetatable(space)
  if meta and meta.lazy and meta.lazy[field] then return space[field] end
  if meta and meta.methods and meta.methods[field] then return meta.methods[field] end
  return type(space) == "table" and rawget(space, field) or nil
end

local function find(name)
  local space, field = name:match "^(%w+)[.:]([%w_]+)$"
  if space == "t" then return rawget(torch.Tensor, field), "Tensor." .. field end
  if space and _G[space] ~= nil then return member(_G[space], field), name end
  if space then
    local class = require "gt.data".classes[space]
    return class and class[field], name
  end
  if rawget(_G, name) ~= nil then return rawget(_G, name), name end
  for _, s in ipairs(spaces) do
    local value = member(_G[s], name)
    if value then return value, s .. "." .. name end
  end
  return rawget(torch.Tensor, name), "Tensor." .. name
end

local function c_function_help(fn, name)
  local docs = require "docs"
  for known, text in next, docs do
    if find(known) == fn then return write(known .. text) end
  end
  write((name or "this function") .. " is built in; there is no text about it")
end

local function help_for(value, name)
  local kind = type(value)
  if kind == "function" then
    local lib, field = native.late(value)
    if lib then return help_for(require(lib)[field], field) end
    local op = native.describe(value)
    if op then return op_help(op) end
    if debug.getinfo(value, "S").what == "C" then return c_function_help(value, name) end
    return function_help(value)
  end
  if torch.is_tensor(value) then
    write(f"a tensor of shape {value.shape}, {value.dtype}, on {value.device}; its methods:", wrapped(names_of(torch.Tensor)))
  elseif kind == "table" and (getmetatable(value) or {}).methods then
    write(f"{value}", "its methods:", wrapped(names_of(getmetatable(value).methods)))
  elseif kind == "table" and torch.type(value) == "function" then
    function_help(getmetatable(value).__call)
    write("it has", wrapped(names_of(value)))
  elseif kind == "table" and not (getmetatable(value) and getmetatable(value).__call) then
    write((name or "a table") .. " has", wrapped(names_of(value)))
  else
    write(f"{torch.type(value)}: {value}")
  end
end

--- help(x): about a function, an op, a tensor or a name space; help "name" looks the name up; help() says where to start.
local function help(...)
  if select("#", ...) == 0 then
    return write("torch, F, nn, optim hold the functions; help(torch.sum), help(nn) or help \"softmax\" tell about them.",
      "Tensors, sizes and dimensions count from 0 and slice half-open (t[0], t[\"1:3\"]); Lua tables count from 1.",
      "f\"loss {loss:.4f}\" formats as in Python.  GPT(GPTConfig{n_layers = 4}) makes a model.")
  end
  local value = ...
  if type(value) ~= "string" then return help_for(value) end
  local found, name = find(value)
  if found == nil or found == false then
    local known = {}
    for _, space in ipairs(spaces) do
      for _, field in ipairs(names_of(_G[space])) do known[#known + 1] = field end
    end
    native.raise(f"help: nothing is called '{value}'{native.suggest(value, known)}")
  end
  help_for(found, name)
end

return {help = help}
