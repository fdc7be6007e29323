local function table_of(shape) return {shape = shape, low = -1, high = 1, grad = false} end
local function bf16(shape)
  return function() return torch.randn(shape, {dtype = "f32"}):to("bf16") end
end

local function normalised(x, eps)
  return x * ((x * x):mean({dim = -1, keepdim = true}) + eps):rsqrt()
end

return {
  -- two products and a sum; with norm also a root and a division
  tol = {f64 = 1e-13, f32 = 1e-6},
  cases = {
    {inputs = {{2, 3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}}},
    {inputs = {{1, 3, 1, 6}, table_of {1, 9, 1, 3}, table_of {1, 9, 1, 3}}}, -- tables longer than x
    {inputs = {{2, 3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}}, attr = {norm = "after", eps = 1e-3}},
    {inputs = {{2, 3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}}, attr = {norm = "before", eps = 1e-3}},
    {inputs = {{1, 2, 2, 8}, table_of {1, 2, 1, 2}, table_of {1, 2, 1, 2}}, attr = {dims = 4}},
    {inputs = {{1, 2, 2, 8}, table_of {1, 2, 1, 2}, table_of {1, 2, 1, 2}}, attr = {dims = 4, norm = "after", eps = 1e-2}},
    {inputs = {{2, 4, 1, 6}, bf16 {1, 4, 1, 3}, bf16 {1, 4, 1, 3}}},
    {inputs = {{0, 3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}}},
    {inputs = {{2, 33, 3, 64}, table_of {1, 33, 1, 32}, table_of {1, 33, 1, 32}}, attr = {norm = "after", eps = 1e-5}},
  },
  oracle = function(x, cos, sin, attr)
    local T, D = x:size(1), x:size(3)
    local R = attr.dims or D
    local half = R // 2
    cos, sin = cos:slice(1, 0, T), sin:slice(1, 0, T)
    if attr.norm == "before" then x = normalised(x, attr.eps) end
    local a, b = x:slice(3, 0, half), x:slice(3, half, R)
    local y = torch.cat({a * cos + b * sin, b * cos - a * sin, x:slice(3, R, D)}, {dim = 3})
    return attr.norm == "after" and normalised(y, attr.eps) or y
  end,
  errors = {
    {inputs = {{1, 5, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}},
      message = "rope: expected cos for at least 5 positions, got 3"},
    {inputs = {{1, 3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 4}},
      message = "rope: expected sin (1, T, 1, 2), got (1, 3, 1, 4)"},
    {inputs = {{3, 2, 4}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}},
      message = "rope: expected x (B, T, H, D), got (3, 2, 4)"},
    {inputs = {{1, 3, 2, 5}, table_of {1, 3, 1, 2}, table_of {1, 3, 1, 2}},
      message = "rope: expected an even number of channels up to 5, got 5"},
    {inputs = {{1, 3, 2, 4}, {shape = {1, 3, 1, 2}, dtype = "i64"}, table_of {1, 3, 1, 2}},
      message = "rope: expected a floating-point cos, got int64"},
  },
}
