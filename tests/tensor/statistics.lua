--- statistics.lua: median, quantile, count_nonzero, multinomial, tile: PyTorch's values and refusals.
local test = require "harness"
local gradcheck = require "gradcheck"

local inf, nan = math.huge, 0 / 0
local f64 = {dtype = "f64"}

-- ---- median ----

test("median along a dimension gives values and indices", function()
  local a = torch.tensor { -- the example of PyTorch's documentation of torch.median
    {0.2505, -0.3982, -0.9948, 0.3518, -1.3131}, {0.3180, -0.6993, 1.0436, 0.0438, 0.2270},
    {-0.2751, 0.7303, 0.2192, 0.3321, 0.2488}, {1.0778, -1.9510, 0.7048, 0.4742, -0.7125}}
  local values, indices = torch.median(a, 1)
  test.close(values, {-0.3982, 0.2270, 0.2488, 0.4742}, 1e-7)
  test.equal(indices, {1, 4, 4, 3})
  values, indices = a:median {dim = 1, keepdim = true}
  test.equal({values.shape:tolist(), indices.shape:tolist()}, {{4, 1}, {4, 1}})
  values, indices = a:median(-2)
  test.close(values, {0.2505, -0.6993, 0.2192, 0.3321, -0.7125}, 1e-7) -- the lower of the two in the middle
  test.equal(indices, {0, 1, 2, 2, 3})
  test.equal({torch.tensor {4, 1, 3, 2}:median():item()}, {2})
  values, indices = torch.tensor(3.0):median(-1)
  test.equal({values:item(), indices:item(), values.ndim}, {3.0, 0, 0})
end)

test("a nan is the median, and that of nothing", function()
  test.close(torch.tensor {1.0, nan}:median():item(), nan, 0)
  test.close(torch.tensor({nan, 1, 0}, {dtype = "bf16"}):median():item(), nan, 0)
  local values, indices = torch.tensor {{1.0, nan, 3.0, nan}, {4.0, 2.0, 1.0, 3.0}}:median(1)
  test.close(values, {nan, 2.0}, 0)
  test.equal(indices, {1, 1}) -- of the first nan
  test.close(torch.zeros(0):median():item(), nan, 0) -- as PyTorch
  test.raises(function() torch.zeros(0, {dtype = "i64"}):median() end, "median: expected at least one element")
  test.raises(function() torch.zeros(2, 0):median(1) end, "got torch.Size([2, 0])")
  test.raises(function() torch.zeros(2):median(1) end, "median: dim 1 is out of range for 1 dimensions")
  test.raises(function() torch.zeros(2):median {axis = 0} end, "median has no argument 'axis'")
end)

-- ---- quantile ----

test("quantile: q as a number or a tensor, along a dimension, kept or not", function()
  local a = torch.tensor {{0.0795, -1.2117, 0.9765}, {1.1707, 0.6706, 0.4884}} -- PyTorch's documentation of torch.quantile
  local q = torch.tensor {0.25, 0.5, 0.75}
  test.close(torch.quantile(a, q, 1, true), {{{-0.5661}, {0.5795}}, {{0.0795}, {0.6706}}, {{0.5280}, {0.9206}}}, 1e-4)
  test.close(a:quantile(q, 1), {{-0.5661, 0.5795}, {0.0795, 0.6706}, {0.5280, 0.9206}}, 1e-4)
  test.equal(a:quantile(0.5, {keepdim = true}).shape:tolist(), {1, 1})
  test.equal(a:quantile(q, {keepdim = true}).shape:tolist(), {3, 1, 1})
  test.equal(a:quantile(torch.tensor(0.5)).shape:tolist(), {})
  local line = torch.arange(4):float() -- the same page, q = 0.6 and 0.4
  for mode, expected in pairs {linear = {1.8, 1.2}, lower = {1, 1}, higher = {2, 2}, midpoint = {1.5, 1.5}, nearest = {2, 1}} do
    test.close(line:quantile(torch.tensor {0.6, 0.4}, {interpolation = mode}), expected, 1e-6)
  end
  test.equal(torch.arange(6):float():quantile(torch.tensor {0.1, 0.3, 0.5}, {interpolation = "nearest"}), {0.0, 2.0, 2.0}) -- to even
  -- 0.29 · 100 is 29 in float32, the dtype of both, and 28.99… in float64
  test.equal(torch.arange(101):float():quantile(0.29, {interpolation = "lower"}):item(), 29.0)
  test.equal(torch.arange(101):double():quantile(0.29, {interpolation = "lower"}):item(), 28.0)
end)

test("quantile: nan and infinities", function()
  test.close(torch.quantile(torch.tensor {1.0, nan, 0.0}, 0):item(), nan, 0)
  test.close(torch.tensor {{1.0, nan}, {1.0, 2.0}}:quantile(0, 1), {nan, 1.0}, 0)
  test.equal(torch.tensor {-inf, -inf, 1, inf}:double():quantile(torch.tensor({0, 0.2, 0.4, 0.7, 0.9, 1}, f64)),
             {-inf, -inf, -inf, inf, inf, inf})
  test.close(torch.tensor({1e308, -1e308}, f64):quantile(1):item(), 1e308, 0)
end)

test("quantile refuses what it cannot mean", function()
  local x = torch.ones(3)
  test.raises(function() x:quantile(1.5) end, "quantile: expected q in [0, 1], got 1.5")
  test.raises(function() x:quantile(torch.tensor {0.5, nan}) end, "quantile: expected q in [0, 1]")
  test.raises(function() x:quantile(torch.ones(1, 1)) end, "q as a number or a 1-d tensor of floats, got torch.float32 torch.Size([1, 1])")
  test.raises(function() x:quantile(torch.tensor {0, 1}) end, "1-d tensor of floats, got torch.int64")
  test.raises(function() torch.arange(3):quantile(0.5) end, "expected a tensor of floats, got torch.int64")
  test.raises(function() x:quantile(0.5, {interpolation = "cubic"}) end, 'interpolation expects "linear", "lower"')
  test.raises(function() torch.ones(2, 0):quantile(0.5, 1) end, "expected at least one element along the dimension")
end)

test("gradients of median and quantile are those of differences", function()
  torch.manual_seed(3)
  local x, weights = torch.randn(3, 5, f64), torch.randn(2, 3, f64)
  gradcheck(function(t) return (t:median(1) * weights[0]):sum() end, {x})
  gradcheck(function(t) return t:median() end, {x})
  gradcheck(function(t) return (t:quantile(torch.tensor({0.3, 0.85}, f64), 1) * weights):sum() end, {x})
end)

-- ---- counting, repeating ----

test("what PyTorch refuses at the edges is refused", function()
  local x, q = torch.tensor{1.0, 2.0}, torch.tensor({0.5}, {requires_grad = true})
  test.raises(function() torch.quantile(x, q) end, "quantile: expected q without gradients")
  test.raises(function() torch.isclose(x, x, -1) end, "isclose: expected rtol and atol >= 0, got -1 and 1e-08")
  test.raises(function() torch.allclose(x, x, {atol = 0 / 0}) end, "expected rtol and atol >= 0")
  test.raises(function() return -x:gt(1) end, "neg: expected numbers, got a bool tensor; use logical_not")
  test.raises(function() torch.roll(torch.tensor(1), 0, 0) end, "roll: expected a dimension of x, got 0 of a 0-d tensor")
  test.equal(torch.roll(torch.tensor(1), 1), 1)
end)

test("count_nonzero counts along dimensions", function()
  local x = torch.tensor {{1, 0}, {1, 1}}
  test.equal({x:count_nonzero(0):tolist(), torch.count_nonzero(x, {dim = 1}):tolist(), x:count_nonzero({0, 1}):item()},
             {{2, 1}, {1, 2}, 3})
  test.equal(torch.tensor {0.0, nan, -0.0}:count_nonzero():item(), 1)
  test.equal(tostring(x:count_nonzero(0).dtype), "torch.int64")
end)

test("tile repeats along the last dimensions", function()
  local x = torch.tensor {1, 2, 3} -- PyTorch's documentation of torch.tile
  test.equal(x:tile(2), {1, 2, 3, 1, 2, 3})
  test.equal(torch.tile(torch.tensor {{1, 2}, {3, 4}}, {2, 2}), {{1, 2, 1, 2}, {3, 4, 3, 4}, {1, 2, 1, 2}, {3, 4, 3, 4}})
  test.equal(torch.tensor {{1}, {2}}:tile(2), {{1, 1}, {2, 2}})
  test.equal(x:tile(torch.Size {2, 1}), {{1, 2, 3}, {1, 2, 3}})
  test.raises(function() x:tile(-1) end, "tile: dims expects a whole number from 0 on, got -1")
  test.raises(function() x:tile "2" end, "tile: dims expects a shape, got '2'")
  test.equal(x:tile {dims = {2}}, {1, 2, 3, 1, 2, 3})
  test.raises(function() x:tile {reps = 2} end, "tile has no argument 'reps'")
  test.raises(function() x:tile {2, reps = 1} end, "tile has no argument 'reps'")
end)

-- ---- multinomial ----

test("multinomial refuses weights that are none, naming the first", function()
  for _, replacement in ipairs {false, true} do
    local function refuses(weights, text)
      test.raises(function() torch.multinomial(torch.tensor(weights), 1, replacement) end, text)
    end
    refuses({1.0, inf}, "multinomial: expected finite weights from 0 on, got inf at [1] of torch.Size([2])")
    refuses({{1.0, 2.0}, {-0.5, 3.0}}, "got -0.5 at [1, 0] of torch.Size([2, 2])")
    refuses({{1.0, 2.0}, {3.0, nan}}, "at [1, 1] of torch.Size([2, 2])")
    refuses({{1.0, 2.0}, {0.0, 0.0}}, "multinomial: row 1 of the weights has 0 above 0, expected at least 1")
    refuses({0.0, 0.0}, "multinomial: the weights have 0 above 0, expected at least 1")
    refuses({{{1.0}}}, "multinomial: expected weights with 1 or 2 dimensions, got torch.Size([1, 1, 1])")
  end
  local weights = torch.tensor {0, 10, 3, 0.0} -- PyTorch's documentation refuses 4 of these as well
  test.raises(function() torch.multinomial(weights, 4) end, "have 2 above 0, expected at least 4; pass {replacement = true}")
  test.equal(torch.multinomial(weights, 4, true).shape:tolist(), {4})
  test.raises(function() torch.multinomial(weights, 0) end, "multinomial: num_samples expects an integer >= 1, got 0")
  test.raises(function() torch.multinomial(weights, {replacement = true}) end, "multinomial: num_samples is missing")
end)

test("multinomial of no weight at all says so", function()
  for _, shape in ipairs { {0}, {2, 0} } do
    test.raises(function() torch.multinomial(torch.zeros(shape), 1) end, "0 above 0, expected at least 1")
  end
end)

test("multinomial draws each position at most once unless it may repeat", function()
  torch.manual_seed(5)
  for _ = 1, 50 do
    local draws = torch.multinomial(torch.tensor({{1.0, 2.0, 0.0, 3.0}, {1e-300, 1e300, 5e-324, 0.0}}, f64), 3):tolist()
    for _, row in ipairs(draws) do table.sort(row) end
    test.equal(draws, {{0, 1, 3}, {0, 1, 2}})
  end
  test.equal(torch.multinomial(torch.tensor({5e-324, 0.0}, f64), 1000, true):sum():item(), 0)
  test.equal(torch.multinomial(torch.tensor({1e308, 1e308, 0.0}, f64), 1000, true):le(1):all():item(), true)
end)

test("multinomial draws in proportion", function()
  torch.manual_seed(6)
  local weights = torch.tensor {1.0, 2.0, 0.0, 5.0}
  local n = 40000
  local counts = F.one_hot(torch.multinomial(weights, n, true), 4):sum(0):tolist()
  for i, p in ipairs {1 / 8, 2 / 8, 0, 5 / 8} do -- five standard deviations
    assert(math.abs(counts[i] - n * p) <= 5 * math.sqrt(n * p * (1 - p)), counts[i])
  end
  -- without replacement: P(i, then j) = p_i p_j / (1 - p_i)
  local pairs_of, p = {}, {1 / 8, 2 / 8, 0, 5 / 8}
  for _, pair in ipairs(torch.multinomial(weights:expand(n, 4), 2):tolist()) do
    local key = pair[1] * 4 + pair[2]
    pairs_of[key] = (pairs_of[key] or 0) + 1
  end
  for i = 0, 3 do
    for j = 0, 3 do
      local expected = i ~= j and p[i + 1] * p[j + 1] / (1 - p[i + 1]) or 0
      local got = pairs_of[i * 4 + j] or 0
      assert(math.abs(got - n * expected) <= 5 * math.sqrt(n * expected), ("%d, %d: %d"):format(i, j, got))
    end
  end
end)

-- ---- variance ----

test("std and var take PyTorch's second position, unbiased", function()
  local x = torch.arange(6):float():view(2, 3)
  test.equal(x:var(0, false), {2.25, 2.25, 2.25}) -- PyTorch 2.9
  test.equal(x:var(0, true, true), {{4.5, 4.5, 4.5}})
  test.equal(x:std(0, {unbiased = false}), {1.5, 1.5, 1.5})
  test.raises(function() x:var(0, {unbiased = false, correction = 2}) end, "var: expected unbiased or correction, got both")
end)
