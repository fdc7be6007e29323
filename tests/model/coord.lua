--- coord.lua: the coordinate check tells a right parametrization from a wrong one, names the tensor that is wrong, and leaves
-- nothing behind.
local test = require "harness"
local rng = require "native.train".rng

local Net = nn.class "Net" -- 16 -> n -> n -> 8
function Net:init(n)
  self.fc1 = nn.Linear(16, n, {bias = false})
  self.fc2 = nn.Linear(n, n, {bias = false})
  self.readout = nn.Linear(n, 8, {bias = false})
end
function Net:forward(x) return self.readout(F.relu(self.fc2(F.relu(self.fc1(x))))) end
local function batch() return torch.randn(32, 16), torch.randn(32, 8) end

local function check(options)
  local o = {widths = {64, 128, 256, 512}, seeds = 3, lr = options.optimizer == "sgd" and 0.1 or 2 ^ -6, batch = batch}
  for key, value in pairs(options) do o[key] = value end
  return coord(Net, o)
end

local function at_most(limit, c, module, t, kind)
  local p = c:p(module, t, kind)
  assert(math.abs(p) <= limit, f"{c.rule} {module} t = {t} {kind or 'h'}: {p}")
end

test("under muP no activation and no change depends on the width, for Adam and gradient descent", function()
  for _, optimizer in ipairs {"adam", "sgd"} do
    for _, rule in ipairs {"mup8", "mup3", "mup9"} do
      local c = check {rule = rule, optimizer = optimizer, widths = {64, 128, 256, 512, 1024}}
      test.equal(c.verdict, "pass")
      for t = 1, 5 do
        for _, name in ipairs {"fc1", "fc2"} do at_most(0.06, c, name, t) end
      end
      for t = 3, 5 do
        for _, name in ipairs {"fc1", "fc2", "readout"} do at_most(0.06, c, name, t, "change") end
      end
    end
  end
end)

test("under the standard parametrization with Adam changes grow with the width", function()
  local c = check {rule = "standard", widths = {64, 128, 256, 512, 1024}}
  test.equal(c.verdict, "fail")
  for t = 3, 5 do assert(c:p("fc2", t, "change") >= 0.9) end
  assert(c:p("readout", 2) >= 0.85)
  at_most(0.06, c, "fc1", 3, "change")
end)

test("Levanter's table learns evenly under Adam and not at all under gradient descent", function()
  test.equal(check {rule = "levanter_mup"}.verdict, "pass")
  local c = check {rule = "levanter_mup", optimizer = "sgd"}
  test.equal(c.verdict, "fail")
  assert(c:p("readout", 3) < -0.95)
end)

--- muP with one number of one role wrong.
local function broken(role, column, wrong)
  return function(role_, _, _, m, _, site)
    local s = require "native.reparam".scales("mup8", role_, site.family, site)
    if role_ == role then s[column] = wrong(s[column], m) end
    return s
  end
end

test("the tensor whose learning rate, std or multiplier is broken is named, with the exponent", function()
  local function one() return 1 end
  for _, case in ipairs {
    {"hidden", "lr", one, "fc2.weight", 1, "learning rate"},
    {"input", "lr", function(v, m) return v * m end, "fc1.weight", 1, "learning rate"},
    {"output", "multiplier", one, "readout.weight", 1, "multiplier or learning rate"},
    {"hidden", "std", function(v, m) return v * math.sqrt(m) end, "fc2.weight", 0.5, "std"},
  } do
    local culprit = check {rule = broken(case[1], case[2], case[3])}.culprit
    test.equal({culprit.tensor, culprit.what}, {case[4], case[6]})
    test.close(culprit.exponent, case[5], 0.1)
    test.close(math.log(culprit.factor, 8), -culprit.exponent, 1e-9)
  end
  -- under gradient descent a wrong readout spoils every gradient before it, one step later
  test.equal(check {rule = broken("output", "multiplier", one), optimizer = "sgd"}.culprit.tensor, "readout.weight")
end)

test("an output that begins at random falls, and that is legal", function()
  local c = check {rule = "mup", zero = {}}
  test.equal(c.verdict, "pass")
  test.close(c:p("readout", 1), -0.5, 0.12)
  test.equal(c.lines[3].verdict, "pass (legal transient)")
  test.equal(check {rule = "standard", zero = {}}.culprit.tensor, "fc2.weight")
end)

local function gpt(rule, tied)
  local family = {n_layers = 2, head_dim = 32, vocab_size = 128, sequence_len = 16, tied = tied or false}
  return coord(family, {rule = rule, widths = {64, 128, 256}, seeds = 1})
end

test("the GPT passes under muP and fails under the standard rule and the gradient descent rule with Adam", function()
  local c = gpt "mup"
  test.equal(c.verdict, "pass")
  for _, name in ipairs {"blocks.0", "blocks.1", "blocks.1.ff", "lm_head"} do at_most(0.1, c, name, 5) end
  c = gpt "standard"
  test.equal({c.verdict, c.culprit.tensor}, {"fail", "lm_head.weight"})
  assert(c:p("blocks.0.ff.proj_down", 5, "change") > 0.9)
  test.equal(gpt "fan_out/fan_in".culprit.tensor, "token_embedding.weight")
  local wrong = broken("hidden", "lr", function(v, m) return v * m end)
  assert(gpt(wrong).culprit.tensor:find "^blocks%.0%.attn")
  local culprit = gpt(broken("output", "multiplier", function() return 1 end)).culprit
  test.equal({culprit.tensor, culprit.what}, {"lm_head.weight", "multiplier or learning rate"})
  culprit = gpt(broken("unembed", "multiplier", function() return 1 end), true).culprit
  test.equal({culprit.tensor, culprit.what}, {"lm_head.weight", "std"})
  test.equal(gpt("mup", true).verdict, "pass")
end)

test("streams, models, gradients and hooks are as before", function()
  torch.manual_seed(77)
  torch.randn(3)
  local seed, stream = rng()
  local models = {}
  local function family(width)
    models[width] = models[width] or Net(width)
    return models[width]
  end
  for _, width in ipairs {16, 32} do family(width) end
  seed, stream = rng()
  local before = {models[16]:state_dict(), models[32]:state_dict()}
  for i, state in ipairs(before) do before[i] = state["fc2.weight"]:clone() end
  torch.no_grad(function()
    coord(family, {rule = "mup", widths = {16, 32}, steps = 3, seeds = 1, batch = batch})
    assert(not torch.is_grad_enabled())
  end)
  test.equal({rng()}, {seed, stream})
  for i, width in ipairs {16, 32} do
    test.equal(models[width].fc2.weight:detach():tolist(), before[i]:tolist())
    assert(models[width].fc2.weight.grad == nil)
    test.equal(reparam.multipliers(models[width]), {forward = {}, attention = {}})
  end
  -- also when it ends in an error
  test.raises(function()
    coord(family, {rule = "mup", widths = {16, 32}, batch = batch, loss = function() error "stop here" end})
  end, "stop here")
  test.equal({rng()}, {seed, stream})
end)

test("the same check has the same numbers", function()
  local function numbers() return tostring(check {rule = "mup", widths = {16, 32}, steps = 3}) end
  test.equal(numbers(), numbers())
end)

test("a set-up of the user's own is checked too", function()
  local function setup(model)
    model:init_weights()
    local lr = 0.02 / model.config.hidden_dim
    return {optim.AdamW(model:parameters(), {lr = lr, weight_decay = 0})}
  end
  local c = coord({n_layers = 1, head_dim = 16, vocab_size = 64, sequence_len = 16}, {setup = setup, widths = {32, 64}, seeds = 1, steps = 3})
  assert(c.lines[1].module == "token_embedding" and c.verdict)
end)

test("a module used twice has a line for each use", function()
  local Twice = nn.class("Twice", Net)
  function Twice:init(n)
    Net.init(self, n)
    self.act = nn.ReLU()
  end
  function Twice:forward(x) return self.readout(self.act(self.fc2(self.act(self.fc1(x))):sum(-1, {keepdim = true}) * torch.ones(self.fc2.out_features))) end
  local c = coord(Twice, {rule = "mup", widths = {16, 32}, steps = 2, seeds = 1, batch = batch})
  local names = {}
  for i, line in ipairs(c.lines) do names[i] = line.module end
  test.equal(names, {"fc1", "act", "fc2", "act (2)", "readout"})
end)

test("what diverges is said", function()
  local c = check {rule = "standard", optimizer = "sgd", lr = 1e30, widths = {16, 32}}
  test.equal(c.verdict, "fail")
  assert(tostring(c):find "DIVERGES")
end)

test("what cannot be checked is refused before anything runs", function()
  local ran = 0
  local function counted()
    ran = ran + 1
    return batch()
  end
  local small = {n_layers = 1, head_dim = 32, vocab_size = 64, sequence_len = 8}
  test.raises(function() coord(small, {rule = "mup", widths = {64, 80}, batch = counted}) end,
              "coord: a width of 80 does not divide into heads of 32")
  test.raises(function() coord(Net, {rule = "mup", widths = {64}}) end, "expected widths, a list of two or more")
  test.raises(function() coord(Net, {rule = "mup", widths = {64, 32}}) end, "expected widths in rising order, got 32 after 64")
  test.raises(function() coord(Net, {rule = "mup", widths = {32, 64}}) end, "expected batch, function(seed, width) -> x, y")
  test.raises(function() coord(Net, {widths = {32, 64}, batch = counted}) end, "expected rule, a name or a function, or setup")
  test.raises(function() coord(Net, {rule = function() end, widths = {8, 16}, batch = counted}) end, "got nothing")
  test.raises(function() coord(function() end, {rule = "mup", batch = counted}) end, "expected a model from the family for width 64, got nil")
  test.raises(function() coord(7, {rule = "mup"}) end, "expected a family, function(width) -> model, or settings of GPTs, got 7")
  test.raises(function() coord(Net, {rule = "mup", seeds = 0, batch = counted}) end, "seeds expects an integer >= 1 or a list, got 0")
  test.raises(function() coord(Net, {rule = "mup", steps = 1, batch = counted}) end, "steps expects an integer >= 2, got 1")
  test.raises(function() coord(Net, {rule = "mup", width = {1}, batch = counted}) end, "did you mean 'widths'")
  for name, value in pairs {setup = 3, batch = {}, loss = "mse"} do
    test.raises(function() coord(Net, {rule = name ~= "setup" and "mup" or nil, [name] = value}) end, f"coord: {name} expects a function")
  end
  test.raises(function() coord(Net, {rule = "mup", setup = counted, batch = counted}) end, "expected rule or setup, got both")
  test.raises(function() coord(Net, {rule = "mup", lr = 0 / 0, batch = counted}) end, "lr expects a number > 0 and finite, got nan")
  test.raises(function() coord(Net, {rule = "mup", tolerance = -1, batch = counted}) end, "tolerance expects a number > 0")
  test.equal(ran, 0)
  test.raises(function() coord(Net, {setup = function() end, batch = counted}) end, "expected optimizers from setup, got nil")
end)

test("the figure has a curve per module, over widths in powers of two", function()
  plot.sink = function() end
  local c = check {rule = "mup", widths = {16, 32, 64}, steps = 3, seeds = 1}
  local figure = c:plot()
  test.equal({#figure.curves, figure.logx, figure.curves[2].title}, {3, "log2", "fc2"})
  test.equal(figure.curves[1].x, {16.0, 32.0, 64.0})
  test.equal(#plot.coord(c, {t = 3, change = true}).curves, 3)
  test.raises(function() plot.coord(c, {t = 4}) end, "plot.coord: expected t in 1 … 3, got 4")
  test.raises(function() plot.coord({}) end, "expected what coord(…) made, got a table")
  plot.sink = nil
end)
