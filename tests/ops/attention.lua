-- softmax(scale q k^T) v per head, from whole matrices
local function heads_first(x, attr) return attr.layout == "bhtd" and x or x:transpose(1, 2) end

local function repeated(x, times)
  return times == 1 and x or x:repeat_interleave(times, {dim = 1})
end

return {
  -- a sum of D products under an exponential, then sums over the keys
  tol = {f64 = 1e-12, f32 = 1e-5},
  gradient_tol = 1e-6,
  -- y is saved rounded, and the gradient of the scores is a difference of nearly equal numbers
  narrow_tol = {f32 = 1e-4, bf16 = 0.2, f16 = 4e-2},
  cases = {
    {inputs = {{2, 3, 2, 4}, {2, 3, 2, 4}, {2, 3, 2, 4}}},
    {inputs = {{1, 5, 2, 4}, {1, 5, 2, 4}, {1, 5, 2, 4}}, attr = {is_causal = true}},
    {inputs = {{1, 2, 5, 4}, {1, 2, 5, 4}, {1, 2, 5, 4}}, attr = {is_causal = true, layout = "bhtd", scale = 0.3}},
    {inputs = {{1, 3, 4, 2}, {1, 5, 2, 2}, {1, 5, 2, 2}}, attr = {is_causal = true}}, -- two queries per key head
    {inputs = {{1, 4, 3, 2}, {1, 1, 5, 2}, {1, 1, 5, 2}}, attr = {layout = "bhtd"}},
    {inputs = {{1, 6, 1, 3}, {1, 2, 1, 3}, {1, 2, 1, 3}}, attr = {is_causal = true}}, -- more queries than keys
    {inputs = {{2, 1, 4, 3}, {2, 6, 2, 3}, {2, 6, 2, 3}}, attr = {is_causal = true, offset = 5}}, -- keys from a cache
    {inputs = {{1, 3, 2, 3}, {1, 7, 2, 3}, {1, 7, 2, 3}}, attr = {is_causal = true, offset = 4}},
    {inputs = {{1, 70, 1, 5}, {1, 300, 1, 5}, {1, 300, 1, 5}}, attr = {is_causal = true, offset = 230}, dtypes = {"f64", "f32"}},
    {inputs = {{2, 5, 4, 3}, {2, 5, 2, 3}, {2, 5, 2, 3}}, attr = {is_causal = true, dropout = 0.3, seed = 9, stream = 4}},
    {inputs = {{1, 2, 70, 5}, {1, 2, 270, 5}, {1, 2, 270, 5}}, attr = {layout = "bhtd", dropout = 0.5, stream = 1}, dtypes = {"f64", "f32"}},
    {inputs = {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}}, dtypes = {"f64", "f32"}},
    {inputs = {{0, 3, 2, 4}, {0, 3, 2, 4}, {0, 3, 2, 4}}},
    -- one query, whole vectors of channels: read in place; keys that fill no vector, keys not seen, four vectors and more
    {inputs = {{2, 1, 4, 16}, {2, 37, 2, 16}, {2, 37, 2, 16}}, attr = {is_causal = true, offset = 36}},
    {inputs = {{1, 2, 1, 80}, {1, 2, 19, 80}, {1, 2, 19, 80}}, attr = {is_causal = true, offset = 12, layout = "bhtd"}},
    {inputs = {{1, 1, 2, 16}, {1, 1, 2, 16}, {1, 1, 2, 16}}, attr = {scale = 2}, gradient = false}, -- 0 but for rounding
    {inputs = {{1, 1, 1, 64}, {1, 300, 1, 64}, {1, 300, 1, 64}}, dtypes = {"f64", "f32"}},
    -- several blocks of queries and keys, none of full size
    {inputs = {{1, 150, 2, 20}, {1, 150, 1, 20}, {1, 150, 1, 20}}, attr = {is_causal = true}, dtypes = {"f64", "f32"}},
    {inputs = {{1, 70, 1, 33}, {1, 270, 1, 33}, {1, 270, 1, 33}}, dtypes = {"f64", "f32"}},
    {inputs = {{shape = {1, 140, 1, 8}, low = 40, high = 60}, {shape = {1, 140, 1, 8}, low = -60, high = 60}, {1, 140, 1, 8}},
      attr = {is_causal = true}, gradient = false, dtypes = {"f64"}, tol = {f64 = 1e-10}}, -- scores in the thousands
  },
  oracle_gradient = true,
  oracle = function(q, k, v, attr)
    q, k, v = heads_first(q, attr), heads_first(k, attr), heads_first(v, attr)
    local H, T, S, D = q:size(1), q:size(2), k:size(2), q:size(3)
    k, v = repeated(k, H // k:size(1)), repeated(v, H // v:size(1))
    local s = q:matmul(k:transpose(2, 3)) * (attr.scale or 1 / math.sqrt(D))
    if attr.is_causal then s = s:masked_fill(torch.ones(T, S):tril({diagonal = attr.offset or 0}):eq(0), -math.huge) end
    local p = s:softmax({dim = -1})
    if attr.dropout then -- the op dropout has a test of its own
      p = p * torch.ops.dropout(torch.ones(p.shape, {dtype = p.dtype}), {p = attr.dropout, seed = attr.seed, stream = attr.stream})
    end
    local y = p:matmul(v)
    return attr.layout == "bhtd" and y or y:transpose(1, 2)
  end,
  errors = {
    {inputs = {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}}, message = "attention: expected tensors (B, T, H, D), got (2, 3, 4)"},
    {inputs = {{1, 3, 2, 4}, {1, 3, 2, 4}, {1, 3, 2, 4}}, attr = {offset = -1},
      message = "attention: expected offset in 0 ... 2147483647, got -1"},
    {inputs = {{1, 3, 2, 4}, {1, 3, 2, 4}, {1, 3, 2, 4}}, attr = {dropout = 1},
      message = "attention: expected a dropout in [0, 1), got 1"},
    {inputs = {{1, 3, 3, 4}, {1, 3, 2, 4}, {1, 3, 2, 4}},
      message = "attention: expected a multiple of 2 query heads, got 3"},
    {inputs = {{1, 3, 2, 4}, {1, 3, 2, 8}, {1, 3, 2, 8}}, message = "attention: expected q, k, v (B, T, H, D) with one B and D"},
    {inputs = {{1, 3, 2, 4}, {1, 3, 2, 4}, {1, 5, 2, 4}}, message = "k and v of one shape, got (1, 3, 2, 4), (1, 3, 2, 4), (1, 5, 2, 4)"},
    {inputs = {{1, 3, 2, 4}, {1, 3, 2, 4}, {shape = {1, 3, 2, 4}, dtype = "i64"}},
      message = "attention: expected floating-point tensors, got int64"},
  },
}
