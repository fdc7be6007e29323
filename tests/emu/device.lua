-- What a backend does besides its kernels: strided copies, conversions, fills, random numbers, reads, copies to other
-- devices, falling back.  Each is done on the cpu and on the device; the bytes must be the same.
local test = require "harness"

local dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "i16", "i8", "u8", "u16", "bool"}

--- Views of x (4, 6) with gaps, steps, other orders, repeated elements.
local views = {
  {"whole", function(x) return x end},
  {"transposed", function(x) return x:transpose(0, 1) end},
  {"columns", function(x) return x[":, 1:4"] end},
  {"steps", function(x) return x["::2, 1::3"] end},
  {"a row", function(x) return x[2] end},
  {"an element", function(x) return x[{1, 2}] end},
  {"nothing", function(x) return x["2:2"] end},
}

local function numbers(dtype) return (torch.arange(24, {dtype = "f64"}) * 0.75 - 5):to(dtype):view(4, 6) end

--- What fn makes of a fresh tensor on either device.
local function same(dtype, fn)
  local here = numbers(dtype)
  local there = here:to "cuda"
  local a, b = fn(here), fn(there)
  test.equal(tostring(b.device), "cuda:0")
  test.equal(b:cpu(), a)
  test.equal(b:cpu().dtype == a.dtype, true)
end

for _, dtype in ipairs(dtypes) do
  test(dtype .. ": views are read, copied, filled and converted as on the cpu", function()
    for _, row in ipairs(views) do
      local view = row[2]
      same(dtype, function(x) return view(x) end)
      same(dtype, function(x) return view(x):clone() end)
      same(dtype, function(x) return view(x):contiguous() end)
      same(dtype, function(x)
        view(x):fill_(1)
        return x -- what lies between is as it was
      end)
      same(dtype, function(x)
        view(x):zero_()
        return x
      end)
      same(dtype, function(x)
        view(x):copy_(view(numbers "f64")) -- from the cpu, of another dtype
        return x
      end)
      same(dtype, function(x)
        local y = torch.ones(view(x).shape, {dtype = "f64", device = x.device})
        view(x):copy_(y)
        return x
      end)
      for _, other in ipairs(dtypes) do
        if not ((dtype == "bf16" or dtype:find "^f") and other:find "^u") then -- below 0: anyone's
          same(dtype, function(x)
            local from = view(x)
            return torch.zeros(from.shape, {dtype = other, device = x.device}):copy_(from)
          end)
        end
      end
    end
  end)
end

test("rows and columns of one tensor may be copied over each other", function()
  same("f32", function(x)
    x["1:"]:copy_(x[":-1"])
    return x
  end)
  same("f32", function(x)
    x[":, :4"]:copy_(x[":, :4"]:transpose(0, 1))
    return x
  end)
end)

test("repeated elements can be read, not written", function()
  same("f32", function(x) return x[0]:expand(3, 6):contiguous() end)
  local x = torch.zeros(1, 6, {device = "cuda"}):expand(3, 6)
  test.raises(function() x:copy_(torch.ones(3, 6)) end, "expanded")
end)

test("items, lists and text are those of the cpu", function()
  local x = numbers "bf16"
  local y = x:to "cuda"
  test.equal(y[{3, 5}]:item(), x[{3, 5}]:item())
  test.equal(y:transpose(0, 1):tolist(), x:transpose(0, 1):tolist())
  test.equal((tostring(y):gsub("device='cuda:0', ", "")), tostring(x))
end)

test("random numbers and constants are the same on every device", function()
  local fills = {
    normal = function(x) return x:normal_(0.5, 2) end,
    uniform = function(x) return x:uniform_(-1, 3) end,
    value = function(x) return x:fill_(1.25) end,
    zeros = function(x) return torch.zeros(x.shape, {dtype = x.dtype, device = x.device}) end,
  }
  for _, dtype in ipairs {"f64", "f32", "bf16", "f16"} do
    for name, fill in pairs(fills) do
      for _, n in ipairs {1, 5, 1027} do
        local here, there = torch.empty(n, {dtype = dtype}), torch.empty(n, {dtype = dtype, device = "cuda"})
        torch.manual_seed(7)
        local expected = fill(here)
        torch.manual_seed(7)
        local got = fill(there):cpu()
        if not torch.equal(got, expected) then error(("%s of %d %s differs"):format(name, n, dtype)) end
      end
    end
  end
  for _, dtype in ipairs {"i64", "i32", "u8", "f32"} do
    torch.manual_seed(3)
    local here = torch.randint(3, 100, {517}, {dtype = dtype})
    torch.manual_seed(3)
    test.equal(torch.randint(3, 100, {517}, {dtype = dtype, device = "cuda"}):cpu(), here)
  end
end)

test("an element is read alone, whatever its storage holds", function()
  local x = torch.arange(1000, {dtype = "f32", device = "cuda"}):view(10, 100)
  local before = torch.memory_stats "cpu"
  torch.reset_peak_memory_stats()
  test.equal(x[{3, 4}]:item(), 304.0)
  test.equal(torch.max_memory_allocated() - before.allocated <= 512, true)
end)

test("what a dtype holds and does not hold is refused on the device as on the cpu", function()
  local x = torch.zeros(3, {dtype = "u8", device = "cuda"})
  test.raises(function() return x:masked_fill(x:eq(0), 300) end, "masked_fill: expected a number that uint8 can hold")
end)

test("a 0-d tensor of the cpu may be an operand of an op on the device", function()
  local x, two = numbers("f32"):to "cuda", torch.tensor(2.0, {dtype = "f64"})
  same("f32", function(y) return y * two end)
  same("f32", function(y) return two - y end)
  same("f32", function(y) return y:mul_(two) end)
  same("f32", function(y) return torch.where(y:gt(0), y, two) end)
  test.equal((two + torch.tensor(1.0, {device = "cuda"})).device == x.device, true)
  test.equal((two * two).device == two.device, true)
  test.equal((torch.ones(2, {device = "meta"}) * two).device == torch.ones(1, {device = "meta"}).device, true)
  test.raises(function() return two:mul_(x[{0, 0}]) end, "mul_: expected tensors on cpu, got cuda:0")
  test.raises(function() return x * torch.ones(1) end, "mul: expected tensors on one device, got cuda:0 and cpu")
  test.raises(function() return torch.ones(6) * x[{0, 0}] end, "mul: expected tensors on one device, got cpu and cuda:0")
end)

test("its gradient comes back to the cpu", function()
  local function gradients(device)
    local w = torch.tensor(1.5, {requires_grad = true})
    local x = numbers("f32"):abs():to(device):requires_grad_()
    for _ = 1, 2 do ((x * w) ^ (w + 1) / w):sum():backward() end
    test.equal(tostring(w.grad.device), "cpu")
    test.equal(x.grad.device == x.device, true)
    return {w.grad, x.grad:cpu()}
  end
  local expected, got = gradients "cpu", gradients "cuda"
  for i = 1, 2 do test.equal(torch.allclose(got[i], expected[i], {rtol = 1e-6}), true) end
  torch.autograd.detect_anomaly(function() test.equal(#gradients "cuda", 2) end)
end)

test("keys on the cpu pick from tensors of the device", function()
  local keys = {torch.tensor(1), torch.tensor{3, 0, -1}, {torch.tensor{{1}, {2}}, torch.tensor{0, 5}},
    torch.tensor{true, false, true, true}, numbers("f32"):gt(0)}
  for _, key in ipairs(keys) do
    same("f32", function(x) return x[key] end)
    same("f32", function(x) x[key] = 9 return x end)
    same("f32", function(x) x[key] = torch.tensor(7.0) return x end)
  end
  test.raises(function() return numbers("f32")[torch.tensor({1}, {device = "cuda"})] end,
    "index: expected tensors on one device, got cpu and cuda:0")
end)

-- ---- several devices ----

local several = torch.cuda.device_count() > 1 and test or function(name) test.skip(name, "one device only") end

several("tensors move between devices; one op takes tensors of one device", function()
  local x = numbers "f32"
  local a, b = x:to "cuda:0", x:to "cuda:1"
  test.equal(tostring(b.device), "cuda:1")
  test.equal({b.device.type, b.device.index}, {"cuda", 1})
  test.equal(tostring(torch.device("cuda", 1)), "cuda:1")
  test.equal(a:transpose(0, 1):to("cuda:1"):cpu(), x:transpose(0, 1))
  test.equal(b["::2, 1:"]:to("cuda:0"):cpu(), x["::2, 1:"])
  local c = torch.zeros(4, 6, {dtype = "bf16", device = "cuda:1"})
  test.equal(c:copy_(a):cpu(), x:bfloat16())
  test.equal((b * 2 + 1):cpu(), x * 2 + 1)
  test.raises(function() return a + b end, "add: expected tensors on one device, got cuda:0 and cuda:1")
  test.raises(function() return x + b end, "add: expected tensors on one device, got cpu and cuda:1")
  test.raises(function() x:to "cuda:7" end, "device: expected an index below 2, got cuda:7")
  local before = torch.cuda.memory_allocated "cuda:0"
  local kept <const> = torch.zeros(1000, {device = "cuda:1"}) -- luacheck: no unused
  test.equal(torch.cuda.memory_allocated "cuda:0", before)
  assert(torch.cuda.memory_allocated "cuda:1" >= 4000)
end)

several("cuda without an index is the device that was set", function()
  torch.cuda.set_device(1)
  test.equal(torch.cuda.current_device(), 1)
  test.equal(tostring(torch.zeros(1):cuda().device), "cuda:1")
  torch.cuda.set_device "cuda:0"
  test.equal(tostring(torch.zeros(1):cuda().device), "cuda:0")
  test.raises(function() torch.cuda.set_device "cpu" end, "set_device: expected a device of type cuda, got cpu")
end)

-- ---- ops without a kernel ----

local function calls_of(op)
  for _, row in ipairs(torch.cuda.fallbacks()) do
    if row.op == op then return row.calls end
  end
  return 0
end

test("an op without a kernel for the device runs on the cpu, is counted, and refused where that is asked for", function()
  local here = (torch.arange(6) / 3 - 1):view(2, 3):requires_grad_()
  local there = here:detach():cuda():requires_grad_()
  local before = calls_of "softmax"
  local a, b = here:softmax(1), there:softmax(1)
  test.equal(tostring(b.device), "cuda:0")
  test.equal(b:detach():cpu(), a:detach())
  local weights = torch.arange(6):view(2, 3)
  a:backward(weights)
  b:backward(weights:cuda())
  test.equal(tostring(there.grad.device), "cuda:0")
  test.equal(there.grad:cpu(), here.grad)
  assert(calls_of "softmax" > before)
  test.equal(torch.cuda.fallback "error", "error")
  local message = test.raises(function() return there:detach():softmax(1) end,
                              "softmax: no kernel for cuda:0 yet; move the tensors to the cpu")
  test.equal(message:find "\n", nil)
  test.equal(torch.cuda.fallback "warn", "warn")
  test.raises(function() torch.cuda.fallback "quiet" end, "fallback")
end)

test("ops in place and ops that write fall back too", function()
  same("f32", function(x)
    x:exp_()
    return x
  end)
  same("bf16", function(x)
    x["1:3, ::2"]:tanh_()
    return x
  end)
  same("f16", function(x) return x:sort(1) end)
end)

test("the note comes once per op, on stderr", function()
  local program = os.getenv "GPTSH" or "./gptsh"
  local library = (os.getenv "GPTSH_BUILD" or "build/release") .. "/gptsh-cuda-emu.so"
  local file = io.open(library)
  if not file then return end -- on a real device
  file:close()
  local pipe = assert(io.popen(("%s --cuda-library %s -e 'x = torch.ones(2):cuda() x:erf() x:erf() print(x:sort().device)' 2>&1")
    :format(program, library)))
  local text = pipe:read "a"
  pipe:close()
  test.equal(text, "note: erf has no kernel for cuda yet and runs on the cpu\n" ..
    "note: sort has no kernel for cuda yet and runs on the cpu\ncuda:0\n")
end)

-- Every op that has a kernel, with its inputs in every dtype and in every two of them: what the cpu answers.
local samples = require "samples"
local compare = require "compare"

local function kernels()
  local names = {}
  local pipe = assert(io.popen "ls kernels/cuda/*.cu")
  for line in pipe:lines() do
    local name = line:match "([^/]+)%.cu$"
    local op = io.open("kernels/op/" .. name .. ".c")
    if op and op:close() then names[#names + 1] = name end
  end
  pipe:close()
  return names
end

local function call(op, inputs, attr)
  local list = samples.arguments(inputs)
  if attr then
    list.n = list.n + 1
    list[list.n] = attr
  end
  return op(table.unpack(list, 1, list.n))
end

local function gradients(op, inputs, attr)
  local y = call(op, inputs, attr)
  if y.requires_grad then y:backward(torch.ones(y.shape, {dtype = y.dtype}):to(y.device)) end
end

local function on(device, inputs, grad)
  return samples.map(inputs, function(t)
    return t:to(device):clone():requires_grad_(grad and t.dtype.is_floating_point or false)
  end)
end

-- Raises where the device does not give what the cpu gives, or refuses what the cpu takes.
local function as_on_cpu(name, inputs, attr, what)
  local op = torch.ops[name]
  local fine, expected = pcall(call, op, inputs, attr)
  local ok, got = pcall(call, op, on("cuda", inputs), attr)
  if ok ~= fine then error(("%s: %s on the cpu, %s on cuda"):format(what, fine or expected, ok or got), 0) end
  if not ok then return end
  if got.dtype ~= expected.dtype then
    error(("%s gives %s, on the cpu %s"):format(what, got.dtype, expected.dtype), 0)
  end
  compare.near(what, got:cpu():double(), expected:double(), 2 ^ -6)
  local here, there = on("cpu", inputs, true), on("cuda", inputs, true)
  gradients(op, here, attr)
  gradients(op, there, attr)
  for i = 1, inputs.n do
    local a, b = here[i].value, there[i].value
    if samples.is_tensor(a) and a.grad then
      if a.grad.dtype ~= b.grad.dtype then error(what .. ", gradient has another dtype", 0) end
      compare.near(what .. ", gradient", b.grad:cpu():double(), a.grad:double(), 2 ^ -5)
    end
  end
end

--- The same elements, apart in memory.
local function apart(t)
  if t:dim() == 0 or not t.dtype.is_floating_point then return t end
  return torch.cat({t:unsqueeze(-1), t:unsqueeze(-1)}, -1)["..., 0"]
end

for _, name in ipairs(kernels()) do
  test(name .. " of inputs with strides is what it is on the cpu", function()
    local case = dofile("tests/ops/" .. name .. ".lua").cases[1]
    local inputs = samples.make(case.inputs)
    local expected = call(torch.ops[name], inputs, case.attr)
    local strided = samples.map(on("cuda", inputs), apart)
    compare.near(name, call(torch.ops[name], strided, case.attr):cpu():double(), expected:double(), 2 ^ -6)
  end)
end

for _, name in ipairs(kernels()) do
  test(name .. " on every dtype and on mixed ones is what it is on the cpu", function()
    local case = dofile("tests/ops/" .. name .. ".lua").cases[1]
    local inputs = samples.make(case.inputs)
    for _, a in ipairs(dtypes) do
      for _, b in ipairs(dtypes) do
        local k = 0
        local typed = samples.map(inputs, function(t, input)
          if not input.follows then return t end
          k = k + 1
          local dtype = k % 2 == 1 and a or b
          if samples.floats[dtype] then return t:to(dtype) end
          return (t * 2):round():abs():to(dtype)
        end)
        as_on_cpu(name, typed, case.attr, ("%s of %s and %s"):format(name, a, b))
      end
    end
  end)
end

test("an f16 operand is read as what it is, all 65536 of them", function()
  local bits = torch.arange(65536) - 32768
  local half = torch.tensor(bits, {dtype = "i16"})
  local path = os.tmpname()
  torch.save(path, {half = half})
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  file = assert(io.open(path, "wb"))
  file:write((bytes:gsub('"I16"', '"F16"', 1)))
  file:close()
  half = torch.load(path).half
  os.remove(path)
  local there = half:to "cuda"
  local zero = torch.zeros(1, {device = "cuda"})
  local got, expected = (there + zero):cpu(), half:float()
  test.equal(got:isnan(), expected:isnan())
  local kept = expected:isnan():logical_not()
  test.equal(got[kept], expected[kept])
  test.equal(half.dtype, torch.float16)
end)

test("points of a sweep run one after another: copies of a process cannot use a device it has opened", function()
  local x = torch.ones(2, 4, {device = "cuda"})
  local loader = {next = function() return x, x end, state = function() return 0 end, load_state = function() end}
  local steps = 0
  local function go(jobs)
    return sweep {
      lr = {0.01, 0.02}, data = loader, steps = 3, jobs = jobs, progress = false, optim = {name = "SGD"},
      model = function() return nn.Linear(4, 4):to "cuda" end,
      objective = function(model, input)
        steps = steps + 1
        return (model(input) * input):sum()
      end,
    }
  end
  test.equal(#go().points, 2)
  test.equal(steps, 6) -- seen here: nothing was copied
  test.raises(function() go(2) end, "sweep: expected jobs = 1 for models on cuda, got 2")
end)
