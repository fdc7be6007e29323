-- Schedules against their formulas, written out once more, and against values of the projects they come from.
local test = require "harness"

local function each(n, fn)
  for step = 0, n do fn(step) end
end

test("constant is 1 after its warm-up", function()
  local s = schedule.constant {warmup = 4}
  test.equal({s(0), s(1), s(2), s(3), s(4), s(1000)}, {0.25, 0.5, 0.75, 1.0, 1, 1})
  test.equal(schedule.constant()(0), 1)
end)

test("linear goes straight from 1 to final", function()
  local s = schedule.linear {total = 100, warmup = 10, final = 0.2}
  each(120, function(step)
    local want = step < 10 and (step + 1) / 10 or 1 - 0.8 * math.min((step - 10) / 90, 1)
    test.close(s(step), want, 1e-15)
  end)
end)

test("cosine is nanoGPT's between its ends", function()
  local s = schedule.cosine {total = 2000, warmup = 100, final = 0.1}
  each(2100, function(step)
    if step >= 100 then
      local ratio = math.min((step - 100) / (2000 - 100), 1)
      test.close(s(step), 0.1 + 0.5 * (1.0 + math.cos(math.pi * ratio)) * 0.9, 1e-15)
    end
  end)
  test.equal({s(99), s(100), s(2000), s(2050)}, {1.0, 1.0, 0.1, 0.1})
end)

test("wsd is stable between warm-up and decay, for each tail", function()
  local tails = {
    linear = function(r) return 1 - r end,
    sqrt = function(r) return 1 - r ^ 0.5 end,
    cosine = function(r) return (1 + math.cos(math.pi * r)) / 2 end,
  }
  for tail, shape in pairs(tails) do
    local s = schedule.wsd {total = 100, warmup = 5, decay = 20, final = 0.1, tail = tail}
    each(110, function(step)
      local want = step < 5 and (step + 1) / 5 or step < 80 and 1 or 0.1 + 0.9 * shape(math.min((step - 80) / 20, 1))
      test.close(s(step), want, 1e-15)
    end)
  end
end)

test("warmdown is nanochat's (N - it) / W", function()
  local N, W = 500, 100
  local s = schedule.warmdown {total = N, warmdown = W}
  each(N, function(step) test.close(s(step), step < N - W and 1 or (N - step) / W, 1e-15) end)
end)

test("warmdown_time follows parameter-golf's rule with any clock", function()
  local now = 0.0
  local s = schedule.warmdown_time {budget = 600, warmdown = 1200, clock = function() return now end}
  -- 0.05 s a step: the decay takes 60 s and begins at step 600 / 0.05 - 1200 = 10800.
  each(12100, function(step)
    now = step * 0.05
    local step_ms = 1000 * now / math.max(step, 1)
    local warm, rest = 1200 * step_ms, math.max(600000 - 1000 * now, 0)
    test.close(s(step), rest > warm and 1 or warm > 0 and rest / warm or 0, 1e-12)
  end)
  now = 539.0
  test.equal(s(10780), 1)
  now = 570.0
  test.close(s(11400), 0.5, 1e-12)
end)

test("warmdown_time in seconds takes the trainer's own time", function()
  local s = schedule.warmdown_time {budget = 10, seconds = 4, final = 0.5}
  test.equal(s(3, {elapsed = 5.0}), 1)
  test.equal(s(3, {elapsed = 8.0}), 0.75)
  test.equal(s(3, {elapsed = 11.0}), 0.5)
  test.raises(function() s(3) end, "expected a trainer or a clock")
end)

test("momentum warms up as in nanochat", function()
  local s = schedule.momentum()
  each(400, function(step) test.close(s(step), 0.85 + 0.10 * math.min(step / 300, 1), 1e-15) end)
end)

test("a schedule prints as the call that makes it and gives its values to plots", function()
  local s = schedule.cosine {total = 10, final = 0.1}
  test.equal(tostring(s), "schedule.cosine{total = 10, warmup = 0, final = 0.1}")
  test.equal(tostring(schedule.constant {warmup = 0}), "schedule.constant{warmup = 0}")
  test.equal(s:values(11).shape[0], 11)
  test.close(s:values(11)[10]:item(), 0.1, 1e-7)
end)

test("bad settings are refused by name", function()
  test.raises(function() schedule.cosine {} end, "schedule.cosine: total is missing; it takes ({total, warmup, final})")
  test.raises(function() schedule.cosine {total = 10, warmpu = 3} end, "did you mean 'warmup'")
  test.raises(function() schedule.cosine {total = 10, warmup = 10} end, "expected total > 10 steps")
  test.raises(function() schedule.cosine {total = 0} end, "total expects an integer >= 1, got 0")
  test.raises(function() schedule.linear {total = 10, final = 2} end, "final expects a number in [0, 1], got 2")
  test.raises(function() schedule.linear {total = 10, final = 0 / 0} end, "final expects a number")
  test.raises(function() schedule.wsd {total = 10, decay = 11} end, "expected warmup + decay <= total")
  test.raises(function() schedule.wsd {total = 10, decay = 1, tail = "round"} end, "expects \"linear\", \"sqrt\" or \"cosine\"")
  test.raises(function() schedule.warmdown {total = 10, warmdown = 11} end, "expected warmdown <= total")
  test.raises(function() schedule.warmdown_time {budget = 10} end, "one of the two")
  test.raises(function() schedule.warmdown_time {budget = 10, seconds = 1, clock = 3} end, "clock expects a function")
  test.raises(function() return schedule.cosinus end, "did you mean 'cosine'")
end)
