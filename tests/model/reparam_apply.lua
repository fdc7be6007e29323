--- reparam_apply.lua: a rule on a model changes deviations, forward and steps exactly as its table says, for native and Lua
-- modules alike; what does not fit is refused before anything changes.
local test = require "harness"

local Net = nn.class "Net" -- 16 -> n -> n -> 8
function Net:init(n, bias)
  self.fc1 = nn.Linear(16, n, {bias = bias or false})
  self.fc2 = nn.Linear(n, n, {bias = bias or false})
  self.readout = nn.Linear(n, 8, {bias = bias or false})
end
function Net:forward(x) return self.readout(F.relu(self.fc2(F.relu(self.fc1(x))))) end

--- The same with own parameters and no native module.
local Matrix = nn.class "Matrix"
function Matrix:init(n_in, n_out, bias)
  self.weight = nn.Parameter(torch.randn(n_out, n_in))
  self.bias = bias and nn.Parameter(torch.zeros(n_out)) or nil
end
function Matrix:forward(x) return F.linear(x, self.weight, self.bias) end
local LuaNet = nn.class("LuaNet", Net)
function LuaNet:init(n, bias)
  self.fc1 = Matrix(16, n, bias)
  self.fc2 = Matrix(n, n, bias)
  self.readout = Matrix(n, 8, bias)
end

local function gpt(width, options)
  local config = {hidden_dim = width, n_layers = 2, n_heads = width // 16, vocab_size = 96, sequence_len = 16}
  for key, value in pairs(options or {}) do config[key] = value end
  return GPT(config)
end

local RULES = {}
for i, entry in ipairs(require "native.reparam".rules()) do RULES[i] = entry.name end

local function by_name(list)
  local out = {}
  for _, site in ipairs(list) do
    if site.tensor then out[site.name] = site end
  end
  return out
end

--- Sample deviation of a tensor is that of its row: four standard errors of n draws.
local function check_std(model, p)
  for _, site in ipairs((p:sites(model))) do
    if site.tensor and site.role ~= "gain" then
      local w, want = site.tensor:detach():double(), site.scales.std
      local got = w:square():mean():sqrt():item()
      assert(math.abs(got - want) <= 4 * want / math.sqrt(2 * w:numel()), f"{p.rule.name} {site.name}: {got}, expected {want}")
    end
  end
end

--- The first step of Adam from zero moments is lr g / (|g| + eps): the rate of every tensor, read off.
local function check_steps(model, p, loss, lr)
  local before, rows = {}, by_name(p:sites(model))
  for name, w in model:named_parameters() do before[name] = w:detach():clone() end
  local opts = p:optimizers(model, {lr = lr, eps = 1e-30})
  loss():backward()
  for _, opt in ipairs(opts) do opt:step() end
  for name, w in model:named_parameters() do
    local moved = (w:detach() - before[name]):abs()[w.grad:ne(0)]
    local want = lr * rows[name].scales.lr
    -- within the rounding of weights of this size in f32
    local slack = 2 ^ -23 * before[name]:abs():max():item() + 1e-5 * want
    assert((moved - want):abs():max():item() <= slack, f"{p.rule.name} {name}: {moved:max():item()}, expected {want}")
  end
  model:zero_grad()
end

for _, case in ipairs {{"native", Net}, {"Lua", LuaNet}} do
  test("rules give " .. case[1] .. " modules their deviations, multipliers and steps", function()
    for _, name in ipairs(RULES) do
      torch.manual_seed(3)
      local model, base = case[2](256, true), case[2](64, true)
      local p = reparam.new(name, {base = base})
      local rows = by_name(p:sites(model))
      test.equal({rows["fc1.weight"].role, rows["fc2.weight"].role, rows["readout.weight"].role, rows["fc1.bias"].role},
                 {"input", "hidden", "output", "bias"})
      p:init(model)
      check_std(model, p)
      local x, y = torch.randn(32, 16), torch.randn(32, 8)
      -- the forward is the plain one with every weight multiplied
      local h = x
      p:apply(model)
      for _, layer in ipairs {"fc1", "fc2", "readout"} do
        local w = model:get_parameter(layer .. ".weight"):detach() * rows[layer .. ".weight"].scales.multiplier
        h = F.linear(h, w)
        if layer ~= "readout" then h = F.relu(h) end
      end
      local scale = h:abs():max():item()
      assert((model(x):detach() - h):abs():max():item() <= 1e-5 * scale, name)
      check_steps(model, p, function() return F.mse_loss(model(x), y) end, 1e-3)
    end
  end)
end

test("native and Lua modules train the same under a rule, biases included", function()
  local finals = {}
  for i, class in ipairs {Net, LuaNet} do
    torch.manual_seed(5)
    local model = class(64, true)
    local p = reparam.new("mup9", {base = class(16, true)})
    torch.manual_seed(6)
    p:init(model)
    p:apply(model)
    local opt = p:optimizers(model, {lr = 2 ^ -8, weight_decay = 0.1})[1]
    for step = 1, 5 do
      torch.manual_seed(step)
      F.mse_loss(model(torch.randn(8, 16)), torch.randn(8, 8)):backward()
      opt:step()
      opt:zero_grad()
    end
    torch.manual_seed(9)
    finals[i] = model(torch.randn(4, 16)):detach():tolist()
  end
  test.equal(finals[1], finals[2])
end)

test("rules give the GPT their deviations, multipliers and steps", function()
  for _, tied in ipairs {true, false} do
    for _, name in ipairs(RULES) do
      torch.manual_seed(1)
      local model = gpt(64, {tied = tied, softcap = 0})
      local p = reparam.new(name, {base = {hidden_dim = 16, n_layers = 1}})
      p:init(model)
      check_std(model, p)
      local head, attention, residual
      for _, site in ipairs((p:sites(model))) do
        if site.role == "unembed" or site.role == "output" then head = site.scales.multiplier end
        if site.role == "attention" then attention = site.scales.multiplier end
        if site.role == "residual" then residual = site.scales.multiplier end
      end
      p:apply(model)
      -- in CompleteP and u-muP the branches are scaled, by the depth
      test.equal(model.lm_head:forward_multiplier(), head)
      test.equal(model.blocks[1].ff:forward_multiplier(), residual)
      test.close(model.blocks[1].attn:attention_scale(), attention / 4, 1e-15)
      local idx = torch.randint(0, 96, {4, 16})
      check_steps(model, p, function() return model(idx, idx) end, 1e-3)
    end
  end
end)

--- A plain GPT whose weights hold what the multipliers of a rule do.
local function folded(model, p)
  local config = GPTConfig(model.config)
  config.tied = false
  local plain, weights = GPT(config), {}
  for name, w in plain:named_parameters() do weights[name] = w:detach() end
  for _, site in ipairs((p:sites(model))) do
    local by = site.scales.multiplier
    if site.tensor then
      weights[site.name]:copy_(site.tensor:detach() * by)
    elseif site.role == "unembed" then
      weights["lm_head.weight"]:copy_(model.token_embedding.weight:detach() * by)
    elseif site.role == "attention" then
      weights[site.name .. ".query.weight"]:mul_(by)
    else
      weights[site.name .. (site.name:find "attn$" and ".proj.weight" or ".proj_down.weight")]:mul_(by)
    end
  end
  return plain
end

test("under every rule the GPT is the plain one with every weight multiplied as the table says", function()
  for _, tied in ipairs {true, false} do
    for _, name in ipairs(RULES) do
      torch.manual_seed(2)
      local model = gpt(64, {tied = tied, softcap = 0, qk_norm = false, embedding_norm = false})
      local p = reparam.new(name, {base = {hidden_dim = 16, n_layers = 1, n_heads = 2}})
      p:apply(p:init(model))
      local idx = torch.randint(0, 96, {2, 16})
      local got, want = model(idx):detach(), folded(model, p)(idx):detach()
      test.close(got / want:abs():max(), want / want:abs():max(), 2e-5)
    end
  end
end)

test("multipliers of the GPT act where they say: head, embedding, branches, attention", function()
  torch.manual_seed(2)
  local model = gpt(32, {softcap = 0, embedding_norm = false})
  reparam.new("standard"):init(model)
  local idx = torch.randint(0, 96, {2, 12})
  local plain = model(idx):detach()
  model.lm_head:forward_multiplier(0.25)
  test.equal(model(idx):detach():tolist(), (plain * 0.25):tolist())
  -- the fused loss sees it, as the plain one does
  test.close(model(idx, idx):item(), F.cross_entropy(plain:view(-1, 96) * 0.25, idx:view(-1)):item(), 1e-5)
  model.lm_head:forward_multiplier(1)
  for i = 0, 1 do
    model.blocks[i].attn:forward_multiplier(1e-30)
    model.blocks[i].ff:forward_multiplier(1e-30)
  end
  local trunk = F.rms_norm(model.token_embedding(idx), {32})
  test.close(model(idx):detach(), F.linear(trunk, model.lm_head.weight):detach(), 1e-5)
  model.token_embedding:forward_multiplier(3)
  test.equal(model.token_embedding(idx):detach():tolist(), (F.embedding(idx, model.token_embedding.weight) * 3):detach():tolist())
end)

test("an attention's scale is that of its scores", function()
  torch.manual_seed(4)
  local attn = models.MultiHeadAttention {hidden_dim = 32, n_heads = 2, qk_norm = false, position = "learned"}
  local x = torch.randn(2, 6, 32)
  attn:attention_scale(1 / 16)
  local y = attn(x):detach()
  attn:attention_scale(1 / 4)
  attn.query.weight:requires_grad_(false):mul_(0.25)
  test.close(attn(x):detach(), y, 1e-5)
  test.raises(function() attn:attention_scale(1 / 0) end, "attention_scale: expected a finite number, got inf")
end)

test("hooks see what the multiplier makes, and a clone keeps it", function()
  local layer = nn.Linear(4, 4)
  local x = torch.randn(2, 4)
  local plain = layer(x):detach()
  layer:forward_multiplier(0.5)
  local seen
  local handle = layer:register_forward_hook(function(_, _, y) seen = y:detach() end)
  local y = layer(x):detach()
  handle:remove()
  test.equal(seen:tolist(), y:tolist())
  test.equal(y:tolist(), (plain * 0.5):tolist())
  test.equal(layer(x):detach():tolist(), y:tolist())
  test.equal(layer:clone():forward_multiplier(), 0.5)
  test.raises(function() layer:forward_multiplier(0 / 0) end, "forward_multiplier: expected a finite number")
  local Pair = nn.class "Pair"
  function Pair:forward(a) return {a, a} end -- luacheck: no unused args
  local pair = Pair()
  pair:forward_multiplier(2)
  test.raises(function() pair(x) end, "Pair has a forward multiplier: expected a tensor from its forward, got a table")
end)

test("the multiplier of a module has a gradient", function()
  local layer, x = nn.Linear(3, 2, {bias = false}), torch.randn(5, 3)
  layer(x):sum():backward()
  local plain = layer.weight.grad:clone()
  layer:zero_grad()
  layer:forward_multiplier(-2)
  layer(x):sum():backward()
  test.close(layer.weight.grad, plain * -2, 1e-6)
end)

test("Muon's groups make steps of the factor named, on hidden matrices only", function()
  for name, factor in pairs {["sqrt(fan_out/fan_in)"] = function(fi, fo) return math.sqrt(fo / fi) end,
                             ["0.2*sqrt(max(fan_in,fan_out))"] = function(fi, fo) return 0.2 * math.sqrt(math.max(fi, fo)) end,
                             ["sqrt(max(1,fan_out/fan_in))"] = function(fi, fo) return math.sqrt(math.max(1, fo / fi)) end} do
    torch.manual_seed(8)
    local model = gpt(32)
    local p = reparam.new(name, {optimizer = "muon"})
    p:init(model)
    local groups, names = p:groups(model, {lr = 0.01, muon_lr = 0.02})
    assert(#names.AdamW == 1 and names.AdamW[1][1] == "token_embedding.weight")
    local before = {}
    for n, w in model:named_parameters() do before[n] = w:detach():clone() end
    local opt = optim.Muon(groups.Muon, {ns_dtype = "f32"})
    model(torch.randint(0, 96, {8, 16}), torch.randint(0, 96, {8, 16})):backward()
    opt:step()
    for _, n in ipairs {"blocks.0.attn.key.weight", "blocks.1.ff.proj_up.weight", "blocks.1.ff.proj_down.weight"} do
      local w = model:get_parameter(n)
      local fo, fi = w:size(0), w:size(1)
      local step = (w:detach() - before[n]):double()
      -- an orthogonal matrix has entries of 1 / sqrt(max): five steps leave 0.7 ... 1.2 of that
      local ratio = step:square():mean():sqrt():item() * math.sqrt(math.max(fi, fo)) / (0.02 * factor(fi, fo))
      assert(ratio > 0.7 and ratio < 1.15, f"{name} {n}: {ratio}")
    end
  end
end)

test("a Lua function is a rule like those of the table", function()
  torch.manual_seed(1)
  local function mine(role, fan_in, fan_out, m, depth, site)
    assert(depth == 1 and site.name ~= nil and fan_out >= 1)
    if role == "hidden" then return 1 / math.sqrt(fan_in), 1, 1 / m, 1 / m, m end
    if role == "output" then return {std = math.sqrt(m / fan_in), multiplier = 1 / m, lr = 1, eps = 1 / m} end
    if role == "input" then return 1 / math.sqrt(fan_in), 1, 1, 1 / m end
  end
  local model, base = Net(64), Net(16)
  local own, builtin = reparam.new(mine, {base = base}):sites(model), reparam.new("mup8", {base = base}):sites(model)
  for i = 1, 3 do test.equal(own[i].scales, builtin[i].scales) end
end)

test("a multiplier that a rule gives a vector becomes the size of its steps", function()
  local function mine(role) return 1, (role == "bias" or role == "gain") and 4 or role == "hidden" and 2 or 1, 1 end
  local model = gpt(32, {norm = "layer", bias = true})
  for optimizer, power in pairs {adam = 1, sgd = 2} do
    local rows = by_name(reparam.new(mine, {optimizer = optimizer}):sites(model))
    local function is(name, multiplier, lr) test.equal({rows[name].scales.multiplier, rows[name].scales.lr}, {multiplier, lr}) end
    is("blocks.0.norm1.weight", 1.0, 4.0 ^ power)
    is("norm_f.bias", 1.0, 4.0 ^ power)
    is("blocks.0.ff.proj_up.bias", 2.0, 2.0 ^ power) -- its matrix has 2 already
  end
end)

test("what a rule must not answer is named with tensor and role, and nothing changes", function()
  local model, base = Net(32), Net(16)
  local before = model.fc2.weight:detach():clone()
  local function try(answer)
    return function()
      local p = reparam.new(answer, {base = base})
      p:init(model)
    end
  end
  test.raises(try(function() end), "rule for 'fc1.weight' (input): expected std, multiplier, lr[, eps[, weight_decay]], got nothing")
  test.raises(try(function() return 1, nil, 1 end), "rule for 'fc1.weight' (input): expected multiplier > 0 and finite, got nil")
  test.raises(try(function(role) return 1, role == "hidden" and 0 / 0 or 1, 1 end), "'fc2.weight' (hidden): expected multiplier")
  test.raises(try(function(role) return 1, 1, role == "output" and -1 or 1 end),
              "'readout.weight' (output): expected lr >= 0 and finite, got -1")
  test.raises(try(function(role) return role == "output" and -0.1 or 1, 1, 1 end), "expected std >= 0 and finite, got -0.1")
  test.raises(try(function() return {std = 1, lr = "x"} end), "expected lr >= 0 and finite, got 'x'")
  test.raises(try(function() return 1, 1, 1, 1, 1, 1 end), "got 6 values")
  test.raises(try(function() return {std = 1, multiplyer = 2, lr = 1} end), "has no argument 'multiplyer' (did you mean 'multiplier'?)")
  test.raises(try(function(role) if role == "output" then error "mine" end return 1, 1, 1 end), "mine")
  test.equal(model.fc2.weight:detach():tolist(), before:tolist())
end)

test("models and bases that do not fit are refused", function()
  local model = Net(32)
  local function with(options, rule) return function() reparam.new(rule or "mup", options):sites(model) end end
  test.raises(with {base = nn.Linear(4, 4)}, "the base model has no 'fc1.weight'")
  local odd = Net(16)
  odd.fc2.weight = nn.Parameter(torch.zeros(16, 16, 1))
  test.raises(with {base = odd}, "'fc2.weight' is (32, 32), in the base model (16, 16, 1): expected as many dimensions")
  test.raises(with {base = 16}, "expected base: a model of the base width or reparam.shapes of one, got 16")
  test.raises(with({roles = {["fc2"] = "hiden"}}, "standard"), "roles: 'fc2': expected one of embedding, input")
  test.raises(with({roles = {["fc4"] = "hidden"}}, "standard"), "reparam: roles: nothing in the model fits 'fc4'")
  test.raises(with({roles = {["fc"] = "input", ["fc2"] = "hidden"}}, "standard"), "'fc2.weight' fits 'fc' and 'fc2', which say different roles")
  test.raises(with({roles = {["["] = "hidden"}}, "standard"), "expected a pattern of Lua, got '[': malformed pattern")
  test.raises(with({roles = 3}, "standard"), "roles expects a table or a function, got 3")
  test.raises(with({zero = {"ouput"}}, "standard"), "reparam: zero: nothing in the model fits 'ouput'")
  test.raises(with({zero = {output = true}}, "standard"), "expected a list, got one with the name 'output'")
  test.raises(with({residual = "fc1"}, "standard"), "residual expects a list, got 'fc1'")
  test.raises(with({residual = {"fc1"}}, "standard"), "reparam: residual: nothing in the model fits 'fc1'")
  test.raises(with({scale_eps = 1}, "standard"), "scale_eps expects true or false, got 1")
  test.raises(with({roles = function() return "x" end}, "standard"), "roles: 'fc1.weight': expected one of")
  test.raises(function() reparam.new("standard"):init(3) end, "model expects a module, got 3")
  test.raises(function() reparam.new("standard"):sites(nn.ReLU()) end, "the model has no parameters")
  test.raises(function() reparam.new("mup", {base = 24}):sites(gpt(64)) end, "a base width of 24 does not divide into heads of 16")
  test.raises(function() reparam.new("mup", {base = {hidden_dim = 48, n_heads = 5}}):sites(gpt(64)) end,
              "n_heads must divide hidden_dim, got 5 and 48")
end)

test("a multiplier needs a module of its own, residual factors need branches", function()
  local Two = nn.class "Two"
  function Two:init(n)
    self.inner = nn.Module()
    self.inner.a, self.inner.b = nn.Parameter(torch.zeros(n, 4)), nn.Parameter(torch.zeros(4, n))
  end
  test.raises(function() reparam.new("mup", {base = Two(4), roles = {["b$"] = "output"}}):sites(Two(8)) end,
              "'inner' has several matrices: a forward multiplier needs a module for each")
  local Deep = nn.class "Deep"
  function Deep:init(n, layers)
    self.layers = nn.ModuleList {}
    for _ = 1, layers do self.layers:append(nn.Linear(n, n)) end
  end
  test.raises(function() reparam.new("completep", {base = Deep(4, 2)}):sites(Deep(4, 4)) end,
              "completep multiplies residual branches and finds none")
  local p = reparam.new("completep", {base = Deep(4, 2), residual = {"^layers%.%d+$"}})
  local deep = p:apply(Deep(8, 4))
  test.equal(deep.layers[3]:forward_multiplier(), 0.5)
  test.equal(by_name(p:sites(deep))["layers.3.weight"].m, 2.0)
end)

test("roles follow shapes, names and what the user says", function()
  local model = gpt(32, {tied = false, norm = "layer", bias = true, position = "learned"})
  local roles = {}
  for _, site in ipairs((reparam.new("standard"):sites(model))) do roles[site.name .. ":" .. site.role] = true end
  for _, expected in ipairs {"token_embedding.weight:embedding", "position_embedding.weight:embedding", "lm_head.weight:output",
                             "blocks.0.attn.query.weight:hidden", "blocks.1.ff.proj_up.bias:bias", "blocks.0.norm1.weight:gain",
                             "norm_f.bias:bias", "blocks.1.attn:attention", "blocks.0.ff:residual"} do
    assert(roles[expected], expected)
  end
  local p = reparam.new("standard", {roles = {["attn%.query"] = "output"}})
  test.equal(by_name(p:sites(model))["blocks.0.attn.query.weight"].role, "output")
end)

test("zero and std change what init draws", function()
  torch.manual_seed(1)
  local p = reparam.new("mup", {base = 16, std = 0.02, zero = {"output", "proj_down"}})
  local model = p:init(gpt(64, {tied = false}))
  test.equal(model.lm_head.weight:abs():max():item(), 0.0)
  test.equal(model.blocks[1].ff.proj_down.weight:abs():max():item(), 0.0)
  local rows = by_name(p:sites(model))
  test.close({rows["token_embedding.weight"].scales.std, rows["blocks.0.attn.key.weight"].scales.std}, {0.02, 0.01}, 1e-15)
end)

test("multipliers survive as data", function()
  local model = gpt(64)
  reparam.new("umup"):apply(model)
  local saved = require "json".decode(require "json".encode(reparam.multipliers(model)))
  local other = reparam.set_multipliers(gpt(64), saved)
  test.equal(reparam.multipliers(other), reparam.multipliers(model))
  other.lm_head:forward_multiplier(7)
  reparam.set_multipliers(other, {forward = {}, attention = {}})
  test.equal(reparam.multipliers(other), {forward = {}, attention = {}})
  test.raises(function() reparam.set_multipliers(other, {forward = {["blocks.9"] = 2}, attention = {}}) end,
              "the model has no module 'blocks.9' (forward)")
  test.raises(function() reparam.set_multipliers(other, {forward = {}}) end, "expected {forward = {…}, attention = {…}}, got a table")
  test.raises(function() reparam.multipliers(nil) end, "reparam.multipliers: model is missing")
  test.raises(function() reparam.new "standard":optimizers(other, 3) end, "optimizers: options go in a table, {lr = …}, got 3")
end)

test("a checkpoint holds the multipliers, and a model opened from it has them", function()
  local folder = os.tmpname()
  os.remove(folder)
  torch.manual_seed(3)
  local model = gpt(32, {tied = false, vocab_size = 256})
  local p = reparam.new("mup", {base = 16})
  p:init(model)
  p:apply(model)
  local loader = data.text {text = ("abcdefgh"):rep(50)}:loader {B = 2, T = 8}
  local t = train.new {model = model, data = loader, optim = p:optimizers(model, {lr = 2 ^ -8}), folder = folder, progress = false}
  t:run(2)
  t:save()
  local again = train.open(folder, {data = loader:clone(), progress = false})
  test.equal(again.model.lm_head:forward_multiplier(), 0.5)
  test.equal(again:hash(), t:hash())
  t:step()
  again:step()
  test.equal(again:hash(), t:hash())
  os.execute("rm -rf " .. folder)
end)

test("under u-muP every matrix gives its outputs the size of its inputs, at any width and depth", function()
  for _, size in ipairs {{64, 2}, {256, 2}, {64, 8}} do
    torch.manual_seed(1)
    local model = GPT {hidden_dim = size[1], n_layers = size[2], n_heads = 4, vocab_size = 96, sequence_len = 16, tied = false}
    local p = reparam.new "umup"
    p:apply(p:init(model))
    local seen = {}
    for path, m in model:named_modules() do
      if path:find "key$" or path:find "query$" or path:find "value$" or path:find "proj_up$" then
        m:register_forward_hook(function(_, _, y) seen[#seen + 1] = y:detach():square():mean():sqrt():item() end)
      end
    end
    local logits = model(torch.randint(0, 96, {8, 16})):detach()
    test.equal(#seen, 4 * size[2])
    -- a thousand rows that are not independent: three times the error of 64 columns alone
    for _, rms in ipairs(seen) do test.close(rms, 1, 3 / math.sqrt(2 * 64)) end
    -- the readout is 1 / fan_in: sums of random signs
    test.close(logits:square():mean():sqrt():item() * math.sqrt(size[1]), 1, 0.1)
  end
end)
