--- coord.lua: the coordinate check: does the size of activations, and of their change in training, depend on the width?
--
-- Models of several widths take a few steps on one batch.  l1 = mean |h| of every module's output, and of its change since
-- the first step, is fitted by width^p: under a correct parametrization p is 0 (arXiv 2203.03466, appendix D.1).

local native = require "native.train"
local module = require "native.module"
local family = require "gt.family"
local keywords = require "base.keywords"
local parametrization = require "gt.reparam.parametrization"
local text = require "gt.coord.text"

local Check = {__name = "coordinate check"}
Check.__index = Check
Check.__tostring = text.of

local NEW = require "gt.reparam.options"
local sites = require "gt.reparam.sites"

-- ---- reading options ----

local function tokens(config)
  return function()
    local idx = torch.randint(0, config.vocab_size, {4, math.min(32, config.sequence_len) + 1})
    return idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()
  end
end

local function default_loss(model, x, y)
  if module.class_name(model) == "GPT" then return model(x, y) end
  return F.mse_loss(model(x), y)
end

local function build(make, width) return family.own("coord", make(width), width) end

local function as_parametrization(o, make, widths)
  if parametrization.is(o.rule) then return o.rule end
  if o.rule == nil then keywords.fail "coord: expected rule, a name or a function, or setup" end
  local own = {}
  for _, key in ipairs(NEW.names) do own[key] = o[key] end
  if own.base == nil then own.base = sites.shapes(build(make, widths[1])) end
  if own.zero == nil then own.zero = {"output"} end
  return parametrization.make("coord", o.rule, own)
end

-- ---- one model ----

--- Hooks on every module below the root that hand over what comes out, in order of execution.  A module used several times
-- in one forward has a name for each: "act", "act (2)".  uses: calls per module, which the caller empties before a forward.
local function watch(model, uses, note)
  for path, m in model:named_modules() do
    if path ~= "" and not nn.isinstance(m, nn.ModuleList) then
      m:register_forward_hook(function(_, _, y)
        if not (torch.is_tensor(y) and y.dtype.is_floating_point) then return end
        uses[path] = (uses[path] or 0) + 1
        note(uses[path] > 1 and ("%s (%d)"):format(path, uses[path]) or path, y:detach())
      end)
    end
  end
end

local function l1(t) return t:float():abs():mean():item() end

--- Trains one model and hands every measurement to note(module, t, l1, change).
local function run(model, check, batch, note)
  local opts = check.setup(model)
  local first, uses, t = {}, {}, 1
  watch(model, uses, function(name, y)
    local change = 0
    if t == 1 then first[name] = y:clone() else change = first[name] and l1(y - first[name]) or 0 end
    note(name, t, l1(y), change)
  end)
  for step = 1, check.steps do
    t = step
    for path in pairs(uses) do uses[path] = nil end
    local loss = check.loss(model, table.unpack(batch, 1, batch.n))
    if step < check.steps then
      for _, opt in ipairs(opts) do opt:zero_grad() end
      loss:backward()
      for _, opt in ipairs(opts) do opt:step() end
    end
  end
end

-- ---- slopes ----

--- p of y = c width^p by least squares in logarithms; nil where a value is 0 or not finite.
local function slope(widths, values)
  local n, sx, sy, sxx, sxy = #widths, 0, 0, 0, 0
  for i, width in ipairs(widths) do
    local v = values[i]
    if not v or not (v > 0 and v < math.huge) then return nil end
    local x, y = math.log(width, 2), math.log(v, 2)
    sx, sy, sxx, sxy = sx + x, sy + y, sxx + x * x, sxy + x * y
  end
  return (n * sxy - sx * sy) / (n * sxx - sx * sx)
end

--- Mean of the slopes of all seeds and its standard error; nil unless every seed has one.
local function fit(check, curve, t)
  local sum, squares, n = 0, 0, #check.seeds
  for _, seed in ipairs(check.seeds) do
    local p = slope(check.widths, curve[t][seed] or {})
    if not p then return nil end
    sum, squares = sum + p, squares + p * p
  end
  local mean = sum / n
  return {p = mean, error = n > 1 and math.sqrt(math.max(0, squares / n - mean * mean) / (n - 1)) or nil}
end

--- Geometric mean over seeds per width.
local function averages(check, curve, t)
  local out = {}
  for i = 1, #check.widths do
    local sum = 0
    for _, seed in ipairs(check.seeds) do sum = sum + math.log(curve[t][seed] and curve[t][seed][i] or 0) end
    out[i] = math.exp(sum / #check.seeds)
  end
  return out
end

-- ---- verdicts ----

local function diverges(check, line)
  for t = 1, check.steps do
    for _, values in pairs(line.values.h[t]) do
      for i = 1, #check.widths do
        local v = values[i]
        if v and not (v < math.huge) then return t end
      end
    end
  end
end

local SHRINKING = -0.6 -- a change that falls faster than random signs add up does not learn

--- Does this exponent break the rule, and is it unusual?  Legal are: an output that begins at random, which falls at first, as
-- width^-1/2 is what random signs add up to; and a change that falls, for part of it is such a sum.
local function breaks(check, line, kind, p, t)
  if math.abs(p) <= check.tolerance then return false, false end
  if kind == "change" then return p > 0 or p < SHRINKING, true end
  local random = line.output and line.slopes.h[1] ~= nil
  return not random or (t == 1 and p > 0), true
end

--- The first exponent of a line that breaks the rule, and whether a legal transient was seen.
local function worst_of(check, line)
  local transient = false
  for t = 1, check.steps do
    for _, kind in ipairs {"change", "h"} do -- the change shows the exponent of the step itself
      local found = line.slopes[kind][t]
      if found then
        local broken, unusual = breaks(check, line, kind, found.p, t)
        if broken then return {kind = kind, t = t, p = found.p} end
        transient = transient or unusual
      end
    end
  end
  return nil, transient
end

local function judge(check, line)
  local at = diverges(check, line)
  local worst, transient = worst_of(check, line)
  if at then
    line.verdict, line.worst = "DIVERGES", {kind = "h", t = at, p = math.huge}
  elseif worst then
    line.verdict, line.worst = worst.p > 0 and "GROWS" or "SHRINKS", worst
  else
    line.verdict = transient and "pass (legal transient)" or "pass"
  end
end

--- The tensor whose module fails first in time, and of several the first in the forward; a module when none has a tensor.
local function find_culprit(check, owners)
  local found
  for _, line in ipairs(check.lines) do
    local tensor = owners[line.module]
    local better = not found or (tensor and not found.tensor) or line.worst and line.worst.t < found.line.worst.t
    if line.worst and better and (tensor or not (found and found.tensor)) then
      found = {module = line.module, tensor = tensor, line = line}
    end
  end
  return found
end

local function judge_all(check, owners)
  check.verdict = "pass"
  for _, line in ipairs(check.lines) do
    line.slopes, line.average = {}, {}
    for _, kind in ipairs {"h", "change"} do
      line.slopes[kind], line.average[kind] = {}, {}
      for t = 1, check.steps do
        line.slopes[kind][t] = fit(check, line.values[kind], t)
        line.average[kind][t] = averages(check, line.values[kind], t)
      end
    end
    judge(check, line)
    if line.worst then check.verdict = "fail" end
  end
  local found = check.verdict == "fail" and find_culprit(check, owners)
  if found then
    local worst, rate = found.line.worst, found.line.output and "multiplier or learning rate" or "learning rate"
    check.culprit = {module = found.module, tensor = found.tensor, t = worst.t, exponent = worst.p,
                     what = worst.t == 1 and "std" or rate,
                     factor = (check.widths[#check.widths] / check.widths[1]) ^ -worst.p}
  end
end

-- ---- the check ----

local function new_line(check, path, outputs)
  local line = {module = path, output = outputs[path] or false, values = {h = {}, change = {}}}
  for _, kind in pairs(line.values) do
    for t = 1, check.steps do kind[t] = {} end
  end
  return line
end

--- Names of the matrices by the module that owns them, and which modules give the output.
local function roles_of(model, p)
  local owners, outputs = {}, {}
  for _, site in ipairs((p:sites(model))) do
    if site.tensor and #site.shape >= 2 then
      local at = site.uses[1].path
      owners[at] = owners[at] or site.name
      if site.role == "output" then outputs[at] = true end
    elseif site.role == "unembed" then
      outputs[site.name] = true
      owners[site.name] = owners[site.name] or site.name .. ".weight"
    end
  end
  return owners, outputs
end

local WEIGHTS = 1 << 32 -- number of the random stream at which weights begin, far from those of the batch

local function measure(check, make, batch_of, outputs)
  local known = {}
  for _, seed in ipairs(check.seeds) do
    for i, width in ipairs(check.widths) do
      torch.manual_seed(seed)
      local batch = table.pack(batch_of(seed, width))
      local model = build(make, width)
      native.set_rng(seed, WEIGHTS)
      run(model, check, batch, function(path, t, h, change)
        local line = known[path]
        if not line then
          line = new_line(check, path, outputs)
          known[path] = line
          check.lines[#check.lines + 1] = line
        end
        for kind, value in pairs {h = h, change = change} do
          line.values[kind][t][seed] = line.values[kind][t][seed] or {}
          line.values[kind][t][seed][i] = value
        end
      end)
      torch.tidy(collectgarbage)
    end
  end
end

--- What training by a parametrization does to a fresh model -> optimizers.
local function setup_of(p, o, lr)
  local settings = {lr = lr, eps = p.optimizer ~= "sgd" and (o.eps or 1e-12) or nil, betas = o.betas, momentum = o.momentum}
  if p.optimizer ~= "sgd" and settings.betas == nil then settings.betas = {0.9, 0.95} end
  return function(model)
    p:init(model)
    p:apply(model)
    return p:optimizers(model, settings)
  end
end

--- The user's own set-up, which may return one optimizer.
local function checked(setup)
  return function(model)
    local opts = setup(model)
    if type(opts) ~= "table" then keywords.fail("coord: expected optimizers from setup, got %s", keywords.show(opts)) end
    return opts.param_groups and {opts} or opts
  end
end

--- Options -> the check without lines, the family and the parametrization that tells roles.
local function read(models, o)
  local make = models
  if type(models) == "table" and not family.callable(models) then
    make = family.gpts("coord", models)
  elseif not family.callable(models) then
    keywords.fail("coord: expected a family, function(width) -> model, or settings of GPTs, got %s", keywords.show(models))
  end
  if o.setup and o.rule ~= nil then keywords.fail "coord: expected rule or setup, got both" end
  local check = {widths = family.widths("coord", o.widths or {64, 128, 256, 512}, 2),
                 seeds = family.seeds("coord", o.seeds), steps = o.steps, lr = o.lr, tolerance = o.tolerance, lines = {},
                 loss = o.loss or default_loss, batch = o.batch}
  local p = o.setup and parametrization.make("coord", "standard", {}) or as_parametrization(o, make, check.widths)
  check.setup = o.setup and checked(o.setup) or setup_of(p, o, check.lr)
  check.rule, check.optimizer = o.setup and "setup" or p.rule.name, o.setup and "" or p.optimizer
  return setmetatable(check, Check), make, p
end

--- coord(models, {rule =, widths = {64, 128, 256, 512}, steps = 5, lr = 2^-7, seeds = 2, …}) -> check.
-- models     function(width) -> model, or settings of GPTs: {n_layers = 2, head_dim = 32, vocab_size = 256, tied = false}
-- rule       as in reparam.new, whose options count here too (base: the first width; optimizer = "adam"; zero = {"output"},
--            because a random readout hides what is to be seen), or a parametrization made there
-- setup      in place of rule: function(model) -> optimizers
-- batch      function(seed, width) -> x, y; random tokens for a GPT
-- loss       function(model, x, y) -> loss; mean squares, the GPT's own loss
-- tolerance  largest |p| that passes (0.15); what falls by chance and is legal is marked so
-- check.verdict "pass" or "fail"; check.culprit {tensor, module, t, exponent, factor}: the first to fail;
-- check.lines;
-- check:p(module, t[, "change"]); check:plot{t =, change =, save =}; tostring(check) is the table.  Models are clones;
-- random streams are put back.
local function coord(models, options)
  local _ <close> = family.keep_streams()
  local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
  local check, make, p = read(models, options)
  local owners, outputs, probe
  for _, width in ipairs(check.widths) do -- whatever does not fit is found before anything runs
    probe = build(make, width)
    owners, outputs = roles_of(probe, p)
  end
  if not check.batch and module.class_name(probe) ~= "GPT" then
    keywords.fail "coord: expected batch, function(seed, width) -> x, y"
  end
  measure(check, make, check.batch or tokens(probe.config), outputs)
  judge_all(check, owners)
  return check
end

--- check:p(module, t[, kind = "h"]) -> exponent of the activation ("h") or of its change since t = 1 ("change"), standard error
-- over seeds; nil where it is 0.
function Check:p(name, t, kind)
  for _, line in ipairs(self.lines) do
    if line.module == name then
      local found = line.slopes[kind][t]
      if found then return found.p, found.error end
      return nil
    end
  end
  keywords.fail("coord: no module '%s' was seen", tostring(name))
end

--- check:plot{t = last, change = false, save =}: plot.coord of this check.
function Check:plot(options) return plot.coord(self, options) end

keywords.sign(Check, [[
  p(self: coordinate check, name: string, t: integer, kind: "h"|"change" = "h")
  plot(self: coordinate check, {t: integer[1,] = nil, change: boolean = false, title: string = nil, save: string = nil})
]], "check:")

local public = {coord = coord}
keywords.sign(public, ([[coord(models, {rule: string|function|parametrization = nil, setup: function = nil, batch: function = nil,
  loss: function = nil, widths: list = nil, steps: integer[2,] = 5, lr: number(0,) = 0.0078125, seeds: integer[1,]|list = 2,
  tolerance: number(0,) = 0.15, eps: number = nil, betas: list = nil, momentum: number = nil, NEW})]]):gsub("NEW", NEW.TEXT))
return public
