--- optim.lua: optimizers.  The classes of core/train/optimizers.def are native; optim.class makes one in Lua.
--
-- All of them have opt.param_groups (tables with params, lr, initial_lr and the other settings, which
-- may be read and written at any time), opt.state[p], opt:step(), opt:zero_grad(), opt:state_dict().

local native = require "native.optim"
local keywords = require "base.keywords"

local optim = {}
local classes = native.classes()

-- ---- what every optimizer has ----

local Base = {__name = "Optimizer"}

--- opt:zero_grad(set_to_none = true)
function Base:zero_grad(set_to_none)
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do
      if not set_to_none and p.grad then
        local _ <close> = torch.no_grad()
        p.grad:zero_()
      else
        p.grad = nil
      end
    end
  end
end

local function setting_text(value)
  if type(value) == "boolean" then return value and "True" or "False" end
  if type(value) == "table" then
    local parts = {}
    for i, item in ipairs(value) do parts[i] = tostring(item) end
    return "(" .. table.concat(parts, ", ") .. ")"
  end
  return tostring(value)
end

--- PyTorch's text: settings of every group, sorted by name.
function Base.__tostring(self)
  local lines = {self.__name .. " ("}
  for i, group in ipairs(self.param_groups) do
    lines[#lines + 1] = "Parameter Group " .. i - 1
    local names = {}
    for name in pairs(group) do
      if name ~= "params" then names[#names + 1] = name end
    end
    table.sort(names)
    for _, name in ipairs(names) do
      lines[#lines + 1] = "    " .. name .. ": " .. setting_text(group[name])
    end
    if i < #self.param_groups then lines[#lines + 1] = "" end
  end
  lines[#lines + 1] = ")"
  return table.concat(lines, "\n")
end

local function copy(value)
  if type(value) ~= "table" then return value end
  return table.move(value, 1, #value, 1, {})
end

--- Settings of every group without their tensors; params become their numbers, counted through.
local function groups_as_data(self)
  local out, number = {}, 0
  for i, group in ipairs(self.param_groups) do
    local data = {params = {}}
    for name, value in pairs(group) do
      if name ~= "params" then data[name] = copy(value) end
    end
    for j = 1, #group.params do
      number = number + 1
      data.params[j] = number
    end
    out[i] = data
  end
  return out
end

local function check_saved(self, saved)
  local name = self.__name
  if type(saved) ~= "table" or type(saved.param_groups) ~= "table" or type(saved.state) ~= "table" then
    keywords.fail("%s: load_state_dict expects {state = …, param_groups = …}", name)
  end
  local groups = saved.param_groups
  if #groups ~= #self.param_groups then
    keywords.fail("%s: saved with %d parameter groups, this one has %d", name, #groups, #self.param_groups)
  end
  for i, group in ipairs(self.param_groups) do
    local count = type(groups[i].params) == "table" and #groups[i].params or -1
    if count ~= #group.params then
      keywords.fail("%s: group %d was saved with %d parameters, this one has %d", name, i, count, #group.params)
    end
  end
end

local function all_params(self)
  local out = {}
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do out[#out + 1] = p end
  end
  return out
end

--- A list of tensors, an iterator over them, or a list of groups {params = …, lr = …} -> groups.
local function as_groups(name, params)
  local list = keywords.list(name .. ": params", params)
  if #list == 0 then keywords.fail("%s: no parameters were given", name) end
  if type(list[1]) ~= "table" then return {{params = list}} end
  local groups = {}
  for i, group in ipairs(list) do
    if type(group) ~= "table" or group.params == nil then
      keywords.fail("%s: expected group %d to be a table with params", name, i)
    end
    local own = {}
    for key, value in pairs(group) do own[key] = value end
    local given = own.params
    own.params = torch.type(given) == "nn.Parameter" and {given} or keywords.list(name .. ": params", given)
    groups[i] = own
  end
  return groups
end

--- What opt:step(closure) gives: closure() with gradients recorded, its loss; nil without one.
local function evaluate(closure)
  if closure == nil then return nil end
  local _ <close> = torch.enable_grad()
  return closure()
end

function Base:step()
  keywords.fail("%s has no step: define function %s:step()", self.__name, self.__name)
end

-- ---- native optimizers ----

local pair_of = {betas = {"beta1", "beta2"}}

--- Settings of a class as users write them, in order: rows as core has them, with betas in place of its two halves.
local function rows_of(class)
  local out, list = {}, native.hypers(class)
  for i, row in ipairs(list) do
    if row.name == "beta1" then
      local other = list[i + 1]
      out[#out + 1] = {name = "betas", type = "list", default = {row.default, other.default}, doc = row.doc .. ", " .. other.doc}
    elseif row.name ~= "beta2" then
      out[#out + 1] = row
    end
  end
  return out
end

local names_of, defaults_of, read_group = {}, {}, {} -- of each class
optim.rows = {} -- class -> rows (library only)
for _, class in ipairs(classes) do
  local names, defaults, text = {}, {}, class.name .. " group({params: any, initial_lr: any = nil"
  for i, row in ipairs(rows_of(class.name)) do
    names[i], defaults[row.name] = row.name, row.default
    text = text .. ", " .. row.name .. ": any = nil" -- core checks the values, as it does when they are set
  end
  names_of[class.name], defaults_of[class.name], optim.rows[class.name] = names, defaults, rows_of(class.name)
  read_group[class.name] = keywords.options(text .. "})")
end

--- optim.settings(class) -> default of every setting of a native class by name.
function optim.settings(class) return defaults_of[class] end

local function split_pair(class, name, value)
  if type(value) ~= "table" or #value ~= 2 then
    keywords.fail("%s: expected %s to be a table of two numbers", class, name)
  end
  return value[1], value[2]
end

--- Settings as the native side takes them.
local function native_settings(class, settings)
  local out = {}
  for name, value in pairs(settings) do
    if pair_of[name] then
      local a, b = pair_of[name][1], pair_of[name][2]
      out[a], out[b] = split_pair(class, name, value)
    elseif name ~= "params" then
      out[name] = value
    end
  end
  return out
end

--- param_groups[i]: a table whose settings live in the native group; other keys are the user's own.
local function group_view(opt, i, names)
  local box, class = opt.native, opt.__name
  local meta = {}
  function meta.__index(_, key)
    if pair_of[key] and native.get(box, i, pair_of[key][1]) then
      return {native.get(box, i, pair_of[key][1]), native.get(box, i, pair_of[key][2])}
    end
    if type(key) ~= "string" then return nil end
    return (native.get(box, i, key)) -- false is a value
  end
  function meta.__newindex(group, key, value)
    if pair_of[key] and native.get(box, i, pair_of[key][1]) then
      local a, b = split_pair(class, key, value)
      local before = native.get(box, i, pair_of[key][1])
      native.set(box, i, pair_of[key][1], a)
      local ok, message = pcall(native.set, box, i, pair_of[key][2], b)
      if not ok then
        native.set(box, i, pair_of[key][1], before)
        error(message, 0)
      end
    elseif type(key) ~= "string" or not native.set(box, i, key, value) then
      local hint = type(key) == "string" and keywords.suggest(key, names) or ""
      if hint ~= "" then keywords.fail("%s: a parameter group has no field '%s'%s", class, key, hint) end
      rawset(group, key, value)
    end
  end
  function meta.__pairs(group)
    local keys = {"params"}
    table.move(names, 1, #names, 2, keys)
    keys[#keys + 1] = "initial_lr"
    for key in next, group do
      if key ~= "params" then keys[#keys + 1] = key end
    end
    local at = 0
    return function()
      at = at + 1
      if keys[at] then return keys[at], group[keys[at]] end
    end
  end
  return setmetatable({params = native.params(box, i)}, meta)
end

local Native = setmetatable({}, {__index = Base})

local function native_field(self, key)
  local value = Native[key]
  if value == nil then
    local names = {"param_groups", "state"}
    for _, methods in ipairs{Native, Base} do
      for name in pairs(methods) do names[#names + 1] = name end
    end
    table.sort(names)
    keywords.fail("%s has no field or method %s%s", rawget(self, "__name"), keywords.show(key),
                  keywords.suggest(tostring(key), names))
  end
  return value
end

local metatables = {} -- class name -> metatable of its objects

--- Rebuilds the views after the native groups changed.
local function refresh(self, names)
  for i = #self.param_groups + 1, native.groups(self.native) do
    self.param_groups[i] = group_view(self, i, names)
  end
end

--- opt.state[p]: {step = n, …tensors…} of parameter p, an empty table before its first step.
local function state_view(opt)
  return setmetatable({}, {__index = function(_, p)
    for i, own in ipairs(all_params(opt)) do
      if rawequal(own, p) then return native.state(opt.native, i) or {} end
    end
    return nil
  end})
end

local function wrap(class, box)
  local opt = setmetatable({__name = class, native = box, param_groups = {}}, metatables[class])
  opt.state = state_view(opt)
  refresh(opt, names_of[class])
  return opt
end

--- opt:add_param_group{params = …, lr = …}: more parameters, with settings of their own.
function Native:add_param_group(group)
  local class = self.__name
  local settings = read_group[class](as_groups(class, {group})[1])
  for key, value in pairs(self.defaults or {}) do
    if settings[key] == nil then settings[key] = value end
  end
  local before = native.groups(self.native)
  native.add_group(self.native, settings.params, native_settings(class, settings))
  if settings.initial_lr ~= nil then
    for i = before + 1, native.groups(self.native) do native.set(self.native, i, "initial_lr", settings.initial_lr) end
  end
  refresh(self, names_of[class])
end

--- opt:step([closure]): one update of every parameter; all gradients are checked first.  With a function, which computes the
-- loss, calls backward and returns it: runs that first -> its loss.
function Native:step(closure)
  local loss = evaluate(closure)
  native.step(self.native)
  return loss
end

--- opt:zero_grad(set_to_none = true): drops the gradients, or fills them with 0.
function Native:zero_grad(set_to_none) native.zero_grad(self.native, set_to_none) end

--- opt:state_dict() -> {state = {[i] = {step, tensors}}, param_groups = {…}}; tensors share memory with the optimizer.
function Native:state_dict()
  local state = {}
  for i = 1, #all_params(self) do state[i] = native.state(self.native, i) end
  return {state = state, param_groups = groups_as_data(self)}
end

--- opt:load_state_dict(saved): settings and state of an optimizer over the same parameters.
function Native:load_state_dict(saved)
  check_saved(self, saved)
  local names = names_of[self.__name]
  local before = groups_as_data(self)
  local function settle(groups)
    for i, group in ipairs(self.param_groups) do
      for _, name in ipairs(names) do
        if groups[i][name] ~= nil then group[name] = groups[i][name] end
      end
      if groups[i].initial_lr ~= nil then group.initial_lr = groups[i].initial_lr end
    end
  end
  local ok, message = pcall(function()
    settle(saved.param_groups)
    native.load_state(self.native, saved.state)
  end)
  if not ok then
    settle(before)
    error(message, 0)
  end
end

keywords.sign(Base, "zero_grad(self, set_to_none: boolean = true)")
local any_class = {} -- "AdamW|Muon|…"
for i, class in ipairs(classes) do any_class[i] = class.name end
keywords.sign(Native, ([[
  add_param_group(self: CLASS, group: table)
  step(self: CLASS, closure: function = nil)
  zero_grad(self: CLASS, set_to_none: boolean = true)
  state_dict(self: CLASS)
  load_state_dict(self: CLASS, saved: table)
]]):gsub("CLASS", table.concat(any_class, "|")))

local function native_class(class)
  local names = names_of[class]
  metatables[class] = {__name = class, __index = native_field, __tostring = Base.__tostring, methods = Native}
  local text = class .. "(params: list"
  for _, row in ipairs(optim.rows[class]) do
    local default = row.type ~= "list" and keywords.default(row) or "nil"
    text = text .. (", %s: %s%s = %s"):format(row.name, row.type, keywords.bounds(row), default)
    if row.name == "lr" then text = text .. ", *" end -- the others come by name
  end
  text = text .. ", fused: boolean = nil)" -- everything here is; accepted because notebooks write it
  optim[class] = keywords.signature(text, function(params, ...)
    local opt = wrap(class, native.new(class))
    opt.defaults = {}
    for i, name in ipairs(names) do opt.defaults[name] = (select(i, ...)) end
    for _, group in ipairs(as_groups(class, params)) do opt:add_param_group(group) end
    return opt
  end)
end

--- The methods of every native optimizer.
optim.methods = Native

for _, class in ipairs(classes) do native_class(class.name) end

--- The optimizers of the founding notebook for a native GPT -> adamw, muon, the line it prints.
function optim.recipe(model, embedding_lr, matrix_lr, weight_decay)
  local adamw, muon, note = native.recipe(model, embedding_lr, matrix_lr, weight_decay)
  return wrap("AdamW", adamw), wrap("Muon", muon), note
end

-- ---- optimizers written in Lua ----

--- self:setup(groups, defaults): fills self.param_groups; call it from init.
function Base:setup(groups, defaults)
  self.defaults = defaults or {}
  for _, group in ipairs(as_groups(self.__name, groups)) do self:add_param_group(group) end
end

function Base:add_param_group(group)
  local own = as_groups(self.__name, {group})[1]
  for key, value in pairs(self.defaults or {}) do
    if own[key] == nil then own[key] = value end
  end
  local seen = {}
  for _, p in ipairs(all_params(self)) do seen[p] = true end
  for i, p in ipairs(own.params) do
    if type(p) ~= "userdata" then
      keywords.fail("%s: item %d of the parameters: expected a tensor, got %s", self.__name, i, torch.type(p))
    end
    if seen[p] then keywords.fail("%s: a parameter appears twice", self.__name) end
    seen[p] = true
  end
  if own.initial_lr == nil then own.initial_lr = own.lr end
  self.param_groups[#self.param_groups + 1] = own
end

function Base:state_dict()
  local state = {}
  for i, p in ipairs(all_params(self)) do
    local own = rawget(self.state, p)
    if own then
      state[i] = {}
      for key, value in pairs(own) do state[i][key] = value end
    end
  end
  return {state = state, param_groups = groups_as_data(self)}
end

function Base:load_state_dict(saved)
  check_saved(self, saved)
  for i, group in ipairs(self.param_groups) do
    for key, value in pairs(saved.param_groups[i]) do
      if key ~= "params" then group[key] = copy(value) end
    end
  end
  for i, p in ipairs(all_params(self)) do
    local own = nil
    for key, value in pairs(saved.state[i] or {}) do
      own = own or {}
      own[key] = type(value) == "userdata" and value:clone() or value
    end
    self.state[p] = own
  end
end

--- optim.class "Muon": a class of optimizers; define X:init(params, options), which calls
-- self:setup(groups, defaults), and X:step().  self.state[p] is a table per parameter, forgotten with it.  opt:step(closure)
-- runs the closure first and returns its loss, unless X:step(closure) takes it itself.
function optim.class(name)
  local class = {__name = name, __tostring = Base.__tostring}
  class.__index = class
  return setmetatable(class, {
    __index = Base,
    __name = "class",
    __tostring = function() return "class " .. name end,
    __newindex = function(self, key, value)
      local info = key == "step" and type(value) == "function" and debug.getinfo(value, "u")
      if not info or info.nparams > 1 or info.isvararg then return rawset(self, key, value) end
      rawset(self, key, function(opt, closure)
        local loss = evaluate(closure)
        value(opt)
        return loss
      end)
      keywords.sign(self, "step(self, closure: function = nil)")
    end,
    __call = function(_, ...)
      local state = setmetatable({}, {
        __mode = "k",
        __index = function(states, p)
          states[p] = {}
          return rawget(states, p)
        end,
      })
      local opt = setmetatable({param_groups = {}, state = state}, class)
      opt:init(...)
      return opt
    end,
  })
end

-- ---- helpers ----

--- optim.zeropower_via_newtonschulz5(g, steps = 5, dtype = "bf16"): the orthogonal matrix nearest
-- to g, roughly: singular values end between 0.7 and 1.2 (kellerjordan.github.io/posts/muon).
function optim.zeropower_via_newtonschulz5(g, steps, dtype)
  if g.ndim < 2 then keywords.fail("zeropower_via_newtonschulz5: expected a matrix, got %s", g.shape) end
  return torch.ops.newton_schulz(g:detach(), {steps = steps, dtype = dtype})
end

keywords.sign(optim, [[
  settings(class: string)
  class(name: string)
]], "optim.")
keywords.sign(optim, [[zeropower_via_newtonschulz5(g: tensor, steps: integer = 5, dtype: "bf16"|"f32" = "bf16")]])

return optim
