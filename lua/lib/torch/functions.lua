--- functions.lua: functions of torch that are a few lines of other ops; all of them are methods too.
local native = require "native"
local keywords = require "base.keywords"

local functions = {}

local MOST_VIEWS = 1 << 22 -- of one list

local function refuse(message, ...) native.raise(message:format(...)) end

--- Refuses a number below `min`.
local function at_least(name, what, n, min)
  if n < min then refuse("%s: %s expects a whole number from %d on, got %d", name, what, min, n) end
end

local function resolve(name, dim, ndim)
  local at = dim < 0 and dim + ndim or dim
  if at < 0 or at >= ndim then refuse("%s: dim %d is out of range for %d dimensions", name, dim, ndim) end
  return at
end

--- A list of views that no memory holds is refused before the first of them is made.
local function few(name, n)
  if n > MOST_VIEWS then refuse("%s: expected at most %d pieces, got %d", name, MOST_VIEWS, n) end
end

--- stack(tensors, dim = 0): joins equal shapes along a new dimension.
function functions.stack(tensors, dim)
  tensors = keywords.list("stack", tensors)
  if tensors[1] == nil then refuse "stack: expected a table of at least one tensor" end
  for i, t in ipairs(tensors) do
    if not torch.is_tensor(t) then refuse("stack: item %d expects a tensor, got %s", i, native.got(t)) end
  end
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
  dim = resolve("unbind", dim, t.ndim)
  few("unbind", t:size(dim))
  local rows = {}
  for i = 0, t:size(dim) - 1 do rows[i + 1] = t:select(dim, i) end
  return rows
end

--- split(t, size, dim = 0): pieces of `size` (the last may be smaller), or of the sizes in a table -> table of views
function functions.split(t, size, dim)
  dim = resolve("split", dim, t.ndim)
  local total, pieces, start = t:size(dim), {}, 0
  if type(size) == "table" then
    local sum = 0
    for _, n in ipairs(size) do
      at_least("split", "size", keywords.integer("split", "size", n), 0)
      sum = sum + n
    end
    if sum ~= total then refuse("split: sizes add up to %d, dimension %d has %d", sum, dim, total) end
    for i, n in ipairs(size) do
      pieces[i] = t:slice(dim, start, start + n)
      start = start + n
    end
    return pieces
  end
  at_least("split", "size", size, 1)
  few("split", (total - 1) // size + 1)
  repeat
    pieces[#pieces + 1] = t:slice(dim, start, math.min(start + size, total))
    start = start + size
  until start >= total
  return pieces
end

--- chunk(t, n, dim = 0): at most n pieces of equal size (the last may be smaller) -> table of views
function functions.chunk(t, n, dim)
  local at = resolve("chunk", dim, t.ndim)
  return functions.split(t, math.max((t:size(at) + n - 1) // n, 1), at)
end

--- narrow(t, dim, start, length): view of t[start : start + length] along dim
function functions.narrow(t, dim, start, length)
  local at = resolve("narrow", dim, t.ndim)
  local size = t:size(at)
  at_least("narrow", "start", start, -size)
  if start < 0 then start = start + size end
  if start > size or length > size - start then
    refuse("narrow: %d elements from %d on do not fit into dimension %d with size %d", length, start, at, size)
  end
  return t:slice(at, start, start + length)
end

--- flatten(t, start_dim = 0, end_dim = -1): joins dimensions
function functions.flatten(t, start_dim, end_dim)
  if t.ndim == 0 then return t:reshape(1) end
  local first, last = resolve("flatten", start_dim, t.ndim), resolve("flatten", end_dim, t.ndim)
  if first > last then refuse("flatten: start_dim %d is after end_dim %d", first, last) end
  local shape, joined = {}, 1
  for i = 0, t.ndim - 1 do
    if i >= first and i <= last then joined = joined * t:size(i) else shape[#shape + 1] = t:size(i) end
    if i == last then shape[#shape + 1] = joined end
  end
  return t:reshape(shape)
end

--- t(x): a matrix transposed; vectors stay as they are
function functions.t(x)
  if x.ndim > 2 then refuse("t: expected at most 2 dimensions, got %d", x.ndim) end
  return x.ndim == 2 and x:transpose(0, 1) or x
end

--- movedim(t, from, to): moves one dimension
function functions.movedim(t, from, to)
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
  functions[name] = keywords.signature(name .. "(t: tensor, ...)", function(t, ...) return t[method](t, ...) end)
end

-- methods that take their argument from another tensor
for name, from in pairs {
  expand_as = {"expand", "shape"}, view_as = {"view", "shape"}, reshape_as = {"reshape", "shape"}, type_as = {"to", "dtype"},
} do
  local method, property = table.unpack(from)
  functions[name] = function(t, other) return t[method](t, other[property]) end
end

local function ranks(name, a, b, rank_a, rank_b)
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
  if a.shape ~= b.shape then return false end
  return a:eq(b):all():item()
end

--- isclose(a, b, {rtol = 1e-5, atol = 1e-8, equal_nan = false}) -> bool tensor, |a - b| <= atol + rtol |b|
function functions.isclose(a, b, rtol, atol, equal_nan)
  if not (rtol >= 0 and atol >= 0) then refuse("isclose: expected rtol and atol >= 0, got %s and %s", rtol, atol) end
  a, b = a:detach(), b:detach()
  local close = (a - b):abs():le(b:abs() * rtol + atol):logical_or(a:eq(b))
  close = close:logical_and(b:isfinite():logical_or(a:eq(b)))
  if equal_nan then close = close:logical_or(a:isnan():logical_and(b:isnan())) end
  return close
end

--- allclose(a, b, {rtol = 1e-5, atol = 1e-8, equal_nan = false}) -> boolean
function functions.allclose(...) return functions.isclose(...):all():item() end

--- argsort(t, dim = -1, descending = false) -> indices that sort t
function functions.argsort(t, dim, descending)
  local _, indices = t:sort(dim, descending)
  return indices
end

--- count_nonzero(t[, dim]) -> int64 tensor: how many elements are not 0, of all or along dim (a number or a list)
function functions.count_nonzero(t, dim) return t:ne(0):sum {dim = dim} end

--- t with the dimension of an order statistic: all of t as one dimension without `dim`, a number as one element.
local function lined_up(name, t, dim)
  if dim == nil or t.ndim == 0 then
    if dim ~= nil then resolve(name, dim, 1) end
    return t:reshape(-1), 0
  end
  return t, resolve(name, dim, t.ndim)
end

--- Cuts a reduced dimension of size 1 out of `out`, or keeps it; without `dim` all dimensions of t were reduced.
local function reduced(out, t, dim, at, keepdim)
  if t.ndim == 0 then return out:reshape {} end
  if not keepdim then return out:squeeze(at) end
  if dim ~= nil then return out end
  local ones = {}
  for i = 1, t.ndim do ones[i] = 1 end
  return out:reshape(ones)
end

local place_of = {lower = math.floor, higher = math.ceil}

--- To the nearest whole number, of two the even one.
function place_of.nearest(x)
  local low = math.floor(x)
  if x - low == 0.5 then return low + low % 2 end
  return math.floor(x + 0.5)
end

--- The quantiles q in [0, 1] as places between the n sorted elements, computed as wide as the elements are.
local function places(t, q, n)
  local dtype = t.dtype == torch.float64 and t.dtype or torch.float32
  if type(q) == "number" then q = torch.tensor(q, {dtype = dtype, device = "cpu"}) end
  if q.ndim > 1 or q:numel() == 0 or not q.dtype.is_floating_point then
    refuse("quantile: expected q as a number or a 1-d tensor of floats, got %s %s", q.dtype, q.shape)
  end
  if q.requires_grad then refuse "quantile: expected q without gradients, got one that requires them; use q:detach()" end
  q = q:detach()
  if not q:ge(0):logical_and(q:le(1)):all():item() then
    refuse("quantile: expected q in [0, 1], got %s", q.ndim == 0 and q:item() or q)
  end
  return (q:to(dtype) * (n - 1)):reshape(-1):tolist(), q.ndim == 1
end

--- quantile(t, q[, dim[, keepdim = false]][, {interpolation = "linear"}]): the value below which the part q in [0, 1] of
-- the elements lies, of all or along dim; q is a number, or a 1-d tensor, which makes a new first dimension.
-- Between two elements: "linear", "lower", "higher", "nearest" or "midpoint".  A nan makes the result nan.
function functions.quantile(t, q, dim, keepdim, interpolation)
  if not t.dtype.is_floating_point then refuse("quantile: expected a tensor of floats, got %s", t.dtype) end
  local line, at = lined_up("quantile", t, dim)
  local n = line:size(at)
  if n == 0 then refuse("quantile: expected at least one element along the dimension, got %s", t.shape) end
  local list, several = places(t, q, n)
  local sorted, out = line:sort(at), {}
  local function element(i) return sorted:slice(at, i, i + 1) end
  local last = element(n - 1) -- nan sorts last
  for i, place in ipairs(list) do
    if place_of[interpolation] then place = place_of[interpolation](place) end
    local low, high = math.floor(place), math.ceil(place)
    local a = element(low)
    local value
    if low == high then
      value = a
    else
      local b, weight = element(high), interpolation == "midpoint" and 0.5 or place - low
      local between = weight < 0.5 and a + (b - a) * weight or b - (b - a) * (1 - weight)
      value = torch.where(a:isfinite():logical_and(b:isfinite()), between, a + b)
    end
    out[i] = reduced(torch.where(last:isnan(), last, value), t, dim, at, keepdim)
  end
  return several and functions.stack(out) or out[1]
end

--- median(t) -> the middle element, the lower of two; median(t, dim[, keepdim = false]) -> values, indices along dim.
-- A nan is the median where there is one.
function functions.median(t, dim, keepdim)
  local line, at = lined_up("median", t, dim)
  local n = line:size(at)
  if n == 0 and dim == nil and t.dtype.is_floating_point then return t:sum() * (0 / 0) end
  if n == 0 then refuse("median: expected at least one element along the dimension, got %s", t.shape) end
  local sorted, order = line:sort(at)
  local nans = sorted:isnan():sum(at, true) -- they sort last
  local place = torch.where(nans:gt(0), n - nans, (n - 1) // 2)
  local values = reduced(sorted:gather(at, place), t, dim, at, keepdim)
  if dim == nil then return values end
  return values, reduced(order:gather(at, place), t, dim, at, keepdim)
end

--- Raises with the first weight that cannot be one: weights (…, V) of the caller, `rows` (n, V) of them.
local function check_weights(weights, rows)
  local bad = rows:ge(0):logical_and(rows:lt(math.huge)):logical_not():nonzero()
  if bad:size(0) > 0 then
    local row, column = bad[{0, 0}]:item(), bad[{0, 1}]:item()
    refuse("multinomial: expected finite weights from 0 on, got %s at [%s%d] of %s", rows[{row, column}]:item(),
           weights.ndim == 2 and row .. ", " or "", column, weights.shape)
  end
  return rows:gt(0):sum(-1)
end

--- multinomial(weights, num_samples, replacement = false) -> int64 positions, drawn in proportion to weights (V) or (n, V),
-- which need not add up to 1: (num_samples) or (n, num_samples) of them.  Without replacement all of a row differ.
function functions.multinomial(weights, n, replacement)
  if weights.ndim ~= 1 and weights.ndim ~= 2 then
    refuse("multinomial: expected weights with 1 or 2 dimensions, got %s", weights.shape)
  end
  local rows = weights:detach():double()
  if rows.ndim == 1 then rows = rows:unsqueeze(0) end
  local positive = check_weights(weights, rows)
  local wanted = replacement and 1 or n
  local short = positive:lt(wanted):nonzero()
  if short:size(0) > 0 then
    local row = short[{0, 0}]:item()
    local which, has = weights.ndim == 2 and "row " .. row .. " of the weights has" or "the weights have", positive[row]:item()
    refuse("multinomial: %s %d above 0, expected at least %d%s", which, has, wanted,
           has > 0 and "; pass {replacement = true} to draw one several times" or "")
  end
  local draws
  if replacement then
    local sums = (rows / rows:amax(-1, true)):cumsum(-1) -- scaled: neither overflows nor gets subnormal
    local at = torch.rand(rows:size(0), n, {dtype = rows.dtype, device = rows.device}) * sums[":, -1:"]
    draws = sums:unsqueeze(-2):le(at:unsqueeze(-1)):sum(-1)
  else -- the n first of a race: exponential waiting times with the weights as rates, compared by logarithm
    local waiting = (1 - torch.rand(rows.shape, {dtype = rows.dtype, device = rows.device})):log():neg()
    local _, order = (rows:log() - waiting:clamp {min = 2.0 ^ -60}:log()):topk(n, -1)
    draws = order
  end
  return weights.ndim == 2 and draws or draws:reshape(-1)
end

--- tile(t, …): t repeated so many times along each of its last dimensions; more numbers than dimensions add dimensions in
-- front.  x:tile(2, 3), x:tile{2, 3}
function functions.tile(t, times)
  local all = times:tolist()
  table.move(all, 1, #all, math.max(t.ndim - #times, 0) + 1)
  for i = 1, t.ndim - #times do all[i] = 1 end
  for _, n in ipairs(all) do at_least("tile", "dims", n, 0) end
  return t["repeat"](t, all)
end

keywords.sign(functions, [[
  stack(tensors: list, dim: integer = 0)
  unbind(t: tensor, dim: integer = 0)
  split(t: tensor, split_size: integer|list, dim: integer = 0)
  chunk(t: tensor, chunks: integer[1,], dim: integer = 0)
  narrow(t: tensor, dim: integer, start: integer, length: integer[0,])
  flatten(t: tensor, start_dim: integer = 0, end_dim: integer = -1)
  t(x: tensor)
  movedim(t: tensor, source: integer, destination: integer)
  expand_as(t: tensor, other: tensor)
  view_as(t: tensor, other: tensor)
  reshape_as(t: tensor, other: tensor)
  type_as(t: tensor, other: tensor)
  mm(a: tensor, b: tensor)
  bmm(a: tensor, b: tensor)
  mv(a: tensor, b: tensor)
  dot(a: tensor, b: tensor)
  equal(a: tensor, b: tensor)
  isclose(a: tensor, b: tensor, rtol: number = 1e-5, atol: number = 1e-8, equal_nan: boolean = false)
  allclose(a: tensor, b: tensor, rtol: number = 1e-5, atol: number = 1e-8, equal_nan: boolean = false)
  argsort(t: tensor, dim: integer = -1, descending: boolean = false)
  count_nonzero(t: tensor, dim: integer|sizes = nil)
  quantile(t: tensor, q: number|tensor, dim: integer = nil, keepdim: boolean = false,
           interpolation: "linear"|"lower"|"higher"|"nearest"|"midpoint" = "linear")
  median(t: tensor, dim: integer = nil, keepdim: boolean = false)
  multinomial(weights: tensor, num_samples: integer[1,], replacement: boolean = false)
  tile(t: tensor, dims...: sizes)
]])

return functions
