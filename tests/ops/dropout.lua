-- The reference draws the same random words in Lua: Philox 4x32-10, word i of stream `stream` under `seed`.
local function philox(seed, stream, block)
  local c = {block & 0xffffffff, block >> 32, stream & 0xffffffff, stream >> 32}
  local k0, k1 = seed & 0xffffffff, seed >> 32
  for _ = 1, 10 do
    local p0, p1 = 0xD2511F53 * c[1], 0xCD9E8D57 * c[3]
    c = {(p1 >> 32) ~ c[2] ~ k0, p1 & 0xffffffff, (p0 >> 32) ~ c[4] ~ k1, p0 & 0xffffffff}
    k0, k1 = (k0 + 0x9E3779B9) & 0xffffffff, (k1 + 0xBB67AE85) & 0xffffffff
  end
  return c
end

return {
  cases = {
    {inputs = {{3, 5}}, attr = {p = 0.2, seed = 7, stream = 3}},
    {inputs = {{3, 5}}, attr = {p = 0.5}},
    {inputs = {{}}, attr = {p = 0.9, stream = 11}},
    {inputs = {{0, 3}}, attr = {p = 0.1}},
    {inputs = {{2, 3, 7}}, attr = {p = 0}},
    {inputs = {{3, 149, 157}}, attr = {p = 0.3, seed = 123456789012, stream = 5}},
  },
  oracle = function(x, attr)
    local p, mask, word = attr.p or 0.5, {}, nil
    for i = 0, x:numel() - 1 do
      if i % 4 == 0 then word = philox(attr.seed or 0, attr.stream or 0, i // 4) end
      mask[i + 1] = word[i % 4 + 1] >= math.floor(p * 2 ^ 32) and 1 / (1 - p) or 0
    end
    if #mask == 0 then return x * 1 end
    return x * torch.tensor(mask, {dtype = torch.float64}):reshape(x.shape)
  end,
  oracle_gradient = true,
  errors = {
    {inputs = {{2}}, attr = {p = 1}, message = "dropout: expected a dropout in [0, 1), got 1"},
    {inputs = {{2}}, attr = {p = -0.5}, message = "dropout: expected a dropout in [0, 1), got -0.5"},
  },
}
