--- reparam_fold.lua: multipliers folded into weights leave a plain model that computes the same, which other programs can read.
local test = require "harness"

local function gpt(options)
  local config = {hidden_dim = 64, n_layers = 2, n_heads = 4, vocab_size = 96, sequence_len = 16, softcap = 0}
  for key, value in pairs(options or {}) do config[key] = value end
  return GPT(config)
end

--- A model under a rule whose head, branches and scores are multiplied, with biases that are not zero.
local function under(rule, options, base)
  torch.manual_seed(1)
  local model = gpt(options)
  local p = reparam.new(rule, {base = base or {hidden_dim = 16, n_layers = 1, n_heads = 2}})
  p:apply(p:init(model))
  for name, w in model:named_parameters() do
    if name:find "bias$" then nn.init.normal_(w, 0, 0.5) end
  end
  return model
end

local function near(got, want) test.close(got / want:abs():max(), want / want:abs():max(), 2e-5) end

local GPT2 = {norm = "layer", bias = true, position = "learned", qk_norm = false, embedding_norm = false, activation = "gelu"}
local PLAIN = {tied = false, qk_norm = false, embedding_norm = false}

for _, case in ipairs {{"an untied GPT", PLAIN}, {"a tied GPT with layer norms and biases", GPT2}} do
  test(case[1] .. " computes the same when its multipliers are folded, under every rule", function()
    for _, entry in ipairs(require "native.reparam".rules()) do
      local model = under(entry.name, case[2])
      local before, idx = reparam.multipliers(model), torch.randint(0, 96, {2, 16})
      local plain = reparam.fold(model)
      test.equal(reparam.multipliers(plain), {forward = {}, attention = {}})
      near(plain(idx):detach(), model(idx):detach())
      test.equal(reparam.multipliers(model), before)
      assert(rawequal(plain.lm_head.weight, plain.token_embedding.weight) == (case[2] == GPT2), entry.name)
    end
  end)
end

test("layers of one's own are folded too", function()
  torch.manual_seed(2)
  local Net = nn.class "Net"
  function Net:init() self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 4) end
  function Net:forward(x) return self.b(F.relu(self.a(x))) end
  local net, x = Net(), torch.randn(5, 8)
  net.a:forward_multiplier(3)
  net.b:forward_multiplier(0.25)
  near(reparam.fold(net)(x):detach(), net(x):detach())
  net:forward_multiplier(2)
  test.raises(function() reparam.fold(net) end, "reparam.fold: the model is a Net, which has no weight that could take its multiplier")
end)

test("what no weight can take is refused", function()
  test.raises(function() reparam.fold(under("mup", {embedding_norm = false, qk_norm = false})) end,
              "no norm with a gain comes before it: build the model with tied = false")
  test.raises(function() reparam.fold(under("umup", {tied = false})) end,
              "'blocks.0.attn' has a scale of its scores that norms of queries and keys keep out of any weight")
  test.raises(function() reparam.fold(3) end, "reparam.fold: model expects a module, got 3")
end)

test("a model with multipliers is no GPT-2, folded it is", function()
  local folder = os.tmpname()
  os.remove(folder)
  local model, idx = under("mup", GPT2), torch.randint(0, 96, {2, 16})
  test.raises(function() model:save_gpt2(folder) end, "a GPT-2 has no multipliers in its forward: save reparam.fold(model)")
  reparam.fold(model):save_gpt2(folder)
  near(models.gpt2(folder)(idx):detach(), model(idx):detach())
  test.raises(function() model:load_gpt2(folder) end, "a GPT-2 has no multipliers in its forward: load into a model without")
  os.execute("rm -rf " .. folder)
end)
