--- average.lua: train.average: an exponential moving average of a model's weights.

local native = require "native.train"
local keywords = require "base.keywords"

local average = {}

local Average = {__name = "train.average"}
Average.__index = Average

--- Copies in at least float32: an average with a decay near 1 moves by less than a half can tell.
local function copies(weights)
  local out = {}
  for i, w in ipairs(weights) do
    local half = w.dtype == torch.bfloat16 or w.dtype == torch.float16
    out[i] = half and w:detach():float() or w:detach():clone()
  end
  return out
end

--- train.average(model or parameters[, {decay = 0.999}]) -> an average that begins with the weights as they are:
-- avg:update() after each step moves it, a <- a + (1 - decay)(w - a); avg:apply(function, …) runs the function with the
-- averages in the model's place; avg:state_dict() has them under the names of the weights.
function average.average(model, options)
  local weights, names = {}, {}
  if require "native.module".is_module(model) then
    for name, p in model:named_parameters() do
      weights[#weights + 1], names[#names + 1] = p, name
    end
  else
    for i, p in ipairs(keywords.list("train.average", model)) do
      if not torch.is_tensor(p) then keywords.fail("train.average: item %d: expected a tensor, got %s", i, keywords.show(p)) end
      weights[i], names[i] = p, tostring(i - 1)
    end
  end
  return setmetatable({decay = options.decay, weights = weights, names = names, values = copies(weights)}, Average)
end

--- avg:update(): moves the average towards the weights; no step of it is left half done.
function Average:update() native.average(self.values, self.weights, self.decay) end

--- avg:swap(): exchanges averages and weights; a second call puts them back.
function Average:swap() native.swap(self.weights, self.values) end

--- avg:apply(function, …) -> its results, with the averages in the place of the weights; they come back whatever happens.
function Average:apply(fn, ...)
  local inside = false
  local function exchange()
    self:swap()
    inside = not inside
  end
  local function back()
    if inside then exchange() end
  end
  return native.guard(back, function(...)
    native.shielded(exchange)
    local results = table.pack(fn(...))
    native.shielded(back)
    return table.unpack(results, 1, results.n)
  end, ...)
end

--- avg:state_dict() -> table of the averages by name; they share memory.
function Average:state_dict()
  local state = odict {}
  for i, name in ipairs(self.names) do state[name] = self.values[i] end
  return state
end

--- avg:load_state_dict(state): copies averages saved under the same names.
function Average:load_state_dict(state)
  for i, name in ipairs(self.names) do
    local saved = state[name]
    if not torch.is_tensor(saved) or tostring(saved.shape) ~= tostring(self.values[i].shape) then
      keywords.fail("train.average: expected '%s' %s, got %s", name, tostring(self.values[i].shape),
                    torch.is_tensor(saved) and tostring(saved.shape) or "nothing")
    end
  end
  for i, name in ipairs(self.names) do self.values[i]:copy_(state[name]) end
end

keywords.sign(average, "average(model: module|list, {decay: number[0,1) = 0.999})", "train.")

return average
