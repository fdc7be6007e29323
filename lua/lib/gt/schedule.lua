--- schedule.lua: learning-rate schedules as pure functions from the number of updates done to the multiplier of
-- the next update.  Every group's peak learning rate is multiplied by it: lr = initial_lr * s(step).
--
-- A schedule is an object: s(step) calls it, print(s) shows the call that makes it, s:values(n) is a tensor to plot.

local keywords = require "base.keywords"
local native = require "native"

local schedule = {}

local Schedule = {__name = "schedule"}

-- ---- what every schedule has ----

local methods = {}

--- s:values(n) -> tensor of s(0) … s(n - 1), for plots
function methods.values(self, n)
  local out = {}
  for step = 0, keywords.length("values", n) - 1 do out[step + 1] = self(step) end
  return torch.tensor(out)
end

Schedule.__index = methods

--- s(step[, trainer]): step counts the updates done, so the first update has 0.
function Schedule.__call(self, step, trainer) return self.value(keywords.number("schedule", "step", step), trainer) end

function Schedule.__tostring(self)
  local parts = {}
  for _, row in ipairs(native.parameters_of(schedule[self.kind])) do
    local key, value = row.name, self.settings[row.name]
    if value ~= nil and type(value) ~= "function" then
      parts[#parts + 1] = key .. " = " .. (type(value) == "string" and '"' .. value .. '"' or tostring(value))
    end
  end
  return "schedule." .. self.kind .. (#parts == 0 and "()" or "{" .. table.concat(parts, ", ") .. "}")
end

-- ---- making them ----

local function make(kind, own, value)
  return setmetatable({kind = kind, settings = own, value = value}, Schedule)
end

--- (step + 1) / warmup while step < warmup, 1 after.
local function warm(step, warmup) return step < warmup and (step + 1) / warmup or 1 end

--- How far step is on the way from `from` to `to`, in [0, 1].
local function progress(step, from, to) return math.max(0, math.min(1, (step - from) / (to - from))) end

local function check_room(kind, own, used)
  if used >= own.total then
    keywords.fail("schedule.%s: expected total > %d steps of warm-up and decay, got %d", kind, used, own.total)
  end
end

--- schedule.constant{warmup = 0}: 1, after a linear warm-up (step + 1) / warmup.
function schedule.constant(own)
  return make("constant", own, function(step) return warm(step, own.warmup) end)
end

--- A warm-up, then down to `final` at step total: value(final, r) with r in [0, 1], how far it is.
local function falling(kind, own, value)
  check_room(kind, own, own.warmup)
  return make(kind, own, function(step)
    if step < own.warmup then return warm(step, own.warmup) end
    return value(own.final, progress(step, own.warmup, own.total))
  end)
end

--- schedule.linear{total =, warmup = 0, final = 0}: after the warm-up a straight line from 1 to final at step total:
-- 1 - (1 - final) r with r = (step - warmup) / (total - warmup).  (llm.c, schedulers.h)
function schedule.linear(own)
  return falling("linear", own, function(final, r) return 1 - (1 - final) * r end)
end

--- schedule.cosine{total =, warmup = 0, final = 0}: after the warm-up half a cosine from 1 to final at step total:
-- final + (1 - final) (1 + cos(pi r)) / 2 with r = (step - warmup) / (total - warmup).  (Loshchilov & Hutter 2017;
-- nanoGPT with final = 0.1)
function schedule.cosine(own)
  return falling("cosine", own, function(final, r)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * r))
  end)
end

local tails = {
  linear = function(r) return 1 - r end,
  sqrt = function(r) return 1 - math.sqrt(r) end,
  cosine = function(r) return 0.5 * (1 + math.cos(math.pi * r)) end,
}

--- schedule.wsd{total =, decay =, warmup = 0, final = 0, tail = "linear"}: warm-up, stable at 1, then a decay over the
-- last `decay` steps: final + (1 - final) tail(r) with r = (step - (total - decay)) / decay, where tail is 1 - r
-- ("linear"), 1 - sqrt(r) ("sqrt", Hägele et al. 2024, llm.c) or (1 + cos(pi r)) / 2 ("cosine").
function schedule.wsd(own)
  local tail = tails[own.tail]
  if own.warmup + own.decay > own.total then
    keywords.fail("schedule.wsd: expected warmup + decay <= total, got %d + %d > %d", own.warmup, own.decay, own.total)
  end
  return make("wsd", own, function(step)
    if step < own.warmup then return warm(step, own.warmup) end
    if step < own.total - own.decay then return 1 end
    local r = own.decay == 0 and 1 or progress(step, own.total - own.decay, own.total)
    return own.final + (1 - own.final) * tail(r)
  end)
end

--- schedule.warmdown{total =, warmdown =, final = 0}: 1, then linear to final over the last `warmdown` steps:
-- (total - step) / warmdown for final = 0.  (nanochat, parameter-golf without a time budget)
function schedule.warmdown(own)
  if own.warmdown > own.total then
    keywords.fail("schedule.warmdown: expected warmdown <= total, got %d > %d", own.warmdown, own.total)
  end
  return make("warmdown", own, function(step)
    return 1 - (1 - own.final) * progress(step, own.total - own.warmdown, own.total)
  end)
end

--- schedule.warmdown_time{budget =, warmdown = | seconds =, final = 0, clock =}: by wall clock.  With the elapsed time e
-- the rest of the budget is rest = max(budget - e, 0); the multiplier is 1 while rest > w, then falls with rest / w to
-- final.  w is `seconds`, or the time that `warmdown` steps take at the mean speed so far, warmdown e / max(step, 1)
-- (parameter-golf).  e comes from clock() where given, else from the trainer: seconds spent in its steps.
function schedule.warmdown_time(own)
  if (own.warmdown == nil) == (own.seconds == nil) then
    keywords.fail("schedule.warmdown_time: expected warmdown (steps) or seconds, one of the two")
  end
  return make("warmdown_time", own, function(step, trainer)
    if not own.clock and not trainer then
      keywords.fail("schedule.warmdown_time: expected a trainer or a clock to tell the time")
    end
    local elapsed = own.clock and own.clock() or trainer.elapsed
    local rest = math.max(own.budget - elapsed, 0)
    local width = own.seconds or own.warmdown * elapsed / math.max(step, 1)
    if rest > width then return 1 end
    return own.final + (1 - own.final) * (width > 0 and rest / width or 0)
  end)
end

--- schedule.momentum{from = 0.85, to = 0.95, steps = 300}: momentum warm-up for train.new{momentum = …}: not a multiplier
-- but the value, from + (to - from) min(step / steps, 1).  (nanochat; parameter-golf with steps = 500)
function schedule.momentum(own)
  return make("momentum", own, function(step)
    return own.from + (own.to - own.from) * math.min(step / own.steps, 1)
  end)
end

keywords.sign(methods, "values(self: schedule, n: integer)", "schedule:")
keywords.sign(schedule, [[
  constant({warmup: integer[0,] = 0})
  linear({total: integer[1,], warmup: integer[0,] = 0, final: number[0,1] = 0})
  cosine({total: integer[1,], warmup: integer[0,] = 0, final: number[0,1] = 0})
  wsd({total: integer[1,], decay: integer[0,], warmup: integer[0,] = 0, final: number[0,1] = 0,
    tail: "linear"|"sqrt"|"cosine" = "linear"})
  warmdown({total: integer[1,], warmdown: integer[1,], final: number[0,1] = 0})
  warmdown_time({budget: number(0,), warmdown: integer[1,] = nil, seconds: number(0,) = nil, final: number[0,1] = 0,
    clock: function = nil})
  momentum({from: number[0,1] = 0.85, to: number[0,1] = 0.95, steps: integer[1,] = 300})
]], "schedule.")

--- Is the value a schedule of this library? (library only)
function schedule.is(value) return getmetatable(value) == Schedule end

return schedule
