--- module.lua: nn.class, fields and slots, walks, state dicts, hooks: the module system as users see it.
local test = require "harness"

local Leaf = nn.class "Leaf"
function Leaf:init(n)
  self.weight = nn.Parameter(torch.full({n}, 2.0))
  self.size = n
end
function Leaf:forward(x) return x * self.weight end
function Leaf:extra_repr() return "size=" .. self.size end

local Tree = nn.class "Tree"
function Tree:init()
  self.left = Leaf(2)
  self.right = Leaf(3)
end

local function names(iterator)
  local out = {}
  for name in iterator do out[#out + 1] = name end
  return out
end

-- ---- classes ----

test("calling a class builds, calling the object runs forward", function()
  test.equal(Leaf(2)(torch.ones(2)), {2.0, 2.0})
end)

test("init, forward and results pass any Lua values", function()
  local Any = nn.class "Any"
  function Any:init(...) self.n = select("#", ...) end
  function Any:forward(a, b, c) return a, {b}, c end
  local m = Any(1, nil, nil)
  test.equal(m.n, 3)
  local a, b, c = m("x", 4, nil)
  test.equal({a, b[1], c}, {"x", 4, nil})
end)

test("a forward may yield when Lua called it", function()
  local Yielding = nn.class "Yielding"
  function Yielding:forward(x) return coroutine.yield(x) + 1 end
  local m = Yielding()
  local thread = coroutine.wrap(function(x) return m(x) end)
  test.equal(thread(5), 5)
  test.equal(thread(7), 8)
end)

test("a class inherits init, forward and methods", function()
  local Child = nn.class("Child", Leaf)
  function Child:forward(x) return Leaf.forward(self, x) + 1 end
  test.equal(Child(1)(torch.ones(1)), {3.0})
  test.equal(tostring(Child(1)), "Child(size=1)")
end)

test("a class can extend a native layer", function()
  local Scaled = nn.class("Scaled", nn.Linear)
  function Scaled:init(n)
    nn.Linear.init(self, n, n, {bias = false})
    nn.init.eye_(self.weight)
    self.scale = 3
  end
  function Scaled:forward(x) return nn.Linear.forward(self, x) * self.scale end
  local m = Scaled(2)
  test.equal(m(torch.ones(1, 2)), {{3.0, 3.0}})
  test.equal(tostring(m), "Scaled(in_features=2, out_features=2, bias=False)")
  test.equal(nn.Sequential(m)(torch.ones(1, 2)), {{3.0, 3.0}})
  local Plain = nn.class("Plain", nn.Linear)
  test.equal(tostring(Plain(2, 3)(torch.ones(1, 2)).shape), "torch.Size([1, 3])")
end)

test("a class below a native layer adds to its text", function()
  local Named = nn.class("Named", nn.Linear)
  function Named:extra_repr() return nn.Linear.extra_repr(self) .. ", name=" .. tostring(self.name) end
  local m = Named(1, 2)
  m.name = "head"
  test.equal(tostring(m), "Named(in_features=1, out_features=2, bias=True, name=head)")
  test.equal(nn.Linear(1, 2):extra_repr(), "in_features=1, out_features=2, bias=True")
  local Below = nn.class("Below", Named)
  m = Below(1, 1, {bias = false})
  m.name = 3
  test.equal(tostring(nn.Sequential(m)), "Sequential(\n  (0): Below(in_features=1, out_features=1, bias=False, name=3)\n)")
  test.equal(nn.Embedding(3, 4):extra_repr(), "3, 4")
  test.equal(GPT{hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 9, sequence_len = 4}:extra_repr(), "")
end)

test("a native class whose init was not called says so", function()
  local Broken = nn.class("Broken", nn.Linear)
  function Broken:init() self.scale = 1 end
  test.raises(function() Broken() end, "Broken: the module is closed, or the init of its parent class was not called")
  local Twice = nn.class("Twice", nn.Linear)
  function Twice:init()
    nn.Linear.init(self, 1, 1)
    nn.Linear.init(self, 1, 1)
  end
  test.raises(function() Twice() end, "init was called twice")
end)

test("isinstance follows parents, lists and later definitions of the same name", function()
  local Child = nn.class("Child", Leaf)
  local m = Child(1)
  test.equal({nn.isinstance(m, Child), nn.isinstance(m, Leaf), nn.isinstance(m, nn.Module)}, {true, true, true})
  test.equal({nn.isinstance(m, nn.Linear), nn.isinstance(3, nn.Module)}, {false, false})
  test.equal(nn.isinstance(m, {nn.Linear, Leaf}), true)
  local again = nn.class "Child"
  test.equal(nn.isinstance(m, again), true)
  local Linear = nn.class "Linear" -- a user's own class does not pass for the native one
  test.equal(nn.isinstance(Linear(), nn.Linear), false)
  test.equal(nn.isinstance(nn.Linear(1, 1), Linear), false)
  test.raises(function() nn.isinstance(m, 3) end, "class expects a class or a table, got 3")
end)

test("a class defined again leaves old instances as they were", function()
  local One = nn.class "One"
  function One:forward() return 1 end
  local old = One()
  One = nn.class "One"
  function One:forward() return 2 end
  test.equal({old(), One()()}, {1, 2})
end)

test("classes refuse bad names and parents", function()
  test.raises(function() nn.class() end, "name is missing")
  test.raises(function() nn.class "a b" end, "expected a name")
  test.raises(function() nn.class("A", 3) end, "parent expects a class, got 3")
  test.raises(function() nn.class "NoForward"()(1) end, "NoForward has no forward: define function NoForward:forward")
  test.raises(function() nn.class "NoInit"(3) end, "NoInit has no init and takes no arguments, got 1: define function NoInit:init(…)")
  for _, name in ipairs {"__init", "__init__"} do
    local Other = nn.class "Other"
    test.raises(function() Other[name] = print end, "Other: expected function Other:init(…), which builds an object")
  end
end)

-- ---- fields ----

test("a name that was never assigned raises with a suggestion", function()
  local m = Tree()
  test.raises(function() return m.lefty end, "Tree has no field or method 'lefty' (did you mean 'left'?)")
  test.raises(function() return m.left.wieght end, "Leaf has no field or method 'wieght' (did you mean 'weight'?)")
  test.raises(function() m:paramters() end, "(did you mean 'parameters'?)")
  local message = test.raises(function() return m.zzzzzz end, "Tree has no field or method 'zzzzzz'")
  test.equal(message:find("did you mean", 1, true), nil)
  test.equal(message:find("m:has(name)", 1, true) ~= nil, true)
end)

test("a name assigned nil, and a bias left out, read as nil", function()
  local m = Tree()
  m.cache = nil
  test.equal(m.cache, nil)
  test.equal(nn.Linear(2, 2, {bias = false}).bias, nil)
  m.left = nil
  test.equal(m.left, nil)
  test.equal(names(m:named_children()), {"right"})
  test.equal({m:has "cache", m:has "other", m:has "right", m:has "forward"}, {true, false, true, true})
end)

test("values move between kinds as in PyTorch", function()
  local m = nn.Module()
  m.x = 1
  m.x = nn.Parameter(torch.ones(2))
  test.equal(names(m:named_parameters()), {"x"})
  m.x = Leaf(1)
  test.equal(names(m:named_parameters()), {"x.weight"})
  m.x = nil
  m.x = "text"
  test.equal(m.x, "text")
  m.t = torch.ones(1) -- a plain tensor is a plain field
  test.equal({#list(m:parameters()), #list(m:buffers())}, {0, 0})
end)

test("a slot refuses values of another kind", function()
  local m = Tree()
  m:register_buffer("table", torch.zeros(2))
  test.raises(function() m.left = 3 end, "Tree.left: expected a module or nil, got an integer")
  test.raises(function() m.left.weight = torch.ones(2) end, "wrap it: nn.Parameter(t)")
  test.raises(function() m.table = "x" end, "Tree.table: expected a tensor or nil, got a string")
  test.equal(m.left.weight, {2.0, 2.0})
end)

test("a module cannot contain itself", function()
  local m = Tree()
  test.raises(function() m.left.up = m end, "would contain itself")
  test.raises(function() m.me = m end, "would contain itself")
  test.equal(#list(m:modules()), 3)
end)

test("assigning to a buffer keeps it a buffer, out of the state dict when not persistent", function()
  local m = nn.Module()
  m:register_buffer("cos", torch.zeros(2), {persistent = false})
  m:register_buffer("mean", torch.zeros(2))
  m.cos = torch.ones(3)
  test.equal(names(m:named_buffers()), {"cos", "mean"})
  test.equal(m.cos, {1.0, 1.0, 1.0})
  test.equal(list(pairs(m:state_dict())), {"mean"})
end)

test("the same module and parameter are the same Lua value each time", function()
  local m = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
  test.equal(m[0] == m[0] and m[0].weight == m[0].weight, true)
  local weight = m[0].weight
  collectgarbage()
  test.equal(weight == m[0].weight, true)
end)

test("native sizes are readable and fixed", function()
  local m = nn.Linear(3, 4)
  test.equal({m.in_features, m.out_features, m.training}, {3, 4, true})
  test.raises(function() m.in_features = 5 end, "Linear.in_features cannot be changed")
end)

-- ---- lists ----

test("ModuleList counts from 0, negative from the end, and raises outside", function()
  local l = nn.ModuleList{Leaf(1), Leaf(2)}
  test.equal({#l, l[0].size, l[1].size, l[-1].size}, {2, 1, 2, 2})
  test.raises(function() return l[2] end, "index 2 out of range")
  test.raises(function() return l[-3] end, "index -3 out of range")
  test.raises(function() l[2] = Leaf(1) end, "index 2 out of range")
  l[0] = Leaf(7)
  l:append(Leaf(3))
  local seen = {}
  for i, m in ipairs(l) do seen[#seen + 1] = i * 10 + m.size end
  test.equal(seen, {7, 12, 23})
  seen = {}
  for i, m in pairs(l) do seen[#seen + 1] = i * 10 + m.size end
  test.equal(seen, {7, 12, 23})
  seen = {}
  for m in l:iter() do seen[#seen + 1] = m.size end
  test.equal(seen, {7, 2, 3})
  test.raises(function() l:append(3) end, "expected a module")
  test.raises(function() l(torch.ones(1)) end, "ModuleList")
end)

test("Sequential chains, ModuleDict keeps names", function()
  local s = nn.Sequential(Leaf(1), nn.Identity(), Leaf(1))
  test.equal({s(torch.ones(1)):item(), #s, s[2].size}, {4.0, 3, 1})
  local d = nn.ModuleDict(odict{{"b", Leaf(1)}, {"a", Leaf(2)}})
  test.equal(d:keys(), {"b", "a"})
  test.equal(d.a.size + d["b"].size, 3)
end)

-- ---- walks ----

local function tied()
  local m = nn.Module()
  m.first = nn.Linear(2, 2, {bias = false})
  m.second = nn.Linear(2, 2, {bias = false})
  m.second.weight = m.first.weight
  return m
end

test("tied parameters count once, the state dict lists both names", function()
  local m = tied()
  test.equal(#list(m:parameters()), 1)
  test.equal(m:num_params(), 4)
  test.equal(list(pairs(m:state_dict())), {"first.weight", "second.weight"})
  test.equal(m.first.weight == m.second.weight, true)
  test.equal(m.first.weight:data_ptr() == m.second.weight:data_ptr(), true)
end)

test("children, modules and submodules have their dotted names", function()
  local m = nn.Sequential(Tree(), nn.ReLU())
  test.equal(names(m:named_modules()), {"", "0", "0.left", "0.right", "1"})
  test.equal(names(m:named_children()), {"0", "1"})
  test.equal(m:get_submodule "0.left" == m[0].left, true)
  test.equal(m:get_submodule "" == m, true)
  test.equal(m:get_parameter "0.left.weight" == m[0].left.weight, true)
  test.raises(function() m:get_submodule "0.middle" end, "Tree has no module 'middle'")
  test.raises(function() m:get_parameter "0.left.bias" end, "no parameter '0.left.bias'")
  test.equal(#list(m:children()), 2)
end)

test("apply visits children before their parent", function()
  local order = {}
  nn.Sequential(Tree(), nn.ReLU()):apply(function(m) order[#order + 1] = torch.type(m) end)
  test.equal(order, {"Leaf", "Leaf", "Tree", "ReLU", "Sequential"})
end)

test("apply tells of a tied tensor that is initialised twice", function()
  local m, std = tied(), 1
  local function fill(one)
    if not one:has "weight" then return end
    nn.init.zeros_(one.weight)
    nn.init.normal_(one.weight, {std = std})
    std = std / 2
  end
  test.raises(function() m:apply(function() error "stop" end) end, "stop")
  test.raises(function() m:apply(fill, {notes = false}) end, "notes")
  test.equal(nn.init.ones_(m.first.weight), {{1.0, 1.0}, {1.0, 1.0}}) -- outside of apply nothing keeps a list
  local code = [[std = 1
    function fill(one)
      if not one:has "weight" then return end
      nn.init.zeros_(one.weight) nn.init.normal_(one.weight, {std = std})
      std = std / 2
    end
    m = nn.ModuleDict(odict{{"first", nn.Linear(2, 2, false)}, {"second", nn.Linear(2, 2, false)}})
    m.second.weight = m.first.weight
    local _ = nn.Linear(2, 2):apply(fill) -- a module may change its own mind
    _ = m:apply(fill, {note = false})
    std = 1
    local _ = m:apply(fill)]]
  local pipe = io.popen(("'%s' -e '%s' 2>&1"):format(os.getenv "GPTSH" or "./gptsh", code))
  test.equal(pipe:read "a", "note: first.weight = second.weight was initialised twice: normal_(0, 1), then normal_(0, 0.5), which stays\n")
  pipe:close()
end)

test("apply may change the tree it walks", function()
  local m = nn.Sequential(Tree(), Tree())
  m:apply(function(one)
    if nn.isinstance(one, Tree) then one.left = nn.Identity() end
  end)
  collectgarbage()
  test.equal(torch.type(m[1].left), "Identity")
end)

test("train, eval, requires_grad_ and zero_grad reach the whole tree", function()
  local m = Tree()
  m:eval()
  test.equal({m.training, m.left.training}, {false, false})
  test.equal(m:train() == m and m.right.training, true)
  m:requires_grad_(false)
  test.equal({m.left.weight.requires_grad, m:num_params{trainable = true}}, {false, 0})
  m:requires_grad_()
  m.left(torch.ones(2)):sum():backward()
  test.equal(m.left.weight.grad, {1.0, 1.0})
  m:zero_grad()
  test.equal(m.left.weight.grad, nil)
end)

test("to changes dtype in place: identity and ties stay", function()
  local m = tied()
  local weight = m.first.weight
  test.equal(m:to("bf16") == m, true)
  test.equal(tostring(weight.dtype), "torch.bfloat16")
  test.equal(m.second.weight == weight, true)
  m:float()
  test.equal(tostring(m.second.weight.dtype), "torch.float32")
  m:to{dtype = torch.float64, device = "cpu"}
  test.equal(tostring(weight.dtype), "torch.float64")
  test.raises(function() m:to(torch.int64) end, "float dtypes only")
  test.raises(function() m:to("nonsense") end, "nonsense")
end)

-- ---- state dicts ----

test("a state dict goes through another model and back", function()
  local a, b = Tree(), Tree()
  nn.init.normal_(a.left.weight)
  b:load_state_dict(a:state_dict())
  test.equal(b.left.weight, a.left.weight)
  local state = a:state_dict()
  test.equal(state["left.weight"]:data_ptr() == a.left.weight:data_ptr(), true)
  test.equal(state["left.weight"].requires_grad, false)
end)

test("a state dict that does not fit changes nothing and lists everything", function()
  local m = Tree()
  local state = {["left.weight"] = torch.zeros(2), ["right.weight"] = torch.zeros(4), other = torch.zeros(1)}
  local message = test.raises(function() m:load_state_dict(state) end, "right.weight")
  test.equal(message:find("other", 1, true) ~= nil, true)
  test.equal(m.left.weight, {2.0, 2.0})
  test.raises(function() m:load_state_dict({["left.weight"] = torch.zeros(2)}) end, "right.weight")
  test.raises(function() m:load_state_dict{["left.weight"] = 3} end, "expected 'left.weight' to be a tensor")
  test.raises(function() m:load_state_dict{torch.zeros(2)} end, "keys must be names")
  test.raises(function() m:load_state_dict(3) end, "expected a table of tensors")
  test.raises(function() m:load_state_dict({}, {strickt = true}) end, "strickt")
  test.equal(m.left.weight, {2.0, 2.0})
  m:load_state_dict({["left.weight"] = torch.zeros(2), other = torch.zeros(1)}, {strict = false})
  test.equal({m.left.weight:tolist(), m.right.weight:tolist()}, {{0.0, 0.0}, {2.0, 2.0, 2.0}})
end)

-- ---- hooks ----

test("forward hooks see and replace arguments and results, and can be removed", function()
  local m, seen = Leaf(1), {}
  local before = m:register_forward_pre_hook(function(_, args)
    seen[#seen + 1] = "before"
    return {args[1] * 10}
  end)
  local after = m:register_forward_hook(function(_, args, output)
    seen[#seen + 1] = "after " .. args[1]:item()
    return output + 1
  end)
  test.equal(m(torch.ones(1)), {21.0})
  test.equal(seen, {"before", "after 10.0"})
  before:remove()
  before:remove()
  test.equal(m(torch.ones(1)), {3.0})
  after:remove()
  do
    local _ <close> = m:register_forward_hook(function() return 5 end)
    test.equal(m(torch.ones(1)), 5)
  end
  test.equal(m(torch.ones(1)), {2.0})
  test.raises(function() m:register_forward_hook(3) end, "hook expects a function, got 3")
end)

test("hooks on native modules also run below native parents", function()
  local g = GPT{hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 5, sequence_len = 4}
  local shapes = {}
  local function note(_, _, output) shapes[#shapes + 1] = tostring(output.shape) end
  local handles = {
    g.blocks[0].attn:register_forward_hook(note), g.blocks[0].ff.proj_up:register_forward_hook(note),
    g:register_forward_hook(note),
  }
  g(torch.tensor{{1, 2}})
  test.equal(shapes, {"torch.Size([1, 2, 8])", "torch.Size([1, 2, 24])", "torch.Size([1, 2, 5])"})
  for _, handle in ipairs(handles) do handle:remove() end
  g(torch.tensor{{1, 2}})
  test.equal(#shapes, 3)
  g.blocks[0].ff:register_forward_hook(function(_, _, output) return output * 0 + 1 end)
  local changed = g(torch.tensor{{1, 2}})
  test.equal(tostring(changed.shape), "torch.Size([1, 2, 5])")
end)

-- ---- layers ----

test("the layers of nn compute what they say", function()
  local x = torch.tensor{{1.0, -2.0, 3.0}}
  test.equal(nn.ReLU()(x), {{1.0, 0.0, 3.0}})
  test.equal(nn.Identity()(x), x)
  test.equal(nn.Dropout(0.5):eval()(x), x)
  test.equal(nn.Dropout(1.0)(x), {{0.0, -0.0, 0.0}})
  test.raises(function() nn.Dropout(1.5) end, "p expects a number in [0, 1]")
  test.close(nn.LayerNorm(3)(x):mean():item(), 0, 1e-6) -- rounding of three f32 terms
  test.close(nn.LayerNorm(3)(x):square():mean():item(), 1, 1e-4) -- eps = 1e-5 over a variance of 4.2
  test.close(nn.RMSNorm(3)(x):square():mean():item(), 1, 1e-6)
  torch.manual_seed(1)
  local dropped = nn.Dropout(0.25)(torch.ones(10000))
  test.close(dropped:mean():item(), 1, 0.03) -- 5 standard deviations of the mean: 5 sqrt(1/3 / 1e4)
  test.close(dropped:max():item(), 4 / 3, 1e-6)
end)

test("options of layers are checked", function()
  test.raises(function() nn.Linear(2, 3, {bais = false}) end, "Linear has no argument 'bais' (did you mean 'bias'?)")
  test.raises(function() nn.Linear(2) end, "out_features")
  test.raises(function() nn.Linear(-1, 2) end, "in_features")
  test.raises(function() nn.Linear(2.5, 2) end, "in_features")
  test.raises(function() nn.Linear(1 << 40, 1 << 40) end, "memory")
  test.raises(function() return nn.Liner end, "nn has no field 'Liner' (did you mean 'Linear'?)")
end)

test("nn.init fills in place and returns the tensor", function()
  local t = torch.empty(64, 16)
  test.equal(nn.init.zeros_(t) == t, true)
  test.equal(t:abs():max():item(), 0.0)
  nn.init.ones_(t)
  test.equal(t:sum():item(), 1024.0)
  nn.init.constant_(t, 0.5)
  test.equal(t:sum():item(), 512.0)
  torch.manual_seed(3)
  nn.init.normal_(t, 1, 0.1)
  test.close(t:mean():item(), 1, 0.016) -- 5 standard errors of 1024 draws
  nn.init.normal_(t, {mean = 1, std = 0})
  test.equal(t:sum():item(), 1024.0)
  nn.init.uniform_(t, 2, 3)
  test.equal(t:min():item() >= 2 and t:max():item() < 3, true)
  nn.init.trunc_normal_(t)
  test.equal(t:abs():max():item() <= 2, true)
  nn.init.orthogonal_(t)
  local gram = t:transpose(0, 1):matmul(t)
  test.close((gram - torch.eye(16)):abs():max():item(), 0, 1e-5) -- f32 products of 64 terms
  nn.init.spectral_(t)
  test.raises(function() return nn.init.normal end, "nn.init has no initializer 'normal' (did you mean 'normal_'?)")
  test.raises(function() nn.init.normal_(3) end, "expects a tensor, got 3")
end)

-- ---- nothing that a module is given gets lost ----

local function Holder()
  local class = nn.class "Holder"
  function class:init()
    self.w, self.c, self.x, self.y = nn.Parameter(torch.ones(2)), nn.ReLU(), 3, nil
    self:register_buffer("b", torch.ones(1))
  end
  function class:forward(x) return x * self.w end
  return class()
end

test("registering under a name that is something else already is refused", function()
  local is = {w = "a parameter", c = "a module", x = "a field", b = "a buffer", train = "a method", forward = "a method"}
  local made = {register_buffer = torch.ones(1), register_parameter = nn.Parameter(torch.ones(1)), add_module = nn.Tanh()}
  local same = {register_buffer = "b", register_parameter = "w", add_module = "c"}
  for method, value in pairs(made) do
    for name, kind in pairs(is) do
      local m = Holder()
      if same[method] == name then
        m[method](m, name, value)
        test.equal(m[name] == value, true)
      else
        test.raises(function() m[method](m, name, value) end,
                    ("%s: expected a new name, '%s' is %s of Holder already"):format(method, name, kind))
        test.equal(#(function() local n = {} for p in m:parameters() do n[#n + 1] = p end return n end)(), 1)
      end
    end
    for _, name in ipairs {"y", "new"} do -- a name that was declared with nil is free
      local m = Holder()
      m[method](m, name, value)
      test.equal(m[name] == value, true)
    end
  end
  local m = Holder()
  test.raises(function() m.w = torch.ones(2) end, "Holder.w: expected a parameter or nil, got a plain tensor; wrap it: nn.Parameter(t)")
  test.raises(function() m.b = 3 end, "Holder.b: expected a tensor or nil, got an integer")
  test.raises(function() m.train = nn.ReLU() end, "Holder.train: expected another name, 'train' is a method")
  test.raises(function() m.zero_grad = nn.Parameter(torch.ones(1)) end, "'zero_grad' is a method")
  test.raises(function() m.training = "x" end, "Holder.training: expected true or false, got a string")
end)

test("a plain table of modules or parameters that the model would not have is refused", function()
  local function build(fill)
    local class = nn.class "Lists"
    class.init = fill
    return class()
  end
  local function refuses(fill, text) test.raises(function() build(fill) end, "Lists.layers: a plain table keeps its " .. text) end
  refuses(function(self) self.layers = {nn.Linear(2, 2)} end, "modules out of the model, they would not be trained or saved; use nn.ModuleList")
  refuses(function(self) self.layers = {} self.layers[1] = nn.Linear(2, 2) end, "modules")
  refuses(function(self) self.layers = {a = {nn.Dropout()}} end, "modules")
  refuses(function(self) self.layers = odict {{"a", nn.Dropout()}} end, "modules")
  refuses(function(self) self.layers = {nn.Parameter(torch.ones(2))} end, "parameters out of the model, they would not be trained or saved; use self:register_parameter")
  local m = build(function(self) -- what is in the tree may be listed as well, in any order
    self.layers = {nn.Linear(2, 2), {w = nn.Parameter(torch.ones(1))}}
    self.a, self.w = self.layers[1], self.layers[2].w
  end)
  test.raises(function() m.more = {nn.ReLU()} end, "Lists.more: a plain table keeps its modules")
  m.again, m.numbers = {m.a, m.w}, {1, {2}}
  local older = nn.Linear(2, 2)
  test.equal(build(function(self) self.teacher = {older} end).teacher[1] == older, true) -- a reference to another model
end)

test("walks by PyTorch's arguments", function()
  local m = nn.Sequential(Holder(), nn.Linear(2, 2))
  m[1].bias = m[0].w
  local function named(...)
    local out = {}
    for name in m:named_parameters(...) do out[#out + 1] = name end
    return out
  end
  test.equal(named(), {"0.w", "1.weight"})
  test.equal(named {prefix = "net", remove_duplicate = false}, {"net.0.w", "net.1.weight", "net.1.bias"})
  test.equal({named("", false), named {recurse = false}}, {{}, {}})
  test.equal({m[0]:parameters(false)(), m[1]:parameters {recurse = false}()}, {m[0].w, m[1].weight})
  local name, buffer = m:named_buffers("net")()
  test.equal({name, buffer}, {"net.0.b", m[0].b})
  test.equal(m:buffers {recurse = false}(), nil)
  local state = m:state_dict {prefix = "net.", keep_vars = true}
  test.equal({state["net.0.w"] == m[0].w, m:state_dict()["0.w"].requires_grad}, {true, false})
  for call, text in pairs {
    [function() m:state_dict {destination = {}} end] = "state_dict has no argument 'destination'; it takes prefix, keep_vars",
    [function() m:parameters {recurs = false} end] = "parameters has no argument 'recurs' (did you mean 'recurse'?)",
    [function() m:train "x" end] = "train: mode expects true or false, got 'x'",
    [function() m:num_params(true) end] = "num_params: options go in a table",
    [function() m:requires_grad_(1) end] = "requires_grad_: requires_grad expects true or false, got 1",
  } do test.raises(call, text) end
  m(torch.ones(1, 2)):sum():backward()
  m:zero_grad {set_to_none = false}
  test.equal(m[1].weight.grad, {{0.0, 0.0}, {0.0, 0.0}})
  m:zero_grad()
  test.equal(m[1].weight.grad, nil)
end)

test("constructors take PyTorch's positions and drop nothing", function()
  test.equal(nn.Linear(2, 3, false):has "bias" and nn.Linear(2, 3, false).bias, nil)
  test.equal(nn.Linear(2, 3, true, "cpu", torch.float64).weight.dtype == torch.float64, true)
  test.equal(nn.LayerNorm(4, 1e-3, true, false).bias, nil)
  test.equal(nn.GELU("tanh").approximate, "tanh")
  test.equal(nn.Parameter(torch.ones(1), false).requires_grad, false)
  local relu = nn.ReLU()
  test.equal(nn.Sequential(relu, nn.Identity(54, {unused = 1}), relu)(torch.tensor {-1.0, 2.0}), {0.0, 2.0})
  local named = nn.Sequential(odict {{"up", nn.Linear(2, 3)}, {"act", relu}, {"down", nn.Linear(3, 1)}})
  test.equal({named(torch.ones(4, 2)).shape:tolist(), #named, named.act == relu}, {{4, 1}, 3, true})
  for call, text in pairs {
    [function() nn.Linear(2, 3, true, "cpu", torch.float32, 4) end] = "Linear: expected at most 5 arguments",
    [function() nn.Embedding(5, 3, {padding_idx = 0}) end] = "Embedding has no argument 'padding_idx'",
    [function() nn.Dropout(0.5, true) end] = "Dropout: inplace = true is not supported",
    [function() nn.ReLU {inplace = true} end] = "ReLU: inplace = true is not supported",
    [function() nn.Tanh(1) end] = "Tanh: expected at most 0 arguments",
    [function() nn.Sequential(relu, nil, relu) end] = "Sequential: expected a module, got nil",
    [function() nn.Sequential(relu, 3) end] = "Sequential: expected a module, got number",
    [function() nn.Sequential {relu, [3] = relu} end] = "Sequential: expected a list without gaps, item 2 is nil",
    [function() nn.Sequential {act = relu} end] = "Sequential: expected a list of modules, got the name 'act'",
    [function() nn.ModuleList {relu, [3] = relu} end] = "ModuleList: expected a list without gaps, item 2 is nil",
    [function() nn.ModuleList {act = relu} end] = "ModuleList has no argument 'act'",
    [function() nn.ModuleList(relu, relu) end] = "ModuleList: expected at most 1 argument",
    [function() nn.ModuleDict {act = 3} end] = "add_module: module expects a module, got 3",
    [function() nn.ModuleDict {relu} end] = "ModuleDict: expected a name to be a string, got 1",
    [function() nn.Linear(2, 2)(torch.ones(2), torch.ones(2)) end] = "Linear: forward takes (x), got 2 arguments",
    [function() nn.GELU "fast" end] = 'GELU: approximate expects "none" or "tanh"',
    [function() nn.Linear(2, 2)(torch.ones(2), {loss_reduction = "sum"}) end] = "Linear: forward has no option 'loss_reduction'",
  } do test.raises(call, text) end
end)
