--- reparam_same.lua: parametrizations that are one dynamics in other clothes train the same: Tables 3, 8 and 9 of Tensor
-- Programs V, and every rule with a base at its base width.
local test = require "harness"

local Net = nn.class "Net"
function Net:init(n)
  local plain = {bias = false, dtype = torch.float64}
  self.fc1, self.fc2, self.readout = nn.Linear(16, n, plain), nn.Linear(n, n, plain), nn.Linear(n, 8, plain)
end
function Net:forward(x) return self.readout(F.relu(self.fc2(F.relu(self.fc1(x))))) end

--- Logits after 20 steps from the same draws on the same batch.
local function train(rule, n, options, settings)
  torch.manual_seed(11)
  local model = Net(n)
  local x, y = torch.randn({32, 16}, {dtype = torch.float64}), torch.randn({32, 8}, {dtype = torch.float64})
  local p = reparam.new(rule, {base = Net(64), optimizer = options.optimizer, scale_eps = options.scale_eps})
  torch.manual_seed(12)
  p:init(model)
  p:apply(model)
  local opt = p:optimizers(model, settings)[1]
  for _ = 1, 20 do
    opt:zero_grad()
    F.mse_loss(model(x), y):backward()
    opt:step()
  end
  return model(x):detach()
end

local function distances(n, options, settings)
  local three = train("mup3", n, options, settings)
  local function from(rule) return (train(rule, n, options, settings) - three):abs():max():item() end
  return from "mup8", from "mup9", three:abs():max():item()
end

for _, case in ipairs {
  {"Adam with eps 1e-30", {}, {lr = 2 ^ -8, eps = 1e-30}},
  {"Adam whose eps and decay go along", {}, {lr = 2 ^ -8, eps = 1e-4, weight_decay = 0.1}},
  {"gradient descent", {optimizer = "sgd"}, {lr = 0.05}},
  {"gradient descent with momentum and decay", {optimizer = "sgd"}, {lr = 0.02, momentum = 0.9, weight_decay = 0.01}},
} do
  test("Tables 3, 8 and 9 train the same under " .. case[1], function()
    -- all factors are powers of two at four times the base width: nothing is rounded differently but products of three
    local a, b, size = distances(256, case[2], case[3])
    assert(size > 0.1)
    test.close({a, b}, {0, 0}, 1e-14)
    a, b = distances(128, case[2], case[3]) -- sqrt(2): rounding of f64, over 20 steps
    test.close({a, b}, {0, 0}, 1e-12)
  end)
end

--- Logits of a GPT at four times the base width after 5 steps from the same draws.
local function train_gpt(rule, tied, optimizer)
  torch.manual_seed(21)
  local model = GPT {hidden_dim = 64, n_layers = 2, n_heads = 4, vocab_size = 48, sequence_len = 12, tied = tied, norm = "layer",
                     bias = true}:double()
  local p = reparam.new(rule, {base = 16, optimizer = optimizer})
  p:apply(p:init(model))
  local opts = p:optimizers(model, {lr = optimizer == "sgd" and 0.05 or 2 ^ -7, weight_decay = 0.1})
  local idx = torch.randint(0, 48, {4, 13})
  for _ = 1, 5 do
    model(idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()):backward()
    for _, opt in ipairs(opts) do
      opt:step()
      opt:zero_grad()
    end
  end
  return model(idx[":, :-1"]:contiguous()):detach()
end

test("the GPT trains the same under Tables 3, 8 and 9, biases, norms and tied tables included", function()
  for _, optimizer in ipairs {"adam", "sgd"} do
    for _, tied in ipairs {true, false} do
      local eight = train_gpt("mup8", tied, optimizer)
      -- Table 3 has no multipliers, which a tied table needs: the rule keeps that of Table 8
      for _, rule in ipairs {"mup3", "mup9"} do
        test.close((train_gpt(rule, tied, optimizer) - eight):abs():max():item(), 0, 1e-12)
      end
      assert((train_gpt("standard", tied, optimizer) - eight):abs():max():item() > 1e-3)
    end
  end
end)

test("with an eps that does not go along the tables part", function()
  local a, b = distances(256, {scale_eps = false}, {lr = 2 ^ -8, eps = 1e-4})
  assert(a > 1e-4 and b > 1e-4 and a < 0.5, f"{a} {b}")
  a, b = distances(256, {scale_eps = false}, {lr = 2 ^ -8, eps = 1e-8})
  assert(a > 1e-8 and b > 1e-8 and a < 1e-3, f"{a} {b}")
end)

test("the tables differ from the standard one", function()
  local mup, standard = train("mup8", 256, {}, {lr = 2 ^ -8}), train("standard", 256, {}, {lr = 2 ^ -8})
  assert((mup - standard):abs():max():item() > 0.01)
end)

-- ---- at the base width ----

local function config(tied)
  return {hidden_dim = 32, n_layers = 2, n_heads = 2, vocab_size = 64, sequence_len = 8, tied = tied, norm = "layer", bias = true}
end

--- All weights after 3 steps, as text of their exact values.
local function gpt_weights(rule, tied, optimizer)
  torch.manual_seed(7)
  local model = GPT(config(tied))
  local p = reparam.new(rule, {base = {hidden_dim = 32, n_layers = 2}, optimizer = optimizer})
  p:init(model)
  p:apply(model)
  for step = 1, 3 do
    torch.manual_seed(step)
    local idx = torch.randint(0, 64, {2, 9})
    model(idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()):backward()
    if step == 1 then p.opts = p:optimizers(model, {lr = 2 ^ -7, weight_decay = 0.1, muon_lr = 0.02}) end
    for _, opt in ipairs(p.opts) do
      opt:step()
      opt:zero_grad()
    end
  end
  local out = {}
  for _, w in model:named_parameters() do out[#out + 1] = w:detach():tolist() end
  test.equal(reparam.multipliers(model), {forward = {}, attention = {}})
  return out
end

test("rules with a base are standard at the base width, bit for bit", function()
  for _, tied in ipairs {true, false} do
    for _, optimizer in ipairs {"adam", "sgd", "muon"} do
      local standard = gpt_weights("standard", tied, optimizer)
      for _, rule in ipairs {"mup8", "mup3", "mup9", "completep", "completep_half"} do
        test.equal(gpt_weights(rule, tied, optimizer), standard)
      end
    end
  end
end)
