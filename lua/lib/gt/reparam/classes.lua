--- classes.lua: the six classes of Levanter's reparam.py, rows of the table of rules under their own names.
--
-- In, Out, Embed, Vocab are sizes, or lists of sizes whose product counts.  X.init_scale(In, Out) needs no object;
-- X(In, Out) has lr_scale, active_scale and, of embeddings, unembed_active_scale.

local native = require "native.reparam"
local signature = require "native".signature
local keywords = require "base.keywords"

local classes = {}

local function size(what, name, axes)
  local total = 1
  for _, n in ipairs(type(axes) == "table" and axes or {axes}) do
    if math.type(n) ~= "integer" or n < 1 then
      keywords.fail("%s: expected %s, a size or a list of sizes, got %s", what, name, keywords.show(n))
    end
    total = total * n
  end
  if axes == nil or (type(axes) == "table" and #axes == 0) then
    keywords.fail("%s: expected %s, a size or a list of sizes, got %s", what, name, keywords.show(axes))
  end
  return total
end

local function ask(rule, role, fan_in, fan_out)
  return native.scales(rule, role, "adam", {fan_in = fan_in, fan_out = fan_out})
end

local function text(self)
  return ("%s(lr_scale=%s, active_scale=%s%s)"):format(self.__name, self.lr_scale, self.active_scale,
    self.unembed_active_scale and ", unembed_active_scale=" .. tostring(self.unembed_active_scale) or "")
end

--- A class whose numbers are row `role` of `rule`.  `axes`: names of the two axes in the order of its constructor.
local function define(name, rule, role, axes)
  local embedding = role == "embedding"
  local class = {__name = name, __tostring = text}
  class.__index = class

  --- init_scale(In, Out): std of fresh weights; of an embedding In is Vocab and Out is Embed.
  function class.init_scale(In, Out)
    local fan_out = size(name .. ".init_scale", "Out", Out)
    return ask(rule, role, embedding and 1 or size(name .. ".init_scale", "In", In), fan_out).std
  end

  local function build(_, a, b)
    local first, second = size(name, axes[1], a), size(name, axes[2], b)
    local scales = ask(rule, role, embedding and 1 or first, embedding and first or second)
    local self = {[axes[1]] = a, [axes[2]] = b, lr_scale = scales.lr, active_scale = scales.multiplier}
    if embedding then self.unembed_active_scale = ask(rule, "unembed", first, first).multiplier end
    return setmetatable(self, class)
  end
  local call = signature(("%s(self, %s: integer|list, %s: integer|list)"):format(name, table.unpack(axes)), build)
  class.init_scale = signature(name .. ".init_scale(In: integer|list, Out: integer|list)", class.init_scale)
  classes[name] = setmetatable(class, {__call = call, __name = "class", __tostring = function() return "class " .. name end})
end

local linear, table_axes = {"In", "Out"}, {"Embed", "Vocab"}
define("LinearStandardParam", "levanter_standard", "hidden", linear)
define("InputLinearMup", "levanter_mup", "input", linear)
define("HiddenLinearMup", "levanter_mup", "hidden", linear)
define("OutputLinearMup", "levanter_mup", "output", linear)
define("EmbeddingStandardParam", "levanter_standard", "embedding", table_axes)
define("EmbeddingMup", "levanter_mup", "embedding", table_axes)

return classes
