-- The cells of the spectral learning-rate notebook; tests/lang/cells.lua compares what they print.
NAME_TO_FAN_MAPPING = odict{
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

--- Spectral parameterization (arXiv:2310.17813).
function spectral_lr(fan_in, fan_out)
  return (fan_out / fan_in) / 64
end

lrs = (2.0 ^ torch.arange(-20, -1)):tolist()

if arg[1] == "grid" then
  for _, lr in ipairs(lrs) do
    print(f"###### {lr} ###### ")
    for name, fan in pairs(NAME_TO_FAN_MAPPING) do
      print(f"{name}: {lr * spectral_lr(fan[1], fan[2])}")
    end
  end
elseif arg[1] == "one" then
  for name, fan in pairs(NAME_TO_FAN_MAPPING) do
    print(f"{name}: {0.001 * spectral_lr(fan[1], fan[2])}")
  end
else
  print(show(lrs))
end
