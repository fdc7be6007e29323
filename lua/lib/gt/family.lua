--- family.lua: what instruments that make several models share: checked numbers and seeds, families of GPTs, steps that
-- may diverge, random streams and loaders put back.

local native = require "native.train"
local module = require "native.module"
local keywords = require "base.keywords"
local settings = require "gt.train.settings"

local family = {}

function family.whole(what, name, value, min)
  if math.type(value) ~= "integer" or value < min then
    keywords.fail("%s: expected %s, a whole number from %d on, got %s", what, name, min, keywords.show(value))
  end
  return value
end

--- A list of whole numbers in rising order, at least `count` of them.
function family.widths(what, widths, count)
  if type(widths) ~= "table" or #widths < count then
    keywords.fail("%s: expected widths, a list of %s or more, got %s", what, count == 1 and "one" or "two",
                  keywords.show(widths))
  end
  local out = {}
  for i, width in ipairs(widths) do
    out[i] = family.whole(what, "widths", width, 1)
    if i > 1 and width <= out[i - 1] then
      keywords.fail("%s: expected widths in rising order, got %d after %d", what, width, out[i - 1])
    end
  end
  return out
end

--- Seeds as a list; a number n means 1 … n.
function family.seeds(what, seeds)
  local out, known = {}, {}
  if type(seeds) == "table" and #seeds > 0 then
    for i, seed in ipairs(seeds) do
      out[i] = family.whole(what, "seeds", seed, 0)
      if known[seed] then keywords.fail("%s: expected different seeds, got %d twice", what, seed) end
      known[seed] = true
    end
    return out
  end
  for i = 1, family.whole(what, "seeds", seeds, 1) do out[i] = i end
  return out
end

--- A family of GPTs from the settings they share: hidden_dim is the width, head_dim (32) stays.
function family.gpts(what, shared)
  local models = require "gt.models"
  local own, head = {}, shared.head_dim or 32
  for key, value in pairs(shared) do
    if key ~= "head_dim" then own[key] = value end
  end
  family.whole(what, "head_dim", head, 1)
  return function(width)
    if shared.n_heads == nil and width % head ~= 0 then
      keywords.fail("%s: a width of %d does not divide into heads of %d", what, width, head)
    end
    own.hidden_dim, own.n_heads = width, shared.n_heads or width // head
    return models.GPT(own)
  end
end

--- May the value be called?
function family.callable(value)
  return type(value) == "function" or type(value) == "table" and (getmetatable(value) or {}).__call ~= nil
end

--- A copy of what a family made, which has no other reference.
function family.own(what, model, width)
  if not module.is_module(model) then
    keywords.fail("%s: expected a model from the family for width %s, got %s", what, tostring(width), keywords.show(model))
  end
  return model:clone()
end

--- Puts the random streams back when it is closed.
function family.keep_streams()
  local seed, stream = native.rng()
  return setmetatable({}, {__close = function() native.set_rng(seed, stream) end})
end

--- Makes new tensors on a device until it is closed.
function family.on_device(device)
  local before = torch.get_default_device()
  torch.set_default_device(device)
  return setmetatable({}, {__close = function() torch.set_default_device(before) end})
end

--- Puts a loader back to where it is now when it is closed; other data have no position.
function family.keep_place(data)
  local place = settings.is_loader(data) and data:state()
  return setmetatable({place = place or nil}, {__close = function()
    if place then data:load_state(place) end
  end})
end

--- One step of a trainer -> true; false when its loss or its gradients are not finite.  Other errors go through.
function family.step(t)
  local ok, why = pcall(t.step, t)
  if not ok and not t.nonfinite then error(why, 0) end
  return ok
end

return family
