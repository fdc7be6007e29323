--- functions.lua: functions of torch that are a few lines of other ops; all of them are methods too.
local native = require "native"

local functions = {}

local function refuse(message, ...) native.raise(message:format(...)) end

--- Options may come by position or in a trailing table.
local function option(value, name, default)
  if type(value) == "table" then value = value[name] end
  if value == nil then return default end
  return value
end

--- Refuses what is not a whole number of at least `least`.
local function whole(name, what, n, least)
  if math.type(n) ~= "integer" or n < least then
    refuse("%s: %s expects a whole number from %d on, got %s", name, what, least, tostring(n))
  end
end

--- Every function here takes a tensor first; the others are checked where they are used.
local function need(name, ...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if not torch.is_tensor(value) then refuse("%s: argument %d expects a tensor, got %s", name, i, type(value)) end
  end
end

local function resolve(name, dim, ndim)
  if math.type(dim) ~= "integer" then refuse("%s: dim expects a whole number, got %s", name, tostring(dim)) end
  local at = dim < 0 and dim + ndim or dim
  if at < 0 or at >= ndim then refuse("%s: dim %d is out of range for %d dimensions", name, dim, ndim) end
  return at
end

--- stack(tensors, dim = 0): joins equal shapes along a new dimension.
function functions.stack(tensors, dim)
  dim = option(dim, "dim", 0)
  if type(tensors) ~= "table" or #tensors == 0 then refuse "stack: expected a table of at least one tensor" end
  need("stack", table.unpack(tensors))
  dim = resolve("stack", dim, tensors[1].ndim + 1)
  local rows = {}
  for i, t in ipairs(tensors) do
    if t.shape ~= tensors[1].shape then
      refuse("stack: expected equal shapes, got %s and %s", tensors[1].shape, t.shape)
    end
    rows[i] = t:unsqueeze(dim)
  end
  return torch.cat(rows, dim)
end

--- unbind(t, dim = 0) -> table of the slices t[i] along dim
function functions.unbind(t, dim)
  need("unbind", t)
  dim = resolve("unbind", option(dim, "dim", 0), t.ndim)
  local rows = {}
  for i = 0, t:size(dim) - 1 do rows[i + 1] = t:select(dim, i) end
  return rows
end

--- split(t, size, dim = 0): pieces of `size` (the last may be smaller), or of the sizes in a table -> table of views
function functions.split(t, size, dim)
  need("split", t)
  dim = resolve("split", option(dim, "dim", 0), t.ndim)
  local total, pieces, start = t:size(dim), {}, 0
  if type(size) == "table" then
    local sum = 0
    for _, n in ipairs(size) do
      whole("split", "size", n, 0)
      sum = sum + n
    end
    if sum ~= total then refuse("split: sizes add up to %d, dimension %d has %d", sum, dim, total) end
    for i, n in ipairs(size) do
      pieces[i] = t:slice(dim, start, start + n)
      start = start + n
    end
    return pieces
  end
  whole("split", "size", size, 1)
  repeat
    pieces[#pieces + 1] = t:slice(dim, start, math.min(start + size, total))
    start = start + size
  until start >= total
  return pieces
end

--- chunk(t, n, dim = 0): at most n pieces of equal size (the last may be smaller) -> table of views
function functions.chunk(t, n, dim)
  need("chunk", t)
  whole("chunk", "number of pieces", n, 1)
  local at = resolve("chunk", option(dim, "dim", 0), t.ndim)
  return functions.split(t, math.max((t:size(at) + n - 1) // n, 1), at)
end

--- narrow(t, dim, start, length): view of t[start : start + length] along dim
function functions.narrow(t, dim, start, length)
  need("narrow", t)
  local at = resolve("narrow", dim, t.ndim)
  local size = t:size(at)
  whole("narrow", "start", start, -size)
  whole("narrow", "length", length, 0)
  if start < 0 then start = start + size end
  if start > size or length > size - start then
    refuse("narrow: %d elements from %d on do not fit into dimension %d with size %d", length, start, at, size)
  end
  return t:slice(at, start, start + length)
end

--- flatten(t, start_dim = 0, end_dim = -1): joins dimensions
function functions.flatten(t, start_dim, end_dim)
  need("flatten", t)
  if t.ndim == 0 then return t:reshape(1) end
  local options = type(start_dim) == "table" and start_dim or nil
  local first = resolve("flatten", option(options or start_dim, "start_dim", 0), t.ndim)
  local last = resolve("flatten", option(options or end_dim, "end_dim", -1), t.ndim)
  if first > last then refuse("flatten: start_dim %d is behind end_dim %d", first, last) end
  local shape, joined = {}, 1
  for i = 0, t.ndim - 1 do
    if i >= first and i <= last then joined = joined * t:size(i) else shape[#shape + 1] = t:size(i) end
    if i == last then shape[#shape + 1] = joined end
  end
  return t:reshape(shape)
end

--- t(x): a matrix transposed; vectors stay as they are
function functions.t(x)
  need("t", x)
  if x.ndim > 2 then refuse("t: expected at most 2 dimensions, got %d", x.ndim) end
  return x.ndim == 2 and x:transpose(0, 1) or x
end

--- movedim(t, from, to): moves one dimension
function functions.movedim(t, from, to)
  need("movedim", t)
  from, to = resolve("movedim", from, t.ndim), resolve("movedim", to, t.ndim)
  local order = {}
  for i = 0, t.ndim - 1 do
    if i ~= from then order[#order + 1] = i end
  end
  table.insert(order, to + 1, from)
  return t:permute(order)
end

-- other names of methods
for name, method in pairs {swapaxes = "transpose", clip = "clamp"} do
  functions[name] = function(t, ...)
    need(name, t)
    return t[method](t, ...)
  end
end

-- methods that take their argument from another tensor
for name, from in pairs {
  expand_as = {"expand", "shape"}, view_as = {"view", "shape"}, reshape_as = {"reshape", "shape"}, type_as = {"to", "dtype"},
} do
  local method, property = table.unpack(from)
  functions[name] = function(t, other)
    need(name, t, other)
    return t[method](t, other[property])
  end
end

local function ranks(name, a, b, rank_a, rank_b)
  need(name, a, b)
  if a.ndim ~= rank_a or b.ndim ~= rank_b then
    refuse("%s: expected %d and %d dimensions, got %s and %s", name, rank_a, rank_b, a.shape, b.shape)
  end
  return a:matmul(b)
end

--- mm(a, b): product of two matrices
function functions.mm(a, b) return ranks("mm", a, b, 2, 2) end
--- bmm(a, b): products of two stacks of matrices
function functions.bmm(a, b) return ranks("bmm", a, b, 3, 3) end
--- mv(a, b): product of a matrix and a vector
function functions.mv(a, b) return ranks("mv", a, b, 2, 1) end
--- dot(a, b): inner product of two vectors
function functions.dot(a, b) return ranks("dot", a, b, 1, 1) end

--- equal(a, b): same shape and every element equal -> boolean
function functions.equal(a, b)
  need("equal", a, b)
  if a.shape ~= b.shape then return false end
  return a:eq(b):all():item()
end

--- isclose(a, b, {rtol = 1e-5, atol = 1e-8, equal_nan = false}) -> bool tensor, |a - b| <= atol + rtol |b|
function functions.isclose(a, b, options)
  need("isclose", a, b)
  options = defaults(options, {rtol = 1e-5, atol = 1e-8, equal_nan = false})
  a, b = a:detach(), b:detach()
  local close = (a - b):abs():le(b:abs() * options.rtol + options.atol):logical_or(a:eq(b))
  close = close:logical_and(b:isfinite():logical_or(a:eq(b)))
  if options.equal_nan then close = close:logical_or(a:isnan():logical_and(b:isnan())) end
  return close
end

--- allclose(a, b, {rtol = 1e-5, atol = 1e-8, equal_nan = false}) -> boolean
function functions.allclose(a, b, options)
  return functions.isclose(a, b, options):all():item()
end

--- argsort(t, dim = -1, descending = false) -> indices that sort t
function functions.argsort(t, ...)
  need("argsort", t)
  local _, indices = t:sort(...)
  return indices
end

--- count_nonzero(t) -> 0-d int64 tensor
function functions.count_nonzero(t)
  need("count_nonzero", t)
  return t:ne(0):sum()
end

--- quantile(t, q, {dim =, keepdim =}): linear interpolation between the sorted elements; q in [0, 1] is a number
function functions.quantile(t, q, dim, keepdim)
  need("quantile", t)
  if type(q) ~= "number" or not (q >= 0 and q <= 1) then
    refuse("quantile: q expects a number in [0, 1], got %s", tostring(q))
  end
  if type(dim) == "table" then dim, keepdim = dim.dim, dim.keepdim end
  if dim == nil then t, dim = t:reshape(-1), 0 end
  dim = resolve("quantile", dim, t.ndim)
  if t:size(dim) == 0 then refuse "quantile: no elements" end
  local sorted = t:sort(dim)
  local place = q * (t:size(dim) - 1)
  local low = math.floor(place)
  local high = math.min(low + 1, t:size(dim) - 1)
  local a, b = sorted:slice(dim, low, low + 1), sorted:slice(dim, high, high + 1)
  local out = a + (b - a) * (place - low)
  return keepdim and out or out:squeeze(dim)
end

--- median(t): the middle element, the lower of two -> 0-d tensor
function functions.median(t)
  need("median", t)
  if t:numel() == 0 then refuse "median: no elements" end
  local sorted = t:reshape(-1):sort()
  return sorted[(t:numel() - 1) // 2]
end

--- multinomial(weights, n): n independent draws of positions in proportion to weights (…, V) -> int64 (…, n)
function functions.multinomial(weights, n)
  need("multinomial", weights)
  whole("multinomial", "number of draws", n, 1)
  local sums = weights:detach():double():cumsum(-1)
  local shape = weights.shape:tolist()
  local total = sums["..., -1:"]
  if not total:gt(0):all():item() then refuse "multinomial: weights must not be negative and not all zero" end
  shape[#shape] = n
  local draws = torch.rand(shape, {dtype = torch.float64, device = weights.device}) * total
  return sums:unsqueeze(-2):le(draws:unsqueeze(-1)):sum(-1)
end

return functions
