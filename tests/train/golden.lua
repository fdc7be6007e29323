-- Fifty steps of nanoGPT's recipe against PyTorch in float64 (tests/golden/train.py).
local test = require "harness"

local golden = json.decode(assert(io.open "tests/golden/train.json"):read "a")

--- The generator's batches.
local function batch(number)
  local x, y = {}, {}
  for row = 0, 3 do
    x[row + 1], y[row + 1] = {}, {}
    for column = 0, 16 do
      local k = row * 17 + column
      local id = (k * k + 7 * number * k + 3 * number) % 97
      if column < 16 then x[row + 1][column + 1] = id end
      if column > 0 then y[row + 1][column] = id end
    end
  end
  return torch.tensor(x), torch.tensor(y)
end

local loader = {number = 0}
function loader:next()
  self.number = self.number + 1
  return batch(self.number - 1)
end
function loader:state() return {number = self.number} end
function loader:load_state(state) self.number = state.number end

local function trained()
  local tensors = torch.load "tests/golden/gpt_a.safetensors"
  local model = GPT {hidden_dim = 48, n_layers = 2, n_heads = 3, mlp_ratio = 2, vocab_size = 97, sequence_len = 16}
  local state = {}
  for key, tensor in pairs(tensors) do
    local name = key:match "^param%.(.*)"
    if name then state[name] = tensor end
  end
  model:load_state_dict(state)
  local t = train.new {
    model = model, data = loader, steps = 50, accumulate = 2, clip = 0.5, ema = 0.9, progress = false,
    optim = {lr = 3e-3, betas = {0.9, 0.99}, weight_decay = 0.1},
    schedule = schedule.cosine {total = 50, warmup = 5, final = 0.1},
  }
  t:run()
  return t
end

local t = trained()

-- PyTorch's own float32 run ends up to 1.4e-6 from its float64 run; a few times that is allowed.
test("every loss is PyTorch's", function() test.close(t.log.loss, golden.loss, 5e-6) end)
test("every norm before clipping is PyTorch's", function() test.close(t.log.norm, golden.norm, 5e-6) end)

test("weights and their average end where PyTorch's do", function()
  for _, pair in ipairs {{t.model:state_dict(), golden.weights}, {t.ema:state_dict(), golden.average}} do
    for name, sums in pairs(pair[2]) do
      local wide = pair[1][name]:detach():double()
      test.close(wide:square():sum():item(), sums[2], 1e-5)
      test.close(wide:sum():item(), sums[1], 1e-3)
    end
  end
end)
