--- options.lua: the options of reparam.new, checked before any model is seen; then that their patterns fit names of the model.

local keywords = require "base.keywords"
local rule = require "gt.reparam.rule"

local options = {}

options.names = {"base", "optimizer", "std", "zero", "roles", "residual", "scale_eps"}

--- The same as a signature has them in braces.
options.TEXT = "base: any = nil, optimizer: string = nil, std: number(0,) = nil, zero: list = nil, " ..
  "roles: table|function = nil, residual: list = nil, scale_eps: boolean = true"

--- Those of p:table.
options.TABLE = "lr: number[0,) = 0.001, weight_decay: number[0,) = 0, all: boolean = false, dtype: dtype = nil, " ..
  "against: string|function|parametrization = nil"

-- ---- what a value must be ----

local function check_patterns(what, name, value)
  for _, word in ipairs(value and keywords.list(what .. ": " .. name, value) or {}) do keywords.pattern(what, name, word) end
end

local function check_roles(what, roles)
  if roles == nil or type(roles) == "function" then return end
  for pattern, role in pairs(roles) do
    keywords.pattern(what, "roles", pattern)
    rule.check_role(what .. ": roles: " .. keywords.show(pattern), role)
  end
end

--- Checks of options of reparam.new what their types do not say; what: who got them.
function options.check(what, o)
  check_patterns(what, "zero", o.zero)
  check_patterns(what, "residual", o.residual)
  check_roles(what, o.roles)
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
