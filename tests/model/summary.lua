--- summary.lua: summary and tables of models written in Lua.  The first expected text was printed by
-- torchinfo 1.8.0 for the same classes in PyTorch.
local test = require "harness"

local Inner = nn.class "Inner"
function Inner:init()
  self.gain = nn.Parameter(torch.ones(6))
  self.lin = nn.Linear(6, 6)
end
function Inner:forward(x) return self.lin(x) * self.gain end

local LongName = nn.class "VeryLongModuleNameForTheColumn"
function LongName:init() self.items = nn.ModuleList {Inner(), Inner()} end
function LongName:forward(x)
  for m in self.items:iter() do x = m(x) end
  return x
end

local Top = nn.class "Top"
function Top:init()
  self.scale = nn.Parameter(torch.ones(3))
  self.a = nn.Linear(6, 6, {bias = false})
  self.deep = nn.ModuleList {nn.ModuleList {LongName()}}
  self.unused = nn.Linear(6, 2)
  self.out = nn.Linear(6, 4)
end
function Top:forward(x)
  x = self.a(self.a(x))
  return self.out(self.deep[0][0](x))
end

local rule = ("="):rep(105)
local rows = [[
Layer (type:depth-idx)                                  Output Shape              Param #
]] .. rule .. [[

Top                                                     [2, 5, 4]                 17
├─Linear: 1-1                                           [2, 5, 6]                 (36)
├─Linear: 1-2                                           [2, 5, 6]                 (recursive)
├─ModuleList: 1-3                                       --                        --
│    └─ModuleList: 2-1                                  --                        --
│    │    └─VeryLongModuleNameForTheColumn: 3-1         [2, 5, 6]                 96
├─Linear: 1-4                                           [2, 5, 4]                 28
]] .. rule .. [[

Total params: 177
Trainable params: 141
Non-trainable params: 36
]]
local sizes = rule .. [[

Input size (MB): 0.00
Forward/backward pass size (MB): 0.00
Params size (MB): 0.00
Estimated Total Size (MB): 0.00
]] .. rule

local function top()
  local model = Top()
  model.a.weight:requires_grad_(false)
  return model
end

test("repeated, frozen, unused and deeply nested parts print as torchinfo prints them", function()
  local text = tostring(summary(top(), {input_size = {2, 5, 6}, compat = "torchinfo-1.8.0"}))
  test.equal(text, rule .. "\n" .. rows .. "Total mult-adds (Units.MEGABYTES): 0.00\n" .. sizes)
end)

test("the default multiplies by every leading dimension and counts repeated calls", function()
  local s = summary(top(), {input_size = {2, 5, 6}})
  -- ten positions: scale 3, a 36 twice, every inner 6 + 36 + 6, out 24 + 4
  test.equal(s.mult_adds, 10 * (3 + 2 * 36 + 2 * 48 + 28))
  test.equal(tostring(s), rule .. "\n" .. rows .. "Total mult-adds (K): 1.99\n" .. sizes)
end)

test("a model is as before, also when its forward fails", function()
  local model = top()
  local x = torch.ones(1, 6)
  local y = model(x):tolist()
  summary(model, {input_size = {2, 5, 6}})
  test.equal(model(x):tolist(), y)
  local forward = LongName.forward
  function LongName:forward() error "no way" end
  test.raises(function() summary(model, {input_size = {2, 5, 6}}) end, "summary: forward of Top failed")
  LongName.forward = forward
  test.equal(model(x):tolist(), y)
end)

test("tensors that a forward makes are on meta as well", function()
  local Positions = nn.class "Positions"
  function Positions:init() self.at = nn.Embedding(8, 4) end
  function Positions:forward(x) return x + self.at(torch.arange(x:size(1))) * torch.tensor {1.0, 2.0, 3.0, 4.0} end
  local s = summary(Positions(), {input_size = {2, 5, 4}})
  test.equal(s.total_params, 32)
  test.equal(torch.ones(1).device.type, "cpu")
end)

test("the native attention says what is missing", function()
  local attention = GPT(GPTConfig {hidden_dim = 16, n_layers = 1, n_heads = 2, vocab_size = 9, sequence_len = 4}).blocks[0].attn
  test.raises(function() summary(attention, {input_size = {1, 4, 16}}) end,
              "forward takes (x, cos_sin); 1 input supplied. Pass the rest with input_data = {...}")
end)

-- ---- modules in several places ----

local function table_of(model, options)
  local out = {}
  for line in tostring(summary(model, options or {input_size = {1, 4}})):gmatch "[^\n]+" do
    if line:find "─" then out[#out + 1] = (line:gsub("%s%s+", "  ")) end
  end
  return table.concat(out, "\n")
end

local Block = nn.class "Block"
function Block:init(act) self.up, self.act, self.down = nn.Linear(4, 4), act, nn.Linear(4, 4) end
function Block:forward(x) return self.down(self.act(self.up(x))) end

local Shared = nn.class "Shared"
function Shared:init(act) self.blocks = nn.ModuleList {Block(act), Block(act)} end
function Shared:forward(x)
  for b in self.blocks:iter() do x = b(x) end
  return x
end

test("one activation of several blocks is shown in each, and totals stay", function()
  local model = Shared(nn.ReLU())
  test.equal(table_of(model), [[
├─ModuleList: 1-1  --  --
│  └─Block: 2-1  [1, 4]  --
│  │  └─Linear: 3-1  [1, 4]  20
│  │  └─ReLU: 3-2  [1, 4]  --
│  │  └─Linear: 3-3  [1, 4]  20
│  └─Block: 2-2  [1, 4]  --
│  │  └─Linear: 3-4  [1, 4]  20
│  │  └─ReLU: 3-5  [1, 4]  --
│  │  └─Linear: 3-6  [1, 4]  20]])
  test.equal({summary(model, {input_size = {1, 4}}).total_params, summary(model, {input_size = {1, 4}}).mult_adds}, {80, 80})
end)

test("a shared layer with parameters is recursive the second time, also below containers that are not called", function()
  local model = Shared(nn.Linear(4, 4))
  function model.forward(_, x)
    for b in model.blocks:iter() do x = b.act(b.up(x)) end
    return x
  end
  test.equal(table_of(model), [[
├─ModuleList: 1-1  --  --
│  └─Block: 2-1  --  20
│  │  └─Linear: 3-1  [1, 4]  20
│  │  └─Linear: 3-2  [1, 4]  20
│  └─Block: 2-2  --  20
│  │  └─Linear: 3-3  [1, 4]  20
│  │  └─Linear: 3-4  [1, 4]  (recursive)]])
  test.equal(summary(model, {input_size = {1, 4}}).total_params, 100)
end)

test("a whole block in two places shows its parts below the place it was called in", function()
  local Twice = nn.class "Twice"
  function Twice:init()
    self.one = Block(nn.ReLU())
    self.two = nn.Sequential(self.one, nn.Linear(4, 2))
  end
  function Twice:forward(x) return self.two(self.one(x)) end
  test.equal(table_of(Twice()), [[
├─Block: 1-1  [1, 4]  --
│  └─Linear: 2-1  [1, 4]  20
│  └─ReLU: 2-2  [1, 4]  --
│  └─Linear: 2-3  [1, 4]  20
├─Sequential: 1-2  [1, 2]  --
│  └─Block: 2-4  [1, 4]  (recursive)
│  │  └─Linear: 3-1  [1, 4]  (recursive)
│  │  └─ReLU: 3-2  [1, 4]  --
│  │  └─Linear: 3-3  [1, 4]  (recursive)
│  └─Linear: 2-5  [1, 2]  10]])
  test.equal(summary(Twice(), {input_size = {1, 4}}).total_params, 50)
end)

-- ---- spectral ----

test("a spectral table of a live model knows lookups, biases and both roles of a tied table", function()
  local model = GPT(GPTConfig {hidden_dim = 256, n_layers = 1, n_heads = 2, vocab_size = 32768, sequence_len = 4})
  model.blocks[0].ff.proj_down = nn.Linear(768, 256) -- with a bias
  local by_name = {}
  for _, row in ipairs(spectral.table(model, {lr = 1e-3, scale = 1 / 64}).rows) do by_name[row.name] = row end
  local function expect(name, fan_in, fan_out, multiplier)
    local row = by_name[name]
    test.equal({row.fan_in, row.fan_out, row.multiplier, row.lr},
               {fan_in, fan_out, multiplier, 1e-3 * multiplier})
  end
  expect("token_embedding.weight", 1, 256, 4.0)
  expect("lm_head.weight", 256, 32768, 2.0)
  expect("blocks.0.attn.key.weight", 256, 256, 0.015625)
  expect("blocks.0.ff.proj_up.weight", 256, 768, 0.046875)
  expect("blocks.0.ff.proj_down.weight", 768, 256, 256 / 768 / 64)
  expect("blocks.0.ff.proj_down.bias", 768, 1, 1 / 768 / 64)
end)

test("a spectral table lines up its columns", function()
  local mapping = odict {{"token_embedding.weight", {1, 1024}}, {"o_proj.bias", {1024, 1}}}
  test.equal(tostring(spectral.table(mapping, {lr = 1e-3, scale = 1 / 64})), [[
name                    fan_in  fan_out         multiplier                 lr
token_embedding.weight       1     1024               16.0              0.016
o_proj.bias               1024        1  1.52587890625e-05  1.52587890625e-08]])
end)

test("a GPT needs no input for its summary", function()
  local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 11, sequence_len = 4}
  test.equal(tostring(summary(model)), tostring(summary(model, {input_size = {1, 4}, dtypes = {torch.long}})))
  test.equal(tostring(summary(model, {input_size = {1, 4}})), tostring(summary(model)))
  test.raises(function() summary(nn.ReLU()) end, "summary: pass input_size = {1, 64}, or input_data")
end)
