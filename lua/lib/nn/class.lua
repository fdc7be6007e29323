--- class.lua: nn.class, the base class nn.Module and its methods.
--
-- A class is a table of methods that falls through to its parent; calling it builds a module.  The module
-- itself is native (parameters, buffers and children live in the C tree); plain fields and the class
-- hang on its userdata.  A name that was never assigned raises when it is read; one that was, even
-- with nil, reads as what it is.

local native = require "native.module"
local keywords = require "base.keywords"

local M = {}

-- ---- classes ----

local meta = {}

local building = setmetatable({}, {__mode = "k"}) -- objects whose init runs
local born, births = setmetatable({}, {__mode = "k"}), 0 -- modules and parameters made in Lua -> the number of its birth

--- Counts a module or parameter that was made -> it.
function M.count_birth(object)
  births = births + 1
  born[object] = births
  return object
end

--- Modules and parameters in plain tables and odicts below `value` that were made after number `after`, added to the list `found`.
local function collect(value, after, found, seen)
  local ordered = type(value) == "table" and torch.type(value) == "odict"
  if type(value) == "table" and (ordered or getmetatable(value) == nil) and not seen[value] then
    seen[value] = true
    local step, state, at = next, value, nil
    if ordered then step, state, at = pairs(value) end
    for _, item in step, state, at do collect(item, after, found, seen) end
  elseif (born[value] or 0) > after then
    found[#found + 1] = value
  end
  return found
end

--- Refuses a plain table in the field `name` that holds modules or parameters made for the module which are nowhere in its
-- tree: they would be neither trained, moved nor saved.  Older ones are references.  What init fills is looked at when
-- it is done.
function M.check_table(self, name, value)
  local found = not building[self] and collect(value, born[self] or 0, {}, {}) or {}
  if #found == 0 then return end
  local known = {}
  for _, kind in ipairs {"modules", "parameters"} do
    for _, item in ipairs(native.walk(self, kind)) do known[item] = true end
  end
  for _, item in ipairs(found) do
    if not known[item] then
      local what, form = "modules", "nn.ModuleList{…} or nn.ModuleDict{…}"
      if not native.is_module(item) then what, form = "parameters", "self:register_parameter(name, p) for each" end
      keywords.fail("%s.%s: a plain table keeps its %s out of the model, they would not be trained or saved; use %s",
                    native.class_name(self), name, what, form)
    end
  end
end

--- Builds an object: the module first, then class:init(…) fills it.
function meta.__call(class, ...)
  local object
  if class.__native then object = native.new_empty(class) else object = native.new_module(class) end
  building[M.count_birth(object)] = true
  class.init(object, ...)
  building[object] = nil
  for name, value in next, native.fields(object) or {} do
    if type(value) == "table" then M.check_table(object, name, value) end
  end
  return object
end

local elsewhere = {__init = true, __init__ = true} -- the names Torch7's and PyTorch's users bring

function meta.__newindex(class, key, value)
  if elsewhere[key] then
    local name = rawget(class, "__name")
    keywords.fail("%s: expected function %s:init(…), which builds an object", name, name)
  end
  rawset(class, key, value)
end

function meta.__tostring(class) return "class " .. class.__name end

--- What `pairs` on a class shows is its own methods.
local function make(name, parent, is_native)
  local class = {__name = name, __parent = parent or false, __native = is_native or false}
  return setmetatable(class, {
    __index = parent, __newindex = meta.__newindex, __call = meta.__call, __tostring = meta.__tostring, __name = "class",
  })
end

local Module = make("Module", nil, false)
M.Module = Module

function M.is_class(value)
  return type(value) == "table" and rawget(value, "__name") ~= nil and rawget(value, "__parent") ~= nil
end

--- nn.class "Name" or nn.class("Name", Parent): a new class, of nn.Module unless another parent is given.
-- Define X:init(…), X:forward(…) and, if wanted, X:extra_repr() on it.
function M.class(name, parent)
  if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then
    keywords.fail("nn.class: expected a name, got %s", keywords.show(name))
  end
  if parent == nil then parent = Module end
  if not M.is_class(parent) then keywords.fail("nn.class: expected the parent of %s to be a class, got %s", name, keywords.show(parent)) end
  return make(name, parent, parent.__native)
end

--- The Lua side of a native class (library only).
function M.native_class(name)
  local class = make(name, Module, true)
  native.register_class(name, class)
  class.forward = native.native_forward
  class.extra_repr = native.native_repr
  return class
end

--- nn.isinstance(m, class): true when m's class is `class` or below it.  A class from nn.class that
-- was defined again counts as the same class under the same name.  `class` may be a list of classes.
function M.isinstance(object, class)
  if not M.is_class(class) then
    if type(class) ~= "table" then
      keywords.fail("nn.isinstance: expected a class, got %s", keywords.show(class))
    end
    for _, one in ipairs(class) do
      if not M.is_class(one) then keywords.fail("nn.isinstance: expected a list of classes, got %s in it", keywords.show(one)) end
      if M.isinstance(object, one) then return true end
    end
    return false
  end
  if not native.is_module(object) then return false end
  local own = native.class_of(object)
  while own do
    if own == class then return true end
    local redefined = own.__name == class.__name and not M.built_in[own] and not M.built_in[class]
    if redefined then return true end
    own = own.__parent
  end
  return false
end

--- Classes of this library: they never match by name.
M.built_in = {[Module] = true}

-- ---- iterators over {name, object, name, object, …} ----

local function pairs_of(list)
  local i = -1
  return function()
    i = i + 2
    return list[i], list[i + 1]
  end
end

local function objects_of(list)
  local i = 0
  return function()
    i = i + 2
    return list[i]
  end
end

-- ---- Module: what users override ----

function Module:init(...)
  local name = native.class_name(self)
  if select("#", ...) > 0 and M.built_in[native.class_of(self)] then
    keywords.fail("%s takes no arguments, got %d", name, select("#", ...))
  end
  if select("#", ...) > 0 then
    keywords.fail("%s has no init and takes no arguments, got %d: define function %s:init(…)", name, select("#", ...), name)
  end
end

function Module:forward()
  local name = native.class_name(self)
  keywords.fail("%s has no forward: define function %s:forward(…)", name, name)
end

--- Text between the brackets of the repr: override to show settings.
function Module:extra_repr() return "" end -- luacheck: no unused args

-- ---- Module: looking inside ----

--- {name, object, …} of a walk by PyTorch's arguments: a prefix of the names, without recurse only what the module holds
-- itself, without remove_duplicate what is tied under every name.
local function walk(self, kind, prefix, recurse, remove_duplicate)
  local list, out = native.walk(self, remove_duplicate == false and "tied " .. kind or kind), {}
  if prefix ~= "" then prefix = prefix .. "." end
  for i = 1, #list, 2 do
    if recurse or not list[i]:find(".", 1, true) then
      out[#out + 1], out[#out + 2] = prefix .. list[i], list[i + 1]
    end
  end
  return out
end

--- m:parameters(recurse = true): for p in m:parameters(), every parameter once, in order of registration; without recurse
-- those that the module holds itself.
function Module:parameters(recurse) return objects_of(walk(self, "parameters", "", recurse)) end

--- m:named_parameters(prefix = "", recurse = true, remove_duplicate = true): for name, p in m:named_parameters(); a tied
-- parameter appears under its first name, without remove_duplicate under all.
function Module:named_parameters(...) return pairs_of(walk(self, "parameters", ...)) end

--- m:buffers(recurse = true): for b in m:buffers(), every buffer once
function Module:buffers(recurse) return objects_of(walk(self, "buffers", "", recurse)) end

--- m:named_buffers(prefix = "", recurse = true): for name, b in m:named_buffers()
function Module:named_buffers(...) return pairs_of(walk(self, "buffers", ...)) end

--- for child in m:children(): direct children, each once.
function Module:children()
  local list, seen, out = native.children(self), {}, {}
  for i = 2, #list, 2 do
    if not seen[list[i]] then
      seen[list[i]] = true
      out[#out + 1], out[#out + 2] = list[i - 1], list[i]
    end
  end
  return objects_of(out)
end

function Module:named_children()
  local list, seen, out = native.children(self), {}, {}
  for i = 2, #list, 2 do
    if not seen[list[i]] then
      seen[list[i]] = true
      table.move(list, i - 1, i, #out + 1, out)
    end
  end
  return pairs_of(out)
end

--- for m in m:modules(): the module itself and everything below, parents first, each once.
function Module:modules() return objects_of(native.walk(self, "modules")) end
function Module:named_modules() return pairs_of(native.walk(self, "modules")) end

--- m:get_submodule "blocks.0.attn"
function Module:get_submodule(path)
  return native.submodule(self, path)
end

local function owner_of(self, path)
  local prefix, name = path:match "^(.*)%.([^.]+)$"
  return prefix and native.submodule(self, prefix) or self, name or path
end

--- m:get_parameter "blocks.0.attn.key.weight"
function Module:get_parameter(path)
  local owner, name = owner_of(self, path)
  local value = native.has(owner, name) and owner[name] or nil
  if torch.type(value) ~= "nn.Parameter" then
    keywords.fail("%s has no parameter '%s'", native.class_name(self), path)
  end
  return value
end

function Module:get_buffer(path)
  local owner, name = owner_of(self, path)
  for key, buffer in pairs_of(native.walk(owner, "buffers")) do
    if key == name then return buffer end
  end
  keywords.fail("%s has no buffer '%s'", native.class_name(self), path)
end

--- m:has "bias": whether reading that field would not raise.
function Module:has(name) return native.has(self, name) end

--- Number of parameter elements, tied ones once; {trainable = true} counts only those with gradients.
function Module:num_params(options)
  if not options.trainable then return native.num_params(self) end
  local count = 0
  for p in self:parameters() do
    if p.requires_grad then count = count + p:numel() end
  end
  return count
end

-- ---- Module: changing ----

--- m:forward_multiplier([c]): from now on what forward gives is multiplied by c, before hooks see it -> the
-- factor in force.  reparam's p:apply(m) sets these.
function Module:forward_multiplier(c) return require "native.reparam".multiplier(self, c) end

--- m:register_buffer(name, tensor or nil, persistent = true); the name must be free, or that of a buffer.
function Module:register_buffer(name, tensor, persistent) native.register_buffer(self, name, tensor, persistent) end

--- m:register_parameter(name, parameter or nil): with nil the name reads as nil; it must be free, or that of a parameter.
function Module:register_parameter(name, parameter) native.register_parameter(self, name, parameter) end

--- m:add_module(name, child), for names that are not identifiers; the name must be free, or that of a child.
function Module:add_module(name, child) native.add_module(self, name, child) end

--- All names of a tensor in m: "token_embedding.weight = lm_head.weight".
local function names_of(self, tensor)
  local names = {}
  for name, one in pairs_of(native.walk(self, "state")) do
    if rawequal(one, tensor) then names[#names + 1] = name end
  end
  return table.concat(names, " = ")
end

--- m:apply(fn[, {note = false}]): fn(module) for everything below m, then for m itself.  Tells (on stderr)
-- of tensors that nn.init filled for two modules: the later initializer stays.
function Module:apply(fn, note)
  local found = require "nn.initializers".twice(function(at)
    for module in objects_of(native.walk(self, "apply")) do
      at(module)
      fn(module)
    end
  end)
  for _, it in ipairs(note and found or {}) do
    io.stderr:write("note: ", names_of(self, it.tensor), " was initialised twice: ", it.first, ", then ", it.last,
                    ", which stays\n")
  end
  return self
end

--- m:train(mode = true): training mode of the whole tree; m:eval() is m:train(false).
function Module:train(mode)
  native.train(self, mode)
  return self
end

function Module:eval() return Module.train(self, false) end

function Module:requires_grad_(value)
  native.requires_grad(self, value)
  return self
end

--- m:zero_grad(set_to_none = true): drops the gradients of all parameters, or fills them with 0.
function Module:zero_grad(set_to_none)
  if set_to_none then return native.zero_grad(self) end
  local _ <close> = torch.no_grad()
  for p in self:parameters() do
    if p.grad then p.grad:zero_() end
  end
end

--- m:to(dtype or device or {dtype = …, device = …}): in place; parameters keep their identity.
function Module:to(device, dtype, _) return native.to(self, device, dtype) end
function Module:float() return native.to(self, "float32") end
function Module:double() return native.to(self, "float64") end
function Module:half() return native.to(self, "float16") end
function Module:bfloat16() return native.to(self, "bfloat16") end
function Module:cuda() return native.to(self, {device = "cuda"}) end
function Module:cpu() return native.to(self, {device = "cpu"}) end

-- ---- Module: state ----

--- m:state_dict{prefix = "", keep_vars = false}: ordered table of all parameters and persistent buffers, tied ones under
-- every name, the prefix in front; the tensors share memory with the model, with keep_vars they are its own.
function Module:state_dict(prefix, keep_vars)
  local state = odict {}
  for name, tensor in pairs_of(native.walk(self, "state")) do
    state[prefix .. name] = keep_vars and tensor or tensor:detach()
  end
  return state
end

--- Is it what torch.load(path) returns after the tensors, the texts in the header of the file?
local function is_metadata(value)
  if type(value) ~= "table" or value.strict ~= nil then return false end
  for _, text in pairs(value) do
    if type(text) ~= "string" then return false end
  end
  return true
end

local read_strict = keywords.options "load_state_dict({strict: boolean = true})"

--- m:load_state_dict(state, strict = true): copies tensors into the model by name, all or none.
function Module:load_state_dict(state, strict)
  if is_metadata(strict) then strict = true end -- m:load_state_dict(torch.load(path))
  if type(strict) == "table" then strict = read_strict(strict).strict end
  if type(state) ~= "table" and type(state) ~= "userdata" then
    keywords.fail("load_state_dict: expected a table of tensors, got %s", torch.type(state))
  end
  local names, tensors = {}, {}
  for name, tensor in keywords.pairs("load_state_dict", "tensors by name", state) do
    names[#names + 1], tensors[#tensors + 1] = name, tensor
  end
  native.load(self, names, tensors, strict)
  return self
end

-- ---- Module: copies ----

--- A plain field of a module in its copy: tensors and modules of the tree become those of the copy, other
-- tensors are cloned, plain tables are copied; the rest (functions, objects with a metatable) is shared.
local function copy_field(value, same)
  if same[value] ~= nil then return same[value] end
  if torch.is_tensor(value) then
    same[value] = value:detach():clone()
  elseif type(value) == "table" and getmetatable(value) == nil then
    local out = {}
    same[value] = out
    for key, item in next, value do out[key] = copy_field(item, same) end
  else
    return value
  end
  return same[value]
end

local function pair_up(same, from, to)
  for i = 2, #from, 2 do same[from[i]] = to[i] end
end

--- Gives every module below `to` the Lua side of its original; `same` maps originals to copies.
local function pair_modules(from, to, same)
  same[from] = to
  local list = native.children(from)
  for i = 1, #list, 2 do
    if not same[list[i + 1]] then
      pair_modules(list[i + 1], native.child_as(to, list[i], native.class_of(list[i + 1])), same)
    else
      native.child_as(to, list[i], native.class_of(list[i + 1]))
    end
  end
end

--- m:clone(): a deep copy with own parameters and buffers; tied ones stay tied, gradients are not copied.
-- Modules keep their class, their hooks and their plain fields: tensors and plain tables among these are
-- copied, everything else is shared.
function Module:clone()
  local copy, same, modules = native.clone(self), {}, {}
  pair_modules(self, copy, same)
  for from, to in pairs(same) do modules[from] = to end
  for _, kind in ipairs {"parameters", "buffers"} do
    pair_up(same, native.walk(self, kind), native.walk(copy, kind))
  end
  for from, to in pairs(modules) do
    local fields = native.fields(from)
    if fields then native.set_fields(to, copy_field(fields, same)) end
    for kind, list in pairs(native.hooks_of(from) or {}) do
      for _, hook in ipairs(list) do require "nn.hooks".add(to, kind, hook.fn) end
    end
  end
  return copy
end

-- ---- Module: hooks ----

--- m:register_forward_pre_hook(fn): fn(module, args) before forward, args a table of the arguments; a
-- table it returns replaces them.  Returns a handle: handle:remove(), or `local _ <close> = …`.
function Module:register_forward_pre_hook(fn)
  return require "nn.hooks".add(self, "before", fn)
end

--- m:register_forward_hook(fn): fn(module, args, output) after forward; a value it returns replaces
-- the output.  Returns a handle as register_forward_pre_hook does.
function Module:register_forward_hook(fn)
  return require "nn.hooks".add(self, "after", fn)
end

keywords.sign(Module, [[
  parameters(self: module, recurse: boolean = true)
  named_parameters(self: module, prefix: string = "", recurse: boolean = true, remove_duplicate: boolean = true)
  buffers(self: module, recurse: boolean = true)
  named_buffers(self: module, prefix: string = "", recurse: boolean = true)
  children(self: module)
  named_children(self: module)
  modules(self: module)
  named_modules(self: module)
  get_submodule(self: module, path: string)
  get_parameter(self: module, path: string)
  get_buffer(self: module, path: string)
  has(self: module, name: string)
  num_params(self: module, {trainable: boolean = false})
  forward_multiplier(self: module, c: number = nil)
  register_buffer(self: module, name: string, tensor: tensor = nil, persistent: boolean = true)
  register_parameter(self: module, name: string, param: tensor = nil)
  add_module(self: module, name: string, module: module)
  apply(self: module, fn: function, note: boolean = true)
  train(self: module, mode: boolean = true)
  eval(self: module)
  requires_grad_(self: module, requires_grad: boolean = true)
  zero_grad(self: module, set_to_none: boolean = true)
  to(self: module, device: dtype|device = nil, dtype: dtype|device = nil, *, non_blocking: boolean = false)
  float(self: module)
  double(self: module)
  half(self: module)
  bfloat16(self: module)
  cuda(self: module)
  cpu(self: module)
  state_dict(self: module, prefix: string = "", keep_vars: boolean = false)
  load_state_dict(self: module, state, strict: boolean|table = true)
  clone(self: module)
  register_forward_pre_hook(self: module, hook: function)
  register_forward_hook(self: module, hook: function)
]])

keywords.sign(M, [[
  class(name: string, parent: class = nil)
  isinstance(object, class: class|table)
]], "nn.")

return M
