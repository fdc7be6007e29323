--- config.lua: GPTConfig, the settings of a native GPT.

local native = require "native.module"
local keywords = require "base.keywords"

local config = {}

local defaults, order = {}, {}
for i, row in ipairs(native.gpt_settings()) do
  defaults[row.name], order[i] = row.default, row.name
end

local Config = {__name = "GPTConfig"}

local methods = {}
local values = setmetatable({}, {__mode = "k"}) -- config -> its settings

--- config:count(): parameters of the model this configuration makes, tied table once.
function methods.count(config) return native.gpt_count(values[config]) end

local function unknown(key)
  local names = table.move(order, 1, #order, 1, {})
  names[#names + 1] = "count"
  local hint = type(key) == "string" and keywords.suggest(key, names) or ""
  keywords.fail("GPTConfig has no field %s%s; it has %s", keywords.show(key), hint,
                table.concat(order, ", "))
end

function Config.__index(config, key)
  local own = values[config]
  local value = own[key]
  if value == nil then value = methods[key] end
  if value == nil then unknown(key) end
  if key == "n_kv_heads" and value == 0 then return own.n_heads end
  return value
end

function Config.__newindex(config, key, value)
  if defaults[key] == nil then unknown(key) end
  if key == "n_kv_heads" and value == nil then value = 0 end
  values[config][key] = native.gpt_setting(key, value)
end

Config.methods, Config.__fields = methods, order -- for completion

local SIZES = 6 -- the first settings, which are always shown; the others where they are not the default

function Config.__tostring(config)
  local parts = {}
  for i, key in ipairs(order) do
    local value = values[config][key]
    if i <= SIZES or value ~= defaults[key] then parts[#parts + 1] = key .. "=" .. tostring(value) end
  end
  return "GPTConfig(" .. table.concat(parts, ", ") .. ")"
end

--- for name, value in pairs(config), in the order of definition.
function Config.__pairs(config)
  local i = 0
  return function()
    i = i + 1
    if order[i] then return order[i], config[order[i]] end
  end
end

function Config.__eq(a, b)
  for _, key in ipairs(order) do
    if values[a][key] ~= values[b][key] then return false end
  end
  return true
end

--- GPTConfig{hidden_dim = 1024, n_layers = 24, n_heads = 8, mlp_ratio = 3, vocab_size = 32768,
-- sequence_len = 1024}; unknown names raise.  More settings, with their defaults:
-- n_kv_heads = n_heads         heads of keys and values (grouped queries)
-- norm = "rms"                 "rms": without parameters; "layer": LayerNorm
-- bias = false                 of the Linear layers in the blocks and of LayerNorm
-- activation = "relu2"         "relu2", "gelu", "gelu_tanh" or "silu"
-- position = "rope"            "rope", or "learned": a table added to the token embedding
-- qk_norm = true               RMS norm of every head of queries and keys
-- softcap = 15                 logits become softcap tanh(logits / softcap); 0: left alone
-- tied = true                  lm_head.weight is token_embedding.weight
-- embedding_norm = true        a norm before the first block
-- dropout = 0                  in training: of the embedding, attention weights and both branches of every block
-- init = "spectral"            law of init_weights: "spectral" (the notebook's) or "gpt2"
function config.GPTConfig(settings)
  local own = {}
  for key, value in pairs(defaults) do own[key] = value end
  for key, value in pairs(values[settings] or settings or {}) do
    if defaults[key] == nil then unknown(key) end
    own[key] = native.gpt_setting(key, value)
  end
  local made = setmetatable({}, Config)
  values[made] = own
  return made
end

--- The settings of a configuration as the native side takes them.
function config.settings(made) return values[made] end

keywords.sign(config, "GPTConfig(settings: table = nil)")

return config
