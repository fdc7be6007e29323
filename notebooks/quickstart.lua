-- %% [markdown]
-- # gptsh in two minutes
-- Learning rates, a look inside a model and a real training run: the job `make demo` runs.

-- %% parameters tags=["parameters"]
steps = 300

-- %% learning rates per weight
spectral.table(odict{
  {"token_embedding.weight", {1, 1024}},
  {"qkv_proj.weight", {1024, 2048}},
  {"o_proj.weight", {1024, 1024}},
  {"down_proj.weight", {4096, 1024}},
}, {lr = 0.001, scale = 1 / 64})
-- expect: down_proj.weight          4096     1024  0.00390625  3.90625e-06

-- %% a small GPT
torch.manual_seed(1337)
config = GPTConfig{hidden_dim = 128, n_layers = 4, n_heads = 4, vocab_size = 256, sequence_len = 128}
model = GPT(config)
model:init_weights()
model

-- %% its layers, counted on the meta device
summary(model, {input_size = {1, config.sequence_len}, dtypes = {torch.long}, depth = 2})
-- expect: Total params: 688,128
-- expect: Tied params counted once: 32,768

-- %% its dtypes
check_model_dtypes(model, {group = true})
-- expect: blocks.*.ff.proj_down.weight             | Parameter       |     4 | torch.float32

-- %% text to learn
-- The licences every Debian system carries: a hundred kilobytes of plain English, one byte per token.
local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "a"
  file:close()
  return text
end

local parts = {}
for _, name in ipairs{"GPL-2", "GPL-3", "LGPL-2.1", "Apache-2.0", "MPL-2.0", "Artistic"} do
  parts[#parts + 1] = read("/usr/share/common-licenses/" .. name)
end
local text = table.concat(parts)
if #text < 20000 then text = read "README.md" .. read "CONTRIBUTING.md" .. read "notebooks/gpt_from_scratch.lua" end

local bytes = {}
for i = 1, #text do bytes[i] = text:byte(i) end
tokens = torch.tensor(bytes)
print(f"{#text:,} bytes")

-- %% one batch: B random windows and the bytes that follow
--- Returns inputs and targets, both (B, T).
function batch(B, T)
  local x, y = {}, {}
  for i = 1, B do
    local start = math.random(0, #tokens - T - 2)
    x[i], y[i] = tokens:slice(0, start, start + T), tokens:slice(0, start + 1, start + T + 1)
  end
  return torch.stack(x), torch.stack(y)
end

-- %% train
math.randomseed(1337)
adamw, muon = model:setup_optimizers{embedding_lr = 0.02, matrix_lr = 0.02, weight_decay = 0.0}

first, average = nil, nil
started = torch.perf_counter()
for step = 1, steps do
  local decay = math.min(1, (steps - step + 1) / (0.4 * steps)) -- the last 40 % of the steps fall to zero
  for _, optimizer in ipairs{adamw, muon} do
    for _, group in ipairs(optimizer.param_groups) do group.lr = group.initial_lr * decay end
  end
  local x, y = batch(8, config.sequence_len)
  local loss = model(x, y)
  loss:backward()
  adamw:step()
  muon:step()
  model:zero_grad()

  local value = loss:item()
  average = average and 0.9 * average + 0.1 * value or value
  first = first or value
  if step == 1 or step % 50 == 0 then
    local left = (torch.perf_counter() - started) / step * (steps - step)
    print(f"step {step:>3}/{steps}  loss {average:.4f}  {average / math.log(2):.3f} bits per byte  {left:.0f} s left")
  end
end
print(f"loss fell from {first:.2f} to {average:.2f}")
-- expect: loss fell from ~ 9.2 ±1

-- %% let it write
do
  local _ <close> = torch.no_grad()
  local bytes = {("The "):byte(1, -1)}
  for _ = 1, 200 do
    local from = math.max(1, #bytes - config.sequence_len + 1)
    local logits = model(torch.tensor{{table.unpack(bytes, from)}})
    local p = torch.softmax(logits["0, -1"] / 0.7, 0):tolist()
    local r, next_byte = math.random(), 0
    for id, probability in ipairs(p) do
      r = r - probability
      next_byte = id - 1 -- Lua tables count from 1, token ids from 0
      if r <= 0 then break end
    end
    bytes[#bytes + 1] = next_byte
  end
  print(string.char(table.unpack(bytes)))
end
