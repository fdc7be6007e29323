-- The finder of learning rates: it finds the fall of a loss, ends when the loss climbs, and leaves nothing changed.
local test = require "harness"
local support = require "train.support"

local function options(more)
  local o = {model = support.model(4), data = support.tokens():loader {B = 4, T = 16, shuffle = true, seed = 3}, steps = 60, progress = false}
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

test("it suggests a rate at which the loss falls, below the one where it is least", function()
  local found = lr_find(options())
  assert(found.suggestion > 2.0 ^ -14 and found.suggestion < found.lowest, tostring(found))
  test.close(found.lr[1], 2.0 ^ -17, 1e-12)
  test.close(found.lr[#found.lr] / found.lr[1], (2.0 ^ 18) ^ ((#found.lr - 1) / 59), 1e-3)
  assert(tostring(found):find("steepest at", 1, true))
  assert(found.valley > 2.0 ^ -17 and found.valley < found.lowest, tostring(found))
end)

test("the valley is the middle of the longest fall, though it pauses", function()
  local losses = {}
  for i = 1, 60 do losses[i] = i <= 20 and 4.8 + i * 0.01 or i <= 40 and 5 - (i - 20) * 0.1 or 3 + (i - 40) * 0.1 end
  losses[27], losses[28] = 4.6, 4.6
  local i = 0
  local found = lr_find(options {smooth = 1e-9, objective = function(model, x, y)
    i = i + 1
    local loss = model(x, y)
    return loss - loss:detach() + losses[i] -- its gradient, that value
  end})
  test.equal(found.lowest, found.lr[40])
  assert(found.valley >= found.lr[29] and found.valley <= found.lr[31], found.valley / found.lr[30])
end)

test("the first loss is that of the model, and the rates are those of the optimizer", function()
  local o, rates = options(), {}
  local start = o.data:state()
  local x, y = o.data:next()
  local loss = o.model(x, y):item()
  o.data:load_state(start)
  o.optim = function(model)
    local opt = optim.SGD(model:parameters(), {lr = 0.5})
    rates[1] = opt.param_groups[1]
    return opt
  end
  local found = lr_find(o)
  test.equal(found.loss[1], loss)
  test.close(rates[1].lr, 0.5 * found.last, 1e-12)
end)

test("tokens are read in shuffled order", function()
  local tokens = support.tokens()
  local found = lr_find(options {data = tokens, B = 4, T = 16})
  test.equal(found.loss, lr_find(options {data = tokens:loader {B = 4, T = 16, shuffle = true, seed = 1}}).loss)
end)

test("it ends when the loss climbs, or is not finite", function()
  local calls = 0
  local function climbing(model, x, y)
    calls = calls + 1
    return model(x, y) * (calls > 20 and 100 or 1)
  end
  local found = lr_find(options {objective = climbing})
  assert(#found.lr < 30 and found.stopped == "4 times the least", tostring(found))
  calls = 0
  found = lr_find(options {objective = function(model, x, y)
    calls = calls + 1
    return calls > 20 and model(x, y) / 0 or model(x, y)
  end})
  test.equal(#found.lr, 20)
  test.equal(found.stopped, "not finite")
end)

test("weights, random streams and the loader are as before, bit for bit, after errors too", function()
  local o = options()
  local t = train.new {model = o.model, data = o.data, optim = {lr = 0.1}, progress = false}
  torch.randn(3)
  local before = t:hash()
  o.objective = function(model, x, y) return model(x, y) + torch.rand(1):sum() end
  lr_find(o)
  test.equal(t:hash(), before)
  o.objective = function() error "my own mistake" end
  test.raises(function() lr_find(o) end, "my own mistake")
  test.equal(t:hash(), before)
end)

test("a figure shows loss, average and suggestion", function()
  plot.sink = function() end
  local data = lr_find(options()):plot():data()
  plot.sink = nil
  assert(data:find "smoothed\t" and data:find "\nloss\t" and data:find "\nsteepest\t", data)
end)

test("a run that fails at once is told and has no figure", function()
  local found = lr_find(options {objective = function(model, x, y) return model(x, y) / 0 end})
  assert(tostring(found):find "no suggestion", tostring(found))
  test.raises(function() found:plot() end, "nothing to draw: the first loss is not finite")
end)

test("progress goes to stderr", function()
  local script = [[package.path = "tests/?.lua;" .. package.path; local s = require "train.support"
    lr_find{model = s.model(), data = s.tokens(), B = 2, T = 8, steps = 10, limit = 1e9}]]
  local out = support.shell(("'%s' -e '%s' 2>&1 >/dev/null"):format(os.getenv "GPTSH" or "./gptsh", script))
  assert(out:find "^step 10/10 loss ", out)
end)

test("bad input is refused with a clear message", function()
  local function refused(text, more)
    test.raises(function() lr_find(options(more)) end, text)
  end
  refused("model expects a module, got 3", {model = 3})
  refused("expected from < to", {from = 2, to = 1})
  refused("from expects a number > 0 and finite, got 0", {from = 0})
  refused("steps expects an integer >= 10, got 3", {steps = 3})
  refused("limit expects a number > 1 and finite, got 1", {limit = 1})
  refused("smooth expects a number in (0, 1), got 1", {smooth = 1})
  refused("lr is what is looked for", {optim = {lr = 0.1}})
  refused("expected data to be tokens or a loader", {data = 3})
  refused("lr_find has no argument 'stpes'", {stpes = 3})
end)
