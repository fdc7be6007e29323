-- What PyTorch users take for granted of operators: promotion, weak numbers, whole division, broadcasting, NaN.
local test = require "harness"

local function dtype_is(t, name) test.equal(tostring(t.dtype), "torch." .. name) end

local function of(dtype) return torch.ones(2, {dtype = dtype}) end

test("a whole number never changes a tensor's dtype", function()
  for _, name in ipairs {"float64", "float32", "bfloat16", "float16", "int64", "int32", "uint8"} do
    dtype_is(of(name) + 1, name)
    dtype_is(3 * of(name), name)
  end
  dtype_is(of("bool") + 1, "int64")
end)

test("a number with a fraction keeps floats and makes integers float32", function()
  for _, name in ipairs {"float64", "float32", "bfloat16", "float16"} do dtype_is(of(name) * 0.5, name) end
  for _, name in ipairs {"int64", "int32", "uint8", "bool"} do dtype_is(of(name) * 0.5, "float32") end
end)

test("two tensors meet in the smallest dtype that holds both", function()
  dtype_is(of "bf16" + of "f32", "float32")
  dtype_is(of "bf16" + of "f16", "float32")
  dtype_is(of "f32" + of "f64", "float64")
  dtype_is(of "i64" + of "f16", "float16")
  dtype_is(of "u8" + of "i8", "int16")
  dtype_is(of "bool" + of "u8", "uint8")
  dtype_is(of "f32" + torch.tensor(1.0, {dtype = "f64"}), "float32") -- a 0-d tensor of the same kind
end)

test("/ never divides whole, // and % round down", function()
  test.equal(torch.tensor {7, -7} / 2, {3.5, -3.5})
  dtype_is(torch.tensor {7} / 2, "float32")
  test.equal(torch.tensor {7, -7, 7, -7} // torch.tensor {2, 2, -2, -2}, {3, -4, -4, 3})
  test.equal(torch.tensor {7, -7, 7, -7} % torch.tensor {2, 2, -2, -2}, {1, 1, -1, -1})
  test.equal(torch.tensor {7.5, -7.5} // 2, {3.0, -4.0})
  test.equal(torch.tensor {7.5, -7.5} % 2, {1.5, 0.5})
  local lowest = torch.tensor {math.mininteger}
  test.equal(lowest // -1, {math.mininteger})
  test.equal(lowest % -1, {0})
end)

test("whole numbers wrap and have whole powers", function()
  test.equal(torch.tensor {math.maxinteger} + 1, {math.mininteger})
  test.equal(torch.tensor({250, 10}, {dtype = "u8"}) + 10, {4, 20})
  test.equal(torch.tensor {2, -3, 10} ^ torch.tensor {10, 3, 0}, {1024, -27, 1})
  dtype_is(torch.tensor {2} ^ 2, "int64")
  dtype_is(torch.tensor {2} ^ 0.5, "float32")
  test.raises(function() return torch.tensor {2} ^ -1 end, "negative")
end)

test("shapes broadcast from the last dimension", function()
  test.equal((torch.ones(4, 1, 3) + torch.ones(5, 1)).shape, (torch.ones(4, 5, 3)).shape)
  test.equal(torch.tensor {{1}, {2}} * torch.tensor {10, 20}, {{10, 20}, {20, 40}})
  test.raises(function() return torch.ones(2, 3) + torch.ones(2, 4) end,
    "add: the size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1 "
      .. "[a: (2, 3), b: (2, 4)]")
end)

test("comparisons give bool and compare in the common dtype", function()
  dtype_is(of("i64"):eq(1), "bool")
  test.equal(torch.tensor({1, 2, 3}):gt(1.5), {false, true, true})
  test.equal(torch.tensor({0 / 0, 1.0}):eq(torch.tensor {0 / 0, 1.0}), {false, true})
  test.equal(torch.tensor({math.maxinteger}):eq(torch.tensor {math.maxinteger - 1}), {false})
end)

test("bool arithmetic is logic, and ~ negates", function()
  local a, b = torch.tensor {true, true, false, false}, torch.tensor {true, false, true, false}
  test.equal(a + b, {true, true, true, false})
  test.equal(a * b, {true, false, false, false})
  test.equal(a & b, {true, false, false, false})
  test.equal(~a, {false, false, true, true})
  test.raises(function() return a - b end, "logical_xor")
end)

test("reductions of whole numbers count in int64, means of them are refused", function()
  local t = torch.full({300}, 200, {dtype = "u8"})
  dtype_is(t:sum(), "int64")
  test.equal(t:sum():item(), 60000)
  test.equal(torch.tensor({true, false, true}):sum():item(), 2)
  dtype_is(t:max(), "uint8")
  test.raises(function() return t:mean() end, "mean: expected a floating dtype, got uint8")
end)

test("reductions of nothing give the neutral element, or say that there is none", function()
  local none = torch.zeros(0)
  test.equal(none:sum():item(), 0.0)
  test.equal(none:prod():item(), 1.0)
  test.equal(none:all():item(), true)
  test.equal(none:any():item(), false)
  test.close(none:mean(), 0 / 0, 0)
  test.raises(function() return none:amax() end, "amax")
  test.raises(function() return none:argmax() end, "argmax")
end)

test("NaN is the largest and the smallest", function()
  local t = torch.tensor {1, 0 / 0, 3}
  for _, name in ipairs {"amax", "amin", "max", "min"} do test.close(t[name](t), 0 / 0, 0) end
  test.equal(t:argmax():item(), 1)
  test.equal(torch.tensor({2, 5, 5, 1}):argmax():item(), 1) -- the first of equal ones
end)

test("sums of many small float32 numbers keep their digits", function()
  local n = 10000000
  local t = torch.full({n}, 0.1)
  local exact = 13421773 / 2 ^ 27 * n -- the float32 nearest to 0.1
  test.close(t:sum():item() / exact, 1, 2 ^ -24)
  test.close(t:reshape(1000, -1):sum(1):sum():item() / exact, 1, 2 ^ -22)
  test.close(t:mean():item() / exact * n, 1, 2 ^ -24)
end)

test("in place the tensor keeps its dtype and is returned", function()
  local t = of "bf16"
  assert(rawequal(t:add_(of "f32"), t))
  dtype_is(t, "bfloat16")
  test.equal(t, {2.0, 2.0})
  test.raises(function() return of("i64"):mul_(0.5) end, "int64")
  test.raises(function() return torch.ones(3):add_(torch.ones(2, 3)) end, "add_")
end)

test("an input may overlap the tensor that is changed in place", function()
  local t = torch.tensor {{1.0, 2.0}, {3.0, 4.0}}
  t:add_(t[0])
  test.equal(t, {{2.0, 4.0}, {4.0, 6.0}})
  t:mul_(t:transpose(0, 1))
  test.equal(t, {{4.0, 16.0}, {16.0, 36.0}})
end)

test("gradients flow to broadcast and mixed-dtype inputs in their shape and dtype", function()
  local a = torch.ones(2, 3, {requires_grad = true})
  local b = torch.ones(3, {dtype = "bf16", requires_grad = true})
  local c = torch.tensor(2.0, {dtype = "f64", requires_grad = true})
  local y = (a * b + c) * 2
  y:sum():backward()
  test.equal(a.grad, {{2.0, 2.0, 2.0}, {2.0, 2.0, 2.0}})
  test.equal(b.grad, {4.0, 4.0, 4.0})
  dtype_is(b.grad, "bfloat16")
  test.equal(c.grad:item(), 12.0)
  dtype_is(c.grad, "float64")
end)

test("gradients at the points where derivatives do not exist are finite", function()
  local zero = torch.zeros(3, {requires_grad = true})
  local uses = {
    function(x) return x:norm() end,
    function(x) return x:std() end,
    function(x) return x:abs():sum() end,
    function(x) return (x ^ 2):sum() end,
    function(x) return (x ^ 0):sum() end,
    function(x) return x:prod() end,
    function(x) return x:relu():sum() end,
    function(x) return torch.maximum(x, x * 1):sum() end,
  }
  for i, use in ipairs(uses) do
    zero.grad = nil
    use(zero):backward()
    assert(zero.grad:isfinite():all():item(), "use " .. i .. ": " .. tostring(zero.grad))
  end
  test.equal(torch.ones(2, {requires_grad = true}):amax().requires_grad, true)
end)

test("a product with a constant does not keep its input for backward", function()
  local function holders(x) return select(2, torch.debug.refs(x)) end
  local x = torch.ones(4, {requires_grad = true})
  local w = torch.ones(4)
  local results = {x * 2, x / 2, x * w, torch.matmul(x, w)}
  test.equal(holders(x), 1)
  assert(holders(w) > 1)
  results[5] = w * x
  w.requires_grad = true
  results[6] = x * w
  assert(holders(x) > 1, #results)
end)
