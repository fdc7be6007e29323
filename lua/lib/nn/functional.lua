--- functional.lua: the functions of F whose PyTorch signature is not simply inputs and keywords of one
-- op.  (F.relu, F.softmax, F.linear, F.embedding … come from the op table.)

local native = require "native"
local keywords = require "base.keywords"

local functional = {}

--- Refuses what does not end in the dimension that `shape` ({C}, a Size or C) says.
local function check_width(name, x, shape)
  local width = keywords.width(name, shape)
  if x:size(-1) ~= width then
    keywords.fail("%s: expected the last dimension of %s to be %s", name, tostring(x.shape), tostring(width))
  end
end

--- F.rms_norm(x, {C}[, weight[, eps]]): x / sqrt(mean(x², last) + eps) * weight.  Without eps the machine
-- epsilon of float32, 1.1920929e-07.
function functional.rms_norm(x, shape, weight, eps)
  check_width("rms_norm", x, shape)
  return torch.ops.rms_norm(x, weight, {eps = eps})
end

--- F.layer_norm(x, {C}[, weight[, bias[, eps = 1e-5]]]): (x - mean) / sqrt(variance + eps) * weight + bias
-- over the last dimension.
function functional.layer_norm(x, shape, weight, bias, eps)
  check_width("layer_norm", x, shape)
  return torch.ops.layer_norm(x, weight, bias, {eps = eps})
end

-- ---- attention ----

local SDPA = "scaled_dot_product_attention"

local function refuse_shapes(what, q, k, v)
  keywords.fail("%s: expected %s, got %s, %s, %s", SDPA, what, q.shape, k.shape, v.shape)
end

--- q, k, v (…, H, T, D) as (B, H, T, D).
local function as_batch(q, k, v)
  local n = q.ndim
  if n < 2 or k.ndim ~= n or v.ndim ~= n then refuse_shapes("q, k, v of 2 or more dimensions, all of as many", q, k, v) end
  local fits = k.shape == v.shape and k:size(-1) == q:size(-1)
  for d = 0, n - 4 do fits = fits and k:size(d) == q:size(d) end
  if not fits then refuse_shapes("q, k, v (…, H, T, D) of one batch and D, k and v of one shape", q, k, v) end
  local function four(x)
    if n > 4 then return x:flatten(0, n - 4) end
    for _ = n, 3 do x = x:unsqueeze(0) end
    return x
  end
  return four(q), four(k), four(v)
end

--- Refuses a mask that does not fit scores (…, H, T, S) -> the mask, to be put on scores (B, H, T, S).
local function check_mask(mask, q, k)
  if mask.dtype ~= torch.bool and not mask.dtype.is_floating_point then
    keywords.fail("%s: expected attn_mask as a bool tensor (true: attend) or a float tensor (added to the scores), got %s",
                  SDPA, mask.dtype)
  end
  local shape = q.shape:tolist()
  shape[#shape] = k:size(-2)
  local fits = mask.ndim <= #shape
  for d = 1, fits and mask.ndim or 0 do
    fits = fits and (mask:size(-d) == 1 or mask:size(-d) == shape[#shape + 1 - d])
  end
  if not fits then
    keywords.fail("%s: expected attn_mask (%s) or what broadcasts to it, got %s", SDPA, table.concat(shape, ", "), mask.shape)
  end
  return #shape > 4 and mask:expand(shape):flatten(0, #shape - 4) or mask
end

--- Attention with a mask, from whole matrices of scores in float32 (float64 of such).  With a bool mask a query that
-- sees no key gets 0.
local function masked_attention(q, k, v, mask, settings, dropout_p)
  -- no queries: only checks the others, and says what the op gives under autocast
  local dtype = torch.ops.attention(q:slice(-2, 0, 0), k, v, settings).dtype
  local _ <close> = torch.autocast(q.device, {enabled = false})
  local function wide(x)
    x = x:to(dtype)
    return x.dtype == torch.float64 and x or x:float()
  end
  local groups = q:size(1) // math.max(k:size(1), 1)
  q, k, v = wide(q), wide(k), wide(v)
  if groups > 1 then k, v = k:repeat_interleave(groups, 1), v:repeat_interleave(groups, 1) end
  local scores = (q * (settings.scale or q:size(-1) ^ -0.5)):matmul(k:transpose(-2, -1))
  local weights
  if mask.dtype == torch.bool then
    local hidden, blind = mask:logical_not(), mask:any(-1, true):logical_not()
    scores = scores:masked_fill(hidden:logical_xor(blind:logical_and(hidden)), -math.huge)
    weights = scores:softmax(-1):masked_fill(blind, 0)
  else
    weights = (scores + mask:to(scores.dtype)):softmax(-1)
  end
  return functional.dropout(weights, dropout_p):matmul(v):to(dtype)
end

--- F.scaled_dot_product_attention(q, k, v[, attn_mask[, dropout_p = 0[, is_causal = false]]][, {scale, enable_gqa}]):
-- softmax(scale q kᵀ) v per head, q (…, H, T, D), k and v (…, Hkv, S, D); scale is 1 / sqrt(D) if not given.
-- attn_mask broadcasts to (…, H, T, S): bool, true where a query sees a key, or float, added to the scores.
function functional.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, scale, enable_gqa)
  if mask ~= nil and is_causal then keywords.fail("%s: pass attn_mask or is_causal, not both", SDPA) end
  local shape, q4, k4, v4 = q.shape:tolist(), as_batch(q, k, v)
  if q4:size(1) ~= k4:size(1) and not enable_gqa then
    keywords.fail("%s: q has %d heads, k has %d; pass {enable_gqa = true}", SDPA, q4:size(1), k4:size(1))
  end
  local y
  local settings = {layout = "bhtd", is_causal = is_causal, scale = scale}
  if mask ~= nil then
    y = masked_attention(q4, k4, v4, check_mask(mask, q, k), settings, dropout_p)
  else
    if dropout_p ~= 0 then
      settings.dropout, settings.seed, settings.stream = dropout_p, native.random_stream()
    end
    y = torch.ops.attention(q4, k4, v4, settings)
  end
  return #shape == 4 and y or y:reshape(shape)
end

-- ---- losses ----

--- Losses are computed in float32 where autocast made something narrower.
local function wide(x)
  local narrow = x.dtype == torch.bfloat16 or x.dtype == torch.float16
  return narrow and torch.is_autocast_enabled(x.device) and x:float() or x
end

--- PyTorch's older arguments of losses come before `reduction`.
local function refuse_old(name, size_average, reduce)
  if size_average == nil then size_average = reduce end
  if size_average == nil then return end
  keywords.fail("%s: size_average and reduce are not supported, got %s; pass {reduction = \"mean\", \"sum\" or \"none\"}", name,
                keywords.show(size_average))
end

local function reduced(loss, reduction)
  if reduction == "none" then return loss end
  return reduction == "sum" and loss:sum() or loss:mean()
end

--- Logits with classes in dimension 1, or alone, and targets without them -> rows (N, C), ids (N).
local function as_rows(name, logits, targets)
  if targets.dtype.is_floating_point or targets.dtype == torch.bool then
    keywords.fail("%s: expected whole numbers of classes as targets, got %s", name, targets.dtype)
  end
  if logits.ndim < 2 then
    if logits.ndim == 0 or targets:numel() ~= 1 then
      keywords.fail("%s: expected logits (C) and one target, got %s and %s", name, logits.shape, targets.shape)
    end
    return logits:unsqueeze(0), targets:reshape(1)
  end
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

--- Weight of every row by its class, 0 where it is ignored; the class, 0 where it is ignored; where that is.
local function classes_of(name, rows, ids, weight, ignore_index)
  local C, ignored = rows:size(1), ids:eq(ignore_index)
  local at = ids:long():masked_fill(ignored, 0)
  if at.device.type ~= "meta" then
    local bad = at:lt(0):logical_or(at:ge(C)):nonzero()
    if bad:size(0) > 0 then
      keywords.fail("%s: expected targets in 0 … %d, or the ignore_index %d, got %d", name, C - 1, ignore_index,
                    at[bad[{0, 0}]:item()]:item())
    end
  end
  if weight and (weight.ndim ~= 1 or weight:size(0) ~= C) then
    keywords.fail("%s: expected a weight of each class, (%d), got %s", name, C, weight.shape)
  end
  local weights = weight and weight:to(rows.dtype):index_select(0, at) or torch.ones(at.shape, {dtype = rows.dtype, device = at.device})
  return weights:masked_fill(ignored, 0), at, ignored
end

--- Means are over the weights of the rows.
local function reduced_rows(loss, weights, reduction)
  if reduction == "none" then return loss end
  return reduction == "sum" and loss:sum() or loss:sum() / weights:sum()
end

local function nll_rows(rows, weights, at, ignored)
  return (rows:gather(1, at:unsqueeze(1)):squeeze(1) * weights):masked_fill(ignored, 0):neg()
end

--- F.nll_loss(logp, targets[, {weight, ignore_index = -100, reduction = "mean" | "sum" | "none"}]): minus the log
-- probability of each target's class.  logp (N, C) and ids (N), (N, C, d…) and (N, d…), or (C) and one id; weight (C): of the
-- classes, and a mean is divided by their sum.
function functional.nll_loss(logp, targets, weight, size_average, ignore_index, reduce, reduction)
  refuse_old("nll_loss", size_average, reduce)
  local rows, ids = as_rows("nll_loss", wide(logp), targets)
  local weights, at, ignored = classes_of("nll_loss", rows, ids, weight, ignore_index)
  local loss = reduced_rows(nll_rows(rows, weights, at, ignored), weights, reduction)
  return reduction == "none" and loss:reshape(targets.shape) or loss
end

--- Cross-entropy of rows with weights of classes or smoothed targets: (1 - smoothing) nll + smoothing of the mean over
-- all classes.
local function weighed(rows, ids, weight, ignore_index, reduction, smoothing)
  local logp = F.log_softmax(rows.dtype == torch.float64 and rows or rows:float(), -1)
  local weights, at, ignored = classes_of("cross_entropy", logp, ids, weight, ignore_index)
  local all = (weight and logp * weight:to(logp.dtype) or logp):sum(-1):masked_fill(ignored, 0):neg()
  local loss = nll_rows(logp, weights, at, ignored) * (1 - smoothing) + all * (smoothing / rows:size(1))
  return reduced_rows(loss, weights, reduction):to(rows.dtype)
end

--- F.cross_entropy(logits, targets[, {weight, ignore_index = -100, reduction = "mean" | "sum" | "none", label_smoothing = 0}]):
-- logits (N, C) and ids (N), (N, C, d…) and (N, d…), or (C) and one id; weight (C): of the classes, and a mean is divided by
-- their sum.
function functional.cross_entropy(logits, targets, weight, size_average, ignore_index, reduce, reduction, smoothing)
  refuse_old("cross_entropy", size_average, reduce)
  logits = wide(logits)
  local loss
  if logits.ndim == 2 and weight == nil and smoothing == 0 then
    return torch.ops.cross_entropy(logits, targets, {ignore_index = ignore_index, reduction = reduction})
  end
  local rows, ids = as_rows("cross_entropy", logits, targets)
  if weight == nil and smoothing == 0 then
    loss = torch.ops.cross_entropy(rows, ids, {ignore_index = ignore_index, reduction = reduction})
  else
    loss = weighed(rows, ids, weight, ignore_index, reduction, smoothing)
  end
  return reduction == "none" and loss:reshape(targets.shape) or loss
end

local function check_pair(name, input, target)
  if input.shape ~= target.shape then
    keywords.fail("%s: expected an input and a target of one shape, got %s and %s", name, input.shape, target.shape)
  end
end

--- F.mse_loss(input, target[, {reduction = "mean" | "sum" | "none"}]): (input - target)^2, reduced.
function functional.mse_loss(input, target, size_average, reduce, reduction)
  refuse_old("mse_loss", size_average, reduce)
  check_pair("mse_loss", input, target)
  return reduced((wide(input) - wide(target)):square(), reduction)
end

--- F.l1_loss(input, target[, {reduction = "mean" | "sum" | "none"}]): |input - target|, reduced.
function functional.l1_loss(input, target, size_average, reduce, reduction)
  refuse_old("l1_loss", size_average, reduce)
  check_pair("l1_loss", input, target)
  return reduced((wide(input) - wide(target)):abs(), reduction)
end

--- F.dropout(x, p = 0.5, training = true): zeroes elements with probability p and multiplies the others by
-- 1 / (1 - p), from a fresh random stream; x itself without training.
function functional.dropout(x, p, training, inplace)
  keywords.no_inplace("dropout", inplace)
  if not training or p == 0 then return x end
  if p == 1 then return x * 0 end
  local seed, stream = native.random_stream()
  return torch.ops.dropout(x, {p = p, seed = seed, stream = stream})
end

keywords.sign(functional, [[
  rms_norm(x: tensor, normalized_shape: integer|sizes, weight: tensor = nil, eps: number = nil)
  layer_norm(x: tensor, normalized_shape: integer|sizes, weight: tensor = nil, bias: tensor = nil, eps: number = 1e-5)
  scaled_dot_product_attention(query: tensor, key: tensor, value: tensor, attn_mask: tensor = nil, dropout_p: number[0,1] = 0,
                               is_causal: boolean = false, scale: number = nil, enable_gqa: boolean = false)
  cross_entropy(input: tensor, target: tensor, weight: tensor = nil, size_average: boolean|string = nil,
                ignore_index: integer = -100, reduce: boolean|string = nil, reduction: "mean"|"sum"|"none" = "mean",
                label_smoothing: number[0,1] = 0)
  nll_loss(input: tensor, target: tensor, weight: tensor = nil, size_average: boolean|string = nil,
           ignore_index: integer = -100, reduce: boolean|string = nil, reduction: "mean"|"sum"|"none" = "mean")
  mse_loss(input: tensor, target: tensor, size_average: boolean|string = nil, reduce: boolean|string = nil,
           reduction: "mean"|"sum"|"none" = "mean")
  l1_loss(input: tensor, target: tensor, size_average: boolean|string = nil, reduce: boolean|string = nil,
          reduction: "mean"|"sum"|"none" = "mean")
  dropout(x: tensor, p: number[0,1] = 0.5, training: boolean = true, inplace: boolean = false)
]])

return functional
