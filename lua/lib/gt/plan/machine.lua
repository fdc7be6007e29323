--- machine.lua: how fast this machine is at what a training step consists of, measured in some hundredths of a second each
-- and remembered for the session.

local family = require "gt.family"

local machine = {}

local known = {} -- what was measured -> rate

local LEAST, RUNS = 0.03, 3 -- seconds that a measurement takes at least; calls at least

--- Shortest of several calls, in seconds.
local function fastest(fn)
  local best, spent, runs = math.huge, 0, 0
  fn() -- pages are touched, caches filled
  while spent < LEAST or runs < RUNS do
    local start = torch.perf_counter()
    fn()
    local took = torch.perf_counter() - start
    best, spent, runs = math.min(best, took), spent + took, runs + 1
  end
  return best
end

--- Rate of `work` done by the function that make() returns; remembered under the name.
local function rate(name, work, make)
  name = ("%s, %d thread%s"):format(name, torch.get_num_threads(), torch.get_num_threads() == 1 and "" or "s")
  if not known[name] then
    local streams <close> = family.keep_streams() -- luacheck: no unused
    local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
    local device <close> = family.on_device "cpu" -- luacheck: no unused
    known[name] = work / fastest(make())
    torch.empty_cache() -- the machine is as before
  end
  return {rate = known[name], what = name}
end

local function matrix(rows, columns, dtype)
  return torch.full({rows, columns}, 0.5, {dtype = dtype}):requires_grad_()
end

--- Operations a second of x W^T and its two gradients; x (rows, inner), W (columns, inner).
function machine.products(rows, inner, columns, dtype)
  rows, inner, columns = math.min(rows, 1024), math.min(inner, 1024), math.min(columns, 1024)
  return rate(("linear %d x %d x %d %s"):format(rows, inner, columns, dtype), 6 * rows * inner * columns, function()
    local x, w = matrix(rows, inner, dtype), matrix(columns, inner, dtype)
    local seed = torch.full({rows, columns}, 0.5, {dtype = dtype})
    return function()
      F.linear(x, w):backward(seed)
      x.grad, w.grad = nil, nil
    end
  end)
end

--- Operations a second of causal attention and its gradients; T rows, `heads` heads of D.
function machine.attention(T, heads, D, dtype)
  T, heads = math.min(T, 512), math.min(heads, 8)
  return rate(("attention %d x %d x %d %s"):format(T, heads, D, dtype), 12 * heads * D * (T * (T + 1) // 2), function()
    local q = torch.full({1, T, heads, D}, 0.5, {dtype = dtype}):requires_grad_()
    local seed = torch.full({1, T, heads, D}, 0.5, {dtype = dtype})
    return function()
      torch.ops.attention(q, q, q, {is_causal = true}):backward(seed)
      q.grad = nil
    end
  end)
end

--- Bytes a second of sums of large tensors.
function machine.stream()
  local n = 1 << 22
  return rate("sums of 16 MiB", 12 * n, function()
    local a, b = torch.ones(n), torch.ones(n)
    return function() a:add_(b) end
  end)
end

--- Operations of a Newton-Schulz iteration of n x m matrices, n <= m, with its symmetric halves left out: as
-- kernels/op/newton_schulz.c takes it, wide f32 matrices in runs of 3 steps on one Gram matrix.
function machine.newton_schulz_work(n, m, steps, dtype)
  if dtype == "f32" and 2 * m >= 3 * n then return 3 * ((steps + 2) // 3) * n * n * (m - n) + 4 * steps * n ^ 3 end
  return steps * (3 * n * n * m + n * n * n)
end

--- Operations a second of that.
function machine.newton_schulz(n, m, dtype)
  n, m = math.min(n, 512), math.min(m, 1536)
  return rate(("newton_schulz %d x %d %s"):format(n, m, dtype), machine.newton_schulz_work(n, m, 5, dtype), function()
    local g = torch.full({n, m}, 0.5)
    return function() torch.ops.newton_schulz(g, {steps = 5, dtype = dtype}) end
  end)
end

return machine
