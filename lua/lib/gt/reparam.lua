--- reparam.lua: parametrizations: how std, forward multiplier and learning rate of every tensor follow from its shape,
-- applied to a model.
--
--   p = reparam.new("mup", {base = 64})
--   p:init(model)                          -- fresh weights
--   p:apply(model)                         -- forward multipliers, scale of attention
--   opts = p:optimizers(model, {lr = 2^-7})

local native = require "native.reparam"
local aligned = require "base.aligned"
local keywords = require "base.keywords"
local multipliers = require "gt.reparam.multipliers"
local options = require "gt.reparam.options"
local parametrization = require "gt.reparam.parametrization"
local rule = require "gt.reparam.rule"
local sites = require "gt.reparam.sites"

local reparam = {}

for name, class in pairs(require "gt.reparam.classes") do reparam[name] = class end

--- reparam.new(rule[, {base =, optimizer = "adam", std =, zero =, roles =, residual =, scale_eps = true}]) -> p.
-- rule       a name from reparam.rules(), or function(role, fan_in, fan_out, m, depth, site) -> std, multiplier, lr[,
--            eps[, weight_decay]] (or a table of them by name): what it returns, but for std, are factors
-- base       the model at the width where nothing is scaled; of a GPT also that hidden_dim, or {hidden_dim =, n_layers =}.
--            These keep head_dim and have fewer heads, so that attention has no multiplier; {hidden_dim =, n_heads =} with the
--            model's own n_heads has narrower heads, and attention a multiplier (0.5 at four times the width)
-- optimizer  "adam", "sgd" or "muon" (hidden matrices by Muon, everything else by AdamW)
-- std        std of every matrix at the base width, in place of the rule's own
-- zero       roles, or patterns of names, that begin at zero: {"output"}
-- roles      {[pattern of names] = role} or function(name, tensor, module), where shapes do not tell
-- residual   patterns of the names of residual branches, for rules that scale these
-- scale_eps  false leaves eps alone
-- p:sites(model) p:init(model) p:apply(model) p:groups(model, {lr =}) p:optimizers(model, {lr =}) p:table(model, {lr =})
function reparam.new(which, given) return parametrization.make("reparam.new", which, given) end

reparam.multipliers, reparam.set_multipliers = multipliers.of, multipliers.set

--- reparam.fold(model) -> a copy without multipliers that computes the same: they are in its weights, for files that other
-- programs read.  It trains otherwise: the learning rates of the parametrization do not fit it.
function reparam.fold(model)
  return require "gt.reparam.fold"(model)
end

-- ---- looking at rules ----

local function titled(text) return setmetatable({text = text}, {__tostring = function(self) return self.text end}) end

--- reparam.rules([name[, optimizer = "adam"]]): all rules by name; or the formulas of one.
function reparam.rules(name, optimizer)
  if name == nil then
    local out = {{"rule", "also", "base", "made for", "what it is"}}
    for i, entry in ipairs(rule.list) do
      local home = {}
      for _, family in ipairs(rule.families) do
        if entry.home[family] then home[#home + 1] = family end
      end
      out[i + 1] = {entry.name, entry.alias or "", entry.relative and "yes" or "", table.concat(home, " "), entry.doc}
    end
    return titled(aligned(out, {true, true, true, true, true}))
  end
  local entry = rule.find("reparam.rules", name)
  if entry.fn then keywords.fail "reparam.rules: a Lua function has no formulas to show" end
  local family, out = rule.family("reparam.rules", optimizer), {{"role", "std", "multiplier", "lr", "eps", "weight decay"}}
  for _, role in ipairs(rule.roles) do
    local by_muon = role == "hidden" or family ~= "muon"
    local f = native.formulas(entry.name, role, by_muon and family or "adam")
    if f then out[#out + 1] = {role, f.std, f.multiplier, f.lr, f.eps, f.weight_decay} end
  end
  return titled(aligned(out, {true, true, true, true, true, true}))
end

reparam.shapes = sites.shapes

--- reparam.tau(n) -> for n residual layers (two to a block) the factors tau of u-muP: branch tau/sqrt(1 + tau^2), stream
-- 1/sqrt(1 + tau^2); embedding, attention and MLP then have a third of the variance each.
function reparam.tau(n)
  if math.type(n) ~= "integer" or n < 2 or n % 2 ~= 0 then
    keywords.fail("reparam.tau: expected an even number of residual layers, got %s", keywords.show(n))
  end
  local out = {}
  for i = 1, keywords.length("reparam.tau", n) do out[i] = 1 / math.sqrt(n // 2 + i - 1) end
  return out
end

--- lrtable(model, rule[, {lr = 1e-3, weight_decay = 0, against = another rule, all = false, dtype =, …}]): name, shape, role,
-- std, multiplier, learning rate and decay of every tensor, and the learning rate in units of half an ulp at that std
-- (below 1 most steps are rounded away).  rule: a name, a function or what reparam.new made; {rule, rule}: two side by side,
-- with the ratio of their learning rates.  Other options are those of reparam.new.  Equal layers are one line unless
-- all = true; .rows.
function reparam.lrtable(model, which, o)
  local is = parametrization.is
  local function as_parametrization(value) return is(value) and value or parametrization.make("lrtable", value, o) end
  if type(which) == "table" and not is(which) and #which == 2 then
    o.against = which[2]
    which = which[1]
  end
  if o.against ~= nil then o.against = as_parametrization(o.against) end
  return require "gt.reparam.table".make(as_parametrization(which), model, o)
end

keywords.sign(reparam, ([[
  new(rule: string|function|parametrization = nil, {NEW})
  multipliers(model: module)
  set_multipliers(model: module, saved: table)
  fold(model: module)
  rules(name: string = nil, optimizer: string = nil)
  tau(n: integer)
  shapes(model: module)
]]):gsub("NEW", options.TEXT), "reparam.")
keywords.sign(reparam, "lrtable(model, rule: string|function|parametrization|list = nil, {" .. options.TABLE .. ", " .. options.TEXT .. "})")

return reparam
