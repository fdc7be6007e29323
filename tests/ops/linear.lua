return {
  -- sums of up to 40 products, each rounded
  tol = {f64 = 1e-13, f32 = 2e-6},
  strided = "close", -- the product may take another path for other sizes of step
  cases = {
    {inputs = {{2, 3}, {4, 3}, false}},
    {inputs = {{2, 3}, {4, 3}, {4}}},
    {inputs = {{3}, {4, 3}, {4}}},
    {inputs = {{2, 3, 5}, {4, 5}, {4}}},
    {inputs = {{1, 7}, {9, 7}, false}},
    {inputs = {{5, 1}, {1, 1}, {1}}},
    {inputs = {{0, 3}, {4, 3}, {4}}},
    {inputs = {{3, 0}, {4, 0}, {4}}},
    {inputs = {{600, 0}, {4, 0}, {4}}},
    {inputs = {{70, 40}, {130, 40}, {130}}, gradient = false},
    {inputs = {{300, 33}, {65, 33}, {65}}, dtypes = {"f32"}},
  },
  oracle = function(x, weight, bias)
    local y = (x:unsqueeze(-2) * weight):sum({dim = -1})
    return bias and y + bias or y
  end,
  errors = {
    {inputs = {{2, 3}, {4, 5}, false}, message = "linear: expected x (..., 5) for weight (4, 5), got (2, 3)"},
    {inputs = {{2, 3}, {3}, false}, message = "linear: expected weight (out, in), got (3)"},
    {inputs = {{}, {4, 3}, false}, message = "linear: expected x (..., 3) for weight (4, 3), got ()"},
    {inputs = {{2, 3}, {4, 3}, {3}}, message = "linear: expected bias (4) for weight (4, 3), got (3)"},
    {inputs = {{shape = {2, 3}, dtype = "i64"}, {4, 3}, false},
      message = "linear: expected floating-point tensors, got int64"},
  },
}
