return {
  -- two sums of n terms in lanes, a root, a division and a few products
  tol = {f64 = 1e-13, f32 = 1e-6},
  oracle_gradient = true,
  cases = {
    {inputs = {{3, 5}, false, false}},
    {inputs = {{2, 3, 4}, {4}, false}},
    {inputs = {{2, 3, 4}, {4}, {4}}, attr = {eps = 1e-2}},
    {inputs = {{7}, {7}, {7}}},
    {inputs = {{3, 5}, false, {5}}},
    {inputs = {{0, 4}, {4}, {4}}},
    {inputs = {{3, 1}, {1}, {1}}, attr = {eps = 0.5}}, -- one column: nothing is left of x
    {inputs = {{shape = {2, 3}, values = {5, 5, 5, 1e-3, 0, 0}}, false, false}, gradient = false},
    {inputs = {{shape = {3, 65}, low = 1000, high = 1001}, {65}, {65}}, gradient = false, tol = {f64 = 1e-9},
      dtypes = {"f64"}}, -- a mean that is far larger than the spread
    {inputs = {{70, 300}, {300}, {300}}},
  },
  oracle = function(x, weight, bias, attr)
    local centred = x - x:mean({dim = -1, keepdim = true})
    local y = centred * ((centred * centred):mean({dim = -1, keepdim = true}) + (attr.eps or 1e-5)):rsqrt()
    if weight then y = y * weight end
    return bias and y + bias or y
  end,
  errors = {
    {inputs = {{}, false, false}, message = "layer_norm: expected x with at least 1 dimension, got ()"},
    {inputs = {{2, 3}, {2}, false},
      message = "layer_norm: expected a weight as long as the last dimension of x (2, 3), got (2)"},
    {inputs = {{2, 3}, {3}, {2}},
      message = "layer_norm: expected a bias as long as the last dimension of x (2, 3), got (2)"},
    {inputs = {{shape = {2}, dtype = "i64"}, false, false}, message = "layer_norm: expected a floating-point x, got int64"},
  },
}
