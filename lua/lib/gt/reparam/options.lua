--- options.lua: the options of reparam.new, checked before any model is seen; then that their patterns fit names of the model.

local keywords = require "gt.keywords"
local rule = require "gt.reparam.rule"

local options = {}

options.names = {"base", "optimizer", "std", "zero", "roles", "residual", "scale_eps"}

local function fail(format, ...) keywords.fail("reparam.new: " .. format, ...) end

-- ---- what a value must be ----

local function check_list(name, value, items)
  if value == nil then return end
  if type(value) ~= "table" or #value == 0 and next(value) ~= nil then
    fail("expected %s, a list of %s, got %s", name, items, keywords.show(value))
  end
  for _, word in ipairs(value) do keywords.pattern("reparam.new", name, word) end
end

local function check_roles(roles)
  if roles == nil or type(roles) == "function" then return end
  if type(roles) ~= "table" then fail("expected roles {[pattern] = role} or a function, got %s", keywords.show(roles)) end
  for pattern, role in pairs(roles) do
    keywords.pattern("reparam.new", "roles", pattern)
    rule.check_role("reparam.new: roles: " .. keywords.show(pattern), role)
  end
end

--- Checked options of reparam.new.
function options.read(given)
  local o = keywords.read("reparam.new", given, options.names)
  if o.std ~= nil and not (type(o.std) == "number" and o.std > 0 and o.std < math.huge) then
    fail("expected std > 0, got %s", keywords.show(o.std))
  end
  if o.scale_eps ~= nil and type(o.scale_eps) ~= "boolean" then
    fail("expected scale_eps, true or false, got %s", keywords.show(o.scale_eps))
  end
  check_list("zero", o.zero, "roles or patterns of names")
  check_list("residual", o.residual, "patterns of names")
  check_roles(o.roles)
  return o
end

-- ---- names of a model ----

--- A pattern that fits nothing is a mistake.
local function check_fits(name, pattern, list, wanted)
  for _, site in ipairs(list) do
    if wanted(site) and site.name:find(pattern) then return end
  end
  keywords.fail("reparam: %s: nothing in the model fits '%s'", name, pattern)
end

local function is_tensor(site) return site.tensor ~= nil end
local function is_branch(site) return site.role == "residual" end

--- Does every pattern in the options of p fit something in the sites of a model?
function options.check_names(p, list)
  for _, word in ipairs(p.zero or {}) do
    if not rule.is_role(word) then check_fits("zero", word, list, is_tensor) end
  end
  for pattern in pairs(type(p.roles) == "table" and p.roles or {}) do check_fits("roles", pattern, list, is_tensor) end
  for _, pattern in ipairs(p.residual or {}) do check_fits("residual", pattern, list, is_branch) end
end

return options
