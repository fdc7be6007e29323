--- multipliers.lua: the forward multipliers of a model as data.

local native = require "native.reparam"
local module = require "native.module"
local keywords = require "base.keywords"

local multipliers = {}

--- reparam.multipliers(model) -> {forward = {[path] = c}, attention = {[path] = s}}: what differs from a plain model, for a
-- file next to its weights.
function multipliers.of(model)
  local out = {forward = {}, attention = {}}
  for path, m in model:named_modules() do
    local c, s = native.multiplier(m), native.attention_scale(m)
    if c ~= 1 then out.forward[path] = c end
    if s and s ~= 0 then out.attention[path] = s end
  end
  return out
end

--- reparam.set_multipliers(model, saved): those of reparam.multipliers; all others become 1.
function multipliers.set(model, saved)
  if type(saved) ~= "table" or type(saved.forward) ~= "table" or type(saved.attention) ~= "table" then
    keywords.fail("reparam.set_multipliers: expected {forward = {…}, attention = {…}}, got %s", keywords.show(saved))
  end
  for kind, list in pairs(saved) do
    for path in pairs(list) do
      if path ~= "" and not pcall(module.submodule, model, path) then
        keywords.fail("set_multipliers: the model has no module '%s' (%s)", path, kind)
      end
    end
  end
  for path, m in model:named_modules() do
    native.multiplier(m, saved.forward[path] or 1)
    if native.attention_scale(m) then native.attention_scale(m, saved.attention[path] or 0) end
  end
  return model
end

return multipliers
