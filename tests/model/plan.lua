-- Plans against real steps, formulas and the other tables that show the same numbers.
local test = require "harness"
local optimizers = require "gt.train.optimizers"

local SMALL = {hidden_dim = 128, n_layers = 2, n_heads = 2, vocab_size = 512, sequence_len = 128}

local function ids(B, T)
  return function() return torch.randint(0, 65, {B, T}), torch.randint(0, 65, {B, T}) end
end

local function gpt(dtype)
  return function()
    local model = GPT(SMALL)
    model:init_weights()
    return dtype and model:to {dtype = dtype} or model
  end
end

--- The most bytes that the second of two training steps has.
local function peak_of(make, batch, o)
  collectgarbage()
  collectgarbage()
  local before = torch.memory_allocated()
  local model = make()
  local opts = optimizers.make(model, o.optim)
  local function loss_of(...)
    local args = table.pack(...)
    if not o.autocast then return model(...) end
    return torch.autocast(o.autocast, function() return model(table.unpack(args)) end)
  end
  for _ = 1, 2 do
    collectgarbage()
    torch.reset_peak_memory_stats()
    for _ = 1, o.accumulate or 1 do
      do
        local x, y = batch()
        local loss = loss_of(x, y)
        loss:backward()
      end
      collectgarbage()
      collectgarbage()
    end
    for _, opt in ipairs(opts) do opt:step() end
    for _, opt in ipairs(opts) do opt:zero_grad() end
  end
  return torch.max_memory_allocated() - before
end

-- What is left out are a few hundred numbers that kernels keep aside; 1 % is far above that and below any tensor.
local function agrees(name, make, batch, o)
  test("the peak of a step is the planned one: " .. name, function()
    local real = peak_of(make, batch, o)
    o.time = false
    local p = plan(make(), o)
    test.close(p.memory.peak / real, 1, 0.01)
  end)
end

agrees("the notebook's GPT in float32", gpt(), ids(4, 128), {batch = 4})
agrees("in bfloat16", gpt(torch.bfloat16), ids(4, 128), {batch = 4})
agrees("under autocast", gpt(), ids(4, 128), {batch = 4, autocast = "bf16"})
agrees("of three micro-batches, shorter", gpt(), ids(2, 64), {batch = 2, sequence = 64, accumulate = 3, optim = {name = "SGD"}})
agrees("nanoGPT's, with dropout", function()
  return models.nanogpt {n_layer = 2, n_head = 2, n_embd = 64, block_size = 64, vocab_size = 65, dropout = 0.1}
end, ids(8, 64), {batch = 8})
agrees("with logits that one block cannot hold", function()
  return models.nanogpt {n_layer = 1, n_head = 2, n_embd = 32, block_size = 512, vocab_size = 5000}
end, ids(4, 512), {batch = 4, optim = {name = "AdamW"}})

agrees("one long sequence, whose attention needs much scratch", function()
  local model = GPT {hidden_dim = 64, n_layers = 1, n_heads = 1, vocab_size = 128, sequence_len = 1024}
  model:init_weights()
  return model
end, ids(1, 1024), {batch = 1})

local Net = nn.class "Net"
function Net:init()
  self.up, self.norm, self.down = nn.Linear(96, 384), nn.LayerNorm(384), nn.Linear(384, 96)
end
function Net:forward(x, y) return F.mse_loss(self.down(F.gelu(self.norm(self.up(x)))), y) end

agrees("a class written in Lua", Net, function() return torch.randn(256, 96), torch.randn(256, 96) end,
       {batch = 256, input = {torch.zeros(1, 96), torch.zeros(1, 96)}})

test("planning the notebook's GPT takes no tensor memory, and knows its numbers", function()
  collectgarbage()
  torch.reset_peak_memory_stats()
  local before = torch.memory_allocated()
  local p = plan(GPTConfig {}, {time = false})
  test.equal(torch.max_memory_allocated(), before)
  test.equal({p.parameters.unique, p.parameters.tied}, {285212672, 33554432})
  test.equal({p.memory.weights, p.memory.gradients}, {4 * 285212672, 4 * 285212672})
  test.equal(p.memory.states, {{name = "AdamW", bytes = 8 * 33554432}, {name = "Muon", bytes = 4 * 251658240}})
  test.equal(p.time, nil)
end)

test("operations per token are 6 N and those of the causal attention", function()
  local p = plan({hidden_dim = 256, n_layers = 3, n_heads = 2, mlp_ratio = 4, vocab_size = 1000, sequence_len = 96},
                 {batch = 2, time = false})
  local weights, pairs_seen = 1000 * 256 + 3 * (4 + 8) * 256 * 256, (96 + 1) / 2 -- of a query, on average
  test.equal(p.flops.attention, 3 * 3 * 4 * 256 * pairs_seen)
  test.equal(p.flops.forward, 2.0 * weights + 3 * 4 * 256 * pairs_seen)
  test.equal(p.flops.train, 3 * p.flops.forward)
end)

test("grouped queries, accumulation and weights without gradients change what they should", function()
  local whole = plan(SMALL, {batch = 2, time = false})
  local grouped = plan({hidden_dim = 128, n_layers = 2, n_heads = 2, n_kv_heads = 1, vocab_size = 512, sequence_len = 128},
                       {batch = 2, time = false})
  test.equal(whole.parameters.unique - grouped.parameters.unique, 2 * 2 * 128 * 64)
  test.equal(grouped.flops.attention, whole.flops.attention)
  local model = GPT(SMALL)
  model.token_embedding.weight:requires_grad_(false)
  local frozen = plan(model, {batch = 2, time = false, optim = function(m)
    return optim.SGD(m.blocks[0]:parameters(), {lr = 0.1, momentum = 0.9})
  end})
  test.equal(frozen.memory.gradients, whole.memory.gradients - 4 * 512 * 128)
  test.equal(frozen.memory.state, 4 * model.blocks[0]:num_params())
end)

test("logits that the loss keeps have a line of their own", function()
  test.equal(plan(SMALL, {batch = 4, time = false}).memory.logits, 4 * 128 * 512 * 4) -- one block holds them
  test.equal(plan(SMALL, {batch = 16, time = false}).memory.logits, 0)
  local capped = plan({hidden_dim = 64, n_layers = 1, n_heads = 1, vocab_size = 64, sequence_len = 64}, {time = false})
  test.equal(capped.memory.logits, 64 * 64 * 4)
  local plain = plan(nn.Linear(8, 10), {batch = 32, time = false, input = {torch.zeros(1, 8), torch.zeros(1, {dtype = torch.long})},
    objective = function(m, x, y) return F.cross_entropy(m(x), y) end})
  test.equal(plain.memory.logits, 32 * 10 * 4)
end)

--- The counter of an arena: `bytes`, and no more than a guard of 256 behind each of `tensors` under the address sanitizer.
local function taken(counter, bytes, tensors)
  assert(counter >= bytes and counter <= bytes + 256 * tensors, f"{counter} bytes are taken, expected {bytes}")
end

test("summary, %mem's counter and the plan say the same of one model", function()
  collectgarbage()
  local before = torch.memory_allocated()
  local model = GPT(SMALL)
  local p = plan(model, {batch = 3, sequence = 50, time = false})
  local s = summary(model, {input_size = {3, 50}, dtypes = {torch.long}})
  test.equal({p.parameters.unique, p.parameters.tied, p.memory.weights}, {s.total_params, s.tied_params, s.param_bytes})
  taken(torch.memory_allocated() - before, p.memory.weights + p.memory.buffers, 20) -- all are multiples of 256 bytes
  test.equal((p.flops.forward - p.flops.attention / 3) * 150, 2.0 * s.mult_adds)
end)

test("planning changes neither the model nor the random streams nor the default device", function()
  local model = models.nanogpt {n_layer = 1, n_head = 1, n_embd = 32, block_size = 32, vocab_size = 65, dropout = 0.5}
  model(ids(2, 32)()):backward()
  model:eval()
  local seed, stream = require "native.train".rng()
  local weights, grads = {}, {}
  for name, p in model:named_parameters() do weights[name], grads[name] = p:detach():clone(), p.grad:clone() end
  plan(model, {batch = 2})
  test.equal({require "native.train".rng()}, {seed, stream})
  test.equal({tostring(torch.get_default_device()), model.training, torch.is_grad_enabled()}, {"cpu", false, true})
  for name, p in model:named_parameters() do
    test.equal({name, p.device.type, torch.equal(p, weights[name]), torch.equal(p.grad, grads[name])}, {name, "cpu", true, true})
  end
end)

local function shows(p, text)
  if not tostring(p):find(text, 1, true) then test.fail(("expected '%s' in\n%s"):format(text, p)) end
end

test("what does not fit says so, and which batch would", function()
  local p = plan(SMALL, {batch = 64, memory = 50 * 2 ^ 20, time = false})
  test.equal(p.fits, false)
  local best = plan(SMALL, {batch = p.fitting_batch, memory = 50 * 2 ^ 20, time = false})
  local next_one = plan(SMALL, {batch = p.fitting_batch + 1, memory = 50 * 2 ^ 20, time = false})
  test.equal({best.fits, next_one.fits}, {true, false})
  shows(p, "MiB, 50.0 MiB here; batch " .. p.fitting_batch .. " would fit")
  shows(plan(SMALL, {batch = 2, memory = 1e6, time = false}), "no batch would fit")
  shows(plan(SMALL, {time = false}), "fits: yes, ")
end)

test("a step's time comes from what was measured, once in a session", function()
  collectgarbage()
  local before = torch.memory_allocated()
  local p = plan(SMALL, {batch = 2})
  local again = plan(SMALL, {batch = 4})
  test.equal(torch.memory_allocated(), before)
  test.equal(p.time.seconds > 0 and again.time.seconds > p.time.seconds, true)
  test.close(p.time.tokens_per_second * p.time.seconds, 256, 1e-6)
  local names = {}
  for i, one in ipairs(again.time.measured) do
    names[i] = one.what:match "^%a+"
    local known = p.time.measured[i]
    if known.what == one.what then test.equal(one.rate, known.rate) end
  end
  test.equal(names, {"linear", "attention", "sums", "newton"})
end)

test("the table has at most 80 columns", function()
  for _, o in ipairs {{batch = 64, autocast = "bf16", accumulate = 128}, {batch = 512, memory = 2 ^ 40}} do
    for line in tostring(plan(GPTConfig {n_layers = 2}, o)):gmatch "[^\n]+" do
      if utf8.len(line) > 80 then test.fail(line) end
    end
  end
end)

test("the meta device counts what its tensors would take, and forgets it with them", function()
  collectgarbage()
  collectgarbage()
  local before = torch.memory_allocated "meta"
  local t = torch.empty(1000, 1000, {device = "meta"})
  taken(torch.memory_allocated "meta" - before, 4000000 // 256 * 256, 1)
  t:free()
  test.equal(torch.memory_allocated "meta", before)
  test.equal(torch.memory_reserved "meta", 0)
end)

local function refuses(name, fn, message)
  test("refuses " .. name, function() test.raises(fn, message) end)
end
refuses("nothing", function() plan() end, "plan: expected a GPTConfig, a model, or a function that makes one, got nil")
refuses("a function that makes no module", function() plan(function() return 3 end) end, "expected the function to make a module, got 3")
refuses("an unknown option", function() plan(SMALL, {bach = 2}) end, "plan has no argument 'bach' (did you mean 'batch'?)")
refuses("half a sequence", function() plan(SMALL, {batch = 0.5}) end, "plan: batch expects an integer >= 1, got 0.5")
refuses("an unknown dtype", function() plan(SMALL, {autocast = "b16"}) end, "plan: expected autocast to be a dtype like 'bf16', got 'b16'")
refuses("a model without an example", function() plan(Net) end, "plan: expected input, an example of what Net takes, like {x, y}")
refuses("an example that is none", function() plan(Net, {input = {3}}) end, "expected input to be a tensor or a list of tensors, got 3")
refuses("an unknown optimizer", function() plan(SMALL, {optimizer = "Adam"}) end, "plan: expected optim.name to be 'AdamW', 'Muon' or 'SGD'")
refuses("two names for one option", function() plan(SMALL, {optim = "SGD", optimizer = "SGD"}) end, "expected optim or optimizer, got both")
refuses("another model's optimizer", function()
  plan(SMALL, {optim = optim.SGD(nn.Linear(2, 2):parameters(), {lr = 1})})
end, "this one has other weights")
refuses("a negative memory", function() plan(SMALL, {memory = -1}) end, "plan: memory expects a number > 0, got -1")
