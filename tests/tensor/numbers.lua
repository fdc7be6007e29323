-- Lua numbers on their way into tensors: what an integer dtype cannot hold is refused on every way in, what it can
-- arrives exactly; random numbers stay inside their interval; a comparison is made in the tensors' dtype.
local test = require "harness"

local RANGE = {uint8 = {0, 255}, int8 = {-128, 127}, uint16 = {0, 65535}, int16 = {-32768, 32767},
  int32 = {-2147483648, 2147483647}, int64 = {math.mininteger, math.maxinteger}}

-- Every way for a number into a new or existing tensor of the dtype.
local ways = {
  tensor = function(dtype, x) return torch.tensor({0, x}, {dtype = dtype}) end,
  tensor_0d = function(dtype, x) return torch.tensor(x, {dtype = dtype}) end,
  tensor_mixed = function(dtype, x) return torch.tensor({{true, x}, {0, 1}}, {dtype = dtype}) end,
  full = function(dtype, x) return torch.full({2}, x, {dtype = dtype}) end,
  full_like = function(dtype, x) return torch.full_like(torch.zeros(2, {dtype = dtype}), x) end,
  full_like_as = function(dtype, x) return torch.full_like(torch.zeros(2), x, {dtype = dtype}) end,
  fill_ = function(dtype, x) return torch.zeros(2, {dtype = dtype}):fill_(x) end,
  index = function(dtype, x) local t = torch.zeros(2, {dtype = dtype}) t[1] = x return t end,
  slice = function(dtype, x) local t = torch.zeros(2, {dtype = dtype}) t["1:"] = x return t end,
  mask = function(dtype, x) local t = torch.zeros(2, {dtype = dtype}) t[torch.tensor{false, true}] = x return t end,
  picked = function(dtype, x) local t = torch.zeros(2, {dtype = dtype}) t[torch.tensor{1}] = x return t end,
  rows = function(dtype, x) local t = torch.zeros(2, 2, {dtype = dtype}) t[torch.tensor{false, true}] = x return t end,
}
-- As operands: a number with a fraction would make the result float32, so whole ones only.
local operands = {
  masked_fill = function(t, x) return t:masked_fill(torch.tensor{false, true}, x) end,
  masked_fill_ = function(t, x) return t:masked_fill_(torch.tensor{false, true}, x) end,
  masked_fill_tensor = function(t, x) return t:masked_fill(torch.tensor{false, true}, torch.tensor(x)) end,
  where = function(t, x) return torch.where(torch.tensor{true, false}, t, x) end,
  where_first = function(t, x) return torch.where(torch.tensor{false, true}, x, t) end,
  maximum = function(t, x) return torch.maximum(t, x) end,
  minimum = function(t, x) return torch.minimum(x, t) end,
}

local function last(t) return t:reshape(-1)[-1]:item() end
local function refused(fn, dtype) test.raises(fn, "expected a number that " .. dtype .. " can hold") end

for name, range in pairs(RANGE) do
  local dtype = torch[name]
  test(name .. " takes its range exactly and nothing else", function()
    for way, make in pairs(ways) do
      for _, x in ipairs(range) do
        local got = way == "tensor_mixed" and make(dtype, x)[{0, 1}]:item() or last(make(dtype, x))
        if got ~= x then error(("%s: %s came as %s"):format(way, x, got)) end
      end
      if name ~= "int64" then
        refused(function() make(dtype, range[1] - 1) end, name)
        refused(function() make(dtype, range[2] + 1) end, name)
        refused(function() make(dtype, range[2] + 1.0) end, name)
      end
      for _, x in ipairs {2.0 ^ 63, -2.0 ^ 64, 1 / 0, -1 / 0, 0 / 0} do refused(function() make(dtype, x) end, name) end
    end
    local t = torch.zeros(2, {dtype = dtype})
    for _, op in pairs(operands) do
      for _, x in ipairs(range) do op(t:clone(), x) end
      if name ~= "int64" then
        refused(function() op(t, range[1] - 1) end, name)
        refused(function() op(t, range[2] + 1) end, name)
      end
    end
    test.equal(t, {0, 0})
    if name ~= "int64" then
      refused(function() t:clamp{min = range[2] + 1} end, name)
      refused(function() t:clamp{max = range[1] - 1} end, name)
      refused(function() t:clamp_{max = range[1] - 1} end, name)
    end
    test.equal(t:clamp{min = -math.huge, max = math.huge}, {0, 0})
  end)
end

test("sequences and draws that a dtype cannot hold are refused", function()
  refused(function() torch.arange(300, {dtype = torch.uint8}) end, "uint8")
  refused(function() torch.arange(-1, 3, {dtype = torch.uint8}) end, "uint8")
  refused(function() torch.linspace(0, 256, 3, {dtype = torch.uint8}) end, "uint8")
  test.equal(torch.arange(256, {dtype = torch.uint8}):long(), torch.arange(256):tolist())
  test.raises(function() torch.randperm(257, {dtype = torch.uint8}) end,
    "randperm: expected a dtype that has the numbers to 256, got uint8")
  test.raises(function() torch.randperm(2050, {dtype = torch.float16}) end, "randperm")
  test.equal(torch.randperm(256, {dtype = torch.uint8}):long():sort(), torch.arange(256):tolist())
  test.equal(torch.randperm(0, {dtype = torch.uint8}), {})
  for name, high in pairs {uint8 = 257, int8 = 129, bool = 3, float16 = 2050, bfloat16 = 258, float32 = 2 ^ 24 + 2} do
    local whole, dtype = math.tointeger(high), torch[name]
    test.raises(function() torch.randint(0, whole, {2}, {dtype = dtype}) end,
      "randint: expected bounds that " .. name .. " can hold")
    test.equal(torch.randint(0, whole - 1, {2}, {dtype = dtype}).shape:tolist(), {2})
  end
  test.raises(function() torch.tensor({1.0}):clamp{max = math.maxinteger} end,
    "clamp: max expects a number that float64 can hold")
end)

test("a number that a narrow float makes infinite is refused where PyTorch refuses it, infinity is not", function()
  local half = torch.zeros(2):half()
  for _, fn in ipairs {function() half:fill_(7e4) end, function() half[0] = -1e9 end,
    function() torch.full({1}, 1e39) end, function() half:masked_fill(torch.tensor{true, false}, -1e9) end,
    function() half[torch.tensor{0}] = 1e9 end} do
    test.raises(fn, "can hold")
  end
  test.equal(half:masked_fill(torch.tensor{true, false}, -math.huge):float(), {-math.huge, 0.0})
  test.equal(half:fill_(65504):float(), {65504.0, 65504.0})
end)

test("arithmetic of integers wraps, as in PyTorch", function()
  test.equal(torch.tensor({250}, {dtype = torch.uint8}) + 300, {38})
  test.equal(torch.tensor({100}, {dtype = torch.int8}) * 2, {-56})
end)

test("a factor of integers must fit their dtype, its sign aside", function()
  local function ones(dtype) return torch.ones(2, {dtype = dtype}) end
  local u, i, at = ones(torch.uint8), ones(torch.int8), torch.tensor {0, 1}
  test.raises(function() u:add(u, {alpha = 300}) end, "add: alpha: expected a number that uint8 can hold, 0 to 255, got 300")
  test.raises(function() u:add_(u, {alpha = 300}) end, "add: alpha: expected a number that uint8 can hold")
  test.raises(function() torch.sub(i, i, {alpha = -129}) end, "sub: alpha: expected a number that int8 can hold")
  test.raises(function() u:index_add(0, at, u, {alpha = 256}) end, "index_add: alpha: expected a number that uint8 can hold")
  test.raises(function() torch.addcmul(i, i, i, {value = 500}) end, "addcmul: value: expected a number that int8 can hold")
  test.raises(function() local l = ones(torch.int64) l:add(l, {alpha = 2 ^ 63}) end, "add: alpha: expected a number that int64 can hold")
  test.equal({u:add(u, {alpha = -1}):tolist(), u:sub(u, {alpha = -1}):tolist()}, {{0, 0}, {2, 2}})
  test.equal(ones(torch.float16):mul(2):add(ones(torch.float16), {alpha = 300}):tolist(), {302.0, 302.0})
end)

test("floats become integers by one rule, whatever moves them", function()
  local x = torch.tensor{1.9, -1.9, 300.5, 3e9, -3e9, 1e19, 1 / 0, -1 / 0, 0 / 0}
  local lowest, lowest32 = math.mininteger, -2147483648
  local long = {1, -1, 300, 3000000000, -3000000000, lowest, lowest, lowest, lowest}
  local int = {1, -1, 300, lowest32, lowest32, lowest32, lowest32, lowest32, lowest32}
  for _, t in ipairs {x, x:double(), torch.stack({x, x}, 1)[":, 0"]} do
    test.equal(t:long(), long)
    test.equal(t:int(), int)
    test.equal(t:to "u8", {1, 255, 44, 0, 0, 0, 0, 0, 0}) -- low bits of the int64
    test.equal(torch.zeros(9, {dtype = "i32"}):copy_(t), int)
    local kept = torch.zeros(9, {dtype = "i32"})
    kept["..."] = t
    test.equal(kept, int)
  end
  test.equal(torch.tensor({1 / 0, 0 / 0, 2}):half():int(), {lowest32, lowest32, 2})
end)

test("uniform numbers never reach the upper bound, in any dtype", function()
  torch.manual_seed(1)
  for _, dtype in ipairs {"f64", "f32", "bf16", "f16"} do
    local n = 200000
    local x = torch.rand(n, {dtype = dtype})
    assert(x:max():item() < 1 and x:min():item() >= 0, dtype)
    assert(torch.rand_like(x):max():item() < 1, dtype)
    test.close(x:double():mean():item(), 0.5, 3e-3)
    -- bounds that the dtype has, bounds that it rounds, bounds below zero and around it
    for _, b in ipairs {{0, 1}, {-3, 0}, {-1, 1}, {-2, -1}, {0.1, 0.3}, {-0.3, -0.1}, {-1.001, 1.003}, {1, 1.02},
      {-1.02, -1}} do
      x:uniform_(b[1], b[2])
      local low = math.min(b[1], torch.tensor(b[1], {dtype = "f32"}):item())
      local high = math.max(b[2], torch.tensor(b[2], {dtype = "f32"}):item())
      local least, most = x:min():item(), x:max():item()
      if not (least >= low and most < high) then
        error(("%s: [%s, %s] of [%s, %s)"):format(dtype, least, most, b[1], b[2]))
      end
    end
    test.equal(x:uniform_(2, 2):max():item(), 2.0)
    assert(torch.randn(n, {dtype = dtype}):abs():max():item() < 7)
  end
end)

test("a number is compared in the dtype of the tensor, whole numbers exactly", function()
  for _, dtype in ipairs {"f64", "f32", "bf16", "f16"} do
    local x = torch.tensor({0.1, 0.3}, {dtype = dtype})
    test.equal(x:eq(0.1), {true, false})
    test.equal(x:ne(0.1), {false, true})
    test.equal(x:le(0.1), {true, false})
    test.equal(x:lt(0.1), {false, false})
    test.equal(x:ge(0.1), {true, true})
    test.equal(x:gt(0.1), {false, true})
    test.equal(x:eq(torch.tensor(0.1, {dtype = dtype == "f64" and "f64" or "f32"})), {true, false})
    test.equal(torch.ops.lt(0.1, x), {false, true})
    test.equal(x:clamp_{max = 0.1}:eq(0.1), {true, true})
  end
  test.equal(torch.tensor({44}, {dtype = "u8"}):eq(300), {false})
  test.equal(torch.tensor{math.maxinteger}:eq(math.maxinteger - 1), {false})
  test.equal(torch.tensor{16777217}:eq(16777216), {false})
end)

test("< and its kin compare a number in the dtype of the tensor, whole numbers exactly", function()
  for _, dtype in ipairs {"f64", "f32", "bf16", "f16"} do
    for _, x in ipairs {0.1, 0.3, -0.7} do
      local t = torch.tensor(x, {dtype = dtype})
      assert(t <= x and t >= x and x <= t and x >= t and not (t < x) and not (t > x) and not (x < t), dtype)
      assert(t < x + 0.1 and x - 0.1 < t, dtype)
    end
  end
  local large = torch.tensor(2 ^ 53 | 0)
  assert(large < (2 ^ 53 | 0) + 1 and not (large >= (2 ^ 53 | 0) + 1) and large < torch.tensor((2 ^ 53 | 0) + 1))
  assert(torch.tensor(true) > 0 and torch.tensor({3}, {dtype = "u8"}) < 300)
  test.raises(function() return torch.tensor(1) < true end, "attempt to compare a tensor with a boolean")
end)

test("a bound that is NaN is not ignored", function()
  local y = torch.tensor({1.0, 2.0}):clamp{min = 0 / 0}
  test.equal(y:isnan(), {true, true})
  test.raises(function() torch.tensor{1, 2}:clamp{max = 0 / 0} end,
    "clamp: expected a whole bound for int64 tensors, got")
end)

-- The gradient of every op of several inputs with a number for one of them is that with the same 0-d float64
-- tensor.
test("the float64 gradient next to a number has the digits of float64", function()
  local native = require "native"
  local samples = require "samples"
  for name, op in pairs(torch.ops) do
    local about, file = native.describe(op), dofile("tests/ops/" .. name .. ".lua")
    local case, inputs = file.cases[1], nil
    if about.elementwise and file.gradient ~= false and #case.inputs > 1 then
      inputs = samples.make(case.inputs, file.kinks)
      for i = 1, inputs.n do
        for j = 1, inputs.n do
          if i ~= j and inputs[i].grad and inputs[j].grad then
            local results = {}
            for k, value in ipairs {0.7, torch.tensor(0.7, {dtype = "f64"})} do
              local list = samples.arguments(inputs)
              list[i] = inputs[i].value:abs():clone():requires_grad_(true)
              list[j] = value
              list.n = list.n + 1
              list[list.n] = case.attr or {}
              local ok, y = pcall(op, table.unpack(list, 1, list.n))
              if ok then
                y:sum():backward()
                results[k] = list[i].grad
              end
            end
            if results[1] then
              test.close(results[1], results[2], 1e-14, name)
            end
          end
        end
      end
    end
  end
end)
