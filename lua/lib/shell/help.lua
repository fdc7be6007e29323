--- help.lua: help(x), x? and x??: what a function, an op or a value is for.

local doc = require "shell.doc"
local look = require "shell.look"
local native = require "native"
local terminal = require "native.terminal"

--- A line cut between words where the terminal ends; the rest is aligned with the start of its text.
local function folded(line, columns)
  if terminal.width(line) < columns then return line end
  local margin = line:match "^%s*" .. (line:match "^%s+[%w_]+%s%s+" or ""):gsub("^%s*", ""):gsub(".", " ")
  if #margin > columns // 2 then margin = line:match "^%s*" end
  local out, row = {}, nil
  for space, word in line:gmatch "(%s*)(%S+)" do
    if not row then
      row = space .. word
    elseif terminal.width(row .. space .. word) < columns then
      row = row .. space .. word
    else
      out[#out + 1], row = row, margin .. word
    end
  end
  out[#out + 1] = row
  return table.concat(out, "\n")
end

--- The text on lines shorter than `columns`.  What does not fit on a line comes before the next one of its paragraph.
local function flowed(text, columns)
  local out, rest = {}, nil
  local function prose(line) return not line:find "^%s*[%w_]+%s%s+" end
  for line, next_line in (text .. "\n"):gmatch "([^\n]*)\n()" do
    if rest then line = rest .. " " .. line:match "^%s*(.*)$" end
    local lines, following = folded(line, columns), (text .. "\n"):match("^[^\n]*", next_line)
    rest = nil
    local indent = line:match "^%s+"
    if indent and lines ~= line and not line:find "[.:;]$" and prose(line) and prose(following) and
       following:find("^" .. indent .. "%S") and not following:find "^%s*as torch" then
      lines, rest = lines:match "^(.*)\n([^\n]*)$"
    end
    out[#out + 1] = lines
  end
  return table.concat(out, "\n")
end

local function write(...)
  local text = table.concat({...}, "\n")
  local columns = terminal.is(1) and terminal.size(1)
  print(columns and flowed(text, columns) or text)
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

local WIDTH = 80

--- A signature on lines of at most WIDTH columns, cut after commas, or else between the words of a choice.
local function cut(signature)
  local lines, line, margin = {}, "", "    "
  for part in (signature .. ", "):gmatch ".-, " do
    if #line + #part > WIDTH and line ~= "" then lines[#lines + 1], line = line:sub(1, -2), margin end
    line = line .. part
    while #line > WIDTH + 1 do
      local at = line:sub(1, WIDTH):match ".*|()" or #line
      lines[#lines + 1], line = line:sub(1, at - 1), margin .. line:sub(at)
    end
  end
  lines[#lines + 1] = line:sub(1, -3) -- without the last comma
  return table.concat(lines, "\n")
end

local function write_doc(found, name, with_source)
  local head, place = cut(found.signature or name or "this function"), found.place
  local last = head:match "[^\n]*$"
  if place then head = head .. (#last + #place + 2 > WIDTH and #last < #head and "\n    " or "  ") .. place end
  write(head)
  local text = table.concat(found.text, "\n  ")
  if text ~= "" then write("  " .. text) end
  if #found.text == 0 and not found.complete then write "  there is no text about it" end
  if with_source then write(found.source or "  its source is C") end
end

local function help_for(value, name, with_source)
  name = name or doc.name_of(value)
  local found = doc.of(value, name)
  local methods = native.meta(value, "methods")
  if found then
    write_doc(found, name, with_source)
    if type(value) == "table" and torch.type(value) == "function" then write("it has", wrapped(doc.names(value))) end
  elseif type(value) == "function" then
    write((name or "this function") .. " is built in; there is no text about it")
  elseif torch.is_tensor(value) then
    write(f"a tensor of shape {value.shape}, {value.dtype}, on {value.device}; its methods:", wrapped(doc.names(torch.Tensor)))
  elseif type(methods) == "table" then
    write(f"{value}", "its methods:", wrapped(doc.names(methods)))
  elseif type(value) == "userdata" and nn.isinstance(value, nn.Module) then
    write(f"{value}")
    help_for(require("native.module").class_of(value), nil, with_source)
    write("methods of every module:", wrapped(doc.names(nn.Module)))
  elseif type(value) == "table" then
    local about = name and doc.about(name .. ".")
    write(about and name .. ": " .. about or (name or "a table") .. " has", wrapped(doc.names(value)))
  else
    write(f"{torch.type(value)}: {value}")
  end
end

--- All public names that have `word` in them.
local function search(word)
  local found = {}
  local function add(names, prefix)
    for _, name in ipairs(names) do
      if name:lower():find(word:lower(), 1, true) then found[#found + 1] = prefix .. name end
    end
  end
  for _, section in ipairs(doc.sections()) do add(doc.names(section[2]), section[1]) end
  if #found == 0 then native.raise(f"no public name has '{word}' in it") end
  write(wrapped(found))
end

local function unknown(name)
  local known = {}
  for _, section in ipairs(doc.sections()) do
    known[#known + 1] = section[1]:match "^[%w_]+"
    for _, field in ipairs(doc.names(section[2])) do known[#known + 1] = field end
  end
  native.raise(f"help: nothing is called '{name}'{native.suggest(name, known)}")
end

--- %name: what a command of the prompt does.
local function command(name)
  for _, row in ipairs(require("shell.commands").list) do
    if "%" .. row[1] == name then return write("%" .. row[1] .. (row[2] ~= "" and " " .. row[2] or ""), "  " .. row[3]) end
  end
  native.raise(f"there is no command {name}; %help lists them")
end

--- help(x): about a function, an op, a tensor or a name space; help "name" looks the name up; help() says where to start.
local function help(...)
  if select("#", ...) == 0 then
    return write("torch, F, nn, optim hold the functions; help(torch.sum), help(nn) or help \"softmax\" tell about them.",
      "Tensors, sizes and dimensions count from 0 and slice half-open (t[0], t[\"1:3\"]); Lua tables count from 1.",
      "sum(x, {dim = …, keepdim = false}): what is in braces is given by name, x:sum{dim = 1}, or in order, x:sum(1, true).",
      "f\"loss {loss:.4f}\" formats as in Python.  GPT(GPTConfig{n_layers = 4}) makes a model.")
  end
  if select("#", ...) > 1 then native.raise(f"help: expected one thing to tell about, got {select('#', ...)}") end
  local value = ...
  if value == nil then native.raise "help: expected something with a text, got nil; help \"word\" looks a name up" end
  if type(value) ~= "string" then return help_for(value) end
  if value:find "^%%" then return command(value) end
  local found, name = doc.find(value)
  if found == nil then unknown(value) end
  help_for(found, name)
end

--- name?, name?? (with the source), ?word (marks = "search").
local function about(name, marks)
  if marks == "search" then return search(name) end
  if name:find "^%%" then return command(name) end
  local variables = require("native.shell").variables()
  local root = name:match "^[%a_][%w_]*"
  local found, full = look.value_of(name:find "^[%w_.:]+$" and name or "", variables), name
  if found == nil then found, full = doc.find(name) end
  local own = root and not doc.about(root .. ".") and (rawget(variables, root) ~= nil or rawget(_G, root) ~= nil)
  local expression = name:find "[^%w_.:]" or own and not name:find ":"
  if found == nil and expression then
    local results = table.pack(require("native.shell").compile(name, "=?")()) -- the value comes last
    found, full = results[results.n], nil
  end
  if found == nil then unknown(name) end
  help_for(found, full, marks == "??")
end

return {help = help, about = about}
