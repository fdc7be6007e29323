--- clone.lua: m:clone() is a deep copy: nothing that is done to one is seen by the other.
local test = require "harness"

local function small()
  torch.manual_seed(31)
  local model = GPT {hidden_dim = 16, n_layers = 2, n_heads = 2, vocab_size = 19, sequence_len = 8}
  for _, p in model:named_parameters() do nn.init.normal_(p, 0, 0.3) end
  return model
end

local idx = torch.tensor({{1, 2, 3, 4}})

test("the copy of a native GPT computes the same and is its own", function()
  local model = small()
  local copy = model:clone()
  test.equal(tostring(copy), tostring(model))
  assert(torch.equal(copy(idx), model(idx)))
  local before = model(idx)
  copy(idx, idx):backward()
  for _, p in copy:named_parameters() do nn.init.zeros_(p) end
  assert(torch.equal(model(idx), before))
  for name, p in model:named_parameters() do test.equal(p.grad, nil, name) end
  assert(copy.token_embedding.weight.grad ~= nil)
  test.equal(copy.config, model.config)
end)

test("tied parameters stay tied, in the copy and not across", function()
  local model = small()
  local copy = model:clone()
  assert(copy.lm_head.weight == copy.token_embedding.weight)
  assert(not rawequal(copy.lm_head.weight, model.lm_head.weight))
  test.equal(copy:num_params(), model:num_params())
end)

test("names, order, modes, frozen parameters and buffers are copied", function()
  local model = small()
  model.blocks[0]:eval()
  model.blocks[1].ff.proj_up.weight:requires_grad_(false)
  model(idx, idx):backward()
  local copy = model:clone()
  local names, copied = {}, {}
  for name in pairs(model:state_dict()) do names[#names + 1] = name end
  for name in pairs(copy:state_dict()) do copied[#copied + 1] = name end
  test.equal(copied, names)
  test.equal(copy.blocks[0].attn.training, false)
  test.equal(copy.blocks[1].training, true)
  test.equal(copy.blocks[1].ff.proj_up.weight.requires_grad, false)
  test.equal(copy.token_embedding.weight.grad, nil)
  assert(not rawequal(copy.cos, model.cos) and torch.equal(copy.cos, model.cos))
end)

local Tower = nn.class "Tower"
function Tower:init()
  self.first = nn.Linear(3, 3)
  self.second = self.first -- one module under two names
  self.scale = nn.Parameter(torch.ones(3))
  self:register_buffer("seen", torch.zeros(1))
  self.note, self.none = {depth = {2}, tensor = torch.ones(2), weight = self.scale, child = self.first}, nil
  self.loose = torch.zeros(2)
end
function Tower:forward(x)
  self.seen:add_(1)
  return self.second(self.first(x)) * self.scale
end

test("modules written in Lua keep class, fields and sharing", function()
  local tower = Tower()
  local copy = tower:clone()
  local x = torch.randn(2, 3)
  assert(torch.equal(copy(x), tower(x)))
  assert(nn.isinstance(copy, Tower))
  assert(copy.first == copy.second and copy.first ~= tower.first)
  assert(copy.note ~= tower.note and copy.note.depth ~= tower.note.depth)
  test.equal(copy.note.depth[1], 2)
  assert(copy.note.weight == copy.scale and copy.note.child == copy.first)
  copy.note.tensor:zero_()
  copy.loose:fill_(3)
  test.equal(tower.note.tensor:tolist(), {1.0, 1.0})
  test.equal(tower.loose:tolist(), {0.0, 0.0})
  test.equal(copy.none, nil)
  test.equal(copy.seen:item(), 1.0)
  copy(x)
  test.equal(tower.seen:item(), 1.0)
end)

test("Lua parts inside a native model, and hooks, go along", function()
  local model, calls = small(), 0
  local Plain = nn.class "Plain"
  function Plain:init(m) self.inner = m end
  function Plain:forward(x) return self.inner(x) * self.gain end
  model.blocks[1].ff = Plain(model.blocks[1].ff)
  model.blocks[1].ff.gain = 2
  model.blocks[0]:register_forward_hook(function() calls = calls + 1 end)
  local copy = model:clone()
  model.blocks[1].ff.gain = 0
  test.equal(copy.blocks[1].ff.gain, 2)
  copy(idx)
  test.equal(calls, 1)
  collectgarbage()
  copy(idx)
  assert(nn.isinstance(copy.blocks[1].ff, Plain))
end)

test("a clone that runs out of memory leaves nothing behind; clones of meta models need none", function()
  local model = small()
  local function live()
    collectgarbage()
    collectgarbage()
    return torch.memory_allocated "cpu"
  end
  local before = live()
  for n = 0, 60 do
    torch.debug.fail_after(n)
    local ok, message = pcall(model.clone, model)
    torch.debug.fail_after(-1)
    if not ok then assert(tostring(message):find "memory", message) end
  end
  test.equal(live(), before)
  local big = GPT({n_layers = 2}, {device = "meta"})
  test.equal(big:clone():num_params(), big:num_params())
end)
