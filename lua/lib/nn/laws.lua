--- laws.lua: nn.init, laws that fill a tensor in place and return it.  fan_in = size(1), fan_out =
-- size(0) of a matrix.

local native = require "native.module"
local keywords = require "gt.keywords"

local init = {}

-- ---- tied tensors that are initialised twice ----

local watch -- of the m:apply() that runs: the module it is at, the last law of each tensor, what came twice

--- Runs fn(set_module), and returns a list of {tensor = …, first = law, last = law} where two modules initialised one.
local function twice(fn)
  local outer = watch
  watch = {last = {}, found = {}}
  local found, mine = watch.found, watch
  local ok, message = pcall(fn, function(module) mine.module = module end)
  watch = outer
  if not ok then error(message, 0) end
  return found
end

local function record(name, t, x, y)
  local before = watch.last[t]
  local now = {tensor = t, module = watch.module, last = ("%s(%s)"):format(name, table.concat({x, y}, ", "))}
  if before and before.module == now.module then
    before.last = now.last
    return
  end
  watch.last[t] = now
  if before then
    now.first = before.last
    table.insert(watch.found, now)
  end
end

-- ---- laws ----

--- What callers of {mean = …, std = …} and of positional numbers both get.
local function law(name, first, a, second, b)
  init[name] = function(t, x, y)
    if type(x) == "table" then
      local allowed = {first, second}
      local o = keywords.read(name, x, allowed)
      x, y = o[first], o[second]
    end
    if x == nil then x = a end
    if y == nil then y = b end
    native.init(name, t, x, y)
    if watch then record(name, t, x, y) end
    return t
  end
end

law("zeros_")
law("ones_")
law("normal_", "mean", 0, "std", 1)
law("uniform_", "a", 0, "b", 1)
law("trunc_normal_", "mean", 0, "std", 1)
law("xavier_uniform_", "gain", 1)
law("xavier_normal_", "gain", 1)
law("kaiming_uniform_", "a", 0)
law("kaiming_normal_", "a", 0)
law("orthogonal_", "gain", 1)
law("spectral_")

--- nn.init.constant_(t, value)
function init.constant_(t, value)
  local _ <close> = torch.no_grad()
  return t:fill_(keywords.number("constant_", "value", value))
end

--- nn.init.eye_(t): identity matrix.
function init.eye_(t)
  local _ <close> = torch.no_grad()
  return t:copy_(torch.eye(t:size(0), t:size(1), {dtype = t.dtype, device = t.device}))
end

--- nn.init.calculate_gain(name): the scale that keeps activations' size behind a nonlinearity.
function init.calculate_gain(name)
  local gains = {linear = 1, sigmoid = 1, tanh = 5 / 3, relu = math.sqrt(2), leaky_relu = math.sqrt(2 / 1.0001)}
  return gains[name] or keywords.fail("calculate_gain: unknown nonlinearity %s", keywords.show(name))
end

local function unknown(_, name)
  local names = {}
  for known in pairs(init) do names[#names + 1] = known end
  table.sort(names)
  keywords.fail("nn.init has no law %s%s", keywords.show(name), keywords.suggest(tostring(name), names))
end

return {twice = twice, init = setmetatable(init, {__index = unknown})}
