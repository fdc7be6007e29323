local arrays = require "arrays"

-- Finite differences only see through a conversion that does not round.
local function case(shape, dtype)
  return {inputs = {shape}, attr = {dtype = dtype}, result = dtype, gradient = dtype == "f64"}
end

-- The narrow value nearest to x, ties to even: 8 (bf16) or 11 (f16) significant bits.
local function rounded(x, bits)
  if x == 0 or x ~= x or x == math.huge or x == -math.huge then return x end
  local _, exponent = 0, 0
  local size = math.abs(x)
  while size >= 2 do size, exponent = size / 2, exponent + 1 end
  while size < 1 do size, exponent = size * 2, exponent - 1 end
  local unit = 2.0 ^ (exponent - bits + 1)
  local low = math.floor(x / unit)
  local rest = x / unit - low
  if rest > 0.5 or (rest == 0.5 and low % 2 == 1) then low = low + 1 end
  return low * unit
end

local TO = {
  f64 = function(x) return x end,
  f32 = function(x) return string.unpack("f", string.pack("f", x)) end,
  bf16 = function(x) return rounded(x, 8) end,
  f16 = function(x) return rounded(x, 11) end,
  i64 = function(x) return x < 0 and math.ceil(x) or math.floor(x) end,
  bool = function(x) return x ~= 0 and 1 or 0 end,
}
TO.i32 = TO.i64

return {
  tol = arrays.EXACT,
  cases = {
    case({3, 5}, "f64"), case({3, 5}, "f32"), case({3, 5}, "bf16"), case({}, "f16"), case({0, 3}, "bf16"),
    case({300, 129}, "bf16"),
    {inputs = {{3, 5}}, attr = {dtype = "i64"}, gradient = false, result = "i64"},
    {inputs = {{3, 5}}, attr = {dtype = "i32"}, gradient = false, result = "i32"},
    {inputs = {{shape = {4}, values = {0, -0.25, 1, 3}}}, attr = {dtype = "bool"}, gradient = false, result = "bool"},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    return arrays.make(X.shape, "f64", function(...) return TO[attr.dtype](X(...)) + 0.0 end)
  end,
}
