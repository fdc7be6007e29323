--- gpt_golden.lua: the native GPT against numbers that PyTorch made (tests/golden/gpt.py).
local test = require "harness"

local folder = debug.getinfo(1, "S").source:match "^@(.*)/model/[^/]*$" .. "/golden/"
local names = {"a", "b", "c", "d", "e"}

-- Both sides compute in f32: logits and gradients are sums of at most a few hundred products, whose
-- rounding in another order moves them by a few units of 1e-7 of the largest.
local TOLERANCE = 2e-5
-- Twenty steps let such differences grow; f32 and f64 runs of PyTorch itself end up to 1.4e-5 apart.
local CURVE_TOLERANCE = 1e-4

--- The file of one configuration, and a model that holds its parameters.
local function open(name)
  local golden, metadata = torch.load(folder .. "gpt_" .. name .. ".safetensors")
  local config = {}
  for _, field in ipairs {"hidden_dim", "n_layers", "n_heads", "mlp_ratio", "vocab_size", "sequence_len"} do
    config[field] = math.tointeger(metadata[field])
  end
  local model = GPT(GPTConfig(config))
  local state = {}
  for key, tensor in pairs(golden) do
    local parameter = key:match "^param%.(.*)"
    if parameter then state[parameter] = tensor end
  end
  model:load_state_dict(state)
  return golden, model, metadata
end

--- max |a - b| / max |b|
local function distance(a, b)
  assert(tostring(a.shape) == tostring(b.shape), "shapes differ")
  local scale = b:abs():max():item()
  return (a:detach() - b):abs():max():item() / (scale > 0 and scale or 1)
end

local function near(a, b, tolerance, what)
  local d = distance(a, b)
  if not (d <= tolerance) then
    error(("%s: off by %.3g of the largest, allowed %.3g"):format(what, d, tolerance), 2)
  end
end

for _, name in ipairs(names) do
  test("config " .. name .. ": logits and losses are PyTorch's", function()
    local golden, model = open(name)
    near(model(golden.idx), golden.logits, TOLERANCE, "logits")
    for _, reduction in ipairs {"mean", "sum", "none"} do
      near(model(golden.idx, golden.targets, {loss_reduction = reduction}),
           golden["loss_" .. reduction], TOLERANCE, "loss " .. reduction)
    end
  end)

  test("config " .. name .. ": every parameter gradient is PyTorch's", function()
    local golden, model = open(name)
    model(golden.idx, golden.targets):backward()
    local count = 0
    for key, p in model:named_parameters() do
      near(p.grad, golden["grad." .. key], TOLERANCE, key)
      count = count + 1
    end
    test.equal(count, 1 + 6 * #model.blocks)
  end)

  test("config " .. name .. ": twenty steps of AdamW and Muon follow PyTorch's", function()
    local golden, model, metadata = open(name)
    local adamw = optim.AdamW(list(model.token_embedding:parameters()),
                              {lr = tonumber(metadata.embedding_lr), betas = {0.8, 0.95}, eps = 1e-10,
                               weight_decay = 0.01})
    local muon = optim.Muon(list(model.blocks:parameters()),
                            {lr = tonumber(metadata.matrix_lr), momentum = 0.95, ns_dtype = "f32"})
    local curve = golden.curve:tolist()
    for step, expected in ipairs(curve) do
      local loss = model(golden.idx, golden.targets)
      local off = math.abs(loss:item() - expected) / expected
      if not (off <= CURVE_TOLERANCE) then
        error(("step %d: loss %.9g, expected %.9g"):format(step, loss:item(), expected))
      end
      adamw:zero_grad()
      muon:zero_grad()
      loss:backward()
      adamw:step()
      muon:step()
    end
    for key, p in model:named_parameters() do -- sum of squares of the trained weights
      local squares = p:detach():double():square():sum():item()
      test.close(squares / golden["trained." .. key]:tolist()[2], 1, CURVE_TOLERANCE)
    end
  end)
end
