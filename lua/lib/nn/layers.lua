--- layers.lua: the layers of nn.  Linear, Embedding, RMSNorm, LayerNorm and ModuleList are native; the rest are
-- classes in Lua, as a user would write them.

local native = require "native.module"
local signature = require "native".signature
local keywords = require "base.keywords"
local core = require "nn.class"

local layers = {}

--- Gives the constructor of a class, or another method, its signature.
local function sign(class, arguments, method)
  method = method or "init"
  class[method] = signature(class.__name .. arguments, class[method])
end

local function built_in(class)
  core.built_in[class] = true
  layers[class.__name] = class
  return class
end

-- ---- native ----

--- nn.Linear(in_features, out_features, bias = true[, {dtype, device}]): y = x Wᵀ + b, W (out, in).
local Linear = built_in(core.native_class "Linear")
function Linear:init(in_features, out_features, bias, device, dtype)
  native.init_linear(self, in_features, out_features, bias, dtype, device)
end
sign(Linear, "(self, in_features: integer, out_features: integer, bias: boolean = true, device: device = nil, dtype: dtype = nil)")

--- nn.Embedding(num_embeddings, embedding_dim[, {dtype, device}]): rows of a table by index.
local Embedding = built_in(core.native_class "Embedding")
function Embedding:init(num_embeddings, embedding_dim, device, dtype)
  native.init_embedding(self, num_embeddings, embedding_dim, dtype, device)
end
sign(Embedding, "(self, num_embeddings: integer, embedding_dim: integer, device: device = nil, dtype: dtype = nil)")

--- nn.RMSNorm(dim[, eps[, elementwise_affine = true]][, {dtype, device}]): x / rms(x) * weight.
local RMSNorm = built_in(core.native_class "RMSNorm")
function RMSNorm:init(shape, eps, affine, device, dtype)
  native.init_rms_norm(self, keywords.width("RMSNorm", shape), eps, affine, dtype, device)
end
sign(RMSNorm, [[(self, normalized_shape: integer|sizes, eps: number = nil, elementwise_affine: boolean = true, device: device = nil,
                dtype: dtype = nil)]])

--- nn.LayerNorm(dim, eps = 1e-5, elementwise_affine = true, bias = true[, {dtype, device}]):
-- (x - mean) / sqrt(variance + eps) * weight + bias.
local LayerNorm = built_in(core.native_class "LayerNorm")
function LayerNorm:init(shape, eps, affine, bias, device, dtype)
  native.init_layer_norm(self, keywords.width("LayerNorm", shape), eps, affine, affine and bias, dtype, device)
end
sign(LayerNorm, [[(self, normalized_shape: integer|sizes, eps: number = 1e-5, elementwise_affine: boolean = true,
                  bias: boolean = true, device: device = nil, dtype: dtype = nil)]])

-- ---- containers ----

--- All modules in order, one that is in two places twice.
local function iterate(container)
  local step, state, at = pairs(container)
  return function()
    local module
    at, module = step(state, at)
    return module
  end
end

--- Appends a module to a list or a Sequential.
local function append(self, module)
  if not native.is_module(module) then
    keywords.fail("%s: expected a module, got %s", native.class_name(self), torch.type(module))
  end
  native.append(self, module)
  return self
end

--- Appends all of a list without gaps or of an iterator.
local function extend(self, modules)
  local list, name = keywords.list(native.class_name(self), modules), native.class_name(self)
  for key in next, list do
    if math.type(key) ~= "integer" then
      keywords.fail("%s: expected a list of modules, got the name %s; nn.ModuleDict takes names", name, keywords.show(key))
    end
    if key ~= 1 and list[key - 1] == nil then keywords.fail("%s: expected a list without gaps, item %d is nil", name, key - 1) end
  end
  for _, module in ipairs(list) do append(self, module) end
  return self
end

--- nn.ModuleList{m, …} (or an iterator): list[0] … list[-1], #list, list:iter(), ipairs(list).
local ModuleList = built_in(core.native_class "ModuleList")
function ModuleList:init(modules)
  native.init_module_list(self)
  if modules ~= nil then self:extend(modules) end
end

sign(ModuleList, "(self, modules: list = nil)")

--- list:append(module)
ModuleList.append = append
ModuleList.extend = extend

--- for block in list:iter()
ModuleList.iter = iterate

keywords.sign(ModuleList, "append(self: module, module: any) extend(self: module, modules: any) iter(self: module)")

--- nn.Sequential(m, …) or nn.Sequential{m, …}: calls one after the other; an odict {{"name", m}, …} names them.
local Sequential = built_in(core.class "Sequential")
function Sequential:init(...)
  local first, count = (...), select("#", ...)
  if count ~= 1 or type(first) ~= "table" then
    for i = 1, count do append(self, (select(i, ...))) end
  elseif getmetatable(first) == nil then
    extend(self, first)
  else
    for name, module in pairs(first) do self:add_module(keywords.string("Sequential", "a name", name), module) end
  end
end

Sequential.append = ModuleList.append

function Sequential:forward(x)
  for module in self:iter() do x = module(x) end
  return x
end

sign(Sequential, "(self, x: any)", "forward")

Sequential.iter = ModuleList.iter

--- nn.ModuleDict{name = m, …} or of an odict: dict.name or dict["name"], dict:keys(), dict:items().
local ModuleDict = built_in(core.class "ModuleDict")
function ModuleDict:init(modules)
  local names = {}
  for name in pairs(modules or {}) do
    names[#names + 1] = keywords.string("ModuleDict", "a name", name)
  end
  if modules and not getmetatable(modules) then table.sort(names) end -- plain tables have no order
  for _, name in ipairs(names) do self:add_module(name, modules[name]) end
end

sign(ModuleDict, "(self, modules: table = nil)")

--- for name, module in dict:items()
function ModuleDict:items() return self:named_children() end

function ModuleDict:keys()
  local names = {}
  for name in self:named_children() do names[#names + 1] = name end
  return names
end

keywords.sign(ModuleDict, "items(self: module) keys(self: module)")

-- ---- activations and the like ----

local function activation(name, fn, init)
  local class = built_in(core.class(name))
  class.forward, class.init = fn, init or function(_) end
  sign(class, init and "(self, inplace: boolean = false)" or "(self)")
  sign(class, "(self, x: tensor)", "forward")
end

local function not_in_place(self, inplace) keywords.no_inplace(native.class_name(self), inplace) end

activation("ReLU", function(_, x) return torch.relu(x) end, not_in_place)
activation("SiLU", function(_, x) return F.silu(x) end, not_in_place)
activation("Tanh", function(_, x) return torch.tanh(x) end)
activation("Sigmoid", function(_, x) return torch.sigmoid(x) end)

local Identity = built_in(core.class "Identity")
function Identity:init() end -- takes any arguments, as PyTorch's does
function Identity:forward(x) return x end
sign(Identity, "(self, x: any)", "forward")

--- nn.GELU(approximate = "none" | "tanh")
local GELU = built_in(core.class "GELU")
function GELU:init(approximate) self.approximate = approximate end
sign(GELU, [[(self, approximate: "none"|"tanh" = "none")]])
function GELU:forward(x) return F.gelu(x, {approximate = self.approximate}) end
sign(GELU, "(self, x: tensor)", "forward")
function GELU:extra_repr() return "approximate='" .. self.approximate .. "'" end

--- nn.Dropout(p = 0.5): in training zeroes elements with probability p and scales the rest by 1/(1-p).
local Dropout = built_in(core.class "Dropout")
function Dropout:init(p, inplace)
  keywords.no_inplace("Dropout", inplace)
  self.p = p
end
sign(Dropout, "(self, p: number[0,1] = 0.5, inplace: boolean = false)")
function Dropout:forward(x) return F.dropout(x, {p = self.p, training = self.training}) end
sign(Dropout, "(self, x: tensor)", "forward")
function Dropout:extra_repr() return "p=" .. tostring(self.p) end

-- ---- parameters ----

--- nn.Parameter(t, requires_grad = true): a tensor on t's memory that modules register.
function layers.Parameter(t, requires_grad) return core.count_birth(native.parameter(t, requires_grad)) end
keywords.sign(layers, "Parameter(t: tensor, requires_grad: boolean = true)")

return layers
