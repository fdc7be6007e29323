-- %% [markdown]
-- # A GPT from scratch
-- RMSNorm without gains, rotary positions, QK-norm, relu² feed-forward, tied embedding and head, logits
-- capped at 15. First written in Lua class by class, then the native `GPT`, then the proof that both agree.
-- `gptsh nb run notebooks/gpt_from_scratch.lua -p n_layers=2` builds 2 layers instead of 24.

-- %% parameters tags=["parameters"]
n_layers = 24

-- %% configuration and helpers
GPTConfig = struct "GPTConfig" {
  {"hidden_dim",   1024},
  {"n_layers",     24},
  {"n_heads",      8},
  {"mlp_ratio",    3},
  {"vocab_size",   32 * 1024},
  {"sequence_len", 1024},
}

--- RMSNorm with no learnable gain.
function norm(x)
  return F.rms_norm(x, {x:size(-1)})
end

--- Rotary embedding, halves layout. x: (B, T, H, D); cos, sin: (1, T, 1, D/2).
function apply_rotary(x, cos, sin)
  assert(x.ndim == 4, "expected (B, T, H, D)")
  local d = x.shape[3] // 2
  local x1, x2 = x[f"..., :{d}"], x[f"..., {d}:"]
  local y1 = x1 * cos + x2 * sin
  local y2 = x1 * -sin + x2 * cos
  return torch.cat({y1, y2}, 3):to(x.dtype)
end

-- %% the configuration
config = GPTConfig()
config
-- expect: GPTConfig(hidden_dim=1024, n_layers=24, n_heads=8, mlp_ratio=3, vocab_size=32768, sequence_len=1024)

-- %% attention
MultiHeadAttention = nn.class "MultiHeadAttention"

function MultiHeadAttention:init(config)
  self.n_heads    = config.n_heads
  self.hidden_dim = config.hidden_dim
  self.head_dim   = config.hidden_dim // config.n_heads
  local inner = self.head_dim * self.n_heads
  self.key   = nn.Linear(self.hidden_dim, inner, {bias = false})
  self.query = nn.Linear(self.hidden_dim, inner, {bias = false})
  self.value = nn.Linear(self.hidden_dim, inner, {bias = false})
  self.proj  = nn.Linear(self.hidden_dim, self.hidden_dim, {bias = false})
end

function MultiHeadAttention:forward(x, cos_sin)
  local B, T, C = x.shape:unpack()
  local k = self.key(x):view(B, T, self.n_heads, self.head_dim)
  local q = self.query(x):view(B, T, self.n_heads, self.head_dim)
  local v = self.value(x):view(B, T, self.n_heads, self.head_dim)
  local cos, sin = cos_sin[1], cos_sin[2]
  k, q = apply_rotary(k, cos, sin), apply_rotary(q, cos, sin)
  q, k = norm(q), norm(k)                       -- QK norm
  q, k, v = q:transpose(1, 2), k:transpose(1, 2), v:transpose(1, 2)
  local y = F.scaled_dot_product_attention(q, k, v, {is_causal = true})
  y = y:transpose(1, 2):contiguous():view(B, T, C)
  return self.proj(y)
end

-- %% an attention module
attn = MultiHeadAttention(config)
attn

-- %% its parameters
for param in attn:parameters() do
  print(f"{torch.type(param)} {param:size()}")
end
-- expect: nn.Parameter torch.Size([1024, 1024])

-- %% summary without the rotary tables says what is missing allow_error=true
summary(attn, {input_size = {1, config.sequence_len, config.hidden_dim}, dtypes = {torch.float32}})
-- expect: forward takes (x, cos_sin); 1 input supplied. Pass the rest with input_data

-- %% summary with them
x = torch.empty(1, config.sequence_len, config.hidden_dim)
rope = torch.empty(1, config.sequence_len, 1, config.hidden_dim // config.n_heads // 2, {dtype = torch.bfloat16})
summary(attn, {input_data = {x, {rope, rope}}, compat = "torchinfo-1.8.0"})
-- expect: Total params: 4,194,304

-- %% feed-forward
FeedForward = nn.class "FeedForward"

function FeedForward:init(config)
  local inner = config.hidden_dim * config.mlp_ratio
  self.proj_up   = nn.Linear(config.hidden_dim, inner, {bias = false})
  self.proj_down = nn.Linear(inner, config.hidden_dim, {bias = false})
end

function FeedForward:forward(x)
  x = self.proj_up(x)
  x = F.relu(x):square()
  return self.proj_down(x)
end

-- %% a feed-forward module
ff = FeedForward(config)
ff

-- %% its summary
summary(ff, {input_size = {1, config.sequence_len, config.hidden_dim}, dtypes = {torch.float32},
             compat = "torchinfo-1.8.0"})
-- expect: Total mult-adds (Units.MEGABYTES): 6.29

-- %% its summary with every position counted
summary(ff, {input_size = {1, config.sequence_len, config.hidden_dim}, dtypes = {torch.float32}})

-- %% block
TransformerBlock = nn.class "TransformerBlock"

function TransformerBlock:init(config)
  self.attn = MultiHeadAttention(config)
  self.ff   = FeedForward(config)
end

function TransformerBlock:forward(x, cos_sin)
  x = x + self.attn(norm(x), cos_sin)
  x = x + self.ff(norm(x))
  return x
end

-- %% a block
block = TransformerBlock(GPTConfig())
block

-- %% its summary
summary(block, {input_data = {x, {rope, rope}}, compat = "torchinfo-1.8.0"})
-- expect: Total params: 10,485,760

-- %% the model
GPT = nn.class "GPT"

function GPT:init(config)
  self.config = config
  self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_dim)
  local blocks = {}
  for i = 1, config.n_layers do blocks[i] = TransformerBlock(config) end
  self.blocks  = nn.ModuleList(blocks)
  self.lm_head = nn.Linear(config.hidden_dim, config.vocab_size, {bias = false})
  self.lm_head.weight = self.token_embedding.weight          -- tie

  self.rotary_seq_len = config.sequence_len * 10
  local cos, sin = self:precompute_rotary(self.rotary_seq_len, config.hidden_dim // config.n_heads)
  self:register_buffer("cos", cos, {persistent = false})
  self:register_buffer("sin", sin, {persistent = false})
end

function GPT:forward(idx, targets, opts)
  local T = idx.shape[1]
  local cos_sin = {self.cos[f":, :{T}"], self.sin[f":, :{T}"]}
  local x = norm(self.token_embedding(idx))
  for block in self.blocks:iter() do
    x = block(x, cos_sin)
  end
  x = norm(x)
  local softcap = 15
  local logits = self.lm_head(x):float()
  logits = softcap * torch.tanh(logits / softcap)
  if targets then
    return F.cross_entropy(logits:view(-1, logits:size(-1)), targets:view(-1),
                           {ignore_index = -1, reduction = opts and opts.loss_reduction or "mean"})
  end
  return logits
end

function GPT:init_weights()
  self:apply(function(m) self:init_module(m) end)
  for block in self.blocks:iter() do
    nn.init.zeros_(block.ff.proj_down.weight)
    nn.init.zeros_(block.attn.proj.weight)
  end
  local head_dim = self.config.hidden_dim // self.config.n_heads
  self.cos, self.sin = self:precompute_rotary(self.rotary_seq_len, head_dim)
  if self.token_embedding.weight.device.type == "cuda" then
    self.token_embedding:to{dtype = torch.bfloat16}
  end
end

function GPT:init_module(m)
  if nn.isinstance(m, nn.Linear) then
    local fan_out, fan_in = m.weight:size(0), m.weight:size(1)
    local std = 1 / math.sqrt(fan_in) * math.min(1, math.sqrt(fan_out / fan_in))
    nn.init.normal_(m.weight, 0, std)
    if m.bias then nn.init.zeros_(m.bias) end
  elseif nn.isinstance(m, nn.Embedding) then
    nn.init.normal_(m.weight, 0, 1)
  end
end

function GPT:precompute_rotary(seq_len, head_dim, base, device)
  base, device = base or 10000, device or self.token_embedding.weight.device
  local ch = torch.arange(0, head_dim, 2, {dtype = torch.float32, device = device})
  local inv_freq = 1.0 / (base ^ (ch / head_dim))
  local t = torch.arange(seq_len, {dtype = torch.float32, device = device})
  local freqs = torch.outer(t, inv_freq)
  local cos, sin = freqs:cos():bfloat16(), freqs:sin():bfloat16()
  return cos["None, :, None, :"], sin["None, :, None, :"]
end

function GPT:setup_optimizers(o)
  local model_dim = self.config.hidden_dim
  local matrix_params    = list(self.blocks:parameters())
  local embedding_params = list(self.token_embedding:parameters())
  assert(#list(self:parameters()) == #matrix_params + #embedding_params)
  local dmodel_lr_scale = (model_dim / 768) ^ -0.5
  print(f"Scaling the LR for the AdamW parameters ∝1/√({model_dim}/768) = {dmodel_lr_scale:.6f}")
  local adamw = optim.AdamW({{params = embedding_params, lr = o.embedding_lr * dmodel_lr_scale}},
                            {betas = {0.8, 0.95}, eps = 1e-10, weight_decay = o.weight_decay, fused = true})
  local muon = optim.Muon(matrix_params, {lr = o.matrix_lr, momentum = 0.95})
  for _, opt in ipairs{adamw, muon} do
    for _, group in ipairs(opt.param_groups) do group.initial_lr = group.lr end
  end
  return adamw, muon
end

-- %% build it
torch.manual_seed(42)
gpt = GPT(GPTConfig{n_layers = n_layers})

-- %% on a GPU machine
-- gpt:to("cuda")

-- %% its summary
summary(gpt, {input_size = {1, config.sequence_len}, dtypes = {torch.long}, compat = "torchinfo-1.8.0"})

-- %% unique parameters
local real_params = 0
for p in gpt:parameters() do real_params = real_params + p:numel() end
print(f"Actual unique parameters: {real_params:,}")
-- expect: Actual unique parameters: 285,212,672

-- %% tied
print(f"Same object: {gpt.lm_head.weight == gpt.token_embedding.weight}")
print(f"Same memory: {gpt.lm_head.weight:data_ptr() == gpt.token_embedding.weight:data_ptr()}")
-- expect: Same object: true
-- expect: Same memory: true

-- %% initialise
gpt:init_weights()

-- %% dtypes
function check_model_dtypes(model)
  print(f"{'Layer Name':<40} | {'Type':<15} | {'Dtype'}")
  print(("-"):rep(70))
  for name, param in model:named_parameters() do
    print(f"{name:<40} | Parameter       | {param.dtype}")
  end
  for name, buf in model:named_buffers() do
    print(f"{name:<40} | Buffer          | {buf.dtype}")
  end
end
check_model_dtypes(gpt)
-- expect: token_embedding.weight                   | Parameter       | torch.float32
-- expect: cos                                      | Buffer          | torch.bfloat16

-- %% one token
sample_input = torch.ones({1, 1}, {dtype = torch.int64})
sample_input

-- %% its logits
gpt:eval()
local op = torch.no_grad(function() return gpt(sample_input) end)
print(f"Output shape: {op.shape}")
print(f"Max logit: {op:max():item():.4f}")
print(f"Predicted token ID: {op:argmax():item()}")
-- expect: Output shape: torch.Size([1, 1, 32768])
-- expect: Max logit: ~ 14.585 ±0.1
-- expect: Predicted token ID: 1

-- %% [markdown]
-- The predicted token is the input token. The head is the embedding table, the blocks add nothing yet (their
-- output projections are zero), and a row's product with itself is larger than with other rows. The table is
-- initialised twice and the head's initializer wins: std 1/32, so the largest logit is 15·tanh(32/15) = 14.585.

-- %% losses
local sample_input2 = torch.ones({1, 1}, {dtype = torch.int64}) * 100
print(f"loss when taget = input: {gpt(sample_input2, sample_input2)}")
print(f"loss when target != input: {gpt(sample_input2, sample_input2 * 2)}")
-- expect: loss when taget = input: ~ 0.025 ±0.005
-- expect: loss when target != input: ~ 14.6 ±3

-- %% compile
orig_model = gpt
model = torch.compile(gpt, {dynamic = false})
print(f"Number of parameters: {model:num_params():,}")
-- expect: Number of parameters: 285,212,672

-- %% an optimizer of one's own
Muon = optim.class "Muon"

function Muon:init(params, o)
  o = defaults(o, {lr = 0.02, momentum = 0.95, nesterov = true, ns_steps = 5})
  local by_size, sizes = {}, {}
  for _, p in ipairs(params) do
    local n = p:numel()
    if not by_size[n] then by_size[n] = {params = {}}; sizes[#sizes + 1] = n end
    table.insert(by_size[n].params, p)
  end
  table.sort(sizes)
  local groups = {}
  for i, n in ipairs(sizes) do groups[i] = by_size[n] end
  self:setup(groups, o)
end

function Muon:step()
  local _ <close> = torch.no_grad()
  for _, group in ipairs(self.param_groups) do
    for _, p in ipairs(group.params) do
      local g = assert(p.grad, "Muon: parameter has no gradient")
      local state = self.state[p]
      state.momentum_buffer = state.momentum_buffer or torch.zeros_like(g)
      local buf = state.momentum_buffer
      buf:lerp_(g, 1 - group.momentum)
      g = group.nesterov and g:lerp_(buf, group.momentum) or buf
      g = optim.zeropower_via_newtonschulz5(g, {steps = group.ns_steps})
      p:add_(g, {alpha = -group.lr * math.max(1, p:size(-2) / p:size(-1)) ^ 0.5})
    end
  end
end

-- %% optimizers
embedding_lr, weight_decay, matrix_lr = 0.2, 0.0, 0.02
adamw_optimizer, muon_optimizer = model:setup_optimizers{
  embedding_lr = embedding_lr, matrix_lr = matrix_lr, weight_decay = weight_decay}
-- expect: = 0.866025

-- %% their groups
for i, g in ipairs(muon_optimizer.param_groups) do
  print(f"muon[{i}] {#g.params} tensors, numel {g.params[1]:numel():,}, lr {g.lr}, initial_lr {g.initial_lr}")
end
local g = adamw_optimizer.param_groups[1]
print(f"adamw[1] {#g.params} tensor, lr {g.lr:.8f}, initial_lr {g.initial_lr:.8f}")
-- expect: muon[1] 96 tensors, numel 1,048,576, lr 0.02, initial_lr 0.02
-- expect: muon[2] 48 tensors, numel 3,145,728, lr 0.02, initial_lr 0.02
-- expect: adamw[1] 1 tensor, lr 0.17320508

-- %% memory on the GPU
print(f"Allocated: {torch.cuda.memory_allocated() / 1024^3:.2f} GB")
print(f"Cached: {torch.cuda.memory_reserved() / 1024^3:.2f} GB")

-- %% the native model
native = models.GPT(models.GPTConfig{n_layers = n_layers})
native:load_state_dict(gpt:state_dict())
native

-- %% the native model: counts and tying
print(f"Unique parameters: {native:num_params():,}")
print(f"Same object: {native.lm_head.weight == native.token_embedding.weight}")
-- expect: Unique parameters: 285,212,672
-- expect: Same object: true

-- %% both agree in the logits
do
  local _ <close> = torch.no_grad()
  local idx = torch.randint(0, config.vocab_size, {1, 64})
  local ours, built_in = gpt(idx), native(idx)
  local difference = (ours - built_in):abs():max():item()
  print(f"largest logit difference below 2e-4: {difference < 2e-4}")
  print(f"same predictions: {torch.equal(ours:argmax(-1), built_in:argmax(-1))}")
end
-- expect: largest logit difference below 2e-4: true
-- expect: same predictions: true

-- %% both agree in every gradient
do
  local c = {hidden_dim = 96, n_layers = 3, n_heads = 3, vocab_size = 211, sequence_len = 40}
  local ours, built_in = GPT(GPTConfig(c)), models.GPT(models.GPTConfig(c))
  for _, p in ours:named_parameters() do nn.init.normal_(p, 0, 0.1) end -- no zeros: everything gets a gradient
  built_in:load_state_dict(ours:state_dict())

  local idx, targets = torch.randint(0, 211, {2, 33}), torch.randint(0, 211, {2, 33})
  local a, b = ours(idx, targets), built_in(idx, targets)
  a:backward()
  b:backward()

  local gradients, worst = {}, 0
  for name, p in built_in:named_parameters() do gradients[name] = p.grad end
  for name, p in ours:named_parameters() do
    worst = math.max(worst, ((p.grad - gradients[name]):abs():max() / p.grad:abs():max()):item())
  end
  print(f"same loss: {math.abs(a:item() - b:item()) < 1e-5}, same gradients: {worst < 2e-5}")
end
-- expect: same loss: true, same gradients: true
