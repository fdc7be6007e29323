--- options.lua: the options of a sweep, checked before anything runs.

local module = require "native.module"
local family = require "gt.family"
local keywords = require "base.keywords"
local point = require "gt.sweep.point"
local parametrization = require "gt.reparam.parametrization"
local sites = require "gt.reparam.sites"
local settings = require "gt.train.settings"

local options = {}

--- The options of sweep, as its signature has them in braces.
options.TEXT = "lr: number|list, width: integer|list = nil, seeds: integer[1,]|list = 1, model: any, " ..
  "optim: any = nil, rule: string|function|parametrization = nil, base: any = nil, data: any = nil, " ..
  "steps: integer[1,] = 100, last: integer[1,] = nil, limit: number(1,] = 1.5, refine: integer[0,]|boolean = 0, " ..
  "jobs: integer[1,] = nil, journal: string = nil, progress: boolean = true, " .. settings.text(point.TRAINING)

--- pow2(from, to[, step = 1]) -> {2^from, …, 2^to}: the learning rates of a sweep.
function options.pow2(from, to, step)
  step = step == nil and 1 or step
  for _, value in ipairs {from or false, to or false, step} do
    if type(value) ~= "number" or value ~= value or math.abs(value) > 1000 then
      keywords.fail("pow2: expected numbers, pow2(-14, -4), got %s", keywords.show(value))
    end
  end
  if not (step > 0) then keywords.fail("pow2: expected step > 0, got %s", step) end
  if from > to then keywords.fail("pow2: expected exponents in rising order, got %s, %s", from, to) end
  local out, count = {}, keywords.length("pow2", (to - from) / step + 1)
  for i = 0, math.floor(count - 1 + 1e-9) do out[i + 1] = 2.0 ^ (from + i * step) end
  return out
end

local function read_rates(rates)
  if type(rates) == "number" then rates = {rates} end
  if type(rates) ~= "table" or #rates == 0 then
    keywords.fail("sweep: expected lr, a list of learning rates like pow2(-14, -4), got %s",
                  type(rates) == "table" and "an empty one" or keywords.show(rates))
  end
  local out = {}
  for i, lr in ipairs(rates) do
    if type(lr) ~= "number" or not (lr > 0 and lr < math.huge) then
      keywords.fail("sweep: expected every lr > 0 and finite, got %s", keywords.show(lr))
    end
    out[i] = lr + 0.0
  end
  table.sort(out)
  for i = 2, #out do
    if out[i] == out[i - 1] then keywords.fail("sweep: expected different rates, got %s twice", out[i]) end
  end
  return out
end

--- function(point) -> model that has no other reference.
local function read_models(given, widths)
  local make = given
  if module.is_module(given) then
    if widths then keywords.fail "sweep: one model has one width: pass model = function(point) … end" end
    make = function() return given end
  elseif type(given) == "table" and not family.callable(given) then
    if not widths then keywords.fail "sweep: settings of GPTs need width = {…}" end
    local gpts = family.gpts("sweep", given)
    make = function(at)
      local model = gpts(at.width)
      model:init_weights()
      return model
    end
  elseif not family.callable(given) then
    keywords.fail("sweep: expected model, function(point) -> model, a model, or settings of GPTs, got %s",
                  given == nil and "nothing" or keywords.show(given))
  end
  return function(at) return family.own("sweep", make(at), at.width) end
end

--- function(model, point) -> optimizers
local function read_optimizers(s, o)
  local given = o.optim == nil and {} or o.optim
  if o.rule == nil then
    if o.base ~= nil then keywords.fail "sweep: base needs rule" end
    if family.callable(given) then return given end
  end
  if type(given) ~= "table" or #given > 0 or family.callable(given) or rawget(given, "param_groups") then
    keywords.fail("sweep: expected optim, %s, got %s: every point has optimizers of its own", o.rule == nil and
      "function(model, point) or settings like {name = 'AdamW'}" or "settings (the rule makes the optimizers)",
      keywords.show(given))
  end
  if given.lr ~= nil then keywords.fail "sweep: lr is what is swept: leave it out of optim" end
  local function with_rate(at)
    local own = {lr = at.lr}
    for key, value in pairs(given) do own[key] = value end
    return own
  end
  if o.rule == nil then return function(_, at) return with_rate(at) end end
  local p = o.rule
  if not parametrization.is(p) then
    local base = o.base or s.widths[1] and sites.shapes(s.model(point.probe(s.widths[1])))
    p = parametrization.make("sweep", p, {base = base})
  end
  return function(model, at)
    p:apply(p:init(model))
    return p:optimizers(model, with_rate(at))
  end
end

local function read_data(data)
  if settings.is_loader(data) then return data end
  local ok, found = pcall(function() return data.loader end)
  if data == nil or not ok or not found then
    keywords.fail("sweep: expected data, tokens or a loader, got %s", data == nil and "nothing" or keywords.show(data))
  end
  return data
end

--- options.read(what sweep was given) -> settings
function options.read(o)
  local s = {lr = read_rates(o.lr), seeds = family.seeds("sweep", o.seeds), training = {}, steps = o.steps, limit = o.limit,
             last = o.last or math.max(1, o.steps // 10), journal = o.journal, progress = o.progress, jobs = o.jobs,
             refine = o.refine == true and 1 or o.refine or 0}
  for _, key in ipairs(point.TRAINING) do s.training[key] = o[key] end
  s.widths = o.width ~= nil and family.widths("sweep", type(o.width) == "number" and {o.width} or o.width, 1) or {}
  if s.last > s.steps then keywords.fail("sweep: expected last <= steps, got %d and %d", s.last, s.steps) end
  if s.training.val ~= nil and not settings.is_tokens(s.training.val) then
    keywords.fail("sweep: expected val to be tokens, got %s", keywords.show(s.training.val))
  end
  s.data = read_data(o.data)
  s.model = read_models(o.model, s.widths[1])
  s.optimizers = read_optimizers(s, o)
  return s
end

return options
