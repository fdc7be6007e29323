-- Targets of -1 do not count: micro-batches weigh what their targets do, a batch without one is skipped.
local test = require "harness"
local support = require "train.support"

--- A loader of given batches, {x, y} rows of ids, from its first one again at the end.
local function loader_of(batches)
  local loader = {at = 0}
  function loader:next()
    self.at = self.at + 1
    local batch = batches[(self.at - 1) % #batches + 1]
    return torch.tensor(batch[1]), torch.tensor(batch[2])
  end
  function loader:state() return {at = self.at} end
  function loader:load_state(state) self.at = state.at end
  return loader
end

local function row(first, n) -- n inputs, 8 in all
  local x = {}
  for i = 0, n - 1 do x[i + 1] = (first + 7 * i) % 256 end
  return x
end

local function masked(y, kept)
  local out = {}
  for i, id in ipairs(y) do out[i] = i <= kept and id or -1 end
  return out
end

local a = {{row(1, 8)}, {masked(row(2, 8), 8)}}
local b = {{row(90, 8)}, {masked(row(30, 8), 1)}}
local c = {{row(60, 8)}, {masked(row(70, 8), 4)}}
local empty = {{row(50, 8)}, {masked(row(9, 8), 0)}}

local function joined(list)
  local x, y = {}, {}
  for i, batch in ipairs(list) do x[i], y[i] = batch[1][1], batch[2][1] end
  return {x, y}
end

local function run(batches, more)
  local o = {data = loader_of(batches), optim = {name = "SGD", lr = 0.1}, steps = 1}
  for key, value in pairs(more or {}) do o[key] = value end
  local t = support.trainer(o)
  t:run()
  return t
end

local function weights(t) return t.model.blocks[0].ff.proj_up.weight:detach():reshape(-1):tolist() end

local function cross_entropy(model, x, y) return F.cross_entropy(model(x):reshape(-1, 256), y:reshape(-1), {ignore_index = -1}) end

for name, objective in pairs {["of the model"] = false, ["of an objective"] = cross_entropy,
                              ["of an objective that says how many"] = function(model, x, y)
                                return cross_entropy(model, x, y), y:ne(-1):sum():item()
                              end} do
  test(f"masked micro-batches are one large batch: the loss {name}", function()
    for _, list in ipairs {{a, b}, {b, a}, {b, c, a}, {a, a}} do
      local more = {objective = objective or nil, clip = 0.5}
      local large = run({joined(list)}, more)
      more.accumulate = #list
      local small = run(list, more)
      test.close(small.loss, large.loss, 1e-6)
      test.close(small.norm, large.norm, 1e-5)
      test.close(weights(small), weights(large), 1e-6)
      test.equal(small.skipped, 0)
    end
  end)
end

test("an objective's own number of targets counts", function()
  local function weighed(model, x, y) return model(x, y), y[0][0]:item() == 2 and 3 or 1 end
  local first, second = run({a}, {objective = weighed}).loss, run({c}, {objective = weighed}).loss
  test.close(run({a, c}, {objective = weighed, accumulate = 2}).loss, (3 * first + second) / 4, 1e-6)
  test.raises(function() run({a}, {objective = function(m, x, y) return m(x, y), "8" end}) end,
    "expected objective to answer loss[, number of targets], got '8' as the number")
end)

test("a micro-batch without a target is left out of its step and counted", function()
  local large, small = run({a}), run({empty, a}, {accumulate = 2})
  test.equal(small.loss, large.loss)
  test.equal(weights(small), weights(large))
  test.equal({small.skipped, small.log.skip_step, small.log.skipped}, {1, {1}, {1}})
end)

test("a step without a target updates nothing, and the run continues", function()
  local calls = {}
  local t = support.trainer {data = loader_of {a, empty, b, c}, steps = 6, ema = 0.9, on_step = function(t)
    calls[#calls + 1] = {t.step_count, t.skipped, weights(t)[1]}
  end}
  t:run()
  test.equal({t.step_count, t.updates, t.skipped}, {6, 4, 2})
  test.equal(#calls, 6)
  test.equal({calls[2][3] == calls[1][3], calls[6][3] == calls[5][3], calls[3][3] == calls[2][3]}, {true, true, false})
  test.equal(t.log.step, {1, 3, 4, 5})
  test.equal(#t.log.loss, 4)
  assert(tostring(t):find(", 2 batches without a target skipped", 1, true), tostring(t))
  assert(require "base.show".display(t.log):find("\n  skipped   2 batches without a target, the last in step 6\n", 1, true))
  t:pause_if {loss_z = 3}
  t.steps = 10
  t:run()
  test.equal(t.skipped, 3)
end)

test("a run may begin with a batch without a target", function()
  local seen
  local t = support.trainer {data = loader_of {empty, a}, steps = 2, on_step = function(t) seen = seen or {t.loss, t.rate > 0} end}
  t:step()
  test.equal({t.loss, t.step_count}, {nil, 1})
  test.equal(seen, {nil, true})
  t:run()
  test.close(t.smooth_loss, t.loss, 1e-12)
end)

test("a skipped batch is resumed over, with the same bits and the same log", function()
  local folder = support.folder()
  local function make(more, resume)
    local o = {data = loader_of {a, empty, b, empty, c}, folder = folder .. more, save_every = 2, resume = resume, steps = 9}
    return support.trainer(o)
  end
  local straight = make "a"
  straight:run()
  for stop = 1, 8 do
    local t = make("b", true)
    t:run(1 + stop % 2)
    if stop % 3 > 0 then t:save() end
    t:close()
  end
  local t = make("b", true)
  t:run()
  test.equal({t:hash(), t.skipped, t.updates, t.loss, t.smooth_loss},
             {straight:hash(), straight.skipped, straight.updates, straight.loss, straight.smooth_loss})
  test.equal(support.log(folder .. "b"), support.log(folder .. "a"))
  support.remove(folder .. "*")
end)

test("it is named once, with its step, and counted in the progress", function()
  local GPTSH = os.getenv "GPTSH" or "./gptsh"
  local out = support.shell(([['%s' -e 'package.path = "tests/?.lua;" .. package.path
    local support = require "train.support"
    local loader = support.tokens():loader {B = 1, T = 8}
    local next = loader.next
    function loader:next() local x, y = next(self) if self.step %% 2 == 0 then y:fill_(-1) end return x, y end
    support.trainer({data = loader, steps = 6, progress = true}):run()' 2>&1]]):format(GPTSH))
  local _, named = out:gsub("a batch without a target", "")
  test.equal(named, 1)
  assert(out:find("train: step 2: a batch without a target (all are -1) was skipped", 1, true), out)
  assert(out:find("step 6/6 loss %S+ lr %S+ tok/s %d+ skipped 3"), out)
end)

test("targets that are masked in validation do not count", function()
  local x, y = torch.tensor {a[1][1], b[1][1]}, torch.tensor {a[2][1], b[2][1]}
  local val = {vocab_size = 256, windows = function()
    local done = false
    return function()
      if done then return nil end
      done = true
      return x, y, 9
    end
  end}
  local t = support.trainer {val = val}
  local loss, bpb = t:eval()
  test.close(loss, t:loss_of(x, y):item(), 1e-6)
  test.close(bpb, loss / math.log(2), 1e-6)
  t.objective = cross_entropy
  test.close((t:eval()), loss, 1e-6)
  y:fill_(-1)
  test.raises(function() t:eval() end, "got none: all are -1")
  t.objective = nil
  test.raises(function() t:eval() end, "got none: all are -1")
end)
