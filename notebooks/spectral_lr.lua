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
