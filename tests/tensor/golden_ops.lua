-- Rules that only PyTorch can settle, against what it answered (tests/golden/ops.py): result dtypes, shapes, slices,
-- views, orders with ties, conversions.
local test = require "harness"

--- Infinities and NaN stand in the file as text.
local function restored(value)
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = restored(item) end
  end
  return ({nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge})[value] or value
end

local path = debug.getinfo(1, "S").source:match "^@(.*)/tensor/[^/]*$" .. "/golden/ops.json"
local file = assert(io.open(path))
local golden = restored(json.decode(file:read "a"))
file:close()

local LONG = {f64 = "float64", f32 = "float32", bf16 = "bfloat16", f16 = "float16", i64 = "int64", i32 = "int32",
  i16 = "int16", i8 = "int8", u8 = "uint8", bool = "bool"}

local function is(t, dtype, what)
  local got = tostring(t.dtype)
  if got ~= "torch." .. LONG[dtype] then error(("%s gives %s, expected %s"):format(what, got, dtype), 2) end
end

local function ones(dtype, shape) return torch.ones(shape or {2}):to(dtype) end

for _, row in ipairs(golden.promotion.rows) do
  local a = row.dtype
  test(("%s with every dtype, as 1-d, as 0-d and as a plain number"):format(a), function()
    for k, b in ipairs(golden.promotion.order) do
      is(torch.maximum(ones(a), ones(b)), row.pairs[k], a .. " and " .. b)
      is(torch.maximum(ones(a), ones(b, {})), row.zero_d[k], a .. " and 0-d " .. b)
      is(ones(a) / ones(b), row.quotient[k], a .. " / " .. b)
      is(torch.cat {ones(a), ones(b)}, row.pairs[k], a .. " joined with " .. b)
    end
    is(ones(a) + 3, row.numbers[1], a .. " + 3")
    is(ones(a) + 2.5, row.numbers[2], a .. " + 2.5")
    test.raises(function() return torch.maximum(ones(a), true) end, "maximum: b expects a tensor, got a boolean")
  end)
end

test("matmul has PyTorch's shapes and refuses what it refuses", function()
  for _, row in ipairs(golden.matmul) do
    local ok, y = pcall(torch.matmul, torch.ones(row[1]), torch.ones(row[2]))
    local what = ("(%s) by (%s)"):format(table.concat(row[1], ", "), table.concat(row[2], ", "))
    if ok ~= (row[3] ~= false) then error(("%s: %s"):format(what, ok and "was not refused" or y)) end
    if ok and not (y.shape == torch.ones(row[3]).shape) then error(what .. " has shape " .. tostring(y.shape)) end
  end
end)

test("slices cut as Python's do", function()
  local x = torch.arange(7)
  for _, row in ipairs(golden.slices) do
    local y = x:slice {dim = 0, start = row[1] or nil, stop = row[2] or nil, step = row[3]}
    test.equal(y, row[4])
    local text = ("%s:%s:%d"):format(row[1] or "", row[2] or "", row[3])
    test.equal(x[text], row[4])
  end
end)

test("view is possible where PyTorch's is", function()
  for _, row in ipairs(golden.views) do
    local n, steps, target, possible = table.unpack(row)
    local x, made = torch.arange(n), "arange " .. n
    for _, step in ipairs(steps) do
      local name, numbers = step[1], step[2]
      x = name == "view" and x:view(numbers) or x[name](x, table.unpack(numbers))
      made = ("%s %s(%s)"):format(made, name, table.concat(numbers, ", "))
    end
    local ok, y = pcall(x.view, x, target)
    if ok ~= possible then
      error(("%s as (%s): %s"):format(made, table.concat(target, ", "), ok and "was not refused" or y))
    end
    local expected = x:clone():view(target):tolist()
    if ok then test.equal(y, expected) end
    test.equal(x:reshape(target), expected)
  end
end)

test("sort is stable and puts NaN last, topk takes the first of equals", function()
  for _, row in ipairs(golden.orders) do
    local x = torch.tensor(row.x)
    local _, up = x:sort()
    test.equal(up, row.up)
    local _, down = x:sort {descending = true}
    test.equal(down, row.down)
    local k = #row.top
    local values, at = x:topk(k)
    test.close(values, row.top, 0)
    test.equal(at, table.move(row.down, 1, k, 1, {}))
    values, at = x:topk(k, {largest = false})
    test.close(values, row.bottom, 0)
    test.equal(at, table.move(row.up, 1, k, 1, {}))
  end
end)

test("conversions round to nearest even, cut off fractions and wrap whole numbers", function()
  for _, row in ipairs(golden.conversions) do
    local x = torch.tensor(row.x, {dtype = row.from})
    local y = x:to(row.to)
    is(y, row.to, "to")
    local ok, message = pcall(test.close, y, row.y, 0)
    if not ok then error(("%s to %s: %s"):format(row.from, row.to, message)) end
  end
end)

test("the gradient of a conversion is rounded on its way", function()
  for _, row in ipairs(golden.gradients) do
    local x = torch.tensor({0.1, -2.3, 77.7}, {dtype = row.from}):requires_grad_(true)
    local w = torch.tensor({1.2345678, -0.333333333, 1e-3}, {dtype = "f64"}):to(row.to);
    (x:to(row.to) * w):sum():backward()
    is(x.grad, row.from, "gradient")
    test.equal(x.grad, row.grad)
  end
end)
