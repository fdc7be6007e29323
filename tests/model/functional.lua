--- functional.lua: functions of F that are more than one op, against elementary ops.
local test = require "harness"

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
  test.raises(function() F.rms_norm(x, {3, 6}) end, "only the last dimension")
end)

test("attention refuses sizes whose scratch memory could not be counted", function()
  local q = torch.empty(1, 1, 1 << 40, 1, {device = "meta"})
  test.raises(function() F.scaled_dot_product_attention(q, q, q) end,
              "attention: expected at most 2147483647 tokens of 1048576 channels, got (1, 1, 1099511627776, 1)")
end)
