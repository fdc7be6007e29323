return {
  cases = {
    {inputs = {{shape = {2, 3}, low = 0.2, high = 2}, {shape = {2, 3}, low = -1, high = 2}}},
    {inputs = {{shape = {4, 1, 3}, low = 0.2, high = 2}, {5, 1}}},
    {inputs = {{3, 5}, 2}},
    {inputs = {{3, 5}, 3}},
    {inputs = {{3, 5}, 4}},
    {inputs = {{shape = {3, 5}, low = 0.2, high = 2}, 0.5}},
    {inputs = {{shape = {3, 5}, low = 0.2, high = 2}, -1}},
    {inputs = {{shape = {3, 5}, low = 0.2, high = 2}, -1.5}},
    {inputs = {{shape = {3, 5}, low = 0.2, high = 2}, 2.1}},
    {inputs = {2, {3, 5}}},
    {inputs = {0.1, {3, 5}}},
    -- 0 ^ 0 = 1; the gradient of the base is that of a constant
    {inputs = {{shape = {3}, values = {0, 0, 2}}, {shape = {3}, values = {0, 2, 0}, grad = false}}},
    -- whole numbers stay whole
    {inputs = {{shape = {4}, dtype = "i64", low = -9, high = 9}, {shape = {4}, dtype = "i64", low = 0, high = 9}}, result = "i64"},
    {inputs = {{shape = {4}, dtype = "i32", low = -9, high = 9}, 2}, result = "i32"},
    {inputs = {{shape = {4}, dtype = "i64", low = 1, high = 9}, 0.5}, result = "f32"},
  },
  each = function(a, b) return a ^ b end,
  kinks = {0},
  errors = {
    {inputs = {{2, 3}, {2, 4}}, message = "(2, 4)"},
    {inputs = {{shape = {2}, dtype = "i64"}, -1}, message = "negative"},
  },
}
