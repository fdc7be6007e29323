local function mask(shape) return {shape = shape, dtype = "bool"} end

return {
  cases = {
    {inputs = {mask {2, 3}, {2, 3}, {2, 3}}},
    {inputs = {mask {4, 1, 3}, {5, 1}, {3}}},
    {inputs = {mask {3, 5}, {3, 5}, 0}},
    {inputs = {mask {3, 5}, 1.5, {3, 5}}, dtypes = {"f64", "f32", "bf16", "f16"}},
    {inputs = {mask {4}, {shape = {4}, values = {0 / 0, 1, 1 / 0, 2}}, {shape = {4}, values = {1, 0 / 0, 5, 2}}}, gradient = false},
  },
  each = function(condition, a, b)
    if condition ~= 0 then return a end
    return b
  end,
  dtypes = {"f64", "f32", "bf16", "f16", "i64"},
  result = function(dtype) return dtype end,
  errors = {
    {inputs = {{2}, {2}, {2}}, message = "bool condition"},
    {inputs = {mask {2, 3}, {2, 3}, {2, 4}}, message = "(2, 4)"},
  },
}
