return {
  -- as rms_norm, and one more rounding of the sum
  tol = {f64 = 1e-13, f32 = 1e-6, bf16 = 2 ^ -7, f16 = 2 ^ -9},
  cases = {
    {inputs = {{3, 5}, {3, 5}}, attr = {eps = 1e-5}},
    {inputs = {{2, 3, 4}, {2, 3, 4}}, attr = {eps = 1e-2}},
    {inputs = {{7}, {7}}},
    {inputs = {{0, 4}, {0, 4}}},
    {inputs = {{70, 300}, {70, 300}}, attr = {eps = 1e-5}},
  },
  oracle = function(x, residual, attr)
    local sum = x + residual
    return sum * ((sum * sum):mean({dim = -1, keepdim = true}) + (attr.eps or 2.220446049250313e-16)):rsqrt(), sum
  end,
  errors = {
    {inputs = {{2, 3}, {3}}, message = "add_rms_norm: expected x and residual of one shape, got (2, 3) and (3)"},
    {inputs = {{}, {}}, message = "add_rms_norm: expected x and residual of one shape"},
    {inputs = {{2}, {shape = {2}, dtype = "i64"}}, message = "add_rms_norm: expected floating-point tensors"},
  },
}
