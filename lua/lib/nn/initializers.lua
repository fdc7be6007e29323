--- initializers.lua: nn.init, functions that fill a tensor in place and return it.  fan_in = size(1), fan_out =
-- size(0) of a matrix.

local native = require "native.module"
local keywords = require "base.keywords"

local init = {}

-- ---- tied tensors that are initialised twice ----

local watch -- of the m:apply() that runs: the module it is at, the last initializer of each tensor, what came twice

--- Runs fn(set_module), and returns a list of {tensor =, first =, last =}, initializers of tensors that two modules filled.
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

-- ---- initializers ----

--- The initializer of that name: `arguments` follow the tensor, at most two numbers.
local function initializer(name, arguments)
  init[name] = function(tensor, ...)
    native.init(name, tensor, ...)
    if watch then record(name, tensor, ...) end
    return tensor
  end
  keywords.sign(init, name .. "(tensor: tensor" .. (arguments and ", " .. arguments or "") .. ")")
end

initializer("zeros_")
initializer("ones_")
initializer("normal_", "mean: number = 0, std: number = 1")
initializer("uniform_", "a: number = 0, b: number = 1")
initializer("trunc_normal_", "mean: number = 0, std: number = 1")
initializer("xavier_uniform_", "gain: number = 1")
initializer("xavier_normal_", "gain: number = 1")
initializer("kaiming_uniform_", "a: number = 0")
initializer("kaiming_normal_", "a: number = 0")
initializer("orthogonal_", "gain: number = 1")
initializer("spectral_")

--- nn.init.constant_(tensor, value)
function init.constant_(tensor, value)
  local _ <close> = torch.no_grad()
  return tensor:fill_(value)
end

--- nn.init.eye_(tensor): identity matrix.
function init.eye_(tensor)
  local _ <close> = torch.no_grad()
  return tensor:copy_(torch.eye(tensor:size(0), tensor:size(1), {dtype = tensor.dtype, device = tensor.device}))
end

--- nn.init.calculate_gain(nonlinearity[, param]): the scale that keeps activations' size after a nonlinearity; param: the
-- negative slope of leaky_relu (0.01).
function init.calculate_gain(nonlinearity, param)
  if param and nonlinearity ~= "leaky_relu" then
    keywords.fail("calculate_gain: only leaky_relu has a param, got %s for %s", param, nonlinearity)
  end
  local gains = {linear = 1, sigmoid = 1, tanh = 5 / 3, relu = math.sqrt(2), leaky_relu = math.sqrt(2 / (1 + (param or 0.01) ^ 2))}
  return gains[nonlinearity]
end

keywords.sign(init, [[
  constant_(tensor: tensor, value: number)
  eye_(tensor: tensor)
  calculate_gain(nonlinearity: "linear"|"sigmoid"|"tanh"|"relu"|"leaky_relu", param: number = nil)
]])

local function unknown(_, name)
  local names = {}
  for known in pairs(init) do names[#names + 1] = known end
  table.sort(names)
  keywords.fail("nn.init has no initializer %s%s", keywords.show(name), keywords.suggest(tostring(name), names))
end

return {twice = twice, init = setmetatable(init, {__index = unknown})}
