-- Sweeps: the optimum and its edges, early ends, the journal, and that nothing is left changed.
local test = require "harness"
local support = require "train.support"
local options = support.sweep_options
local result = require "gt.sweep.result"

local GPTSH = os.getenv "GPTSH" or "./gptsh"

--- A result made of losses: {width = {loss by rate}}; false diverged.
local function made(rates, by_width, seeds)
  local widths, points = {}, {}
  for width, losses in pairs(by_width) do
    widths[#widths + 1] = width
    for i, loss in ipairs(losses) do
      for s = 1, seeds or 1 do
        points[#points + 1] = {width = width, lr = rates[i], seed = s, first = 5.0, loss = loss or nil, steps = 10,
                               diverged = not loss and "not finite" or nil}
      end
    end
  end
  table.sort(widths)
  local list = {}
  for s = 1, seeds or 1 do list[s] = s end
  return result.new {lr = rates, widths = widths, seeds = list, steps = 10, score = "training loss", points = points}
end

--- Its figure, which is shown nowhere.
local function figure_of(r)
  plot.sink = function() end
  local figure = plot.sweep(r)
  plot.sink = nil
  return figure
end

local function has(text, part) assert(tostring(text):find(part, 1, true), tostring(text)) end

-- ---- numbers ----

test("pow2 is a list of powers of two", function()
  test.equal(pow2(-3, 0), {0.125, 0.25, 0.5, 1.0})
  test.equal(pow2(-2, -1, 0.5), {0.25, 2.0 ^ -1.5, 0.5})
end)

test("the optimum of a parabola in log2 of the rate is found exactly, on uneven grids too", function()
  for _, rates in ipairs {pow2(-10, -4), {2.0 ^ -9, 2.0 ^ -7, 2.0 ^ -6, 2.0 ^ -3}} do
    local losses = {}
    for i, lr in ipairs(rates) do losses[i] = 3 + 0.25 * (math.log(lr, 2) + 6.75) ^ 2 end
    local best = result.optimum(rates, losses)
    test.close(best.log2, -6.75, 1e-12)
    test.close(best.fitted, 3, 1e-12)
    test.equal(best.lr, 2.0 ^ -7)
  end
end)

test("the drift is that of the fitted optima, and the narrow rate has its price", function()
  local rates, narrow, wide = pow2(-10, -4), {}, {}
  for i, lr in ipairs(rates) do
    narrow[i] = 3 + 0.1 * (math.log(lr, 2) + 6) ^ 2
    wide[i] = 2.5 + 0.1 * (math.log(lr, 2) + 7.5) ^ 2
  end
  local r = made(rates, {[64] = narrow, [256] = wide})
  test.close(r.drift.octaves, -1.5, 1e-12)
  test.close(r.drift.penalty, 0.1 * (1.5 ^ 2 - 0.5 ^ 2), 1e-12)
  has(r, "optimum moves -1.5 octaves from width 64 to 256; the best rate of width 64, 2^-6, costs 0.200 at width 256")
end)

test("an optimum at an edge says what would help", function()
  local rates = pow2(-14, -11)
  local r = made(rates, {[8] = {1, 2, 3, 4}, [16] = {4, 3, 2, 1}, [32] = {3, 2, false, false}, [64] = {false, false, false, false}})
  has(r, "width 8: optimum not bracketed: extend the sweep to 2^-16")
  has(r, "width 16: optimum not bracketed: extend the sweep to 2^-9")
  has(r, "width 32: optimum not bracketed: the neighbour of 2^-13 diverges")
  has(r, "width 64: every learning rate diverged")
  has(r, "how far the optimum moves from width 8 to 64 is not known")
  has(r, "2^-12, 2^-11")
end)

test("mean and standard error over seeds", function()
  local mean, error = result.mean {1, 2, 3, 6}
  test.equal(mean, 3.0)
  test.close(error, math.sqrt((4 + 1 + 0 + 9) / 3 / 4), 1e-15)
  test.equal(select(2, result.mean {1}), nil)
end)

-- ---- sweeps ----

test("points of a seed begin alike and equal a trainer's run", function()
  local r = sweep(options())
  test.equal(#r.points, 2 * 5 * 2)
  for i = 1, #r.points do
    for k = 1, i - 1 do
      local a, b = r.points[i], r.points[k]
      if a.width == b.width and a.seed == b.seed then test.equal(a.first, b.first) end
    end
  end
  torch.manual_seed(2)
  local model = GPT {n_layers = 1, vocab_size = 256, sequence_len = 8, hidden_dim = 32, n_heads = 2}
  model:init_weights()
  local t = train.new {model = model, optim = {lr = 2.0 ^ -5}, steps = 12, seed = 2, progress = false,
                       data = support.tokens():loader {B = 2, T = 8, shuffle = true, seed = 2}}
  t:run()
  for _, point in ipairs(r.points) do
    if point.width == 32 and point.seed == 2 and point.lr == 2.0 ^ -5 then test.equal(point.loss, t.log.loss[12]) end
  end
end)

test("a diverging point ends early, is listed and drawn, and does not spoil the others", function()
  local r = sweep(options {lr = {2.0 ^ -6, 2.0 ^ -5, 2.0 ^ 12}, width = 16, steps = 40, seeds = 1, optim = {name = "SGD"}})
  local last = r.points[3]
  assert(last.diverged and not last.loss and last.steps < 40, json.encode(last))
  assert(r.points[1].loss and r.points[1].steps == 40)
  has(r, "2^12")
  local data = figure_of(r):data()
  assert(data:find("diverged\t4096", 1, true), data)
end)

test("a loss that is not finite ends a point with its reason", function()
  local calls = 0
  local r = sweep(options {width = 16, seeds = 1, lr = {2.0 ^ -6}, jobs = 1, objective = function(model, x, y)
    calls = calls + 1
    return calls > 3 and model(x, y) / 0 or model(x, y)
  end})
  test.equal(r.points[1].diverged, "not finite")
  test.equal(r.points[1].steps, 3)
end)

test("other errors come through", function()
  test.raises(function()
    sweep(options {objective = function() error "my own mistake" end})
  end, "my own mistake")
end)

test("weights, gradients, random streams and the loader are as before, bit for bit", function()
  local model = support.model(3)
  local loader = support.tokens():loader {B = 2, T = 8, shuffle = true, seed = 9}
  local x, y = loader:next()
  model(x, y):backward()
  local t = train.new {model = model, data = loader, optim = {lr = 0.1}, progress = false}
  torch.randn(3)
  local before, grads = t:hash(), {}
  for name, p in model:named_parameters() do grads[name] = p.grad:clone() end
  local o = options {model = model, data = loader, lr = {0.01, 0.02}}
  o.width, o.B, o.T = nil, nil, nil
  local r = sweep(o)
  test.equal(t:hash(), before)
  for name, p in model:named_parameters() do assert(torch.equal(p.grad, grads[name]), name) end
  test.equal(r.points[1].first, r.points[3].first)
  test.raises(function()
    o.objective = function() error "stop" end
    sweep(o)
  end, "stop")
  test.equal(t:hash(), before)
end)

test("a rule draws the weights and makes the optimizers", function()
  local seen = {}
  local o = options {rule = "mup", base = 16, seeds = 1, lr = {2.0 ^ -6}, steps = 2, jobs = 1}
  o.model = function(point)
    local model = GPT {n_layers = 1, vocab_size = 256, sequence_len = 8, hidden_dim = point.width,
                       n_heads = point.width // 16, tied = false}
    model:init_weights()
    return model
  end
  local r = sweep(o)
  local p = reparam.new("mup", {base = 16})
  o.rule, o.base = nil, nil
  o.optim = function(model, point)
    p:apply(p:init(model))
    seen[point.width] = true
    return p:optimizers(model, {lr = point.lr})
  end
  local same = sweep(o)
  test.equal({r.points[1].loss, r.points[2].loss}, {same.points[1].loss, same.points[2].loss})
  assert(seen[16] and seen[32])
end)

-- ---- the journal ----

test("a sweep killed with -9 continues from its journal and ends with the same table", function()
  local folder = support.folder()
  os.execute("mkdir " .. folder)
  local script = folder .. "/a.lua"
  support.write(script, [[
    package.path = "tests/?.lua;" .. package.path
    local support = require "train.support"
    local journal, jobs, die = arg[1], math.tointeger(arg[2]), arg[3] == "die"
    local o = {lr = pow2(-8, -4), steps = 12, data = support.tokens(), B = 2, T = 8, width = {16, 32}, jobs = jobs}
    function o.model(point)
      if die and point.width == 16 and point.lr == 2.0 ^ -6 then
        os.execute("kill -9 " .. (jobs == 1 and "$PPID" or "$(cut -d' ' -f4 /proc/$PPID/stat)"))
      end
      local model = GPT{n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8, hidden_dim = point.width}
      model:init_weights()
      return model
    end
    o.journal = journal
    print(sweep(o))]])
  local function go(name, jobs, die)
    return (support.shell(f"'{GPTSH}' '{script}' '{folder}/{name}' {jobs} {die or ''} 2>{folder}/err")), support.read(folder .. "/err")
  end
  local whole = go("whole", 1)
  has(whole, "2 widths, 5 learning rates")
  for jobs = 1, 2 do
    local name = "killed" .. jobs
    test.equal(go(name, jobs, "die"), "")
    local text = support.read(folder .. "/" .. name)
    local _, lines = text:gsub("\n", "")
    assert(lines >= 3 and lines < 11, text)
    support.write(folder .. "/" .. name, text .. '{"key": "torn')
    test.equal(go(name, jobs), whole)
    local again, progress = go(name, jobs)
    test.equal(again, whole)
    test.equal(progress, "") -- nothing was left to do
    test.equal(select(2, support.read(folder .. "/" .. name):gsub("\n", "")), 11)
  end
  support.remove(folder)
end)

test("another option, model or data means other points", function()
  local path = os.tmpname()
  os.remove(path)
  local function count(more)
    more.journal = path
    local n = 0
    local o = options(more)
    o.width, o.seeds, o.lr, o.jobs = more.width or 16, 1, more.lr or {0.01, 0.02}, 1
    o.objective = function(m, x, y)
      n = n + 1
      return m(x, y)
    end
    sweep(o)
    return n
  end
  test.equal(count {}, 24)
  test.equal(count {}, 0)
  test.equal(count {lr = {0.01, 0.04}}, 12)
  test.equal(count {steps = 3, last = 1}, 6)
  test.equal(count {clip = 1.0}, 24)
  test.equal(count {optim = {weight_decay = 0.5}}, 24)
  test.equal(count {model = {n_layers = 2, head_dim = 16, vocab_size = 256, sequence_len = 8}}, 24)
  test.equal(count {model = {n_layers = 1, head_dim = 16, vocab_size = 256, sequence_len = 8, softcap = 5}}, 24)
  test.equal(count {data = data.text {text = ("something else "):rep(100)}}, 24)
  test.equal(count {}, 0)
  os.remove(path)
end)

test("Ctrl-C keeps the finished points, with a journal and without", function()
  for _, path in ipairs {false, os.tmpname()} do
    if path then os.remove(path) end
    local steps, stop = 0, 30
    local function go()
      return sweep(options {width = 16, seeds = 1, journal = path or nil, jobs = 1, objective = function(model, x, y)
        steps = steps + 1
        if steps == stop then torch.debug.interrupt() end
        return model(x, y)
      end})
    end
    local ok, why = pcall(go)
    torch.debug.interrupt_clear()
    assert(not ok and tostring(why):find "nterrupt", why)
    steps, stop = 0, 0
    local r = go()
    test.equal(steps, 3 * 12) -- two of five points were whole
    test.equal(#r.points, 5)
    if path then os.remove(path) end
  end
end)

test("a file that is no journal is left alone", function()
  local path = os.tmpname()
  support.write(path, "my notes\n")
  test.raises(function() sweep(options {journal = path}) end, "to be the journal of a sweep")
  test.equal(support.read(path), "my notes\n")
  support.write(path, '{"sweep":{"format":1}}\nnonsense\n')
  test.raises(function() sweep(options {journal = path}) end, "is damaged")
  os.remove(path)
end)

-- ---- what is shown ----

test("progress goes to stderr and ends with all points done", function()
  local script = 'package.path = "tests/?.lua;" .. package.path; local s = require "train.support"; sweep{lr = {0.01}, '
    .. 'steps = 2, data = s.tokens(), B = 2, T = 8, model = s.model()}'
  local out = support.shell(("'%s' -e '%s' 2>&1 >/dev/null"):format(GPTSH, script))
  assert(out:match "^sweep 1/1 %[00:0%d<00:00%]\n$", out)
end)

test("the figure's top is the loss before training or the best + 1.5, and the best are marked", function()
  local r = made(pow2(-8, -5), {[16] = {4, 2, 3, 90}, [32] = {3.9, 2.2, 3, false}})
  local figure = figure_of(r)
  test.close(figure.y.high, 3.5, 1e-12)
  local data = figure:data()
  assert(data:find("diverged\t0.03125\t3.5", 1, true), data)
  assert(data:find "best\t0.00", data)
  has(table.concat(figure.notes, "\n"), "optimum moves")
  local seeds = made(pow2(-8, -6), {[16] = {4, 3, 4}}, 3)
  assert(figure_of(seeds):data():find("width 16\t0.00390625\t4.0\t0.0", 1, true))
  test.raises(function() plot.sweep(made(pow2(-8, -6), {[16] = {false, false, false}})) end, "every point diverged")
  test.raises(function() plot.sweep {} end, "expected what sweep{…} made")
end)

test("what cannot work is refused before anything runs", function()
  local ran = false
  local function refused(text, more, drop)
    local o = options(more)
    if drop then o[drop] = nil end
    o.objective = function(m, x, y)
      ran = true
      return m(x, y)
    end
    test.raises(function() sweep(o) end, text)
  end
  refused("a width of 40 does not divide into heads of 16", {width = {16, 40}})
  refused("expected every lr > 0 and finite, got 0", {lr = {0, 0.1}})
  refused("expected every lr > 0 and finite, got -1", {lr = {-1}})
  refused("expected every lr > 0 and finite, got nan", {lr = {0 / 0}})
  refused("expected lr, a list of learning rates like pow2(-14, -4), got an empty one", {lr = {}})
  refused("expected different rates", {lr = {0.1, 0.1}})
  refused("sweep: lr is missing", {}, "lr")
  refused("expected widths, a list of one or more", {width = {}})
  refused("expected widths in rising order", {width = {32, 16}})
  refused("expected seeds, a whole number from 1 on", {seeds = {}})
  refused("expected different seeds, got 3 twice", {seeds = {3, 3}})
  refused("sweep has no argument 'widths' (did you mean 'width'?)", {widths = {16}})
  local function unnamed(...)
    local given = table.pack(...)
    test.raises(function() sweep(table.unpack(given)) end,
                "sweep: every option has a name, {lr = …}, got 'mup' without one")
  end
  unnamed("mup", options())
  unnamed(options {"mup"})
  test.raises(function() sweep(options(), "mup") end, "sweep: expected at most 0 arguments")
  test.raises(function() sweep(options(), 3) end, "sweep: expected at most 0 arguments ({lr, width, ")
  refused("expected model", {}, "model")
  refused("expected data, tokens or a loader, got nothing", {}, "data")
  refused("settings of GPTs need width", {}, "width")
  refused("one model has one width", {model = support.model()})
  refused("expected a model from the family for width 16, got 3", {model = function() return 3 end})
  refused("lr is what is swept", {optim = {lr = 0.1}})
  refused("steps expects an integer >= 1, got 0", {steps = 0})
  refused("expected last <= steps", {last = 13})
  refused("limit expects a number > 1, got 0.5", {limit = 0.5})
  refused("clip expects a number > 0 or false, got -1", {clip = -1})
  refused("expected val to be tokens", {val = 3})
  refused("base needs rule", {base = 16})
  refused("sweep: expected a rule", {rule = "nosuch"})
  test.equal(ran, false)
  test.raises(function() pow2(-4, -14) end, "rising order")
  test.raises(function() pow2("a", 2) end, "pow2: from expects a number")
  test.raises(function() pow2(-4) end, "pow2: to is missing")
  test.raises(function() pow2(0, 1, 0) end, "expected step > 0")
end)

test("help knows it", function()
  local out = support.shell(("'%s' -e 'help(sweep); help(pow2); help(plot.sweep)'"):format(GPTSH))
  has(out, "learning rates; pow2(from, to[, step]) makes powers of two")
  has(out, "the learning rates of a sweep")
  has(out, "plot.sweep(result")
end)
