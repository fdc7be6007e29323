--- variants.lua: settings of GPTConfig other than the notebook's, against numbers that PyTorch made
-- (tests/golden/gpt_variants.py); and what else a user relies on in them.
local test = require "harness"

local folder = debug.getinfo(1, "S").source:match "^@(.*)/model/[^/]*$" .. "/golden/"
local golden, metadata = torch.load(folder .. "gpt_variants.safetensors")

-- Both sides compute in f32: logits and gradients are sums of at most a few hundred products, whose
-- rounding in another order moves them by a few units of 1e-7 of the largest.
local TOLERANCE = 2e-5
local CURVE_TOLERANCE = 1e-4 -- such differences after ten steps

local function open(name)
  local config = json.decode(metadata[name])
  local model, state = GPT(config), {}
  for key, tensor in pairs(golden) do
    local parameter = key:match("^" .. name .. "%.param%.(.*)")
    if parameter then state[parameter] = tensor end
  end
  model:load_state_dict(state)
  return model, function(key) return golden[name .. "." .. key] end
end

-- Some gradients are zero but for rounding (a bias of keys moves all scores alike): 0.01 is a tenth of
-- what the others are.
local function near(a, b, what)
  local d = (a:detach() - b):abs():max():item() / math.max(b:abs():max():item(), 0.01)
  if not (d <= TOLERANCE) then error(("%s: off by %.3g of the largest"):format(what, d), 2) end
end

for _, name in ipairs {"nanogpt", "nanogpt_nobias", "gpt2", "llama", "mixed"} do
  test(name .. ": logits, loss and every gradient are PyTorch's", function()
    local model, get = open(name)
    near(model(get "idx"), get "logits", "logits")
    local loss, count = model(get "idx", get "targets"), 0
    near(loss, get "loss", "loss")
    loss:backward()
    for key, p in model:named_parameters() do
      near(p.grad, get("grad." .. key), key)
      count = count + 1
    end
    test.equal(count, #list(model:parameters()))
    test.equal(model:num_params(), model.config:count())
  end)

  test(name .. ": ten steps of AdamW follow PyTorch's", function()
    local model, get = open(name)
    local adamw = optim.AdamW(model:parameters(), {lr = 1e-3, betas = {0.9, 0.95}, weight_decay = 0.1})
    for _, expected in ipairs(get "curve":tolist()) do
      local loss = model(get "idx", get "targets")
      test.close(loss:item(), expected, CURVE_TOLERANCE)
      adamw:zero_grad()
      loss:backward()
      adamw:step()
    end
  end)

  test(name .. ": setup_optimizers and init_weights take every setting", function()
    local model, get = open(name)
    model:init_weights()
    local adamw, muon = model:setup_optimizers {embedding_lr = 0.002, matrix_lr = 0.01}
    local before = model(get "idx", get "targets"):item()
    for _ = 1, 5 do
      local loss = model(get "idx", get "targets")
      adamw:zero_grad()
      muon:zero_grad()
      loss:backward()
      adamw:step()
      muon:step()
    end
    assert(model(get "idx", get "targets"):item() < before)
  end)
end

test("models.nanogpt takes nanoGPT's names and draws nanoGPT's weights", function()
  torch.manual_seed(5)
  local model = models.nanogpt {n_layer = 8, n_head = 4, n_embd = 128, block_size = 64, vocab_size = 65, bias = true}
  test.equal(model.config.sequence_len, 64)
  test.equal(model.config.activation, "gelu")
  local function std(path) return model:get_parameter(path):detach():std():item() end
  -- standard deviations of thousands of draws: within 5 percent
  test.close(std "token_embedding.weight" / 0.02, 1, 0.05)
  test.close(std "position_embedding.weight" / 0.02, 1, 0.05)
  test.close(std "blocks.3.attn.query.weight" / 0.02, 1, 0.05)
  test.close(std "blocks.3.attn.proj.weight" / 0.005, 1, 0.05) -- 0.02 / sqrt(2 * 8)
  test.close(std "blocks.7.ff.proj_down.weight" / 0.005, 1, 0.05)
  test.equal(std "blocks.0.ff.proj_up.bias", 0.0)
  test.equal(model.blocks[0].norm1.weight:detach():mean():item(), 1.0)
  assert(model.lm_head.weight == model.token_embedding.weight)
  test.equal(models.nanogpt {n_embd = 96, n_head = 3, n_layer = 1, vocab_size = 10, block_size = 8}.lm_head.bias, nil)
end)

test("dropout acts in training only, and differently every time", function()
  torch.manual_seed(6)
  local model = models.nanogpt {n_layer = 2, n_head = 2, n_embd = 32, block_size = 16, vocab_size = 65, dropout = 0.2}
  local idx = torch.randint(0, 65, {2, 16})
  assert(not torch.equal(model(idx), model(idx)))
  model:eval()
  assert(torch.equal(model(idx), model(idx)))
  model:train()
  torch.manual_seed(7)
  local first = model(idx)
  torch.manual_seed(7)
  assert(torch.equal(model(idx), first))
  model(idx, idx):backward()
  for name, p in model:named_parameters() do assert(p.grad:isfinite():all():item(), name) end
end)

test("attention drops weights, not results: with equal values their sums stay multiples", function()
  torch.manual_seed(9)
  local q, v = torch.zeros(1, 2, 64, 4), torch.ones(1, 2, 64, 4)
  local y = F.scaled_dot_product_attention(q, q, v, {dropout_p = 0.5})
  local counts = y * 32 -- each kept weight is 2 / 64
  test.close((counts - counts:round()):abs():max():item(), 0, 1e-4)
  test.close(y:mean():item(), 1, 0.05) -- 8192 weights: the deviation of the mean is 0.011
  local mask = torch.zeros(64, 64)
  test.close(F.scaled_dot_product_attention(q, q, v, {dropout_p = 0.5, attn_mask = mask}):mean():item(), 1, 0.05)
end)

test("F.dropout keeps the mean, and its gradient is the same mask", function()
  torch.manual_seed(8)
  local x = torch.ones(300, 400):requires_grad_()
  local y = F.dropout(x, {p = 0.2})
  test.close(y:mean():item(), 1, 0.01) -- 120000 draws: the deviation of the mean is 0.0015
  test.close(y:gt(0):double():mean():item(), 0.8, 0.01)
  y:sum():backward()
  assert(torch.equal(x.grad, y:detach()))
  assert(F.dropout(x, {p = 0.2, training = false}) == x)
  local layer = nn.Dropout(0.5)
  assert(not torch.equal(layer(x), layer(x)))
end)

test("a configuration shows its settings where they are not the default", function()
  local config = GPTConfig {n_kv_heads = 2, norm = "layer", softcap = 30}
  assert(tostring(config):find("sequence_len=1024, n_kv_heads=2, norm=layer, softcap=30.0)", 1, true), tostring(config))
  test.equal(GPTConfig().n_kv_heads, 8)
  config.n_kv_heads = nil
  test.equal(config.n_kv_heads, 8)
  test.equal(GPT(models.nanogpt {n_layer = 1, n_head = 2, n_embd = 8, vocab_size = 5, block_size = 4}).config.norm, "layer")
end)

test("wrong settings are refused by name", function()
  test.raises(function() GPTConfig(setmetatable({}, {__index = {n_layers = 3}})) end, "got one with a metatable")
  test.equal(GPTConfig(odict{{"n_layers", 2}}).n_layers, 2)
  test.raises(function() GPTConfig {hidden_dim = math.maxinteger} end, "2147483647, got 9223372036854775807")
  test.raises(function() GPTConfig {norm = "batch"} end, "GPTConfig: norm expects one of rms|layer, got 'batch'")
  test.raises(function() GPTConfig {norm = 1} end, "GPTConfig: norm expects one of rms|layer, got 1")
  test.raises(function() GPTConfig {bias = 1} end, "GPTConfig: bias expects true or false, got an integer")
  test.raises(function() GPTConfig {softcap = "x"} end, "GPTConfig: softcap expects a number, got a string")
  test.raises(function() GPT {n_kv_heads = 3} end, "n_kv_heads must divide n_heads, got 3 and 8")
  test.raises(function() GPT {dropout = 1} end, "expected 0.0 <= dropout < 1.0, got 1.0")
  test.raises(function() models.nanogpt {n_layrs = 3} end, "did you mean 'n_layers'?")
  local model = models.nanogpt {n_layer = 1, n_head = 2, n_embd = 8, vocab_size = 5, block_size = 4}
  test.raises(function() model(torch.zeros(1, 5, {dtype = torch.long})) end,
    "a sequence of 5 tokens is longer than the table of positions (4)")
end)

test("a summary and a repr list the modules of LayerNorm and positions", function()
  local model = models.nanogpt {n_layer = 1, n_head = 2, n_embd = 8, vocab_size = 5, block_size = 4}
  local text = tostring(model)
  assert(text:find("(norm1): LayerNorm((8,), eps=1e-05, elementwise_affine=True)", 1, true), text)
  assert(text:find("(position_embedding): Embedding(4, 8)", 1, true), text)
  assert(tostring(summary(model, {input_size = {1, 4}, dtypes = {torch.long}})):find("LayerNorm", 1, true))
end)
