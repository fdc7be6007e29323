-- %% [markdown]
-- # Spectral learning rates of a 350M model
-- Learning rates per weight from the spectral parametrization (arXiv 2310.17813): a base rate times
-- fan_out / fan_in, with the constant 1/64. Every number prints as the shortest text that reads back equal.

-- %% mapping
NAME_TO_FAN_MAPPING = odict{
  -- a lookup has fan_in 1; the first version of this table gave the embedding {49152, 1024}
  {"token_embedding.weight",   {1, 1024}},
  {"token_embedding.bias",     {1, 1}},
  {"qkv_proj.weight",          {1024, 2048}},
  {"qkv_proj.bias",            {1024, 1}},
  {"o_proj.weight",            {1024, 1024}},
  {"o_proj.bias",              {1024, 1}},
  {"gate_up_proj.weight",      {1024, 8192}},
  {"gate_up_proj.bias",        {1024, 1}},
  {"down_proj.weight",         {4096, 1024}},
  {"down_proj.bias",           {4096, 1}},
  {"lm_head.pp_block.weight",  {1024, 49152}},
}

-- %% rule
--- Spectral parameterization (arXiv:2310.17813).
function spectral_lr(fan_in, fan_out)
  return (fan_out / fan_in) / 64
end

-- %% grid
lrs = (2.0 ^ torch.arange(-20, -1)):tolist()

-- %% show the grid
lrs
-- expect: 9.5367431640625e-07

-- %% table over the grid
for _, lr in ipairs(lrs) do
  print(f"###### {lr} ###### ")
  for name, fan in pairs(NAME_TO_FAN_MAPPING) do
    print(f"{name}: {lr * spectral_lr(fan[1], fan[2])}")
  end
end
-- expect: lm_head.pp_block.weight: 7.152557373046875e-07
-- expect: qkv_proj.weight: 5.960464477539063e-08

-- %% table at 0.001
for name, fan in pairs(NAME_TO_FAN_MAPPING) do
  print(f"{name}: {0.001 * spectral_lr(fan[1], fan[2])}")
end
-- expect: token_embedding.weight: 0.016
-- expect: down_proj.bias: 3.814697265625e-09
-- expect: lm_head.pp_block.weight: 0.00075

-- %% the same, built in
spectral.table(NAME_TO_FAN_MAPPING, {lr = 1e-3, scale = 1 / 64})
-- expect: lm_head.pp_block.weight

-- %% and of a live model
tiny = GPT(GPTConfig{hidden_dim = 256, n_layers = 2, n_heads = 2, vocab_size = 1024, sequence_len = 64})
spectral.table(tiny, {lr = 1e-3, scale = 1 / 64})
-- expect: blocks.1.ff.proj_down.weight     768      256

-- %% [markdown]
-- ## Whose rates are these?
-- fan_out / fan_in is the spectral rule for plain gradient descent. Under Adam, whose steps all have the size of the rate, the
-- same condition asks for 1 / fan_in. Below, the quote marks mean the second rule. The bias rows of the mapping above are
-- another matter: as a matrix a bias has fan_in 1 and fan_out n, and the table of a live model takes it so.

-- %% two rules side by side
lrtable(tiny, {"fan_out/fan_in/64", "1/fan_in"}, {lr = 1e-3})
-- expect: blocks.0-1.ff.proj_down.weight  (256, 768)   hidden

-- %% what would be lost in bf16
lrtable(tiny, "fan_out/fan_in/64", {lr = 1e-3, dtype = "bf16"})
-- expect: made for sgd, not for adam

-- %% [markdown]
-- "half ulps": the step in units of half the distance to the next bf16 number; "lost": the share of weights that a step of this
-- size leaves as they are.

-- %% how the rates move with the width
widths = {256, 512, 1024, 2048}
function rates(rule, name)
  local out = {}
  for i, width in ipairs(widths) do
    local model = GPT({hidden_dim = width, n_layers = 1, n_heads = width // 128, vocab_size = 1024, sequence_len = 16},
      {device = "meta"})
    for _, row in ipairs(lrtable(model, rule, {lr = 1e-3}).rows) do
      if row.name == name then out[i] = row.lr end
    end
  end
  return out
end
hidden, table_name = "blocks.0.attn.query.weight", "token_embedding.weight"
plot{{x = widths, y = rates("fan_out/fan_in/64", hidden), title = "query, gradient descent"},
     {x = widths, y = rates("1/fan_in", hidden), title = "query, Adam"},
     {x = widths, y = rates("fan_out/fan_in/64", table_name), title = "table, gradient descent"},
     {x = widths, y = rates("1/fan_in", table_name), title = "table, Adam"},
     title = "spectral learning rates of a GPT", xlabel = "width", ylabel = "learning rate at base 0.001",
     logx = 2, logy = 2, style = "linespoints"}

-- %% [markdown]
-- A rate of hidden matrices that does not fall with the width makes Adam's steps larger and larger in effect. The coordinate
-- check sees it after two steps: activations must not depend on the width.

-- %% does it hold under Adam?
family = {n_layers = 1, head_dim = 32, vocab_size = 128, sequence_len = 16, tied = false}
for _, rule in ipairs{"fan_out/fan_in", "1/fan_in"} do
  local check = coord(family, {rule = rule, widths = {64, 128, 256}, lr = 2^-7, seeds = 1, zero = {}})
  print(f"{rule}: {check.verdict} {check.culprit and check.culprit.tensor or ''}")
end
-- expect: fan_out/fan_in: fail token_embedding.weight
-- expect: 1/fan_in: pass
