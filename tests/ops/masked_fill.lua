local function mask(shape) return {shape = shape, dtype = "bool"} end

return {
  cases = {
    {inputs = {{2, 3}, mask {2, 3}, 2}},
    {inputs = {{4, 5, 3}, mask {5, 1}, -3}},
    {inputs = {{3}, mask {2, 3}, {}}},
    {inputs = {{3}, mask {3}, -1 / 0}, dtypes = {"f64", "f32", "bf16", "f16"}, gradient = false},
  },
  each = function(x, inside, value)
    if inside ~= 0 then return value end
    return x
  end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64"},
  errors = {
    {inputs = {{2}, {2}, 0}, message = "bool mask"},
    {inputs = {{2}, mask {2}, {2}}, message = "one value"},
    {inputs = {{shape = {2}, dtype = "i64"}, mask {2}, 0.5}, message = "fraction"},
    {inputs = {{2, 3}, mask {2, 4}, 0}, message = "(2, 4)"},
  },
}
