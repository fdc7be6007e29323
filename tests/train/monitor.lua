-- The monitor of weights: its numbers against those of matrices whose answers are known, and that watching changes nothing.
local test = require "harness"
local support = require "train.support"

local function linear(weight)
  local layer = nn.Linear(weight:size(1), weight:size(0), {bias = false})
  torch.no_grad(function() layer.weight:copy_(weight) end)
  return layer
end

test("norms and stable ranks are those of matrices that are known", function()
  torch.manual_seed(1)
  local sign = torch.randn(48, 1):sign():matmul(torch.randn(1, 12):sign()) -- rank 1: its norm is sqrt(48 * 12)
  for _, case in ipairs {
    {torch.ones(8, 8):tril():triu() * 3, 3, 8},                            -- 3 times the unit matrix
    {sign * 0.5, 0.5 * math.sqrt(48 * 12) * math.sqrt(12 / 48), 1},
    {torch.tensor {{4.0, 0, 0}, {0, 2, 0}}, 4 * math.sqrt(3 / 2), 20 / 16},
  } do
    local row = monitor(linear(case[1])).looks[1][1]
    test.close({row.norm, row.stable_rank}, {case[2], case[3]}, 1e-4)
    test.close(row.rms, case[1]:square():mean():sqrt():item(), 1e-6)
    test.equal({row.change, row.ratio, row.change_norm}, {})
  end
end)

test("a change is that since the last look", function()
  torch.manual_seed(2)
  local layer = linear(torch.randn(6, 4))
  local w = monitor(layer)
  local step = torch.zeros(6, 4)
  step[1][2] = 0.25
  torch.no_grad(function() layer.weight:add_(step) end)
  local row = w:look(10)[1]
  test.close({row.change, row.change_norm, row.ratio}, {0.25 / math.sqrt(24), 0.25 * math.sqrt(4 / 6), row.change / row.rms}, 1e-6)
  row = w:look(20)[1]
  test.equal({row.change, row.change_norm, row.ratio}, {0.0, 0.0, 0.0})
  test.equal({w.looks[1].x, w.looks[2].x, w.looks[3].x}, {0, 10, 20})
end)

test("under muP the first change of hidden matrices has a norm that does not depend on the width", function()
  local function first_change(rule, width)
    torch.manual_seed(3)
    local model = GPT {hidden_dim = width, n_layers = 1, n_heads = width // 16, vocab_size = 64, sequence_len = 16}
    local p = reparam.new(rule, {base = 32})
    p:apply(p:init(model))
    local w, opt = monitor(model, {names = "proj_up"}), p:optimizers(model, {lr = 2 ^ -7})[1]
    local idx = torch.randint(0, 64, {4, 17})
    model(idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()):backward()
    opt:step()
    return w:look()[1].change_norm
  end
  test.close(first_change("mup", 128) / first_change("mup", 32), 1, 0.3)
  assert(first_change("standard", 128) / first_change("standard", 32) > 2.5)
end)

test("in training it is called with the step, draws a figure, and changes nothing", function()
  local plain = support.trainer()
  plain:run(6)
  local model = support.model()
  local w = monitor(model)
  local t = support.trainer {model = model, on_step = function(t) if t.step_count % 2 == 0 then w:look(t.step_count) end end}
  t:run(6)
  test.equal(t:hash(), plain:hash())
  test.equal({#w.looks, w.looks[4].x}, {4, 6})
  plot.sink = function() end
  local data = w:plot("change_norm"):data()
  plot.sink = nil
  assert(data:find "blocks.1.ff.proj_up.weight\t6\t[%d.]+" or data:find "blocks.1.ff.proj_up.weight\t6.0\t[%d.]+", data)
  assert(not data:find "token_embedding", data) -- a table has no such norm
  local text = tostring(w.looks[4])
  assert(text:find "^name +shape +rms +rms of change +change / rms +norm +norm of change +stable rank\n", text)
  assert(text:find "token_embedding.weight +%(256, 32%) +[%d.]+ +[%d.e-]+ +[%d.]+ +%- +%- +%-\n", text)
end)

test("weights of several names, of other dtypes and not finite ones", function()
  local layer = linear(torch.ones(2, 2)):to(torch.bfloat16)
  test.close(monitor(layer).looks[1][1].norm, 2, 1e-6)
  torch.no_grad(function() layer.weight:fill_(0 / 0) end)
  assert(tostring(monitor(layer).looks[1]):find "nan")
  torch.no_grad(function() layer.weight:zero_() end)
  test.equal(monitor(layer).looks[1][1].norm, 0.0)
  test.equal(#monitor(support.model(), {names = "proj_down", norms = false}).looks[1], 2)
end)

test("what cannot be watched is refused", function()
  local model = support.model()
  test.raises(function() monitor(3) end, "monitor: expected a model, got 3")
  test.raises(function() monitor(nn.ReLU()) end, "monitor: the model has no parameters")
  test.raises(function() monitor(model, {names = "nosuch"}) end, "monitor: no weight fits 'nosuch'")
  test.raises(function() monitor(model, {names = "["}) end, "monitor: names: '[' is no pattern of Lua")
  test.raises(function() monitor(model, {norms = 2}) end, "monitor: expected norms, true or false, got 2")
  test.raises(function() monitor(model, {name = "x"}) end, "did you mean 'names'")
  test.raises(function() monitor(model):look "x" end, "look: expected a number, got 'x'")
  test.raises(function() monitor(model):plot "rat" end, "monitor: expected one of rms, change, ratio")
  test.raises(function() monitor(model):plot() end, "nothing to draw: no look has a ratio")
end)
