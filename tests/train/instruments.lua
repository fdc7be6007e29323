-- Sweeps, the finder of rates and the coordinate check leave a run in the middle of its training as they found it: weights,
-- moments, gradients, multipliers, random streams and the place in the data, whatever ends them.
local test = require "harness"
local support = require "train.support"

--- A trainer with moments, under a parametrization with multipliers.
local function running()
  torch.manual_seed(1)
  local model = GPT {hidden_dim = 32, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 16}
  local p = reparam.new("mup9", {base = {hidden_dim = 16}})
  p:apply(p:init(model))
  local t = support.trainer {model = model, optim = p:optimizers(model, {lr = 0.01, weight_decay = 0.1})}
  t:run(3)
  torch.randn(3)
  return t
end

--- All that an instrument could touch, as text.
local function everything(t)
  local out = {t:hash(), tostring(t.model.training), tostring(torch.is_grad_enabled()), json.encode(reparam.multipliers(t.model))}
  for name, w in t.model:named_parameters() do
    table.insert(out, name .. " " .. tostring(w.grad and w.grad:double():sum():item()) .. " " .. tostring(w.requires_grad))
  end
  return table.concat(out, "\n")
end

local narrow = GPT {hidden_dim = 16, n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 16}

local instruments = {
  sweep = function(t, objective)
    sweep {model = t.model, data = t.loader, lr = {0.01, 0.1}, steps = 3, jobs = 1, progress = false, objective = objective}
  end,
  lr_find = function(t, objective) lr_find {model = t.model, data = t.loader, steps = 12, objective = objective} end,
  coord = function(t, objective)
    coord(function(width) return width == 32 and t.model or narrow end,
          {rule = "mup", widths = {16, 32}, seeds = 1, steps = 3, loss = objective})
  end,
}

--- objective(model, x, y) that fails at its second call.
local function failing(fail)
  local calls = 0
  return function(model, x, y)
    calls = calls + 1
    if calls == 2 then fail() end
    return model(x, y)
  end
end

for name, use in pairs(instruments) do
  test(name .. " leaves a running training as it was, and it goes on as if nothing had been", function()
    local t, twin = running(), running()
    local before = everything(t)
    test.equal(before, everything(twin))
    use(t)
    test.equal(everything(t), before)
    test.equal(t:step(), twin:step())
    test.equal(t:hash(), twin:hash())
  end)

  test(name .. " that ends in an error or by Ctrl-C leaves it too", function()
    local t = running()
    local before = everything(t)
    test.raises(function() use(t, failing(function() error "mine" end)) end, "mine")
    test.equal(everything(t), before)
    local ok, why = pcall(use, t, failing(torch.debug.interrupt))
    torch.debug.interrupt_clear()
    assert(not ok and tostring(why):find "nterrupt", why)
    test.equal(everything(t), before)
  end)
end
