--- notebook.lua: the cells of the founding notebook (research text 002) that show texts and counts, for the native
-- classes and for the same classes written in Lua.  Hashes are of the text with a final newline.
local test = require "harness"

local function sha256(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen("sha256sum " .. path))
  local sum = pipe:read("a"):match "^%x+"
  pipe:close()
  os.remove(path)
  return sum
end

--- `part` must be somewhere in `text`.
local function has(text, part)
  if not text:find(part, 1, true) then error(("%q is not in:\n%s"):format(part, text), 2) end
end

--- What fn prints.
local function printed(fn)
  local lines, old = {}, print
  print = function(...) -- luacheck: ignore
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    lines[#lines + 1] = table.concat(parts, "\t")
  end
  _G.print = print -- luacheck: ignore
  local ok, message = pcall(fn)
  print, _G.print = old, old -- luacheck: ignore
  assert(ok, message)
  return table.concat(lines, "\n") .. "\n"
end

-- ---- the notebook's classes in Lua ----

local function norm(x) return F.rms_norm(x, {x:size(-1)}) end

local function apply_rotary(x, cos, sin)
  local d = x.shape[3] // 2
  local x1, x2 = x[f"..., :{d}"], x[f"..., {d}:"]
  return torch.cat({x1 * cos + x2 * sin, x1 * -sin + x2 * cos}, 3):to(x.dtype)
end

local Attention = nn.class "MultiHeadAttention"
function Attention:init(config)
  self.n_heads, self.hidden_dim = config.n_heads, config.hidden_dim
  self.head_dim = config.hidden_dim // config.n_heads
  for _, name in ipairs{"key", "query", "value"} do
    self[name] = nn.Linear(self.hidden_dim, self.head_dim * self.n_heads, {bias = false})
  end
  self.proj = nn.Linear(self.hidden_dim, self.hidden_dim, {bias = false})
end
function Attention:forward(x, cos_sin)
  local B, T, C = x.shape:unpack()
  local k = self.key(x):view(B, T, self.n_heads, self.head_dim)
  local q = self.query(x):view(B, T, self.n_heads, self.head_dim)
  local v = self.value(x):view(B, T, self.n_heads, self.head_dim)
  local cos, sin = cos_sin[1], cos_sin[2]
  k, q = norm(apply_rotary(k, cos, sin)), norm(apply_rotary(q, cos, sin))
  q, k, v = q:transpose(1, 2), k:transpose(1, 2), v:transpose(1, 2)
  local y = F.scaled_dot_product_attention(q, k, v, {is_causal = true})
  return self.proj(y:transpose(1, 2):contiguous():view(B, T, C))
end

local FeedForward = nn.class "FeedForward"
function FeedForward:init(config)
  local inner = config.hidden_dim * config.mlp_ratio
  self.proj_up = nn.Linear(config.hidden_dim, inner, {bias = false})
  self.proj_down = nn.Linear(inner, config.hidden_dim, {bias = false})
end
function FeedForward:forward(x) return self.proj_down(F.relu(self.proj_up(x)):square()) end

local Block = nn.class "TransformerBlock"
function Block:init(config)
  self.attn = Attention(config)
  self.ff = FeedForward(config)
end
function Block:forward(x, cos_sin)
  x = x + self.attn(norm(x), cos_sin)
  return x + self.ff(norm(x))
end

local Model = nn.class "GPT"
function Model:init(config)
  self.config = config
  self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_dim)
  local blocks = {}
  for i = 1, config.n_layers do blocks[i] = Block(config) end
  self.blocks = nn.ModuleList(blocks)
  self.lm_head = nn.Linear(config.hidden_dim, config.vocab_size, {bias = false})
  self.lm_head.weight = self.token_embedding.weight
  local cos, sin = self:precompute_rotary(config.sequence_len * 10, config.hidden_dim // config.n_heads)
  self:register_buffer("cos", cos, {persistent = false})
  self:register_buffer("sin", sin, {persistent = false})
end
function Model:forward(idx, targets, opts)
  local T = idx.shape[1]
  local cos_sin = {self.cos[f":, :{T}"], self.sin[f":, :{T}"]}
  local x = norm(self.token_embedding(idx))
  for block in self.blocks:iter() do x = block(x, cos_sin) end
  local logits = self.lm_head(norm(x)):float()
  logits = 15 * torch.tanh(logits / 15)
  if not targets then return logits end
  return F.cross_entropy(logits:view(-1, logits:size(-1)), targets:view(-1),
                         {ignore_index = -1, reduction = opts and opts.loss_reduction or "mean"})
end
function Model:precompute_rotary(seq_len, head_dim)
  local device = self.token_embedding.weight.device
  local ch = torch.arange(0, head_dim, 2, {dtype = torch.float32, device = device})
  local inv_freq = 1.0 / (10000 ^ (ch / head_dim))
  local t = torch.arange(seq_len, {dtype = torch.float32, device = device})
  local freqs = torch.outer(t, inv_freq)
  local cos, sin = freqs:cos():bfloat16(), freqs:sin():bfloat16()
  return cos["None, :, None, :"], sin["None, :, None, :"]
end

-- Shapes only: the full-size models cost nothing on meta.
local config = GPTConfig()
local own, native
do
  local before = torch.get_default_device()
  torch.set_default_device("meta")
  own, native = Model(config), GPT(config)
  torch.set_default_device(before)
end
local both = {["in Lua"] = own, native = native}

test("the configuration prints as the dataclass, counts, and refuses unknown fields", function()
  test.equal(tostring(config), "GPTConfig(hidden_dim=1024, n_layers=24, n_heads=8, mlp_ratio=3, vocab_size=32768, " ..
    "sequence_len=1024)")
  test.equal(config:count(), 285212672)
  test.equal(GPTConfig{n_layers = 20}:count(), 243269632) -- what the notebook's banner says of 24 layers
  test.raises(function() GPTConfig{n_layer = 2} end, "GPTConfig has no field 'n_layer' (did you mean 'n_layers'?)")
  test.raises(function() return config.layers end, "GPTConfig has no field 'layers'")
  test.raises(function() config.n_layers = 2.5 end, "n_layers expects a whole number")
  test.raises(function() GPT{hidden_dim = 10, n_heads = 3} end, "n_heads")
  test.raises(function() GPT{n_layers = 0} end, "n_layers")
  test.raises(function() GPT{hidden_dim = -8} end, "hidden_dim")
  test.raises(function() GPT(3) end, "config expects a table or a module, got 3")
end)

test("the attention prints as in the notebook", function()
  local expected = [[
MultiHeadAttention(
  (key): Linear(in_features=1024, out_features=1024, bias=False)
  (query): Linear(in_features=1024, out_features=1024, bias=False)
  (value): Linear(in_features=1024, out_features=1024, bias=False)
  (proj): Linear(in_features=1024, out_features=1024, bias=False)
)]]
  for _, m in pairs(both) do test.equal(tostring(m.blocks[0].attn), expected) end
end)

test("the model prints its blocks as one", function()
  for _, m in pairs(both) do
    local text = tostring(m)
    has(text, "GPT(\n  (token_embedding): Embedding(32768, 1024)\n")
    has(text, "    (0-23): 24 x TransformerBlock(\n      (attn): MultiHeadAttention(\n")
    has(text, "\n  (lm_head): Linear(in_features=1024, out_features=32768, bias=False)\n)")
  end
  test.equal(tostring(own), tostring(native))
end)

test("the same table of layers as torchinfo 1.8.0, byte for byte", function()
  for _, m in pairs(both) do
    local table_ = summary(m, {input_size = {1, 1024}, dtypes = {torch.long}, compat = "torchinfo-1.8.0"})
    test.equal(sha256(tostring(table_) .. "\n"), "b86886873036eeb67a07ce37ccbdd054bd3ba3f1933c0c09ce7842c763cc9839")
    test.equal(table_.total_params, 318767104)
  end
end)

test("by default the summary counts the tied table once and every position", function()
  for _, m in pairs(both) do
    torch.empty_cache() -- what earlier tests left is not the summary's
    local before = torch.memory_allocated("cpu")
    local table_ = summary(m, {input_size = {1, 1024}, dtypes = {torch.long}})
    test.equal(torch.memory_allocated("cpu"), before)
    test.equal({table_.total_params, table_.tied_params, table_.mult_adds}, {285212672, 33554432, 292057776128})
    local text = tostring(table_)
    test.equal(text:match "\n├─Linear: 1%-3 +%[1, 1024, 32768%] +%(tied%)\n" ~= nil, true)
    has(text, "Tied params counted once: 33,554,432 (lm_head.weight = token_embedding.weight)\n" ..
              "Total mult-adds (G): 292.06\n")
  end
end)

test("summaries of the parts", function()
  local parts = {
    {"ff", {input_size = {1, 1024, 1024}}, "Total mult-adds (G): 6.44"},
    {"attn", {input_data = {torch.empty(1, 1024, 1024), {torch.empty(1, 1024, 1, 64), torch.empty(1, 1024, 1, 64)}}},
     "Total params: 4,194,304"},
  }
  for _, m in pairs(both) do
    for _, part in ipairs(parts) do
      local text = tostring(summary(m.blocks[0][part[1]], part[2]))
      has(text, part[3])
    end
  end
end)

test("a summary that lacks an argument says which", function()
  local size = {input_size = {1, 1024, 1024}, dtypes = {torch.float32}}
  local hint = "\n  forward takes (x, cos_sin); 1 input supplied. Pass the rest with input_data = {...}"
  for _, m in pairs(both) do
    local message = test.raises(function() summary(m.blocks[0].attn, size) end,
                                "summary: forward of MultiHeadAttention failed: ")
    test.equal(message:sub(-#hint), hint)
    test.equal(select(2, message:gsub("summary: forward of", "")), 1)
  end
  test.raises(function() summary(own.blocks[0].attn, size) end, "attempt to index a nil value (local 'cos_sin')")
  test.raises(function() summary(own) end, "pass input_size")
  test.raises(function() summary(own, {input_sise = {1}}) end, "'input_sise' (did you mean 'input_size'?)")
  test.raises(function() summary(3, size) end, "model expects a module, got 3")
  test.raises(function() summary(own, {input_size = {1}, compat = "x"}) end, 'compat expects "torchinfo-1.8.0", got')
end)

test("145 parameters, 146 entries of state, two buffers outside it", function()
  for _, m in pairs(both) do
    test.equal({#list(m:parameters()), #list(pairs(m:state_dict())), #list(m:buffers())}, {145, 146, 2})
    test.equal(m:num_params(), 285212672)
    test.equal(m.lm_head.weight == m.token_embedding.weight, true)
    local indices = {}
    for i in ipairs(m.blocks) do indices[#indices + 1] = i end
    test.equal({#indices, indices[1], indices[24]}, {24, 0, 23})
  end
  local names = {}
  for name in native:named_parameters() do names[#names + 1] = name end
  local others = {}
  for name in own:named_parameters() do others[#others + 1] = name end
  test.equal(names, others)
  test.equal(names[2], "blocks.0.attn.key.weight")
end)

test("the dtype table, byte for byte", function()
  for _, m in pairs(both) do
    test.equal(sha256(printed(function() check_model_dtypes(m) end)),
               "dd7580bc6671c86b6ad5b03ba23a21bf2f9c05e0bd357506ad5313026280916b")
  end
  local grouped = printed(function() check_model_dtypes(native, {group = true}) end)
  test.equal(select(2, grouped:gsub("\n", "\n")), 11)
  test.equal(grouped:match "\nblocks%.%*%.attn%.key%.weight +| Parameter +|    24 | torch.float32 " ~= nil, true)
end)

test("torch.compile keeps module and names", function()
  test.equal(torch.compile(own, {dynamic = false}) == own, true)
  test.raises(function() torch.compile(own, {dinamic = false}) end, "compile has no argument 'dinamic'")
  test.raises(function() torch.compile(3) end, "m expects a module or a function, got 3")
end)

-- ---- with numbers, on a small model ----

local small = {hidden_dim = 64, n_layers = 2, n_heads = 4, vocab_size = 128, sequence_len = 32}

test("init_weights: the head's law wins on the tied table, projections are zero, tables are bf16", function()
  torch.manual_seed(0)
  local m = GPT{hidden_dim = 256, n_layers = 2, n_heads = 2, vocab_size = 1024, sequence_len = 8}
  m:init_weights()
  -- std 1/sqrt(256) = 0.0625; 262144 draws: 5 standard errors are 0.7 %
  test.close(m.token_embedding.weight:std():item() / 0.0625, 1, 0.007)
  test.equal(m.blocks[0].attn.proj.weight:abs():max():item(), 0.0)
  test.equal(m.blocks[1].ff.proj_down.weight:abs():max():item(), 0.0)
  test.close(m.blocks[0].ff.proj_up.weight:std():item() / 0.0625, 1, 0.01) -- min(1, sqrt(3)) = 1
  test.equal(tostring(m.cos.dtype), "torch.bfloat16")
  test.equal(tostring(m.cos.shape), "torch.Size([1, 80, 1, 64])")
  -- each token predicts itself: the rows are independent, norm(e).e = 16 against N(0, 1)
  local idx = torch.arange(8):view(1, 8)
  test.equal(m(idx):argmax(-1), idx)
end)

test("the Lua model and the native one agree in logits, losses and gradients", function()
  torch.manual_seed(4)
  local a, b = Model(GPTConfig(small)), GPT(small)
  for p in a:parameters() do nn.init.normal_(p, 0, 0.1) end
  b:load_state_dict(a:state_dict())
  test.equal(b.cos, a.cos)
  test.equal(b.sin, a.sin)
  local idx, targets = torch.randint(0, 128, {2, 17}), torch.randint(0, 128, {2, 17})
  targets[{0, 3}] = -1
  -- f32, the same formulas with sums in another order
  test.close(a(idx), b(idx), 1e-5)
  for _, reduction in ipairs{"mean", "sum", "none"} do
    test.close(a(idx, targets, {loss_reduction = reduction}), b(idx, targets, {loss_reduction = reduction}), 1e-5)
  end
  a(idx, targets):backward()
  b(idx, targets):backward()
  local grads = {}
  for name, p in b:named_parameters() do grads[name] = p.grad end
  for name, p in a:named_parameters() do
    local error_ = ((p.grad - grads[name]):abs():max() / p.grad:abs():max()):item()
    if error_ > 2e-5 then error(name .. ": gradients differ by " .. error_) end
  end
end)

test("the optimizers of the notebook: line, groups, rates", function()
  torch.manual_seed(0)
  local m = GPT(small)
  local adamw, muon
  local line = printed(function() adamw, muon = m:setup_optimizers{embedding_lr = 0.2, matrix_lr = 0.02} end)
  test.equal(line, "Scaling the LR for the AdamW parameters ∝1/√(64/768) = 3.464102\n")
  test.equal({#adamw.param_groups, #muon.param_groups}, {1, 2})
  local groups = {}
  for i, g in ipairs(muon.param_groups) do groups[i] = {#g.params, g.params[1]:numel(), g.lr, g.initial_lr} end
  test.equal(groups, {{8, 4096, 0.02, 0.02}, {4, 12288, 0.02, 0.02}})
  local g = adamw.param_groups[1]
  test.close(g.lr, 0.2 * (64 / 768) ^ -0.5, 1e-15)
  test.equal(g.initial_lr, g.lr)
  test.equal({g.betas, g.eps, g.weight_decay, #g.params}, {{0.8, 0.95}, 1e-10, 0.0, 1})
  test.equal(g.params[1] == m.token_embedding.weight, true)
  test.raises(function() m:setup_optimizers{matrix_rl = 1} end, "setup_optimizers has no argument 'matrix_rl'")
  local idx = torch.randint(0, 128, {2, 17})
  m(idx, idx):backward()
  adamw:step()
  muon:step()
end)

test("the spectral table of a mapping and of a model", function()
  local mapping = odict{{"qkv_proj.weight", {1024, 2048}}, {"qkv_proj.bias", {1024, 1}},
                        {"down_proj.weight", {4096, 1024}}}
  local t = spectral.table(mapping, {lr = 0.001, scale = 1 / 64})
  local rows = {}
  for i, row in ipairs(t.rows) do rows[i] = {row.name, row.fan_in, row.fan_out, row.lr} end
  test.equal(rows, {{"qkv_proj.weight", 1024, 2048, 3.125e-05}, {"qkv_proj.bias", 1024, 1, 1.52587890625e-08},
                    {"down_proj.weight", 4096, 1024, 3.90625e-06}})
  has(tostring(t), "3.125e-05")
  local live = spectral.table(native, {lr = 0.5})
  test.equal({live.rows[1].name, live.rows[1].fan_in, live.rows[1].fan_out}, {"token_embedding.weight", 1, 1024})
  local key = live.rows[2]
  test.equal({key.name, key.multiplier, key.lr}, {"blocks.0.attn.key.weight", 1 / 64, 1 / 128})
  test.raises(function() spectral.table({x = 3}) end, "expected 'x' to be {fan_in, fan_out}")
  test.raises(function() spectral.table({x = {0, 3}}) end, "x")
  test.raises(function() spectral.table(native, {rl = 1}) end, "spectral.table has no argument 'rl'")
end)
