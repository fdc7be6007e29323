-- bf16.lua: products of bf16 tensors are those of the same numbers in f32, but for roundings of results: on CPU levels
-- that multiply bf16 numbers they have kernels of their own.  Sizes that fill no block, and several.
local test = require "harness"
local bf16 = torch.bfloat16

--- The largest difference, in units of the largest number.
local function difference(x, wanted)
  wanted = wanted:to(torch.float64)
  return ((x:to(torch.float64) - wanted):abs():max() / wanted:abs():max()):item()
end

--- Calls f with bf16 tensors of these sizes, and with the same numbers in f32: results and gradients.
local function both(f, sizes)
  local found = {}
  local inputs = {}
  for i, size in ipairs(sizes) do inputs[i] = torch.randn(size):to(bf16) end
  local upstream
  for _, dtype in ipairs{bf16, torch.float32} do
    local list = {}
    for i, x in ipairs(inputs) do list[i] = x:to(dtype):clone():requires_grad_() end
    local y = f(table.unpack(list))
    upstream = upstream or torch.randn(y:size()):to(bf16)
    y:backward(upstream:to(dtype))
    local results = {y:detach()}
    for i, x in ipairs(list) do results[i + 1] = x.grad end
    found[#found + 1] = results
  end
  return found[1], found[2]
end

local function compare(name, tolerance, f, sizes)
  test(name, function()
    torch.manual_seed(5)
    local narrow, wide = both(f, sizes)
    for i, x in ipairs(narrow) do
      test.equal(x.dtype, bf16)
      local off = difference(x, wide[i])
      test.equal(off < tolerance or f"{i == 1 and 'y' or 'gradient ' .. i - 1} is off by {off}", true)
    end
  end)
end

-- One rounding to bf16 of a number is at most 2^-9 of it.
for _, size in ipairs{{1, 1, 1}, {1, 300, 70}, {5, 33, 7}, {64, 64, 64}, {300, 130, 1100}, {1100, 70, 300}, {33, 600, 2100}} do
  local M, N, K = table.unpack(size)
  compare(f"linear {M}x{K} {N}", 2 ^ -8, F.linear, {{M, K}, {N, K}})
  compare(f"matmul {M}x{K}x{N}", 2 ^ -8, torch.matmul, {{M, K}, {K, N}})
end
-- A weight's gradient is the sum of two halves of the rows, here on either side of a size at which tiles get narrower.
compare("linear 512x512 of 1025 rows", 2 ^ -8, F.linear, {{1025, 512}, {512, 512}})
compare("matmul of transposed batches", 2 ^ -8, function(a, b) return a:transpose(1, 2):matmul(b:transpose(1, 2)) end,
  {{3, 70, 40}, {3, 50, 70}})
compare("matmul of vectors", 2 ^ -8, torch.matmul, {{700}, {700}})
compare("matmul of strided matrices", 2 ^ -8, function(a, b) return a[":, ::2"]:matmul(b["::3, :"]) end, {{20, 60}, {90, 40}})

-- P and dS are rounded, too, and y, whose product with dy the gradients subtract.
for _, case in ipairs{
  {size = {{1, 2, 1, 64}, {1, 2, 1, 64}}},
  {size = {{2, 150, 4, 20}, {2, 150, 2, 20}}, is_causal = true},
  {size = {{1, 70, 1, 33}, {1, 270, 1, 33}}},
  {size = {{1, 300, 2, 64}, {1, 300, 1, 64}}, is_causal = true},
  {size = {{1, 40, 2, 16}, {1, 330, 2, 16}}, is_causal = true, offset = 290},
  {size = {{1, 330, 1, 130}, {1, 40, 1, 130}}, is_causal = true, scale = -0.2},
} do
  local q, k = case.size[1], case.size[2]
  compare(f"attention {table.concat(q, 'x')} of {table.concat(k, 'x')}", 2 ^ -6, function(x, y, z)
    return (torch.ops.attention(x, y, z, {is_causal = case.is_causal or false, offset = case.offset or 0, scale = case.scale}))
  end, {q, k, k})
end

test("a row of attention over keys with one huge score takes that one's value", function()
  local q, k = torch.zeros(1, 40, 1, 32, {dtype = bf16}), torch.zeros(1, 40, 1, 32, {dtype = bf16})
  q["..., 0"], k["0, 7, 0, 0"] = 100, 300
  local v = torch.arange(40):to(bf16):view(1, 40, 1, 1):expand(1, 40, 1, 32)
  local y = torch.ops.attention(q, k, v, {scale = 1})
  test.equal(y:eq(7):all():item(), true)
end)

test("set_float32_matmul_precision bounds the error of products of f32 matrices, and gives the bits back", function()
  torch.manual_seed(6)
  local x, w, g = torch.randn(300, 1100), torch.randn(130, 1100), torch.randn(300, 130)
  local function results()
    local a, b = x:clone():requires_grad_(), w:clone():requires_grad_()
    local y = F.linear(a, b)
    y:backward(g)
    return {y:detach(), a.grad, b.grad, x:t():matmul(g)}
  end
  local exact = results()
  test.equal(torch.get_float32_matmul_precision(), "highest")
  local wide = {x:double():matmul(w:double():t()), g:double():matmul(w:double()), g:double():t():matmul(x:double()),
    x:double():t():matmul(g:double())}
  -- Of each factor, 16 or 8 bits are left; errors of the products add up like random steps.
  for precision, bound in pairs{high = 2 ^ -15, medium = 2 ^ -7} do
    torch.set_float32_matmul_precision(precision)
    for i, y in ipairs(results()) do test.equal(difference(y, wide[i]) < bound, true) end
    local far = torch.zeros(2, 2) + math.huge -- inf times the second part of 1, which is 0, is nan
    test.equal(torch.isfinite(far:matmul(torch.ones(2, 2))):any():item(), false)
  end
  torch.set_float32_matmul_precision("highest")
  for i, y in ipairs(results()) do test.equal(y:equal(exact[i]), true) end
  test.raises(function() torch.set_float32_matmul_precision("higher") end,
    'set_float32_matmul_precision: precision expects "highest", "high" or "medium", got \'higher\'')
end)

test("sums that cancel have the same bits for any number of threads, in the last of an odd number of rows, too", function()
  torch.manual_seed(5)
  local threads = torch.get_num_threads()
  local x, w = torch.randn(65, 400), torch.randn(96, 400)
  x, w = torch.cat({x, x:flip{1}}, 1):to(bf16), torch.cat({w, -w:flip{1}}, 1):to(bf16)
  local found
  for _, n in ipairs{1, 2, 3, 7} do
    torch.set_num_threads(n)
    local y = F.linear(x, w)
    found = found or y
    test.equal(torch.equal(y, found), true)
  end
  torch.set_num_threads(threads)
end)
