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
-- The demo corpus, one byte per token: the last tenth is for validation.
train_tokens, val_tokens = data.demo():split(0.9)
train_tokens

-- %% train
-- AdamW for the tied table, Muon for the matrices of the blocks; the last 40 % of the steps fall to zero.
adamw, muon = model:setup_optimizers{embedding_lr = 0.02, matrix_lr = 0.02, weight_decay = 0.0}
t = train.new{
  model = model,
  data = train_tokens:loader{B = 8, T = config.sequence_len, shuffle = true},
  val = val_tokens:view(0, 20000),
  optim = {adamw, muon},
  schedule = schedule.warmdown{total = steps, warmdown = math.max(1, steps * 2 // 5)},
  steps = steps,
  eval_every = math.max(1, steps // 3),
}
t:run()
-- Ctrl-C stops it after a whole step; t:resume() continues as if nothing had happened.
-- The first loss is above log 256 = 5.55: the head is the embedding table, so that an untrained model expects each token again.
print(f"loss fell from {t.log.loss[1]:.2f} to {t.smooth_loss:.2f}; {t.log.val_bpb[#t.log.val_bpb]:.3f} bits per byte")
-- expect: loss fell from ~ 9.2 ±1

-- %% the loss
plot.loss(t, {title = "loss of training and validation"})

-- %% let it write
do
  local _, text = t:sample("The ", {max_new_tokens = 200, temperature = 0.7, seed = 1337})
  print(text)
end
