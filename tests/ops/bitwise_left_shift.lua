local function whole(shape) return {shape = shape, dtype = "i64", low = -100, high = 100} end
local function few(shape) return {shape = shape, dtype = "i64", low = 0, high = 9} end

return {
  cases = {
    {inputs = {whole {2, 3}, few {2, 3}}},
    {inputs = {whole {4, 1, 3}, few {5, 1}}},
    {inputs = {whole {3, 5}, 3}},
    {inputs = {{shape = {4}, dtype = "i32", low = 1, high = 100}, 2}, result = "i32"},
  },
  each = function(a, b) return a << b end,
  dtypes = {"i64"},
  gradient = false,
  errors = {
    {inputs = {{2}, {2}}, message = "expected integers"},
    {inputs = {whole {2, 3}, few {2, 4}}, message = "(2, 4)"},
  },
}
