-- %% [markdown]
-- # Parametrizations
-- A weight has three numbers besides its value: the std it begins with, a factor in the forward, and its learning rate.
-- How they follow from its shape is a parametrization. Here: the six classes of Levanter's `reparam.py`, the table they are rows
-- of, and what a rule does to a model.

-- %% the classes
sizes = {In = 1024, Out = 4096}
function show_class(name)
  local class = reparam[name]
  local layer = class(sizes)
  print(f"{name:<22} init {class.init_scale(sizes.In, sizes.Out):<12} active {layer.active_scale:<12} lr {layer.lr_scale}")
end
for _, name in ipairs{"LinearStandardParam", "InputLinearMup", "HiddenLinearMup", "OutputLinearMup"} do show_class(name) end
-- expect: LinearStandardParam    init 0.03125      active 1.0          lr 1.0
-- expect: InputLinearMup         init 1.0          active 1.0          lr 1.0
-- expect: HiddenLinearMup        init 0.03125      active 1.0          lr 0.0009765625
-- expect: OutputLinearMup        init 1.0          active 0.0009765625 lr 1.0

-- %% embeddings
for _, name in ipairs{"EmbeddingStandardParam", "EmbeddingMup"} do
  local class = reparam[name]
  local layer = class{Embed = 1024, Vocab = 50257}
  print(f"{name:<22} init {class.init_scale(50257, 1024):<12} lr {layer.lr_scale} unembed {layer.unembed_active_scale}")
end
-- expect: EmbeddingStandardParam init 0.0009765625 lr 1.0 unembed 1.0
-- expect: EmbeddingMup           init 1.0          lr 1.0 unembed 0.0009765625

-- %% several axes count as their product
reparam.HiddenLinearMup({8, 128}, {4096}).lr_scale
-- expect: 0.0009765625

-- %% every rule there is
reparam.rules()

-- %% [markdown]
-- m is the width over that of a base model, where nothing is scaled. Rules that need one say so; the spectral ones and
-- Levanter's take their constants from the shape alone. "spectral" by itself is not a name: three formulas go by it.

-- %% the formulas of muP for Adam, and for gradient descent
print(reparam.rules "mup")
print(reparam.rules("mup", "sgd"))
-- expect: output     fan_in^-1/2 m_in^1/2    m_in^-1     1

-- %% a model
torch.manual_seed(1)
function make(width)
  return GPT{hidden_dim = width, n_layers = 2, n_heads = width // 32, vocab_size = 256, sequence_len = 64, tied = false}
end
model = make(256)

-- %% what two rules say of its tensors
lrtable(model, {"standard", "mup"}, {base = 64, lr = 2^-7})
-- expect: lm_head.weight                  (256, 256)  output        0.0625

-- %% one of them, with decay, and what bf16 would lose
lrtable(model, "mup", {base = 64, lr = 2^-10, weight_decay = 0.1, dtype = "bf16"})

-- %% applied: fresh weights, multipliers, optimizers
p = reparam.new("mup", {base = 64})
p:init(model)
p:apply(model)
optimizer = p:optimizers(model, {lr = 2^-7})[1]
for _, name in ipairs{"token_embedding.weight", "blocks.0.attn.key.weight", "blocks.0.ff.proj_down.weight", "lm_head.weight"} do
  print(f"{name:<30} std {model:get_parameter(name):std():item():.4f}")
end
print(f"lm_head is multiplied by {model.lm_head:forward_multiplier()}, {#optimizer.param_groups} groups of rates")
-- expect: lm_head is multiplied by 0.25, 2 groups of rates

-- %% the first step of Adam is the rate: read it off
before = {}
for name, w in model:named_parameters() do before[name] = w:detach():clone() end
torch.manual_seed(2)
idx = torch.randint(0, 256, {4, 65})
model(idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()):backward()
watch = train.monitor(model, {every = 1})
watch:step(optimizer)
for _, name in ipairs{"blocks.0.attn.key.weight", "lm_head.weight"} do
  print(f"{name:<30} moved by {(model:get_parameter(name):detach() - before[name]):abs():max():item():.6f}")
end
-- expect: blocks.0.attn.key.weight       moved by 0.001953
-- expect: lm_head.weight                 moved by 0.007812

-- %% the same step as norms
-- What the largest singular value of a change makes of its input is what muP holds fixed over widths.
watch
-- expect: blocks.*.ff.proj_down.weight

-- %% [markdown]
-- The same on modules written in Lua. A rule of one's own is a function of role, fans, width and depth.

-- %% a net in Lua
Net = nn.class "Net"
function Net:init(n)
  self.fc1 = nn.Linear(16, n, {bias = false})
  self.fc2 = nn.Linear(n, n, {bias = false})
  self.readout = nn.Linear(n, 8, {bias = false})
end
function Net:forward(x) return self.readout(F.relu(self.fc2(F.relu(self.fc1(x))))) end

function mine(role, fan_in, fan_out, m, depth)
  if role == "hidden" then return 1 / math.sqrt(fan_in), 1, 1 / m end
  if role == "output" then return math.sqrt(m / fan_in), 1 / m, 1 end
  if role == "input" then return 1 / math.sqrt(fan_in), 1, 1 end
end
lrtable(Net(256), {mine, "mup"}, {base = Net(64)})
-- expect: readout.weight  (8, 256)    output

-- %% [markdown]
-- ## One dynamics in three tables
-- Tables 3, 8 and 9 of Tensor Programs V divide the same scales differently among std, multiplier and learning rate. They train the
-- same network: at four times the base width, where every factor is a power of two, to the last bit.

-- %% Tables 3, 8, 9
function trained(rule)
  torch.manual_seed(3)
  local net, x, y = Net(256):double(), torch.randn({32, 16}, {dtype = torch.float64}), torch.randn({32, 8}, {dtype = torch.float64})
  local q = reparam.new(rule, {base = Net(64)})
  torch.manual_seed(4)
  q:init(net)
  q:apply(net)
  local opt = q:optimizers(net, {lr = 2^-8, eps = 1e-8})[1]
  for _ = 1, 20 do
    opt:zero_grad()
    F.mse_loss(net(x), y):backward()
    opt:step()
  end
  return net(x):detach()
end
three = trained "mup3"
for _, rule in ipairs{"mup8", "mup9", "standard"} do
  print(f"{rule} differs from mup3 by {(trained(rule) - three):abs():max():item()}")
end
-- expect: mup8 differs from mup3 by 0.0
-- expect: mup9 differs from mup3 by 0.0
