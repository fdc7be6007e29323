-- The GPT written in Lua with the native model's own ops has its bits: logits, losses and every gradient.
local test = require "harness"

local MyAttention = nn.class "MyAttention"

function MyAttention:init(config)
  self.heads, self.head_dim = config.n_heads, config.hidden_dim // config.n_heads
  for _, name in ipairs {"key", "query", "value", "proj"} do
    self[name] = nn.Linear(config.hidden_dim, config.hidden_dim, {bias = false})
  end
end

function MyAttention:forward(x, cos_sin)
  local B, T, C = x.shape:unpack()
  local function heads(y) return y:view(B, T, self.heads, self.head_dim) end
  local function rotated(y) return F.rope(heads(y), cos_sin[1], cos_sin[2], {norm = "after"}) end
  local k, q, v = rotated(self.key(x)), rotated(self.query(x)), heads(self.value(x))
  return self.proj(torch.ops.attention(q, k, v, {layout = "bthd", is_causal = true}):view(B, T, C))
end

local MyFeedForward = nn.class "MyFeedForward"

function MyFeedForward:init(config)
  local inner = config.hidden_dim * config.mlp_ratio
  self.proj_up = nn.Linear(config.hidden_dim, inner, {bias = false})
  self.proj_down = nn.Linear(inner, config.hidden_dim, {bias = false})
end

function MyFeedForward:forward(x) return self.proj_down(torch.ops.relu2(self.proj_up(x))) end

local MyBlock = nn.class "MyBlock"

function MyBlock:init(config)
  self.attn, self.ff = MyAttention(config), MyFeedForward(config)
end

function MyBlock:forward(x, cos_sin)
  x = x + self.attn(torch.ops.rms_norm(x), cos_sin)
  return x + self.ff(torch.ops.rms_norm(x))
end

local MyGPT = nn.class "MyGPT"

function MyGPT:init(config)
  self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_dim)
  local blocks = {}
  for i = 1, config.n_layers do blocks[i] = MyBlock(config) end
  self.blocks = nn.ModuleList(blocks)
  self.lm_head = nn.Linear(config.hidden_dim, config.vocab_size, {bias = false})
  self.lm_head.weight = self.token_embedding.weight
end

function MyGPT:forward(idx, targets, cos, sin)
  local x = torch.ops.rms_norm(self.token_embedding(idx))
  for block in self.blocks:iter() do x = block(x, {cos, sin}) end
  x = torch.ops.rms_norm(x)
  if not targets then return torch.ops.softcap(self.lm_head(x), {cap = 15}) end
  return torch.ops.linear_cross_entropy(x:view(-1, x:size(-1)), self.lm_head.weight, targets:view(-1),
    {softcap = 15, ignore_index = -1})
end

torch.manual_seed(7)
local config = GPTConfig {hidden_dim = 96, n_layers = 3, n_heads = 3, vocab_size = 211, sequence_len = 40}
local native, mine = GPT(config), MyGPT(config)
for _, p in native:named_parameters() do nn.init.normal_(p, 0, 0.1) end
mine:load_state_dict(native:state_dict())
local idx, targets = torch.randint(0, 211, {2, 33}), torch.randint(0, 211, {2, 33})
local cos, sin = native.cos[":, :33"], native.sin[":, :33"]

test("equal logits, bit for bit", function()
  assert(torch.equal(mine(idx, nil, cos, sin), native(idx)))
end)

test("equal loss and equal gradients, bit for bit", function()
  local a, b = mine(idx, targets, cos, sin), native(idx, targets)
  test.equal(a:item(), b:item())
  a:backward()
  b:backward()
  local gradients, compared = {}, 0
  for name, p in native:named_parameters() do gradients[name] = p.grad end
  for name, p in mine:named_parameters() do
    assert(torch.equal(p.grad, gradients[name]), name)
    compared = compared + 1
  end
  test.equal(compared, 1 + 3 * 6)
end)
