--- functional.lua: the functions of F whose PyTorch signature is not simply inputs and keywords of one
-- op.  (F.relu, F.softmax, F.linear, F.embedding … come from the op table.)

local native = require "native"
local keywords = require "gt.keywords"

local functional = {}

--- {C}, a Size or C -> C, checked against the last dimension of x.
local function last_dim(name, x, shape)
  local dim = shape
  if type(shape) ~= "number" then
    if #shape ~= 1 then
      keywords.fail("%s: only the last dimension can be normalised, got %d dimensions", name, #shape)
    end
    dim = type(shape) == "table" and shape[1] or shape[0]
  end
  if x:size(-1) ~= dim then
    keywords.fail("%s: expected the last dimension of %s to be %s", name, tostring(x.shape), tostring(dim))
  end
end

--- F.rms_norm(x, {C}[, weight[, eps]]): x / sqrt(mean(x², last) + eps) * weight.  Without eps the machine
-- epsilon of float32, 1.1920929e-07.
function functional.rms_norm(x, shape, weight, eps)
  if type(weight) == "table" then -- {weight = …, eps = …}
    local o = keywords.read("rms_norm", weight, {"weight", "eps"})
    weight, eps = o.weight, o.eps
  end
  last_dim("rms_norm", x, shape)
  return torch.ops.rms_norm(x, weight, {eps = eps})
end

--- F.layer_norm(x, {C}[, weight[, bias[, eps = 1e-5]]]): (x - mean) / sqrt(variance + eps) * weight + bias
-- over the last dimension.
function functional.layer_norm(x, shape, weight, bias, eps)
  if type(weight) == "table" then -- {weight = …, bias = …, eps = …}
    local o = keywords.read("layer_norm", weight, {"weight", "bias", "eps"})
    weight, bias, eps = o.weight, o.bias, o.eps
  end
  last_dim("layer_norm", x, shape)
  return torch.ops.layer_norm(x, weight, bias, {eps = eps})
end

--- F.scaled_dot_product_attention(q, k, v[, {is_causal, scale, enable_gqa, attn_mask, dropout_p}]): q (B, H, T, D),
-- k and v (B, Hkv, S, D).
function functional.scaled_dot_product_attention(q, k, v, options)
  local o = keywords.read("scaled_dot_product_attention", options,
                          {"is_causal", "scale", "enable_gqa", "attn_mask", "dropout_p"})
  if q.ndim == 4 and k.ndim == 4 and q:size(1) ~= k:size(1) and not o.enable_gqa then
    keywords.fail("scaled_dot_product_attention: q has %d heads, k has %d; pass {enable_gqa = true}",
                  q:size(1), k:size(1))
  end
  if not o.attn_mask then
    local settings = {layout = "bhtd", is_causal = o.is_causal or false, scale = o.scale}
    if (o.dropout_p or 0) ~= 0 then
      settings.dropout, settings.seed, settings.stream = o.dropout_p, native.random_stream()
    end
    return torch.ops.attention(q, k, v, settings)
  end
  if o.is_causal then keywords.fail("scaled_dot_product_attention: pass attn_mask or is_causal, not both") end
  local groups = q:size(1) // k:size(1)
  if groups > 1 then k, v = k:repeat_interleave(groups, 1), v:repeat_interleave(groups, 1) end
  local scores = q:matmul(k:transpose(-2, -1)) * (o.scale or q:size(-1) ^ -0.5)
  if o.attn_mask.dtype == torch.bool then
    scores = scores:masked_fill(o.attn_mask:logical_not(), -math.huge)
  else
    scores = scores + o.attn_mask
  end
  return functional.dropout(torch.softmax(scores, -1), {p = o.dropout_p or 0}):matmul(v)
end

--- Losses are computed in float32 where autocast made something narrower.
local function wide(x)
  local narrow = x.dtype == torch.bfloat16 or x.dtype == torch.float16
  return narrow and torch.is_autocast_enabled(x.device) and x:float() or x
end

local function reduced(name, loss, reduction)
  if reduction == nil or reduction == "mean" then return loss:mean() end
  if reduction == "sum" then return loss:sum() end
  if reduction == "none" then return loss end
  keywords.fail("%s: reduction must be 'mean', 'sum' or 'none', got %s", name, keywords.show(reduction))
end

--- Logits with classes in dimension 1 and targets without it -> rows (N, C), ids (N).
local function as_rows(name, logits, targets)
  local order, want = {0}, {logits:size(0)}
  for d = 2, logits.ndim - 1 do
    order[d], want[d] = d, logits:size(d)
  end
  local fits = targets.ndim == #want
  for d, n in ipairs(want) do fits = fits and targets:size(d - 1) == n end
  if not fits then
    keywords.fail("%s: expected targets (%s) for logits %s, got %s; with classes in the last dimension pass " ..
                  "logits:view(-1, C), targets:view(-1)", name, table.concat(want, ", "), tostring(logits.shape),
                  tostring(targets.shape))
  end
  order[#order + 1] = 1
  return logits:permute(order):reshape(-1, logits:size(1)), targets:reshape(-1)
end

--- F.cross_entropy(logits, targets[, {ignore_index = -100, reduction = "mean"}]): logits (N, C) and ids
-- (N), (N, C, d…) and (N, d…), or (C) and one id.
function functional.cross_entropy(logits, targets, options)
  local o = keywords.read("cross_entropy", options, {"ignore_index", "reduction"})
  local settings = {ignore_index = o.ignore_index or -100, reduction = o.reduction or "mean"}
  logits = wide(logits)
  if logits.ndim == 2 then return torch.ops.cross_entropy(logits, targets, settings) end
  local shape = targets.shape
  if logits.ndim == 1 then
    logits, targets = logits:unsqueeze(0), targets:reshape(1)
  elseif logits.ndim > 2 then
    logits, targets = as_rows("cross_entropy", logits, targets)
  end
  local loss = torch.ops.cross_entropy(logits, targets, settings)
  return settings.reduction == "none" and loss:reshape(shape) or loss
end

--- F.nll_loss(log_probabilities, targets[, {reduction = "mean"}])
function functional.nll_loss(logp, targets, options)
  local o = keywords.read("nll_loss", options, {"reduction"})
  return reduced("nll_loss", -wide(logp):gather(-1, targets:unsqueeze(-1)):squeeze(-1), o.reduction)
end

--- F.mse_loss(input, target[, {reduction = "mean" | "sum" | "none"}]): (input - target)^2, reduced.
function functional.mse_loss(input, target, options)
  local o = keywords.read("mse_loss", options, {"reduction"})
  return reduced("mse_loss", (wide(input) - wide(target)):square(), o.reduction)
end

--- F.l1_loss(input, target[, {reduction = "mean" | "sum" | "none"}]): |input - target|, reduced.
function functional.l1_loss(input, target, options)
  local o = keywords.read("l1_loss", options, {"reduction"})
  return reduced("l1_loss", (input - target):abs(), o.reduction)
end

--- F.dropout(x[, {p = 0.5, training = true}]): zeroes elements with probability p and multiplies the others
-- by 1 / (1 - p), from a fresh random stream; x itself without training.
function functional.dropout(x, options)
  if type(options) == "number" then options = {p = options} end
  local o = keywords.read("dropout", options, {"p", "training"})
  local p = o.p or 0.5
  if not (p >= 0 and p <= 1) then keywords.fail("dropout: p must be in [0, 1], got %s", tostring(p)) end
  if o.training == false or p == 0 then return x end
  if p == 1 then return x * 0 end
  local seed, stream = native.random_stream()
  return torch.ops.dropout(x, {p = p, seed = seed, stream = stream})
end

return functional
