-- One training run on a text file: RECIPE TEXT [STEPS].  Prints: seconds peak_bytes val_loss.
-- nanogpt: nanoGPT's recipe for small CPUs (its README: 4 layers, 4 heads, 128 wide, block 64, batch 12, AdamW, cosine).
-- autocast: the same with products in bf16 (nanoGPT knows no such thing on a CPU: it leaves autocast out there).
-- scaled: autocast with the deviation of its matrices carried from the 768 channels that GPT-2's 0.02 is for to its 128
-- by 1 / sqrt(fan_in) (LeCun et al., Efficient BackProp, 1998, eq. 16): 0.049.
-- notebook: the same sizes with RoPE, QK-norm and relu^2, by Muon and AdamW with a linear warm-down.
local recipe, path, steps = arg[1], arg[2], tonumber(arg[3] or 2000)
local started = torch.perf_counter()
torch.manual_seed(1337)

local text = data.text(path, {tokenizer = "chars"})
local train_part, val_part = text:split(0.9)
local vocab = text.vocab_size

local recipes = {}

function recipes.nanogpt()
  return {
    model = models.nanogpt{n_layer = 4, n_head = 4, n_embd = 128, block_size = 64, vocab_size = vocab, bias = false},
    optim = {name = "AdamW", lr = 1e-3, betas = {0.9, 0.99}, weight_decay = 0.1},
    schedule = schedule.cosine{warmup = math.min(100, steps // 2), total = steps, final = 0.1},
    clip = 1.0,
  }
end

function recipes.autocast()
  local o = recipes.nanogpt()
  o.autocast = "bf16"
  return o
end

function recipes.scaled()
  local o = recipes.autocast()
  local _ <close> = torch.no_grad()
  for _, p in o.model:named_parameters() do
    if p:dim() == 2 then p:mul_((768 / 128) ^ 0.5) end
  end
  return o
end

function recipes.notebook()
  local model = GPT{n_layers = 4, n_heads = 4, hidden_dim = 128, mlp_ratio = 4, sequence_len = 64, vocab_size = vocab}
  model:init_weights()
  return {
    model = model,
    optim = {model:setup_optimizers{embedding_lr = 0.01, matrix_lr = 0.02}},
    schedule = schedule.warmdown{warmdown = steps // 2, total = steps},
  }
end

local options = recipes[recipe]()
options.data = train_part:loader{B = 12, T = 64, random = true, seed = 1337}
options.val, options.steps, options.progress = val_part, steps, false
local t = train.new(options)
t:run()
local loss = t:eval()
loss = type(loss) == "table" and loss.loss or loss
local status = io.open "/proc/self/status":read "a"
print(torch.perf_counter() - started, tonumber(status:match "VmHWM:%s+(%d+)") * 1024, loss)
