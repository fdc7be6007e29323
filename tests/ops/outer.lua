local arrays = require "arrays"

return {
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32"},
  cases = {
    {inputs = {{3}, {4}}},
    {inputs = {{1}, {1}}},
    {inputs = {{0}, {3}}},
    {inputs = {{190}, {201}}, gradient = false},
  },
  oracle = function(a, b)
    local A, B = arrays.of(a), arrays.of(b)
    return arrays.make({A.shape[1], B.shape[1]}, a.dtype, function(i, j) return A(i) * B(j) end)
  end,
  errors = {
    {inputs = {{3, 1}, {4}}, message = "outer: expected two 1-d tensors, got (3, 1) and (4)"},
    {inputs = {{}, {4}}, message = "outer: expected two 1-d tensors, got () and (4)"},
  },
}
