local function whole(shape) return {shape = shape, dtype = "i64", low = -100, high = 100} end
local function bool(shape) return {shape = shape, dtype = "bool"} end

return {
  cases = {
    {inputs = {whole {2, 3}, whole {2, 3}}},
    {inputs = {whole {4, 1, 3}, whole {5, 1}}},
    {inputs = {whole {3, 5}, 6}},
    {inputs = {bool {8}, bool {8}}, result = "bool"},
    {inputs = {{shape = {8}, dtype = "u8", low = 0, high = 255}, {shape = {8}, dtype = "u8", low = 0, high = 255}}, result = "u8"},
  },
  each = function(a, b) return a ~ b end,
  dtypes = {"i64"},
  gradient = false,
  errors = {
    {inputs = {{2}, {2}}, message = "expected integers"},
    {inputs = {whole {2, 3}, whole {2, 4}}, message = "(2, 4)"},
  },
}
