local function zeros(...) return {shape = {...}, low = 0, high = 0} end

return {
  writes = {1, 3, 4},
  -- one rounding per operation; the update divides by the root of v
  tol = {f64 = 1e-13, f32 = 1e-6},
  cases = {
    {inputs = {{3, 5}, {3, 5}, zeros(3, 5), zeros(3, 5)}, attr = {step = 1}},
    {inputs = {{7}, {7}, {7}, {shape = {7}, low = 0, high = 2}},
      attr = {step = 4, lr = 0.1, beta1 = 0.8, beta2 = 0.95, eps = 1e-4, weight_decay = 0.2}},
    {inputs = {{7}, {7}, {7}, {shape = {7}, low = 0, high = 2}}, attr = {step = 9, beta1 = 0.3, weight_decay = 0}},
    {inputs = {{0}, {0}, {0}, {0}}, attr = {step = 1}},
    {inputs = {{40, 130}, {40, 130}, {40, 130}, {shape = {40, 130}, low = 0, high = 2}}, attr = {step = 2}},
    -- the first step of a tiny gradient: eps counts beside the corrected root (-9.90099e-5, not -2.2e-5)
    {inputs = {{shape = {2}, values = {2, 0}}, {shape = {2}, values = {0.3, 1e-12}}, zeros(2), zeros(2)},
      attr = {step = 1, lr = 0.01, beta1 = 0.8, beta2 = 0.95, eps = 1e-10, weight_decay = 0.1}, dtypes = {"f64"}},
  },
  oracle = function(p, g, m, v, attr)
    local lr, beta1, beta2 = attr.lr or 1e-3, attr.beta1 or 0.9, attr.beta2 or 0.999
    local new_m = m * beta1 + g * (1 - beta1)
    local new_v = v * beta2 + g * g * (1 - beta2)
    local root = (new_v / (1 - beta2 ^ attr.step)):sqrt() + (attr.eps or 1e-8)
    local decayed = p * (1 - lr * (attr.weight_decay or 0.01))
    return decayed - new_m / (1 - beta1 ^ attr.step) / root * lr, new_m, new_v
  end,
  errors = {
    {inputs = {{2}, {2}, {2}, {2}}, attr = {step = 0}, message = "adamw: expected steps to count from 1, got 0"},
    {inputs = {{2}, {2}, {2}, {2}}, message = "adamw: step is missing"},
    {inputs = {{2}, {3}, {2}, {2}}, attr = {step = 1}, message = "adamw: expected tensors of one shape, got (2) and (3)"},
  },
}
