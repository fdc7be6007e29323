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
