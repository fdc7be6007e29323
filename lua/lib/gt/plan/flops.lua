--- flops.lua: arithmetic of a recorded graph, from the shapes of its products.  A multiplication and an addition are two
-- operations; the backward of a product is one product for every input that wants a gradient.

local flops = {}

local function numel(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

flops.numel = numel

local function wanted(o, ...)
  local n = 0
  for _, i in ipairs {...} do n = n + (o.wanted[i] and 1 or 0) end
  return n
end

--- Pairs of a query and a key that it sees: all, or with is_causal keys 0 … i + offset of query i.
local function visible(o, queries, keys)
  if o.attributes.is_causal == 0 then return queries * keys end
  local sum = 0
  for i = 0, queries - 1 do sum = sum + math.min(keys, i + 1 + o.attributes.offset) end
  return sum
end

--- op -> forward, backward, kind of its operations.
local counts = {}

function counts.linear(o)
  local n = 2 * numel(o.inputs[1]) * o.inputs[2][1]
  return n, n * wanted(o, 1, 2), "products"
end

function counts.matmul(o)
  local n = 2 * numel(o.outputs[1]) * o.inputs[1][#o.inputs[1]]
  return n, n * wanted(o, 1, 2), "products"
end

function counts.linear_cross_entropy(o) return counts.linear(o) end

function counts.attention(o)
  local q, k = o.inputs[1], o.inputs[2]
  local heads, rows = 3, 2 -- (B, T, H, D)
  if o.attributes.layout == 1 then heads, rows = 2, 3 end
  local n = 4 * q[1] * q[heads] * q[4] * visible(o, q[rows], k[rows])
  return n, n * 2 * (wanted(o, 1, 2, 3) > 0 and 1 or 0), "attention"
end

--- Operations of the ops of a census: {forward =, backward =, products =, attention =} (the last two of both passes);
-- `traffic`: bytes that all other ops read and write.
function flops.of(census)
  local sum = {forward = 0, backward = 0, products = 0, attention = 0, traffic = 0}
  for _, o in ipairs(census) do
    if counts[o.op] then
      local forward, backward, kind = counts[o.op](o)
      sum.forward, sum.backward = sum.forward + forward, sum.backward + backward
      sum[kind] = sum[kind] + forward + backward
    elseif not o.view then
      local bytes = 0
      for _, shape in ipairs(o.outputs) do bytes = bytes + shape.bytes end
      local from = o.op == "embedding" and {o.outputs[1]} or o.inputs -- a lookup reads its rows only
      for _, shape in ipairs(from) do bytes = bytes + shape.bytes end
      sum.traffic = sum.traffic + bytes * 5 / 2 -- the backward reads one more than it writes
    end
  end
  return sum
end

return flops
