--- functional.lua: functions of F that are more than one op, against elementary ops.
local test = require "harness"
local gradcheck = require "gradcheck"

test("cross_entropy takes rows, one row, and classes in dimension 1", function()
  torch.manual_seed(1)
  local logits, ids = torch.randn(2, 5, 3, {dtype = "f64"}), torch.randint(0, 5, {2, 3})
  local function expected(n, t) return -F.log_softmax(logits[{n, {}, t}], 0)[ids[{n, t}]:item()]:item() end
  local none, sum = F.cross_entropy(logits, ids, {reduction = "none"}), 0
  for n = 0, 1 do
    for t = 0, 2 do
      test.close(none[{n, t}]:item(), expected(n, t), 1e-14) -- f64 rounding
      sum = sum + expected(n, t)
    end
  end
  test.close(F.cross_entropy(logits, ids, {reduction = "sum"}):item(), sum, 1e-14)
  test.close(F.cross_entropy(logits, ids):item(), sum / 6, 1e-14)
  test.close(F.cross_entropy(logits[{0, {}, 1}], ids[{0, 1}]):item(), expected(0, 1), 1e-14)
  local rows = logits:permute(0, 2, 1):reshape(-1, 5)
  test.close(F.cross_entropy(rows, ids:view(-1)):item(), sum / 6, 1e-14)
  ids[{0, 0}] = -100
  test.close(F.cross_entropy(logits, ids):item(), (sum - none[{0, 0}]:item()) / 5, 1e-14)
  test.raises(function() F.cross_entropy(logits, ids:view(3, 2)) end, "expected targets (2, 3) for logits")
  test.raises(function() F.cross_entropy(logits, ids, {reduction = "avg"}) end, "avg")
  test.raises(function() F.cross_entropy(logits, ids, {ignore = 3}) end, "cross_entropy has no argument 'ignore' (did you mean 'ignore_index'?)")
end)

test("nll_loss of log_softmax is cross_entropy", function()
  torch.manual_seed(2)
  local logits, ids = torch.randn(4, 5, {dtype = "f64"}), torch.randint(0, 5, {4})
  test.close(F.nll_loss(F.log_softmax(logits, -1), ids), F.cross_entropy(logits, ids), 1e-14)
end)

test("mse_loss and l1_loss with their reductions", function()
  local a, b = torch.tensor{1.0, 2.0, 4.0}, torch.tensor{1.0, 4.0, 1.0}
  test.equal({F.mse_loss(a, b, {reduction = "sum"}):item(), F.l1_loss(a, b, {reduction = "sum"}):item()}, {13.0, 5.0})
  test.equal(F.mse_loss(a, b, {reduction = "none"}), {0.0, 4.0, 9.0})
  test.close(F.mse_loss(a, b):item(), 13 / 3, 1e-6)
  test.raises(function() F.mse_loss(a, b, {reduction = "avg"}) end, [[reduction expects "mean", "sum" or "none", got 'avg']])
end)

test("attention with a mask equals causal attention; heads may be grouped", function()
  torch.manual_seed(3)
  local function f64(...) return torch.randn(..., {dtype = "f64"}) end
  local q, k, v = f64({2, 4, 5, 8}), f64({2, 2, 5, 8}), f64({2, 2, 5, 8})
  local causal = F.scaled_dot_product_attention(q, k, v, {is_causal = true, enable_gqa = true})
  local mask = torch.ones(5, 5):tril():to("bool")
  test.close(F.scaled_dot_product_attention(q, k, v, {attn_mask = mask, enable_gqa = true}), causal, 1e-13)
  local added = torch.zeros({5, 5}, {dtype = "f64"}):masked_fill(mask:logical_not(), -math.huge)
  test.close(F.scaled_dot_product_attention(q, k, v, {attn_mask = added, enable_gqa = true}), causal, 1e-13)
  test.raises(function() F.scaled_dot_product_attention(q, k, v) end, "q has 4 heads, k has 2; pass {enable_gqa")
  test.raises(function() F.scaled_dot_product_attention(q, k, v, {causal = true}) end, "did you mean 'is_causal'?")
end)

-- ---- what PyTorch does with each form of an argument ----

test("nll_loss takes rows, one row, and classes in dimension 1", function()
  torch.manual_seed(1)
  local logp, ids = torch.log_softmax(torch.randn(2, 3, 3), 1), torch.tensor {{0, 2, 2}, {1, 1, 0}}
  test.close(F.nll_loss(logp, ids):item(), 1.4765, 5e-5) -- PyTorch 2.9.1 on the same numbers
  logp = F.log_softmax(torch.randn(2, 4, 3, {dtype = "f64"}), 1)
  ids = torch.tensor {{0, 2, 3}, {1, -100, 0}}
  local weight = torch.tensor({0.5, 2.0, 0.25, 1.0}, {dtype = "f64"})
  local none, sum, total = F.nll_loss(logp, ids, {reduction = "none", weight = weight}), 0, 0
  for n = 0, 1 do
    for t = 0, 2 do
      local id = ids[{n, t}]:item()
      local w = id >= 0 and weight[id]:item() or 0
      local expected = id >= 0 and -w * logp[{n, id, t}]:item() or 0
      test.close(none[{n, t}]:item(), expected, 1e-15)
      sum, total = sum + expected, total + w
    end
  end
  test.close(F.nll_loss(logp, ids, weight, nil, -100, nil, "sum"):item(), sum, 1e-14)
  test.close(F.nll_loss(logp, ids, weight):item(), sum / total, 1e-14)
  test.close(F.nll_loss(logp[{0, {}, 1}], torch.tensor(2)):item(), -logp[{0, 2, 1}]:item(), 0)
  test.close(F.nll_loss(logp, torch.full({2, 3}, -100)):item(), 0 / 0, 0) -- as PyTorch
  gradcheck(function(x) return F.nll_loss(x, ids, weight) end, {logp})
  test.raises(function() F.nll_loss(logp, ids, {ignore_index = -1}) end,
              "nll_loss: expected targets in 0 … 3, or the ignore_index -1, got -100")
  test.raises(function() F.nll_loss(logp, ids + 1) end, "got 4")
  test.raises(function() F.nll_loss(logp, ids:t()) end, "nll_loss: expected targets (2, 3) for logits torch.Size([2, 4, 3])")
  test.raises(function() F.nll_loss(logp, ids:float()) end, "expected whole numbers of classes as targets, got torch.float32")
  test.raises(function() F.nll_loss(logp, ids, torch.ones(3)) end, "expected a weight of each class, (4), got torch.Size([3])")
end)

test("cross_entropy with weights of classes and smoothed targets", function()
  torch.manual_seed(7)
  local logits, ids = torch.randn(5, 4, {dtype = "f64"}), torch.tensor {0, 3, -100, 1, 3}
  local weight, e = torch.tensor({0.5, 2.0, 0.25, 1.0}, {dtype = "f64"}), 0.1
  local logp, sum, total = F.log_softmax(logits, -1), 0, 0
  for n, id in ipairs(ids:tolist()) do -- the formula in PyTorch's documentation of CrossEntropyLoss
    if id >= 0 then
      sum, total = sum - (1 - e) * weight[id]:item() * logp[{n - 1, id}]:item(), total + weight[id]:item()
      for c = 0, 3 do sum = sum - e / 4 * weight[c]:item() * logp[{n - 1, c}]:item() end
    end
  end
  test.close(F.cross_entropy(logits, ids, {weight = weight, label_smoothing = e, reduction = "sum"}):item(), sum, 1e-14)
  test.close(F.cross_entropy(logits, ids, {weight = weight, label_smoothing = e}):item(), sum / total, 1e-14)
  test.close(F.cross_entropy(logits, ids, weight), F.nll_loss(logp, ids, weight), 1e-14)
  test.close(F.cross_entropy(logits, ids, {weight = torch.ones(4)}), F.cross_entropy(logits, ids), 1e-14)
  test.equal(F.cross_entropy(logits, ids, {weight = weight, reduction = "none"})[2]:item(), 0.0)
  gradcheck(function(x) return F.cross_entropy(x, ids, {weight = weight, label_smoothing = e}) end, {logits})
  test.equal(tostring(F.cross_entropy(logits:bfloat16(), ids, {label_smoothing = e}).dtype), "torch.bfloat16")
  test.raises(function() F.cross_entropy(logits, ids, {label_smoothing = 2}) end, "label_smoothing expects a number in [0, 1], got 2")
  test.raises(function() F.cross_entropy(logits, ids, {size_average = true}) end, "size_average and reduce are not supported, got true")
end)

test("losses of pairs refuse two shapes, and read PyTorch's positions", function()
  local a, b = torch.tensor {1.0, 2.0, 4.0}, torch.tensor {1.0, 4.0, 1.0}
  for _, name in ipairs {"mse_loss", "l1_loss"} do
    test.raises(function() F[name](a:view(3, 1), b) end,
                name .. ": expected an input and a target of one shape, got torch.Size([3, 1]) and torch.Size([3])")
    test.raises(function() F[name](a, b, "sum") end, "size_average and reduce are not supported, got 'sum'; pass {reduction")
  test.raises(function() F.mse_loss(torch.ones(2), torch.ones(2), nil, false) end, "not supported, got false; pass {reduction")
    test.raises(function() F[name](a, 1) end, name .. ": target expects a tensor, got 1")
  end
  test.equal(F.mse_loss(a, b, nil, nil, "sum"):item(), 13.0)
end)

test("dropout(x, p, training) and attention(q, k, v, mask, dropout, is_causal) by position", function()
  torch.manual_seed(8)
  local x, q = torch.ones(64), torch.randn(1, 2, 4, 8)
  assert(rawequal(F.dropout(x, 0.5, false), x) and rawequal(F.dropout(x, 0.5, {training = false}), x))
  assert(not rawequal(F.dropout(x, 0.5, true), x))
  test.raises(function() F.dropout(x, 0.5, true, true) end, "dropout: inplace = true is not supported")
  test.equal(F.scaled_dot_product_attention(q, q, q, nil, 0, true), F.scaled_dot_product_attention(q, q, q, {is_causal = true}):tolist())
end)

-- ---- attention masks ----

test("layers take what their forward takes: nn.Dropout(p)(x, false) would drop all the same", function()
  local x = torch.ones(2, 3)
  local layers = {nn.Dropout(0.5), nn.ReLU(), nn.SiLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.Identity(), nn.Sequential(nn.ReLU())}
  for _, layer in ipairs(layers) do
    local name = torch.type(layer):match "%w+$"
    test.raises(function() layer(x, false) end, name .. ": expected at most 1 argument")
    test.raises(function() layer:forward(x, false) end, name .. ": expected at most 1 argument")
    test.raises(function() layer(x, {training = false}) end, name .. " has no argument 'training'; it takes x")
    test.equal(layer(x).shape, x.shape)
  end
  for _, layer in ipairs {nn.Linear(3, 1), nn.RMSNorm(3), nn.LayerNorm(3)} do
    test.raises(function() layer(x, false) end, "argument 2 must be a tensor")
  end
  local list = nn.ModuleList {nn.ReLU()}
  test.raises(function() list:append(nn.ReLU(), nn.ReLU()) end, "append: expected at most 1 argument")
  test.raises(function() list:extend({nn.ReLU()}, 1) end, "extend: expected at most 1 argument")
  test.equal(#list, 1)
end)

test("a mask is bool or float, and fits the scores", function()
  local q = torch.randn(1, 2, 4, 8)
  local function refuses(mask, text) test.raises(function() F.scaled_dot_product_attention(q, q, q, mask) end, text) end
  refuses(torch.ones(4, 4):tril():long(), "expected attn_mask as a bool tensor (true: attend) or a float tensor (added to the scores), got torch.int64")
  refuses(torch.ones(3, 4), "expected attn_mask (1, 2, 4, 4) or what broadcasts to it, got torch.Size([3, 4])")
  refuses(torch.ones(2, 1, 2, 4, 4), "expected attn_mask (1, 2, 4, 4) or what broadcasts to it")
  refuses(true, "attn_mask expects a tensor, got a boolean")
  test.raises(function() F.scaled_dot_product_attention(q, q, q, torch.ones(4, 4), 0, true) end, "pass attn_mask or is_causal, not both")
  test.raises(function() F.scaled_dot_product_attention(q, q[":, :, :3"], q, torch.ones(4, 4)) end, "k and v of one shape, got")
end)

test("a query that sees no key gets 0 and finite gradients; under a float mask of -inf it is nan", function()
  torch.manual_seed(9)
  local q, k, v = torch.randn(1, 2, 4, 3, {dtype = "f64"}), torch.randn(1, 2, 5, 3, {dtype = "f64"}), torch.randn(1, 2, 5, 3, {dtype = "f64"})
  local mask = torch.rand(4, 5):gt(0.4)
  mask[1], mask[2] = false, true
  local y = F.scaled_dot_product_attention(q, k, v, mask)
  test.equal(y[":, :, 1"], {{{0.0, 0.0, 0.0}, {0.0, 0.0, 0.0}}}) -- PyTorch 2.9
  test.close(y[":, :, 2"], F.scaled_dot_product_attention(q[":, :, 2:3"], k, v)[":, :, 0"], 1e-14)
  local w = torch.randn(1, 2, 4, 3, {dtype = "f64"})
  gradcheck(function(a, b, c) return (F.scaled_dot_product_attention(a, b, c, mask) * w):sum() end, {q, k, v})
  gradcheck(function(a, bias) return (F.scaled_dot_product_attention(a, k, v, bias) * w):sum() end, {q, torch.randn(4, 1, {dtype = "f64"})})
  gradcheck(function(a, bias) return (F.scaled_dot_product_attention(a, k, v, bias) * w):sum() end, {q, torch.randn(2, 4, 5, {dtype = "f64"})})
  local added = torch.zeros(4, 5):masked_fill(mask:logical_not(), -math.huge)
  test.equal(F.scaled_dot_product_attention(q, k, v, added)[":, :, 1"]:isnan():all():item(), true) -- PyTorch 2.9
end)

test("q, k, v of 2, 3 and 5 dimensions are attention over the last two", function()
  torch.manual_seed(10)
  local q, k, v = torch.randn(2, 3, 2, 4, 8), torch.randn(2, 3, 2, 6, 8), torch.randn(2, 3, 2, 6, 8)
  local mask = torch.rand(3, 1, 4, 6):gt(0.3)
  for _, m in ipairs {mask, false} do
    local all = F.scaled_dot_product_attention(q, k, v, m or nil)
    test.equal(all.shape:tolist(), {2, 3, 2, 4, 8})
    for i = 0, 1 do
      test.close(all[i], F.scaled_dot_product_attention(q[i], k[i], v[i], m or nil), 1e-6)
      local own = m and m[1] or nil
      test.close(all[{i, 1}], F.scaled_dot_product_attention(q[{i, 1}], k[{i, 1}], v[{i, 1}], own), 1e-6)
      own = m and m[{1, 0}] or nil
      test.close(all[{i, 1, 0}], F.scaled_dot_product_attention(q[{i, 1, 0}], k[{i, 1, 0}], v[{i, 1, 0}], own), 1e-6)
    end
  end
  test.raises(function() F.scaled_dot_product_attention(q, k[0], v[0]) end, "all of as many, got")
  test.raises(function() F.scaled_dot_product_attention(q, k[":1"], v[":1"]) end, "of one batch")
  test.raises(function() F.scaled_dot_product_attention(q[0][0][0][0], k, v) end, "2 or more dimensions")
end)

test("bf16 and f16 attention with a mask keeps its scores in float32", function()
  torch.manual_seed(11)
  local mask = torch.ones(64, 64):tril():bool()
  for dtype, tol in pairs {bf16 = 2 ^ -7, f16 = 2 ^ -10} do
    local q, k, v = (torch.randn(1, 2, 64, 32) * 3):to(dtype), (torch.randn(1, 2, 64, 32) * 3):to(dtype), torch.randn(1, 2, 64, 32):to(dtype)
    local exact = F.scaled_dot_product_attention(q:double(), k:double(), v:double(), mask)
    local y = F.scaled_dot_product_attention(q, k, v, mask)
    test.equal(y.dtype == q.dtype, true)
    test.close(y:double(), exact, tol) -- one rounding of the result
    local causal = F.scaled_dot_product_attention(q, k, v, {is_causal = true})
    test.close(y:double(), causal:double(), tol)
  end
  local q = torch.randn(1, 2, 4, 8)
  do
    local _ <close> = torch.autocast "cpu"
    test.equal(tostring(F.scaled_dot_product_attention(q, q, q, torch.ones(4, 4)).dtype), "torch.bfloat16") -- as without a mask
    test.equal(torch.is_autocast_enabled(), true)
  end
end)

test("rms_norm and layer_norm follow their formulas", function()
  torch.manual_seed(4)
  local x, w, b = torch.randn(3, 6, {dtype = "f64"}), torch.randn(6, {dtype = "f64"}), torch.randn(6, {dtype = "f64"})
  local rms = (x:square():mean(-1, {keepdim = true}) + 1e-3):sqrt()
  test.close(F.rms_norm(x, {6}, w, 1e-3), x / rms * w, 1e-14)
  test.close(F.rms_norm(x, {6}, {weight = w, eps = 1e-3}), x / rms * w, 1e-14)
  local mean = x:mean(-1, {keepdim = true})
  local std = ((x - mean):square():mean(-1, {keepdim = true}) + 1e-5):sqrt()
  test.close(F.layer_norm(x, {6}, w, b), (x - mean) / std * w + b, 1e-13)
  test.raises(function() F.rms_norm(x, {5}) end, "expected the last dimension of torch.Size([3, 6]) to be 5")
  for _, shape in ipairs {{3, 6}, x.shape} do
    for _, norm in ipairs {"rms_norm", "layer_norm"} do
      test.raises(function() F[norm](x, shape) end, norm .. ": only the last dimension can be normalised, expected {C}, got 2 dimensions (3, 6)")
    end
    for _, norm in ipairs {"RMSNorm", "LayerNorm"} do
      test.raises(function() nn[norm](shape) end, norm .. ": only the last dimension can be normalised, expected {C}, got 2 dimensions (3, 6)")
    end
  end
  for _, one in ipairs {6, {6}, torch.Size {6}} do
    test.equal(nn.LayerNorm(one).weight.shape:tolist(), {6})
    test.equal(nn.RMSNorm(one, 1e-5).weight.shape:tolist(), {6})
  end
end)

test("attention refuses sizes whose scratch memory could not be counted", function()
  local q = torch.empty(1, 1, 1 << 40, 1, {device = "meta"})
  test.raises(function() F.scaled_dot_product_attention(q, q, q) end,
              "attention: expected at most 2147483647 tokens of 1048576 channels, got (1, 1, 1099511627776, 1)")
end)
