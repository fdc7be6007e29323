--- rule.lua: asking a rule, built in or a Lua function, for the scales of one site; every result is checked.

local native = require "native.reparam"
local keywords = require "base.keywords"

local rule = {}

rule.list = native.rules()
rule.roles, rule.families = native.names()

local COLUMNS = {"std", "multiplier", "lr", "eps", "weight_decay"}
local ANSWER = "({" .. table.concat(COLUMNS, ": any = nil, ") .. ": any = nil})"
local PLACES = {unembed = true, attention = true, residual = true}
local family_of = {} -- of a family or, in small letters, of an optimizer
for _, class in ipairs(require "native.optim".classes()) do
  if class.family then family_of[class.family], family_of[class.name:lower()] = class.family, class.family end
end

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

function rule.check_role(what, value)
  if rule.is_role(value) then return value end
  keywords.fail("%s: expected one of %s, got %s", what, table.concat(rule.roles, ", "), keywords.show(value))
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

--- What a user's function returned, as {std =, …}; it may give a table or the numbers in order, and nothing for a place.
local function read_answer(what, role, ...)
  local values, count, answer = {...}, select("#", ...), {eps = 1, weight_decay = 1}
  if type(values[1]) == "table" then
    answer.multiplier = 1
    for column, value in pairs(keywords.options(what:gsub("[()]", "") .. ANSWER)(values[1])) do answer[column] = value end
  elseif values[1] == nil and PLACES[role] then
    answer.std, answer.multiplier, answer.lr = 0, 1, 1
  elseif count == 0 or count > #COLUMNS then
    keywords.fail("%s: expected std, multiplier, lr[, eps[, weight_decay]], got %s", what,
                  count == 0 and "nothing" or count .. " values")
  else
    for i, column in ipairs(COLUMNS) do
      if values[i] ~= nil then answer[column] = values[i] end
    end
  end
  return answer
end

local function check(what, scales)
  for _, column in ipairs(COLUMNS) do
    local value = scales[column]
    local positive = column == "multiplier"
    local good = type(value) == "number" and value < math.huge and (positive and value > 0 or not positive and value >= 0)
    if not good then
      keywords.fail("%s: expected %s %s 0 and finite, got %s", what, column, positive and ">" or ">=", keywords.show(value))
    end
    scales[column] = value + 0.0
  end
  return scales
end

--- {std =, multiplier =, lr =, eps =, weight_decay =} of one site; site.family is the optimizer that updates it.
function rule.ask(entry, site)
  local what = ("%s for '%s' (%s)"):format(entry.name, site.name, site.role)
  if not entry.fn then return check(what, native.scales(entry.name, site.role, site.family, site)) end
  return check(what, read_answer(what, site.role,
                                 entry.fn(site.role, site.fan_in, site.fan_out, site.m, site.depth, site)))
end

--- The site as it is in the base model.
local function at_base(site)
  local base = setmetatable({}, {__index = site})
  base.fan_in, base.fan_out = site.fan_in / site.m_in, site.fan_out / site.m_out
  base.m, base.m_in, base.m_out, base.depth, base.branch_depth = 1, 1, 1, 1, 1
  base.layers, base.branch_layers = site.layers / site.depth, site.branch_layers / site.branch_depth
  return base
end

--- The scales with a std of `std` at the base width instead of the rule's own.
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
