--- fold.lua: multipliers into weights: a plain model that computes the same, for programs that know no multipliers.

local native = require "native.reparam"
local module = require "native.module"
local keywords = require "base.keywords"

local CARRIERS = {MultiHeadAttention = "proj", FeedForward = "proj_down"} -- the last matrix of what gives a branch

local function fail(format, ...) keywords.fail("reparam.fold: " .. format, ...) end

--- Multiplies what a module with a weight gives: its weight and its bias.
local function scale(m, by)
  for _, name in ipairs {"weight", "bias"} do
    local p = m:has(name) and m[name]
    if torch.is_tensor(p) then torch.no_grad(function() p:mul_(by) end) end
  end
end

--- The module whose weight can take the multiplier of m.
local function carrier(path, m)
  local class = module.class_name(m)
  if CARRIERS[class] then return carrier(path, m[CARRIERS[class]]) end
  if nn.isinstance(m, nn.Linear) or nn.isinstance(m, nn.Embedding) then return m end
  fail("%s is a %s, which has no weight that could take its multiplier", path == "" and "the model" or "'" .. path .. "'", class)
end

--- A table looked up and used as the output matrix: its own multiplier goes into it, what the head has more into the norm
-- before the head.
local function fold_tied(copy, embedding, head)
  local more = native.multiplier(head) / native.multiplier(embedding)
  if more ~= 1 then
    if not copy:has "norm_f" then
      fail("the head shares its weight with the embedding and no norm with a gain comes before it: build the model with tied = false")
    end
    scale(copy.norm_f, more)
  end
  scale(embedding, native.multiplier(embedding))
  native.multiplier(embedding, 1)
  native.multiplier(head, 1)
end

--- The scores' scale into the queries.
local function fold_attention(copy, path, m)
  local own = native.attention_scale(m)
  if not own or own == 0 then return end
  if not copy:has "config" or copy.config.qk_norm then
    fail("'%s' has a scale of its scores that norms of queries and keys keep out of any weight", path)
  end
  scale(m.query, own * math.sqrt(m.head_dim))
  native.attention_scale(m, 0)
end

return function(model)
  local copy = model:clone()
  local embedding = copy:has "token_embedding" and copy.token_embedding
  local head = copy:has "lm_head" and copy.lm_head
  if embedding and head and rawequal(embedding.weight, head.weight) then fold_tied(copy, embedding, head) end
  for path, m in copy:named_modules() do
    local by = native.multiplier(m)
    if by ~= 1 then scale(carrier(path, m), by) end
    native.multiplier(m, 1)
    fold_attention(copy, path, m)
  end
  return copy
end
