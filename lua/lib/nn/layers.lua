--- layers.lua: the layers of nn.  Linear, Embedding, RMSNorm, LayerNorm and ModuleList are native; the rest are
-- classes in Lua, as a user would write them.

local native = require "native.module"
local keywords = require "gt.keywords"
local core = require "nn.class"

local layers = {}

local function built_in(class)
  core.built_in[class] = true
  layers[class.__name] = class
  return class
end

-- ---- native ----

--- nn.Linear(in_features, out_features[, {bias = true, dtype, device}]): y = x Wᵀ + b, W (out, in).
local Linear = built_in(core.native_class "Linear")
function Linear:init(in_features, out_features, options)
  local o = keywords.read("Linear", options, {"bias", "dtype", "device"})
  native.init_linear(self, in_features, out_features, o.bias ~= false, o.dtype, o.device)
end

--- nn.Embedding(num_embeddings, embedding_dim[, {dtype, device}]): rows of a table by index.
local Embedding = built_in(core.native_class "Embedding")
function Embedding:init(num_embeddings, embedding_dim, options)
  local o = keywords.read("Embedding", options, {"dtype", "device"})
  native.init_embedding(self, num_embeddings, embedding_dim, o.dtype, o.device)
end

--- nn.RMSNorm(dim[, {eps, elementwise_affine = true, dtype, device}]): x / rms(x) * weight.
local RMSNorm = built_in(core.native_class "RMSNorm")
function RMSNorm:init(dim, options)
  local o = keywords.read("RMSNorm", options, {"eps", "elementwise_affine", "dtype", "device"})
  if type(dim) == "table" then dim = dim[1] end
  native.init_rms_norm(self, dim, o.eps, o.elementwise_affine ~= false, o.dtype, o.device)
end

--- nn.LayerNorm(dim[, {eps = 1e-5, elementwise_affine = true, bias = true, dtype, device}]):
-- (x - mean) / sqrt(variance + eps) * weight + bias.
local LayerNorm = built_in(core.native_class "LayerNorm")
function LayerNorm:init(dim, options)
  local o = keywords.read("LayerNorm", options,
                          {"eps", "elementwise_affine", "bias", "dtype", "device"})
  if type(dim) == "table" then dim = dim[1] end
  local affine = o.elementwise_affine ~= false
  native.init_layer_norm(self, dim, o.eps or 1e-5, affine, affine and o.bias ~= false, o.dtype, o.device)
end

-- ---- containers ----

local function iterate(container)
  local i = -1
  return function()
    i = i + 1
    if i < #container then return container[i] end
  end
end

--- nn.ModuleList{m, …} (or an iterator): list[0] … list[-1], #list, list:iter(), ipairs(list).
local ModuleList = built_in(core.native_class "ModuleList")
function ModuleList:init(modules)
  native.init_module_list(self)
  if modules ~= nil then self:extend(modules) end
end

--- list:append(module)
function ModuleList:append(module)
  if not native.is_module(module) then
    keywords.fail("ModuleList: expected a module, got %s", torch.type(module))
  end
  native.append(self, module)
  return self
end

function ModuleList:extend(modules)
  for _, module in ipairs(keywords.list("ModuleList", modules)) do self:append(module) end
  return self
end

--- for block in list:iter()
ModuleList.iter = iterate

--- nn.Sequential(m, …) or nn.Sequential{m, …}: calls one after the other.
local Sequential = built_in(core.class "Sequential")
function Sequential:init(...)
  local modules = {...}
  if #modules == 1 and type(modules[1]) == "table" then modules = modules[1] end
  for _, module in ipairs(modules) do self:append(module) end
end

function Sequential:append(module)
  if not native.is_module(module) then
    keywords.fail("Sequential: expected a module, got %s", torch.type(module))
  end
  native.append(self, module)
  return self
end

function Sequential:forward(x)
  for module in self:iter() do x = module(x) end
  return x
end

Sequential.iter = iterate

--- nn.ModuleDict{name = m, …} or of an odict: dict.name or dict["name"], dict:keys(), dict:items().
local ModuleDict = built_in(core.class "ModuleDict")
function ModuleDict:init(modules)
  local names = {}
  for name in pairs(modules or {}) do names[#names + 1] = name end
  if modules and not getmetatable(modules) then table.sort(names) end -- plain tables have no order
  for _, name in ipairs(names) do self:add_module(name, modules[name]) end
end

--- for name, module in dict:items()
function ModuleDict:items() return self:named_children() end

function ModuleDict:keys()
  local names = {}
  for name in self:named_children() do names[#names + 1] = name end
  return names
end

-- ---- activations and the like ----

local function activation(name, fn)
  local class = built_in(core.class(name))
  class.forward = fn
  return class
end

activation("Identity", function(_, x) return x end)
activation("ReLU", function(_, x) return torch.relu(x) end)
activation("SiLU", function(_, x) return F.silu(x) end)
activation("Tanh", function(_, x) return torch.tanh(x) end)
activation("Sigmoid", function(_, x) return torch.sigmoid(x) end)

--- nn.GELU([{approximate = "none"|"tanh"}])
local GELU = built_in(core.class "GELU")
function GELU:init(options)
  self.approximate = keywords.read("GELU", options, {"approximate"}).approximate or "none"
end
function GELU:forward(x) return F.gelu(x, {approximate = self.approximate}) end
function GELU:extra_repr() return "approximate='" .. self.approximate .. "'" end

--- nn.Dropout(p = 0.5): in training zeroes elements with probability p and scales the rest by 1/(1-p).
local Dropout = built_in(core.class "Dropout")
function Dropout:init(p)
  if type(p) == "table" then p = keywords.read("Dropout", p, {"p"}).p end
  self.p = p == nil and 0.5 or keywords.number("Dropout", "p", p)
  if not (self.p >= 0 and self.p <= 1) then keywords.fail("Dropout: p must be in [0, 1], got %s", p) end
end
function Dropout:forward(x) return F.dropout(x, {p = self.p, training = self.training}) end
function Dropout:extra_repr() return "p=" .. tostring(self.p) end

-- ---- parameters ----

--- nn.Parameter(t[, {requires_grad = true}]): a tensor on t's memory that modules register.
function layers.Parameter(t, options)
  local o = keywords.read("Parameter", options, {"requires_grad"})
  return native.parameter(t, o.requires_grad)
end

return layers
