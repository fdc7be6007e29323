--- rule.lua: asking a rule, built in or a Lua function, for the scales of one site; every answer is checked.

local native = require "native.reparam"
local keywords = require "gt.keywords"

local rule = {}

rule.list = native.rules()
rule.roles, rule.families = native.names()

rule.OPTIONS = {"base", "optimizer", "std", "zero", "roles", "residual", "scale_eps"} -- of reparam.new

local COLUMNS = {"std", "multiplier", "lr", "eps", "weight_decay"}
local PLACES = {unembed = true, attention = true, residual = true}
local family_of = {adam = "adam", adamw = "adam", sgd = "sgd", muon = "muon"}

--- "AdamW" -> "adam"; nil is Adam.
function rule.family(name, value)
  local found = family_of[value == nil and "adam" or tostring(value):lower()]
  if not found then
    keywords.fail("%s: expected optimizer adam, sgd or muon, got %s", name, keywords.show(value))
  end
  return found
end

function rule.is_role(value)
  for _, known in ipairs(rule.roles) do
    if known == value then return true end
  end
  return false
end

--- Entry of the table by name or alias; for a function one of its own.
function rule.find(name, value)
  if type(value) == "function" then
    return {name = "rule", doc = "a Lua function", fn = value, home = {adam = true, sgd = true, muon = true}}
  end
  local known = {}
  for _, entry in ipairs(rule.list) do
    if entry.name == value or (entry.alias and entry.alias == value) then return entry end
    known[#known + 1] = entry.name
  end
  if value == "spectral" then
    keywords.fail("%s: 'spectral' names several formulas: 'fan_out/fan_in' (gradient descent), '1/fan_in' (Adam), " ..
                  "'sqrt(fan_out/fan_in)' and 'sqrt(max(fan_in,fan_out))' (Muon)", name)
  end
  local hint = type(value) == "string" and keywords.suggest(value, known) or ""
  keywords.fail("%s: expected a rule, a function or one of %s; got %s%s", name, table.concat(known, ", "),
                keywords.show(value), hint)
end

--- What a user's function answered, as {std =, …}; it may give a table or the five numbers in order.
local function read_answer(entry, site, ...)
  local first = ...
  if type(first) == "table" then
    return {std = first.std, multiplier = first.multiplier or 1, lr = first.lr, eps = first.eps or 1,
            weight_decay = first.weight_decay or 1}
  end
  if first == nil and PLACES[site.role] then return {std = 0, multiplier = 1, lr = 1, eps = 1, weight_decay = 1} end
  local std, multiplier, lr, eps, decay = ...
  if select("#", ...) == 0 then
    keywords.fail("%s for '%s' (%s): expected std, multiplier, lr, got nothing", entry.name, site.name, site.role)
  end
  return {std = std, multiplier = multiplier, lr = lr, eps = eps == nil and 1 or eps,
          weight_decay = decay == nil and 1 or decay}
end

local function check(entry, site, scales)
  for _, column in ipairs(COLUMNS) do
    local value = scales[column]
    local positive = column == "multiplier"
    local good = type(value) == "number" and value < math.huge and (positive and value > 0 or not positive and value >= 0)
    if not good then
      keywords.fail("%s for '%s' (%s): expected %s %s 0 and finite, got %s", entry.name, site.name, site.role, column,
                    positive and ">" or ">=", keywords.show(value))
    end
    scales[column] = value + 0.0
  end
  return scales
end

--- {std =, multiplier =, lr =, eps =, weight_decay =} of one site; site.family says who moves it.
function rule.ask(entry, site)
  if not entry.fn then return check(entry, site, native.scales(entry.name, site.role, site.family, site)) end
  return check(entry, site,
               read_answer(entry, site, entry.fn(site.role, site.fan_in, site.fan_out, site.m, site.depth, site)))
end

--- The site as it is in the base model.
local function at_base(site)
  local base = setmetatable({}, {__index = site})
  base.fan_in, base.fan_out = site.fan_in / site.m_in, site.fan_out / site.m_out
  base.m, base.m_in, base.m_out, base.depth, base.branch_depth = 1, 1, 1, 1, 1
  base.layers, base.branch_layers = site.layers / site.depth, site.branch_layers / site.branch_depth
  return base
end

--- The scales with a deviation of `std` at the base width instead of the rule's own.
function rule.ask_with_std(entry, site, std)
  local scales = rule.ask(entry, site)
  local base = std and rule.ask(entry, at_base(site)).std or 0
  if base > 0 then scales.std = std * (scales.std / base) end
  return scales
end

--- The same dynamics with theta times the multiplier: the abc-symmetry.  Moves what `scales` says, in place.
function rule.shift(scales, family, theta)
  if theta == 1 then return scales end
  local rate = family == "sgd" and theta * theta or theta
  scales.multiplier, scales.std = scales.multiplier * theta, scales.std / theta
  scales.lr, scales.weight_decay, scales.eps = scales.lr / rate, scales.weight_decay * rate, scales.eps * theta
  return scales
end

return rule
