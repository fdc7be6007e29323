--- sweep.lua: one model trained at many learning rates, widths and seeds, and where the best rate lies.

local native = require "native.train"
local module = require "native.module"
local family = require "gt.family"
local journal = require "gt.sweep.journal"
local json = require "json"
local keywords = require "gt.keywords"
local progress = require "gt.sweep.progress"
local reparam = require "gt.reparam"
local result = require "gt.sweep.result"
local schedule = require "gt.schedule"
local settings = require "gt.train.settings"
local state = require "gt.train.state"
local train = require "gt.train"

local TRAINING = {"val", "schedule", "momentum", "clip", "accumulate", "autocast", "objective", "B", "T"}
local OPTIONS = {"lr", "width", "seeds", "model", "optim", "rule", "base", "data", "steps", "last", "limit", "journal",
                 "progress", table.unpack(TRAINING)}

local GRACE = 5 -- steps after which a loss may be found too high
local PROBE = {lr = 2.0 ^ -10, seed = 0} -- the point that stands for all of a width when settings are compared

-- ---- reading options ----

--- pow2(from, to[, step = 1]) -> {2^from, …, 2^to}: the learning rates of a sweep.
local function pow2(from, to, step)
  step = step == nil and 1 or step
  for _, value in ipairs {from or false, to or false, step} do
    if type(value) ~= "number" or value ~= value or math.abs(value) > 1000 then
      keywords.fail("pow2: expected numbers, pow2(-14, -4), got %s", keywords.show(value))
    end
  end
  if not (step > 0) then keywords.fail("pow2: expected step > 0, got %s", step) end
  if from > to then keywords.fail("pow2: expected exponents in rising order, got %s, %s", from, to) end
  local out = {}
  for i = 0, math.floor((to - from) / step + 1e-9) do out[i + 1] = 2.0 ^ (from + i * step) end
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

--- function(point) -> model nobody else holds.
local function read_models(given, widths)
  local make = given
  if module.is_module(given) then
    if widths then keywords.fail "sweep: one model has one width: pass model = function(point) … end" end
    make = function() return given end
  elseif type(given) == "table" and not family.callable(given) then
    if not widths then keywords.fail "sweep: settings of GPTs need width = {…}" end
    local gpts = family.gpts("sweep", given)
    make = function(point)
      local model = gpts(point.width)
      model:init_weights()
      return model
    end
  elseif not family.callable(given) then
    keywords.fail("sweep: expected model, function(point) -> model, a model, or settings of GPTs, got %s",
                  given == nil and "nothing" or keywords.show(given))
  end
  return function(point) return family.own("sweep", make(point), point.width) end
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
  local function with_rate(point)
    local own = {lr = point.lr}
    for key, value in pairs(given) do own[key] = value end
    return own
  end
  if o.rule == nil then return function(_, point) return with_rate(point) end end
  local p = o.rule
  if not reparam.is(p) then
    local base = o.base or s.widths[1] and reparam.shapes(s.model {width = s.widths[1], lr = PROBE.lr, seed = PROBE.seed})
    p = reparam.new(p, {base = base})
  end
  return function(model, point)
    p:apply(p:init(model))
    return p:optimizers(model, with_rate(point))
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

local function read(options)
  local o = keywords.read("sweep", options, OPTIONS)
  local own = {}
  for _, key in ipairs(TRAINING) do own[key] = o[key] end
  local s = {lr = read_rates(o.lr), seeds = family.seeds("sweep", o.seeds or 1), training = settings.read("sweep", own)}
  s.widths = o.width ~= nil and family.widths("sweep", type(o.width) == "number" and {o.width} or o.width, 1) or {}
  s.steps = family.whole("sweep", "steps", o.steps or 100, 1)
  s.last = family.whole("sweep", "last", o.last or math.max(1, s.steps // 10), 1)
  if s.last > s.steps then keywords.fail("sweep: expected last <= steps, got %d and %d", s.last, s.steps) end
  s.limit = o.limit == nil and 1.5 or keywords.number("sweep", "limit", o.limit)
  if not (s.limit > 1) then keywords.fail("sweep: expected limit > 1, got %s", s.limit) end
  if s.training.val ~= nil and not settings.is_tokens(s.training.val) then
    keywords.fail("sweep: expected val to be tokens, got %s", keywords.show(s.training.val))
  end
  s.journal = o.journal ~= nil and keywords.string("sweep", "journal", o.journal) or nil
  s.progress = o.progress ~= false
  s.data = read_data(o.data)
  s.model = read_models(o.model, s.widths[1])
  s.optimizers = read_optimizers(s, o)
  return s
end

-- ---- one point ----

--- The trainer of a point: weights, data and dropout follow from its seed alone.
local function trainer_of(s, point)
  torch.manual_seed(point.seed)
  local model = s.model(point)
  local o = {model = model, optim = s.optimizers(model, point), steps = s.steps, seed = point.seed, progress = false}
  for key, value in pairs(s.training) do o[key] = value end
  if s.start then
    s.data:load_state(s.start)
    o.data = s.data
  else
    o.data = s.data:loader {B = o.B, T = o.T or settings.sequence_len(model), shuffle = true, seed = point.seed}
    o.B, o.T = nil, nil
  end
  return train.new(o)
end

local function finite(value) return value - value == 0 end

--- One step -> why the point ends here, or nil.
local function step(s, t, record)
  if not family.step(t) then return "not finite" end
  record.first = record.first or t.loss
  if t.step_count >= GRACE and record.first > 0 and t.smooth_loss > s.limit * record.first then
    return ("above %g times the first loss"):format(s.limit)
  end
end

--- Validation loss, or the mean of the last training losses.
local function score(s, t)
  if s.training.val then return (t:eval()) end
  local losses = t.log.loss
  return (result.mean(table.move(losses, #losses - s.last + 1, #losses, 1, {})))
end

--- Trains one point -> its record.
local function run(s, point, tick)
  local started = torch.perf_counter()
  local t = trainer_of(s, point)
  local record = {key = point.key, width = point.width, lr = point.lr, seed = point.seed}
  while t.step_count < s.steps and not record.diverged do
    record.diverged = step(s, t, record)
    tick(t)
  end
  if not record.diverged then
    local loss = score(s, t)
    if finite(loss) then record.loss = loss else record.diverged = "not finite" end
  end
  record.steps, record.seconds = t.step_count, torch.perf_counter() - started
  return record
end

-- ---- all points ----

--- What decides the outcome of a width, as far as it can be seen: the state before the first step, the model's configuration
-- and multipliers, the first batch, the validation tokens, the options.
local function fingerprint(s, width)
  local t = trainer_of(s, {width = width, lr = PROBE.lr, seed = PROBE.seed})
  local hash, plain = native.hash(), {steps = s.steps, last = s.last, limit = s.limit}
  for _, key in ipairs(TRAINING) do
    local value = s.training[key]
    plain[key] = (schedule.is(value) or type(value) ~= "table" and type(value) ~= "userdata" and type(value) ~= "function")
      and tostring(value) or type(value)
  end
  plain.model = state.model_data(t.model)
  hash:bytes(t:hash())
  for _, batch in ipairs {t.loader:next()} do
    if torch.is_tensor(batch) then hash:tensor(batch) end
  end
  local val = s.training.val
  if val then
    plain.val = #val
    hash:tensor(val:slice(0, math.min(#val, 4096)))
  end
  hash:bytes(json.encode(plain))
  return hash:text(), t.model:num_params()
end

--- The points in order: widths, rates, seeds.  Every width is tried before anything runs.
local function grid(s)
  local points = {}
  for i = 1, math.max(1, #s.widths) do
    local width = s.widths[i]
    local print_of, work = fingerprint(s, width)
    for _, lr in ipairs(s.lr) do
      for _, seed in ipairs(s.seeds) do
        points[#points + 1] = {width = width, lr = lr, seed = seed, work = work,
                               key = ("%s lr %a seed %d"):format(print_of, lr, seed)}
      end
    end
  end
  return points
end

local unfinished = {} -- points of a sweep without journal that was stopped, for the next call

--- Runs what is not known yet.
local function run_all(s, points, known, log)
  local left, work = 0, 0
  for _, point in ipairs(points) do
    if not known[point.key] then left, work = left + 1, work + point.work end
  end
  local bar = s.progress and left > 0 and progress.new(#points, #points - left, work)
  local function stop()
    if bar then bar:finish() end
    if not log then unfinished = known end
  end
  native.guard(stop, function()
    for _, point in ipairs(points) do
      if not known[point.key] then
        local record = run(s, point, function(t)
          if bar then bar:tick(point, t, point.work) end
        end)
        native.shielded(function()
          known[point.key] = record
          if log then
            log:write(record)
            log:sync()
          end
        end)
        if bar then bar:add(point.work) end
        torch.tidy(collectgarbage)
      end
    end
  end)
  if bar then bar:finish() end
end

--- sweep{lr = pow2(-14, -4), width = {64, 128}, seeds = 2, model = function(point) … end, data =, steps = 100, …} -> result.
-- lr         learning rates; pow2(from, to[, step]) makes powers of two
-- width      widths, handed to model as point.width; seeds: a list, or n for 1 … n
-- model      function(point) -> a model with weights drawn after manual_seed(point.seed), so that points of one seed differ
--            in nothing but the rate; or a model, whose copies begin with its weights; or settings of GPTs:
--            {n_layers = 2, head_dim = 32, …}
-- optim      function(model, point) -> optimizers; or settings {name = "AdamW", weight_decay = …} that get point.lr
-- rule       a parametrization, or its name with base = …: it draws the weights and makes the optimizers
-- data       tokens, cut into shuffled batches B x T by point.seed, or a loader: every point begins where it stands
-- steps      of every point; schedule, momentum, clip, accumulate, autocast, objective as in train.new
-- val        tokens: the score is the loss on them; else the mean training loss of the `last` (a tenth) steps
-- limit      a point whose smoothed loss is above limit (1.5) times its first, or not finite, has diverged and ends
-- journal    a file for finished points: the same call again goes on after the last one, whatever ended it.  Known are
--            points of the same rate, seed, options, initial state and data; what functions do later is not compared
-- tostring(result) is the table; result:plot{save =}; result.points, .curves, .drift as data.  Models are copies; random
-- streams and the loader are put back.
local function sweep(options)
  local _ <close> = family.keep_streams()
  local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
  local s = read(options)
  local loader <close> = family.keep_place(s.data)
  s.start = loader.place
  local points, known, log = grid(s), unfinished, nil
  unfinished = {}
  if s.journal then known, log = journal.open(s.journal) end
  local _ <close> = setmetatable({}, {__close = function() -- luacheck: no redefined
    if log then log:close() end
  end})
  run_all(s, points, known, log)
  local records = {}
  for i, point in ipairs(points) do records[i] = known[point.key] end
  local what = s.training.val and ("validation loss after %d steps"):format(s.steps)
    or ("training loss, mean of the last %d of %d steps"):format(s.last, s.steps)
  return result.new {lr = s.lr, widths = s.widths, seeds = s.seeds, steps = s.steps, score = what, points = records}
end

return {sweep = sweep, pow2 = pow2}
