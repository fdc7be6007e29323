--- models.lua: the GPT of the founding notebook, native: its configuration and its classes.

local native = require "native.module"
local keywords = require "gt.keywords"
local core = require "nn.class"
require "nn.layers" -- the classes of what a GPT is made of

local models = {}

-- ---- configuration ----

local defaults, order = native.gpt_config()

local Config = {__name = "GPTConfig"}

local methods = {}

--- config:count(): parameters of the model this configuration makes, tied table once.
function methods.count(config)
  local c = config
  local inner = c.hidden_dim * c.mlp_ratio
  local block = 4 * c.hidden_dim * c.hidden_dim + 2 * c.hidden_dim * inner
  return c.vocab_size * c.hidden_dim + c.n_layers * block
end

local function unknown(key)
  local names = table.move(order, 1, #order, 1, {})
  names[#names + 1] = "count"
  local hint = type(key) == "string" and keywords.suggest(key, names) or ""
  keywords.fail("GPTConfig has no field %s%s; it has %s", keywords.show(key), hint,
                table.concat(order, ", "))
end

local values = setmetatable({}, {__mode = "k"}) -- config -> its settings

function Config.__index(config, key)
  local value = values[config][key]
  if value == nil then value = methods[key] end
  if value == nil then unknown(key) end
  return value
end

local function whole(key, value)
  local integer = math.type(value) and math.tointeger(value)
  if not integer then
    keywords.fail("GPTConfig: %s must be a whole number, got %s", key, keywords.show(value))
  end
  return integer
end

function Config.__newindex(config, key, value)
  if defaults[key] == nil then unknown(key) end
  values[config][key] = whole(key, value)
end

function Config.__tostring(config)
  local parts = {}
  for i, key in ipairs(order) do parts[i] = key .. "=" .. values[config][key] end
  return "GPTConfig(" .. table.concat(parts, ", ") .. ")"
end

--- for name, value in pairs(config), in the order of definition.
function Config.__pairs(config)
  local i = 0
  return function()
    i = i + 1
    if order[i] then return order[i], values[config][order[i]] end
  end
end

function Config.__eq(a, b)
  for _, key in ipairs(order) do
    if values[a][key] ~= values[b][key] then return false end
  end
  return true
end

--- GPTConfig{hidden_dim = 1024, n_layers = 24, n_heads = 8, mlp_ratio = 3, vocab_size = 32768,
-- sequence_len = 1024}; unknown names raise.
function models.GPTConfig(settings)
  local own = {}
  for key, value in pairs(defaults) do own[key] = value end
  for key, value in pairs(settings or {}) do
    if defaults[key] == nil then unknown(key) end
    own[key] = whole(key, value)
  end
  local config = setmetatable({}, Config)
  values[config] = own
  return config
end

local function as_config(name, value)
  if value ~= nil and type(value) ~= "table" then
    keywords.fail("%s: expected a GPTConfig or a table, got %s", name, keywords.show(value))
  end
  return models.GPTConfig(value)
end

-- ---- classes ----

--- X(config[, {device, dtype}]) for the four classes below.
local function native_model(name, which)
  local class = core.native_class(name)
  core.built_in[class] = true
  models[name] = class
  function class:init(config, options)
    local o = keywords.read(name, options, {"device", "dtype"})
    config = as_config(name, config)
    native.init_gpt(self, which, config, o.device)
    if o.dtype ~= nil then self:to {dtype = o.dtype} end
  end
  return class
end

native_model("MultiHeadAttention", "attention")
native_model("FeedForward", "feed_forward")
native_model("TransformerBlock", "block")

--- GPT(config) or GPT{…}: m(idx) gives logits after the softcap, m(idx, targets[, {loss_reduction =
-- "mean"|"sum"|"none"}]) the loss; targets of -1 are ignored.
local GPT = native_model("GPT", "gpt")
local init = GPT.init
function GPT:init(config, options)
  init(self, config, options)
  self.config = models.GPTConfig(native.gpt_config(self))
end

--- m:init_weights(): the notebook's initialisation; the tied table ends with the law of the head.
function GPT:init_weights() native.gpt_init_weights(self) end

--- m:setup_optimizers{embedding_lr = 0.2, matrix_lr = 0.02, weight_decay = 0}: AdamW for the tied
-- table, Muon for the matrices of the blocks; prints how the first rate is scaled.
function GPT:setup_optimizers(options)
  local o = keywords.read("setup_optimizers", options, {"embedding_lr", "matrix_lr", "weight_decay"})
  local adamw, muon, note = require "gt.optim".recipe(self, o.embedding_lr, o.matrix_lr, o.weight_decay)
  print(note)
  return adamw, muon
end

return models
