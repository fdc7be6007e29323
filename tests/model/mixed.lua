--- mixed.lua: modules in Lua inside native ones and the reverse: values, errors, identity, leaks.
local test = require "harness"

local function small(options)
  torch.manual_seed(1)
  local config = {hidden_dim = 16, n_layers = 2, n_heads = 2, vocab_size = 11, sequence_len = 8}
  for key, value in pairs(options or {}) do config[key] = value end
  return GPT(config)
end

local idx = torch.tensor{{1, 2, 3, 4}}

--- Native memory in use after collecting.
local function live()
  collectgarbage()
  collectgarbage()
  return torch.memory_allocated("cpu")
end

--- The notebook's attention in Lua, with the names of the native one.
local Attention = nn.class "Attention"
function Attention:init(config)
  self.n_heads = config.n_heads
  self.head_dim = config.hidden_dim // config.n_heads
  for _, name in ipairs{"key", "query", "value", "proj"} do
    self[name] = nn.Linear(config.hidden_dim, config.hidden_dim, {bias = false})
  end
end
local function rotate(x, cos, sin)
  local d = x.shape[3] // 2
  local x1, x2 = x[{"...", {0, d}}], x[{"...", {d, 2 * d}}]
  return torch.cat({x1 * cos + x2 * sin, x2 * cos - x1 * sin}, 3)
end
function Attention:forward(x, cos_sin)
  local B, T, C = x.shape:unpack()
  local function heads(linear) return linear(x):view(B, T, self.n_heads, self.head_dim) end
  local cos, sin = cos_sin[1], cos_sin[2]
  local q, k, v = rotate(heads(self.query), cos, sin), rotate(heads(self.key), cos, sin), heads(self.value)
  q, k = F.rms_norm(q, {self.head_dim}), F.rms_norm(k, {self.head_dim})
  local y = F.scaled_dot_product_attention(q:transpose(1, 2), k:transpose(1, 2), v:transpose(1, 2),
                                           {is_causal = true})
  return self.proj(y:transpose(1, 2):contiguous():view(B, T, C))
end

--- Replaces the attention of block i by one whose forward is `fn`.
local function with_forward(model, i, fn)
  local Probe = nn.class "Probe"
  Probe.forward = fn
  model.blocks[i].attn = Probe()
  return model
end

test("an attention written in Lua takes the place of the native one", function()
  local m = small()
  local expected = m(idx)
  for i = 0, 1 do
    local own = Attention(m.config)
    own:load_state_dict(m.blocks[i].attn:state_dict())
    m.blocks[i].attn = own
  end
  collectgarbage()
  test.close(m(idx), expected, 1e-5) -- f32, sums in another order
  test.equal(torch.type(m.blocks[1].attn), "Attention")
  test.equal(m:get_parameter("blocks.1.attn.key.weight") == m.blocks[1].attn.key.weight, true)
  m(idx):sum():backward()
  test.equal(m.blocks[1].attn.proj.weight.grad ~= nil, true)
end)

test("native, Lua, native, Lua: nesting works both ways", function()
  local Wrap = nn.class "Wrap"
  function Wrap:init(inner) self.inner = inner end
  function Wrap:forward(x, cos_sin) return self.inner(x, cos_sin) end
  local m = small()
  local expected = m(idx)
  local block = m.blocks[0]
  block.attn = Wrap(Wrap(block.attn))
  block.ff.proj_up = Wrap(block.ff.proj_up)
  m.blocks[1] = Wrap(m.blocks[1])
  test.equal(m(idx), expected)
end)

test("classes extend the native model and its parts", function()
  local Loud = nn.class("Loud", models.FeedForward)
  function Loud:forward(x) return models.FeedForward.forward(self, x) * 2 end
  local Mine = nn.class("Mine", GPT)
  function Mine:init(config)
    GPT.init(self, config)
    for block in self.blocks:iter() do
      local loud = Loud(self.config)
      loud:load_state_dict(block.ff:state_dict())
      block.ff = loud
    end
    self.calls = 0
  end
  function Mine:forward(...)
    self.calls = self.calls + 1
    return GPT.forward(self, ...)
  end
  torch.manual_seed(1)
  local m = Mine{hidden_dim = 16, n_layers = 2, n_heads = 2, vocab_size = 11, sequence_len = 8}
  collectgarbage()
  m(idx, idx):backward()
  test.equal({m.calls, torch.type(m), torch.type(m.blocks[1].ff), m.blocks[1].ff.training}, {1, "Mine", "Loud", true})
  test.equal({nn.isinstance(m, GPT), nn.isinstance(m.blocks[0].ff, models.FeedForward)}, {true, true})
  m:init_weights()
  test.equal(m.blocks[0].ff.proj_down.weight:abs():max():item(), 0.0)
  local expected = m(idx)
  for block in m.blocks:iter() do block.ff = block.ff end -- assigning what is there changes nothing
  test.equal(m(idx), expected)
end)

test("the Lua side of a module lives as long as its root", function()
  local m = small()
  do
    local Tagged = nn.class "Tagged"
    function Tagged:init(inner)
      self.inner = inner
      self.tag = "kept"
    end
    function Tagged:forward(x) return self.inner(x) end
    m.blocks[1].ff = Tagged(m.blocks[1].ff)
  end
  m.blocks[0].note = "also kept"
  for one in m:modules() do one.mark = torch.type(one) end
  collectgarbage()
  collectgarbage()
  test.equal({m.blocks[1].ff.tag, m.blocks[0].note, m.blocks[1].ff.inner.mark}, {"kept", "also kept", "FeedForward"})
  local block = m.blocks[1]
  m = nil -- luacheck: ignore
  collectgarbage()
  test.equal(block.ff.tag, "kept")
end)

test("cycles through Lua fields are collected, with everything native", function()
  local before = live()
  for _ = 1, 3 do
    local m = small()
    local Knows = nn.class "Knows"
    function Knows:init(parent) self.parent = {parent} end
    function Knows:forward(x) return x end
    m.blocks[0].attn = Knows(m)
    m.blocks[0].attn.me = {m.blocks[0].attn}
    m(idx)
  end
  test.equal(live(), before)
end)

test("replaced modules are freed", function()
  local m = small()
  m.blocks[0].ff = nn.Identity()
  local before = live()
  for _ = 1, 5 do m.blocks[0].ff = models.FeedForward(m.config) end
  m.blocks[0].ff = nn.Identity()
  test.equal(live(), before)
end)

test("a closed module gives its memory back and says so", function()
  local before, kept = live(), nil
  do
    local m <close> = small()
    kept = m
    m(idx)
  end
  test.equal(live(), before)
  test.raises(function() kept(idx) end, "the module is closed")
end)

-- ---- errors ----

test("an error in a Lua forward keeps its message and place, and the session", function()
  local m = small()
  local expected = m(idx)
  local attention = m.blocks[1].attn
  local before = live()
  with_forward(m, 1, function(_, x) error("no luck: " .. x:size(2)) end)
  local message = test.raises(function() m(idx) end, "no luck: 16")
  test.equal(message:match "mixed.lua:%d+: " ~= nil, true)
  with_forward(m, 1, function(_, x) return x.shap end)
  test.raises(function() m(idx) end, "Tensor has no field or method 'shap' (did you mean 'shape'?)")
  with_forward(m, 1, function(_, x) return x:view(3, 5) end)
  test.raises(function() m(idx) end, "view")
  m.blocks[1].attn = attention
  test.equal(m(idx), expected)
  test.equal(live(), before)
end)

test("an error value of any type passes through native code", function()
  local m = small()
  local value = {code = 7}
  with_forward(m, 0, function() error(value) end)
  local ok, raised = pcall(m, idx)
  test.equal({ok, raised == value}, {false, true})
  with_forward(m, 0, function() error() end)
  ok, raised = pcall(m, idx)
  test.equal({ok, raised:match "error in forward of Probe"}, {false, "error in forward of Probe"})
end)

test("a forward that returns no tensor is named", function()
  local m = small()
  with_forward(m, 0, function() return 3 end)
  test.raises(function() m(idx) end, "forward of Probe (tests/model/mixed.lua:")
  test.raises(function() m(idx) end, "must return a tensor, got an integer")
  with_forward(m, 0, function() end)
  test.raises(function() m(idx) end, "must return a tensor, got nil")
  m.blocks[0].attn = nil
  test.raises(function() m(idx) end, "attn")
  m.blocks[0].attn = nn.Linear(3, 3)
  test.raises(function() m(idx) end, "linear")
end)

test("a wrong shape from a Lua module is caught by its native parent", function()
  local m = small()
  m.blocks[0].attn.key = nn.Linear(16, 8)
  test.raises(function() m(idx) end, "key")
end)

test("yielding out of a native forward is refused", function()
  local m = small()
  with_forward(m, 0, function(_, x)
    coroutine.yield()
    return x
  end)
  local ok, message = coroutine.resume(coroutine.create(function() return m(idx) end))
  test.equal(ok, false)
  test.equal(tostring(message):find("yield", 1, true) ~= nil, true)
end)

test("modules run inside coroutines", function()
  local m = small()
  local expected = m(idx)
  with_forward(m, 0, function(_, x) return x * 0 end)
  local plain = m(idx)
  local thread = coroutine.wrap(function()
    coroutine.yield(m(idx))
    return m(idx)
  end)
  test.equal(thread(), plain)
  collectgarbage()
  test.equal(thread(), plain)
  test.equal(torch.equal(expected, plain), false)
end)

test("a forward that calls itself for ever raises", function()
  local m = small()
  with_forward(m, 0, function() return m(idx) end)
  test.raises(function() m(idx) end, "overflow")
  local Self = nn.class "Self"
  function Self:forward(x) return self(x) end
  test.raises(function() Self()(1) end, "overflow")
end)

test("modules nest deep", function()
  local Wrap = nn.class "Wrap"
  function Wrap:init(inner) self.inner = inner end
  function Wrap:forward(x) return self.inner(x) end
  local m = nn.Identity()
  for _ = 1, 60 do m = Wrap(m) end
  test.equal(m(5), 5)
  test.equal(#list(m:modules()), 61)
  for _ = 1, 2000 do m = nn.Sequential(m) end -- deeper than anything can walk or call
  test.raises(function() m:modules() end, "nested deeper than 200")
  test.raises(function() m(torch.ones(1)) end, "overflow")
end)

test("an interrupt during a Lua forward below native code comes out as such", function()
  local m = small()
  with_forward(m, 0, function(_, x)
    torch.debug.interrupt()
    return x + 1
  end)
  test.raises(function() m(idx) end, "interrupted")
  torch.debug.interrupt_clear()
  m.blocks[0].attn = models.MultiHeadAttention(m.config)
  test.equal(tostring(m(idx).shape), "torch.Size([1, 4, 11])")
end)

test("arguments of native modules are checked", function()
  local m = small()
  test.raises(function() m("x") end, "GPT: argument 1 must be a tensor")
  test.raises(function() m(idx, idx, {reducton = "sum"}) end, "unknown option 'reducton' (did you mean 'reduction'?)")
  test.raises(function() m(idx, idx, {loss_reduction = "avg"}) end, "avg")
  test.raises(function() m() end, "GPT")
  test.raises(function() m(idx, idx, idx, idx, idx) end, "at most 4 arguments")
  test.raises(function() m(torch.ones(1, 2)) end, "integer")
  test.raises(function() m(torch.tensor{{11}}) end, "11")
  test.raises(function() m(torch.zeros({1, 1000}, {dtype = "i64"})) end, "GPT")
  test.raises(function() m.blocks[0].attn(torch.ones(1, 2, 16)) end, "cos_sin")
  test.raises(function() m.blocks[0].attn(torch.ones(1, 2, 16), {1, 2}) end, "argument 2")
end)

-- ---- leaks ----

test("10000 small forward and backward passes through Lua modules leave nothing", function()
  local Net = nn.class "Net"
  function Net:init()
    self.one = nn.Linear(4, 4)
    self.two = nn.Linear(4, 1)
  end
  function Net:forward(x) return self.two(F.relu(self.one(x))) end
  local net, x = nn.Sequential(Net()), torch.ones(2, 4)
  net(x):sum():backward()
  net:zero_grad()
  local before = live()
  for _ = 1, 10000 do
    net(x):sum():backward()
    net:zero_grad()
  end
  test.equal(live(), before)
end)

test("every failing allocation in construction, a training step and another leaves nothing", function()
  local function job()
    local m = small()
    m.blocks[0].attn = Attention(m.config)
    m:init_weights()
    local adamw, muon = optim.AdamW {m.token_embedding.weight}, optim.Muon(m.blocks:parameters())
    for _ = 1, 2 do
      m(idx, idx):backward()
      adamw:step()
      muon:step()
      m:zero_grad()
    end
  end
  job()
  local before, failures = live(), 0
  for n = 0, 100000, 5 do -- every 5th: all of them take seconds
    torch.debug.fail_after(n, true)
    local ok, message = pcall(job)
    torch.debug.fail_after()
    if ok then break end
    failures = failures + 1
    assert(tostring(message):find("memory"), message)
    test.equal(live(), before)
  end
  test.equal(failures > 20, true)
end)
