return {
  cases = {
    {inputs = {{shape = {3, 5}, dtype = "i64", low = -100, high = 100}}},
    {inputs = {{shape = {8}, dtype = "i8", low = -100, high = 100}}, result = "i8"},
  },
  each = function(x) return ~x end,
  dtypes = {"i64"},
  gradient = false,
  errors = {{inputs = {{2}}, message = "expected integers"}},
}
