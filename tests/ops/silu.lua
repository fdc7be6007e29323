return {
  cases = {
    {inputs = {{3, 5}}},
  },
  each = function(x) return x / (1 + math.exp(-x)) end,
  narrow_tol = {bf16 = 2 ^ -7, f16 = 2 ^ -9}, -- that of dy and one of the product
}
