--- doc.lua: the documentation of a public name: {signature, text, place, source}; `complete` says that the signature
-- may be all there is.
-- Ops have it in their descriptors, C functions in docs.lua, everything in Lua in the comment above it.  A comment
-- that begins with a public name, "--- nn.Linear(in, out): …", is about that name, wherever it is.

local keywords = require "base.keywords"
local native = require "native"

local doc = {}

--- Name spaces with public names, in the order in which a bare name is looked up.
doc.spaces = {"torch", "F", "nn", "optim", "models", "data", "tokenizer", "train", "schedule", "reparam", "plot", "spectral",
  "json"}

--- Words of Lua: a field of that name is read as t["repeat"].
doc.words = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true
  until while]]):gmatch "%a+" do
  doc.words[word] = true
end

-- ---- sources ----

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return lines
end

--- The lines of the file that a function was written in.
local function source_lines(source)
  local text = native.source(source:match "^=builtin:(.*)$" or "")
  if not text and source:sub(1, 1) == "@" then
    text = require "native.folder".read(source:sub(2), 64 << 20)
  end
  text = text or require "native.shell".text(source)
  if not text and source:sub(1, 1) ~= "=" and source:sub(1, 1) ~= "@" then text = source end
  return lines_of(text or "")
end

--- The comment that ends on line `last`, without its dashes.
local function comment_above(lines, last)
  local comment = {}
  for i = last, 1, -1 do
    local text = (lines[i] or ""):match "^%s*%-%-%-?%s?(.*)$"
    if not text or text:find "^%-%-%-? " then break end -- "-- ---- heading ----" is about what follows
    table.insert(comment, 1, text)
    if lines[i]:find "^%s*%-%-%-" and not (lines[i - 1] or ""):find "^%s*%-%-%-" then break end
  end
  return comment
end

local index -- public name -> its comment, of all files of the library

local function build_index()
  index = {}
  for _, name in ipairs(native.sources()) do
    local lines = lines_of(native.source(name))
    for i, line in ipairs(lines) do
      local public = line:match "^%s*%-%-%- ([%a_][%w_]*[.:]?[%w_]*)[%s({:\"]"
      if public and not index[public] then
        local last = i
        while (lines[last + 1] or ""):find "^%s*%-%-" do last = last + 1 end
        local found = comment_above(lines, last)
        if #found == last - i + 1 then index[public] = {text = found, place = f"builtin:{name}:{i}"} end
      end
    end
  end
end

local function indexed(name)
  if not index then build_index() end
  return name and index[name]
end

-- ---- ops, from their descriptors ----

--- Adds a line about every setting to `text`.
local function add_settings(text, rows)
  for _, row in ipairs(rows) do
    local default = keywords.default(row)
    local more = (row.required and ", required" or default and " = " .. default or "") .. (row.by_name and ", by name only" or "")
    text[#text + 1] = f"{row.name:<14} {row.type}{keywords.bounds(row)}{more}. {row.doc}"
  end
end

local function of_op(op)
  local attrs, text = {}, {op.doc}
  for i, attr in ipairs(op.attrs) do attrs[i] = attr.required and attr.name or attr.name .. " = " .. (keywords.default(attr) or "…") end
  add_settings(text, op.attrs)
  local braces = #attrs > 0 and ", {" .. table.concat(attrs, ", ") .. "}" or ""
  local places = {}
  if op.where ~= "" then places[1] = "torch." .. op.name end
  if op.where:find "F" then places[#places + 1] = "F." .. op.name end
  if op.where:find "method" then places[#places + 1] = "t:" .. op.name .. "()" end
  if op.elementwise and op.where ~= "" then places[#places + 1] = "t:" .. op.name .. "_() in place" end
  places[#places + 1] = "torch.ops." .. op.name
  if doc.words[op.name] then places = {f'torch.ops["{op.name}"], t["{op.name}"](t, …): it is a word of Lua'} end
  text[#text + 1] = "as " .. table.concat(places, ", ")
  return {signature = f"{op.name}({op.inputs}{braces})", text = text, place = f"kernels/op/{op.name}.c"}
end

-- ---- functions and classes ----

--- Names that mean others.
local aliases = {["t:nElement"] = "t:numel", ["torch.from_table"] = "torch.tensor", ["torch.inference_mode"] = "torch.no_grad",
  ["torch.cuda.empty_cache"] = "torch.empty_cache", ["torch.cuda.manual_seed"] = "torch.manual_seed"}

--- The entry of docs.lua under that name, or about that value.
local function of_docs(value, name)
  local docs = require "shell.docs"
  local known = name and (aliases[name] or name)
  local text = docs[known]
  if not text and name and name:find "^t:" then known, text = name, docs["torch." .. name:sub(3)] end
  if not text then
    for other, other_text in next, docs do
      if rawequal(doc.find(other), value) then known, text = other, other_text end
    end
  end
  if not text then return nil end
  local lines = lines_of(known .. text)
  for i = 2, #lines do lines[i] = lines[i]:match "^%s*(.*)$" end
  return {signature = lines[1], text = table.move(lines, 2, #lines, 1, {}), complete = true}
end

local function of_function(fn, name)
  local info = debug.getinfo(fn, "S")
  local lines = source_lines(info.source)
  local names = {}
  local parameters = debug.getinfo(fn, "u")
  for i = 1, parameters.nparams do names[i] = debug.getlocal(fn, i) end
  if parameters.isvararg then names[#names + 1] = "…" end
  local comment = comment_above(lines, info.linedefined - 1)
  local undocumented = #comment == 0 and info.source:find "^=builtin:" -- or a name of the user's
  local from_index = undocumented and indexed(name)
  local short = undocumented and not from_index and of_docs(fn, name)
  if short then
    short.place = f"{info.short_src}:{info.linedefined}"
    short.source = table.concat(lines, "\n", info.linedefined, math.min(info.lastlinedefined, #lines))
    return short
  end
  return {
    signature = f"function {name or ''}({table.concat(names, ', ')})", place = f"{info.short_src}:{info.linedefined}",
    text = from_index and from_index.text or comment,
    source = table.concat(lines, "\n", info.linedefined, math.min(info.lastlinedefined, #lines)),
  }
end

--- Rows of what a function takes in a table of settings, or as keywords, that core describes; nil for others.
local function settings_of(value, name)
  if rawequal(value, GPTConfig) then return require "native.module".gpt_settings() end
  return require "gt.optim".rows[(name or ""):match "^optim%.(%w+)$"]
end

--- A function that checks its arguments: the text about the function it wraps, with the signature that is checked.
local function of_signed(value, name, signature, wrapped)
  local built_in = debug.getinfo(wrapped, "S").what == "C"
  local found = built_in and of_docs(value, name) or not built_in and of_function(wrapped, name) or {text = {}}
  local own, arguments = signature:gsub("%s+", " "):gsub("%(self: [^,)]*,? ?", "("):gsub("%(self,? ?", "("):match "^(.-)(%(.*)$"
  name = name or built_in and (found.signature or ""):match "^[%w_.:]+"
  local more = found.complete and found.signature:match "^[%w_.:]+%b()%s*:?%s*(.+)$"
  if more then table.insert(found.text, 1, more) end -- "-> boolean: is there a GPU?"
  found.signature = (name or own) .. arguments
  add_settings(found.text, settings_of(value, name) or {})
  return found
end

local function is_class(value) return rawget(value, "__name") ~= nil and rawget(value, "__parent") ~= nil end

--- A class or a table that can be called: the comment on its name, or on the function that the call runs.
local function of_callable(value, name)
  local class = is_class(value) and rawget(value, "__name")
  local call = rawget(value, "init")
  if not class then call = native.meta(value, "__call") end
  local found = indexed(name) or class and (indexed("nn." .. class) or indexed(class))
  local function_doc = type(call) == "function" and doc.of(call) or {text = {}}
  if found then
    return {signature = class and "class " .. class, text = found.text, place = found.place, source = function_doc.source}
  end
  if #function_doc.text == 0 then return of_docs(value, name) or function_doc end
  function_doc.signature = class and "class " .. class or function_doc.signature
  return function_doc
end

--- The documentation of a function, class or callable table; nil for other values.  `name`: "nn.Linear", if known.
function doc.of(value, name)
  if type(value) == "table" and (is_class(value) or native.meta(value, "__call")) then return of_callable(value, name) end
  if type(value) ~= "function" then return nil end
  local lib, field = native.late(value)
  if lib then return doc.of(require(lib)[field], name or "torch." .. field) end
  local op = native.describe(value)
  if op then return of_op(op) end
  local signature, wrapped = native.signature_of(value)
  if signature then return of_signed(value, name, signature, wrapped) end
  if debug.getinfo(value, "S").what == "C" then return of_docs(value, name) end
  return of_function(value, name)
end

-- ---- names ----

--- A field of a name space, lazy ones included, or a method of an object; nil for unknown ones.
function doc.member(space, field)
  local lazy, methods = native.meta(space, "lazy"), native.meta(space, "methods")
  if type(lazy) == "table" and rawget(lazy, field) then return space[field] end
  if type(methods) == "table" and rawget(methods, field) then return rawget(methods, field) end
  return type(space) == "table" and rawget(space, field) or nil
end

--- Method tables of objects that are not name spaces: what is before ":" in help "t:name".
local function methods_of(space)
  if space == "t" or space == "Tensor" then return torch.Tensor end
  if space == "trainer" or space == "Trainer" then return require("gt.train.trainer").methods end
  if space == "m" or space == "model" or space == "Module" then return nn.Module end
  if space == "opt" or space == "Optimizer" then return require("gt.optim").methods end
  if space == "tok" then return require("gt.tokenizer").methods end
  if space == "gpt" then return require("gt.models").GPT end
  return require("gt.data").classes[space]
end

local about = {
  ["torch."] = "tensors: making, joining, reducing them; settings; files; random numbers",
  ["torch.cuda."] = "the GPU",
  ["torch.autograd."] = "looking into gradients",
  ["F."] = "functions of tensors that networks are made of",
  ["nn."] = "modules: layers, containers, classes of your own",
  ["nn.init."] = "initial weights, in place",
  ["nn.utils."] = "what is done to all parameters at once",
  ["optim."] = "optimizers",
  ["models."] = "the GPT and its parts",
  ["data."] = "tokens, loaders, files of text",
  ["tokenizer."] = "tokenizers: trained here, read from files",
  ["train."] = "training that can be paused, resumed and rewound",
  ["schedule."] = "multipliers of the learning rate by step",
  ["reparam."] = "parametrizations: standard, muP, spectral, your own",
  ["plot."] = "figures",
  ["spectral."] = "learning rates from the shapes of matrices",
  ["json."] = "JSON, read and written",
  [""] = "names without a prefix",
  ["t:"] = "methods of tensors",
  ["m:"] = "methods of modules",
  ["gpt:"] = "methods of the native GPT",
  ["opt:"] = "methods of optimizers",
  ["trainer:"] = "methods of what train.new makes",
  ["tokens:"] = "methods of tokens",
  ["loader:"] = "methods of loaders",
  ["tok:"] = "methods of tokenizers",
  ["torch.ops."] = "ops that have no other name",
}

--- What the names that begin with `prefix`, "nn." or "t:", are about; nil for unknown ones.
function doc.about(prefix) return about[prefix] end

--- Can the value be called?
function doc.callable(value) return type(value) == "function" or type(value) == "table" and native.meta(value, "__call") ~= nil end

local function globals()
  local out = {}
  for name in next, native.lazy() do out[name] = doc.callable(_ENV[name]) and _ENV[name] or nil end
  for _, name in ipairs {"odict", "struct", "list", "defaults", "show", "help", "f"} do out[name] = _ENV[name] end
  return out
end

--- Methods that the GPT has in addition to those of every module.
local function gpt_methods()
  local out = {}
  for name, method in next, methods_of "gpt" do out[name] = rawget(nn.Module, name) == nil and method or nil end
  return out
end

--- Ops that are found in torch.ops only.
local function other_ops()
  local out = {}
  for name, op in next, torch.ops do
    if not (doc.member(torch, name) or doc.member(F, name) or doc.member(torch.Tensor, name)) then out[name] = op end
  end
  return out
end

--- All that is public: {{prefix, table of names, what they are about}, …}.
function doc.sections()
  local list = {}
  local function add(prefix, names) list[#list + 1] = {prefix, names, about[prefix] or ""} end
  for _, name in ipairs(doc.spaces) do
    add(name .. ".", _ENV[name])
    if name == "torch" then
      add("t:", torch.Tensor)
      add("torch.cuda.", torch.cuda)
      add("torch.autograd.", torch.autograd)
      add("torch.ops.", other_ops())
    elseif name == "nn" then
      add("m:", nn.Module)
      add("nn.init.", nn.init)
      add("nn.utils.", nn.utils)
    end
    if name == "models" then add("gpt:", gpt_methods()) end
    if name == "data" then add("loader:", methods_of "loader") end
    local methods = ({optim = "opt", data = "tokens", tokenizer = "tok", train = "trainer"})[name]
    if methods then add(methods .. ":", methods_of(methods)) end
  end
  add("", globals())
  return list
end

--- The name space or method table before the last "." or ":" of a name.
local function space_of(path)
  local value
  for part in path:gmatch "[^.]+" do
    if value == nil then
      value = _ENV[part]
    else
      value = doc.member(value, part)
    end
    if value == nil then return nil end
  end
  return value
end

--- The value that "softmax", "nn.Linear", "nn.init.normal_", "t:softmax" or "trainer:run" names, and its full name.
function doc.find(name)
  local space, mark, field = name:match "^([%w_.]+)([.:])([%w_]+)$"
  if space then
    local value = mark == "." and doc.member(space_of(space), field) or nil
    if value ~= nil then return value, name end
    local methods = methods_of(space)
    value = methods and rawget(methods, field)
    if value == nil and space == "t" then return rawget(methods_of "trainer", field), "trainer:" .. field end
    if value == nil and methods == nn.Module then return rawget(methods_of "gpt", field), "gpt:" .. field end
    return value, name
  end
  if _ENV[name] ~= nil then return _ENV[name], name end -- the library's own, whatever the user made of the name
  for _, s in ipairs(doc.spaces) do
    local value = doc.member(_ENV[s], name)
    if value ~= nil then return value, s .. "." .. name end
  end
  for _, methods in ipairs {"t", "trainer", "m", "gpt", "opt", "tokens", "loader", "tok"} do
    local value = rawget(methods_of(methods), name)
    if value ~= nil then return value, methods .. ":" .. name end
  end
end

--- The name of a public value; nil when it has none.
function doc.name_of(value)
  for _, s in ipairs(doc.spaces) do
    if rawequal(_ENV[s], value) then return s end
  end
  for _, section in ipairs(doc.sections()) do
    for key, other in next, section[2] do
      if rawequal(other, value) then return section[1] .. key end
    end
  end
end

--- The names in a name space, sorted, lazy ones too.
function doc.names(space)
  local names, seen, lazy = {}, {}, native.meta(space, "lazy")
  for _, part in ipairs {space, type(lazy) == "table" and lazy or nil} do
    for name in next, part do
      if type(name) == "string" and not name:find "^_" and not doc.words[name] and not seen[name] then
        names[#names + 1], seen[name] = name, true
      end
    end
  end
  table.sort(names)
  return names
end

return doc
