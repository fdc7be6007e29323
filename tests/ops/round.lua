-- Halves go to the even neighbour.
local function round(x)
  local low = math.floor(x)
  if x - low == 0.5 then return low % 2 == 0 and low or low + 1 end
  return math.floor(x + 0.5)
end

return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{shape = {6}, values = {0.5, 1.5, 2.5, -0.5, -1.5, 2.25}}}, gradient = false},
  },
  each = round,
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  kinks = {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5},
}
