-- The machine epsilon of the type the sum is computed in; the reference runs in f64, so cases name eps.
return {
  -- a sum of n squares in lanes, a root, a division and two products
  tol = {f64 = 1e-13, f32 = 1e-6},
  cases = {
    {inputs = {{3, 5}, false}},
    {inputs = {{2, 3, 4}, {4}}, attr = {eps = 1e-5}},
    {inputs = {{7}, {7}}, attr = {eps = 1e-2}},
    {inputs = {{3, 1}, false}, attr = {eps = 0.5}},
    {inputs = {{0, 4}, {4}}},
    {inputs = {{shape = {2, 3}, values = {0, 0, 0, 1e-3, 0, 0}}, false}, attr = {eps = 1e-5}, gradient = false},
    {inputs = {{70, 300}, {300}}, attr = {eps = 1e-5}},
  },
  oracle = function(x, weight, attr)
    local eps = attr.eps or 2.220446049250313e-16
    local y = x * ((x * x):mean({dim = -1, keepdim = true}) + eps):rsqrt()
    return weight and y * weight or y
  end,
  errors = {
    {inputs = {{}, false}, message = "rms_norm: expected x with at least 1 dimension, got ()"},
    {inputs = {{2, 3}, {2}},
      message = "rms_norm: expected a weight as long as the last dimension of x (2, 3), got (2)"},
    {inputs = {{shape = {2}, dtype = "i64"}, false}, message = "rms_norm: expected a floating-point x, got int64"},
  },
}
