--- parametrization.lua: a rule and its options as the object p: the scales of a model's sites, fresh weights, forward
-- multipliers and optimizers that follow from them.

local native = require "native.reparam"
local optimizers = require "native.optim"
local keywords = require "base.keywords"
local options = require "gt.reparam.options"
local rule = require "gt.reparam.rule"
local sites = require "gt.reparam.sites"

local parametrization = {}

local Parametrization = {__name = "parametrization"}
Parametrization.__index = Parametrization

--- What reparam.new gives for its options o; what: the function that the user called, for errors.
function parametrization.make(what, which, o)
  options.check(what, o)
  local p = {rule = rule.find(what, which)}
  for _, key in ipairs(options.names) do p[key] = o[key] end
  p.optimizer = rule.family(what, o.optimizer)
  if p.rule.relative and o.base == nil then
    keywords.fail("%s: rule %s compares with a base width: pass base = …, the model or the hidden_dim where nothing is scaled",
                  what, p.rule.name)
  end
  return setmetatable(p, Parametrization)
end

function Parametrization:__tostring()
  return ("parametrization %s for %s: %s"):format(self.rule.name, self.optimizer, self.rule.doc)
end

-- ---- the sites of a model with their scales ----

local function is_zero(p, site)
  for _, word in ipairs(p.zero or {}) do
    if word == site.role or (not rule.is_role(word) and site.name:find(word)) then return true end
  end
  return false
end

--- Multiplier of every module from its tensors and places; a module can have one.
local function multipliers_of(list)
  local found, order = {}, {}
  local function note(use, value, site)
    local entry = found[use.module]
    if not entry then
      entry = {module = use.module, path = use.path, value = 1, matrices = 0}
      found[use.module] = entry
      order[#order + 1] = entry
    end
    if site.tensor then entry.matrices = entry.matrices + 1 end
    if entry.matrices > 1 and (value ~= 1 or entry.value ~= 1) then
      keywords.fail("'%s' has several matrices: a forward multiplier needs a module for each", use.path)
    end
    entry.value = entry.value * value
  end
  for _, site in ipairs(list) do
    if site.tensor and #site.shape >= 2 then
      note(site.uses[1], site.scales.multiplier, site)
    elseif site.role == "unembed" or site.role == "residual" then
      note({module = site.place, path = site.name}, site.scales.multiplier, site)
    end
  end
  return found, order
end

local function check_reach(p, list)
  local probe = {name = "", layers = 2, depth = 2, branch_layers = 2, branch_depth = 2, fan_in = 2, fan_out = 2, m = 2,
                 m_in = 2, m_out = 2, family = p.optimizer}
  local has = {}
  for _, site in ipairs(list) do has[site.role] = site end
  local function wanted(role) return rule.ask(p.rule, setmetatable({role = role}, {__index = probe})).multiplier ~= 1 end
  if has.tied and not has.unembed and wanted "unembed" then
    keywords.fail("'%s' is tied outside of modules: %s multiplies its use as head; tie it through a module's weight",
                  has.tied.name, p.rule.name)
  end
  if not p.rule.fn and not has.residual and list[1].layers > 1 and wanted "residual" then
    keywords.fail("%s multiplies residual branches and finds none: name them with residual = {pattern, …}", p.rule.name)
  end
end

--- p:sites(model) -> its tensors, in order of registration, and the places with a multiplier of their own: each with name,
-- role, fan_in, fan_out, m (width / base width), shape, tensor and scales {std, multiplier, lr, eps, weight_decay}.
-- multiplier is that of the module; a vector, which has none of its own, has its other scales shifted to make up for it.
function Parametrization:sites(model)
  local list = sites.of("reparam", model, self)
  options.check_names(self, list)
  for _, site in ipairs(list) do
    local by_muon = self.optimizer == "muon" and site.role == "hidden"
    site.family = self.optimizer ~= "muon" and self.optimizer or by_muon and "muon" or "adam"
    site.scales = rule.ask_with_std(self.rule, site, self.std)
    if self.scale_eps == false then site.scales.eps = 1 end
    if site.tensor and is_zero(self, site) then site.scales.std = 0 end
  end
  check_reach(self, list)
  local found, order = multipliers_of(list)
  for _, site in ipairs(list) do
    if site.tensor and #site.shape < 2 then
      local entry = found[site.uses[1].module]
      rule.shift(site.scales, site.family, (entry and entry.value or 1) / site.scales.multiplier)
    end
  end
  return list, order
end

-- ---- applying it ----

--- p:init(model): every matrix normal(0, std), in order of registration; biases zero, or normal where std says so; gains and
-- scalars stay as they are.
function Parametrization:init(model)
  for _, site in ipairs((self:sites(model))) do
    if site.tensor and site.role ~= "gain" and site.role ~= "scalar" then
      if site.scales.std > 0 then
        nn.init.normal_(site.tensor, 0, site.scales.std)
      else
        nn.init.zeros_(site.tensor)
      end
    end
  end
  return model
end

--- p:apply(model): sets the forward multipliers of its modules and the scale of its attention.
function Parametrization:apply(model)
  local list, multipliers = self:sites(model)
  for _, entry in ipairs(multipliers) do entry.module:forward_multiplier(entry.value) end
  for _, site in ipairs(list) do
    -- left alone where the factor is 1, so that the bits are those of the plain model
    if site.role == "attention" and site.scales.multiplier ~= 1 then
      site.place:attention_scale(site.scales.multiplier / math.sqrt(site.fan_in))
    end
  end
  return model
end

-- ---- optimizers ----

local classes = optimizers.classes()
local class_of = {} -- family -> the first optimizer of it
for i = #classes, 1, -1 do
  if classes[i].family then class_of[classes[i].family] = classes[i].name end
end

--- Muon's own factor sqrt(max(1, fan_out / fan_in)), which its update has already.
local function built_in(site)
  return site.family == "muon" and native.scales("standard", "hidden", "muon", site).lr or 1
end

--- Settings of one tensor's group.
local function settings_of(site, class, given)
  local base, out = require "gt.optim".settings(class), {}
  local function setting(name) return given[name] == nil and base[name] or given[name] end
  out.lr = setting "lr" * (site.scales.lr / built_in(site))
  out.weight_decay = (given.weight_decay or 0) * site.scales.weight_decay
  if base.eps then out.eps = setting "eps" * site.scales.eps end
  return out
end

local RATES = {"lr", "eps", "weight_decay", "muon_lr"}

--- p:groups(model, {lr = 1e-3, eps = 1e-8, weight_decay = 0, muon_lr = lr}) -> {AdamW = {group, …}} (or SGD; with "muon" AdamW
-- and Muon): parameter groups for these optimizers, tensors with the same settings together; and, in the same order, the
-- names of their tensors.
function Parametrization:groups(model, o)
  local groups, names, by_key = {}, {}, {}
  for _, site in ipairs((self:sites(model))) do
    if site.tensor and site.tensor.requires_grad then
      local class = class_of[site.family]
      local own = site.family == "muon" and setmetatable({lr = o.muon_lr}, {__index = o}) or o
      local settings = settings_of(site, class, own)
      local key = table.concat({class, ("%a %a %a"):format(settings.lr, settings.weight_decay, settings.eps or 0)}, " ")
      if not by_key[key] then
        groups[class], names[class] = groups[class] or {}, names[class] or {}
        settings.params = {}
        by_key[key] = {group = settings, names = {}}
        table.insert(groups[class], settings)
        table.insert(names[class], by_key[key].names)
      end
      table.insert(by_key[key].group.params, site.tensor)
      table.insert(by_key[key].names, site.name)
    end
  end
  return groups, names
end

--- p:optimizers(model, {lr =, eps =, weight_decay =, muon_lr =, betas =, momentum =, …}) -> a list of optimizers over all
-- tensors: one, or AdamW and Muon.  Settings that an optimizer does not have are not handed to it.
function Parametrization:optimizers(model, rest)
  local rates = {}
  for _, name in ipairs(RATES) do rates[name], rest[name] = rest[name], nil end
  local groups, list, used, optim = self:groups(model, rates), {}, {}, require "gt.optim"
  for _, row in ipairs(classes) do
    local class = row.name
    if groups[class] then
      local known, settings = optim.settings(class), {}
      for key, value in pairs(rest) do
        if known[key] ~= nil then settings[key], used[key] = value, true end
      end
      list[#list + 1] = optim[class](groups[class], settings)
    end
  end
  for key in pairs(rest) do
    if not used[key] then keywords.fail("optimizers: no optimizer here has an option %s", keywords.show(key)) end
  end
  return list
end

--- p:table(model, {lr =, weight_decay =, against =, all =}): lrtable with this parametrization.
function Parametrization:table(model, given) return require "gt.reparam.table".make(self, model, given) end

local RATE_TEXT, others, seen = table.concat(RATES, ": number[0,) = nil, ") .. ": number[0,) = nil", "", {}
for _, name in ipairs(RATES) do seen[name] = true end
for _, class in ipairs(classes) do
  for name in pairs(optim.settings(class.name)) do
    if not seen[name] then others, seen[name] = others .. ", " .. name .. ": any = nil", true end
  end
end

keywords.sign(Parametrization, ([[
  sites(self: parametrization, model: module)
  init(self: parametrization, model: module)
  apply(self: parametrization, model: module)
  groups(self: parametrization, model: module, {RATES})
  optimizers(self: parametrization, model: module, {RATES OTHERS})
  table(self: parametrization, model: module, {TABLE})
]]):gsub("%u%u+", {RATES = RATE_TEXT, OTHERS = others, TABLE = require "gt.reparam.options".TABLE}), "parametrization:")

function parametrization.is(value) return getmetatable(value) == Parametrization end

return parametrization
