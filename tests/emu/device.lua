-- What a device without a kernel of its own does by way of the host: strided copies, conversions, fills, reads.
-- Each is done on the cpu and on the device; the bytes must be the same.
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

test("an op without a kernel for the device says so in one line, by name", function()
  local x = torch.ones(3, {device = "cuda"})
  local calls = {
    erf = function() return x:erf() end,
    cumsum = function() return x:cumsum(0) end,
    sort = function() return x:sort() end,
    to = function() return x:to "f64" end,
  }
  for op, call in pairs(calls) do
    local message = test.raises(call, op .. ": no CUDA kernel yet; move the tensor to the cpu")
    test.equal(message:find "\n", nil)
  end
  test.equal(x:sum():item(), 3.0) -- and the session goes on
end)

-- Every op that has a kernel, with its inputs in every dtype and in every two of them: what the cpu answers, or one
-- line that says which dtypes the kernel takes.
local samples = require "samples"
local compare = require "compare"

local function kernels()
  local names = {}
  local pipe = assert(io.popen "ls kernels/cuda/*.cu")
  for line in pipe:lines() do
    local name = line:match "([^/]+)%.cu$"
    if name ~= "device" then names[#names + 1] = name end
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

-- What fn raised names an op, or says that it has no kernel, in one line.
local function refused(name, what, message)
  local clear = message:find(name, 1, true) or message:find("no CUDA kernel", 1, true)
  if not clear or message:find "\n" then error(what .. ": " .. message, 0) end
  return false
end

-- True when the device gives what the cpu gives, false when it refuses.
local function as_on_cpu(name, inputs, attr, what)
  local op = torch.ops[name]
  local fine, expected = pcall(call, op, inputs, attr)
  local ok, got = pcall(call, op, on("cuda", inputs), attr)
  if not ok then return refused(name, what, got) end
  if not fine then error(what .. " is refused on the cpu only: " .. expected, 0) end
  if got.dtype ~= expected.dtype then
    error(("%s gives %s, on the cpu %s"):format(what, got.dtype, expected.dtype), 0)
  end
  compare.near(what, got:cpu():double(), expected:double(), 2 ^ -6)
  local here, there = on("cpu", inputs, true), on("cuda", inputs, true)
  gradients(op, here, attr)
  ok, got = pcall(gradients, op, there, attr)
  if not ok then return refused(name, what .. ", gradient", got) end
  for i = 1, inputs.n do
    local a, b = here[i].value, there[i].value
    if samples.is_tensor(a) and a.grad then
      compare.near(what .. ", gradient", b.grad:cpu():double(), a.grad:double(), 2 ^ -5)
    end
  end
  return true
end

for _, name in ipairs(kernels()) do
  test(name .. " on every dtype and on mixed ones is right or refused", function()
    local case = dofile("tests/ops/" .. name .. ".lua").cases[1]
    local inputs, taken = samples.make(case.inputs), {}
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
        local right = as_on_cpu(name, typed, case.attr, ("%s of %s and %s"):format(name, a, b))
        if right and a == b then taken[#taken + 1] = a end
      end
    end
    local text = " " .. table.concat(taken, " ") .. " "
    for _, dtype in ipairs {"f32", "bf16"} do
      assert(text:find(" " .. dtype .. " ", 1, true), name .. " takes only" .. text)
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
