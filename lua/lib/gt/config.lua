--- config.lua: GPTConfig, the settings of a native GPT.

local native = require "native.module"
local keywords = require "base.keywords"

local M = {}

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

--- GPTConfig{hidden_dim = 1024, n_layers = 24, n_heads = 8, …}: the settings of a GPT; unknown names raise.  They may be read
-- and set as fields; config:count() counts the parameters.
function M.GPTConfig(settings)
  local own, meta = {}, getmetatable(settings)
  if meta and not values[settings] and not (type(meta) == "table" and meta.__pairs) then
    keywords.fail("GPTConfig: expected a table of settings, got one with a metatable, whose fields are not read")
  end
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
function M.settings(made) return values[made] end

keywords.sign(M, "GPTConfig(settings: table = nil)")

return M
