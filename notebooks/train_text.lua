-- %% [markdown]
-- # From a text file to a model that writes
-- `gptsh nb run -p source=book.txt notebooks/train_text.lua` takes a file or a folder; without it the demo corpus is read.
-- Everything can be stopped with Ctrl-C, looked into and resumed; checkpoints go to `folder` when that names one.

-- %% parameters tags=["parameters"]
source = ""
folder = ""
steps = 1000

-- %% the text
tokens = source ~= "" and data.text(source) or data.demo()
train_tokens, val_tokens = tokens:split(0.9)
train_tokens

-- %% the model
torch.manual_seed(1337)
config = GPTConfig{hidden_dim = 128, n_layers = 4, n_heads = 4, vocab_size = tokens.vocab_size, sequence_len = 64}
model = GPT(config)
model:init_weights()
f"{model:num_params():,} parameters"
-- expect: 688,128 parameters

-- %% the schedule
rate = schedule.wsd{total = steps, warmup = math.min(20, steps // 10), decay = steps // 4, tail = "sqrt"}
print(rate)
plot{rate:values(steps), title = "learning rate, as a part of its peak", xlabel = "step"}

-- %% train
adamw, muon = model:setup_optimizers{embedding_lr = 0.05, matrix_lr = 0.02}
local keeps = folder ~= ""
t = train.new{
  model = model,
  data = train_tokens:loader{B = 12, T = config.sequence_len, shuffle = true},
  val = val_tokens:view(0, math.min(#val_tokens, 20000)),
  optim = {adamw, muon},
  schedule = rate,
  momentum = schedule.momentum{from = 0.85, to = 0.95, steps = math.max(1, math.min(300, steps // 2))},
  clip = 1.0,
  ema = 0.98,
  steps = steps,
  eval_every = math.max(1, steps // 4),
  folder = keeps and folder or nil, save_every = keeps and math.max(1, steps // 4) or nil, resume = keeps or nil,
}
t:run()
t

-- %% the loss
plot.loss(t, {title = "loss", smooth = 0.95})

-- %% how well it predicts
-- Bits per byte on text it has not seen: of the weights as they are, and of their average.
do
  local loss, bpb = t:eval()
  local _, averaged = t:eval(nil, {ema = true})
  print(f"validation loss {loss:.4f}, {bpb:.4f} bits per byte; averaged weights {averaged:.4f}")
end

-- %% what it writes
do
  local _, text = t:sample("The ", {max_new_tokens = 300, temperature = 0.8, top_k = 40, seed = 1})
  print(text)
end

-- %% another way from here
-- A fork is an independent copy of everything: the same place, half the rate, fifty steps more.
other = t:fork{steps = t.step_count + 50, schedule = schedule.constant(), progress = false}
other.lr = t.lr * 0.05
other:run()
print(f"the fork ends at {other.smooth_loss:.4f}, the first stays at {t.smooth_loss:.4f}")
-- expect: the fork ends at
