return {
  cases = {
    {inputs = {{3, 5}}},
    {inputs = {{3, 5}}, attr = {approximate = "tanh"}},
    {inputs = {{0, 3}}},
    {inputs = {{shape = {4}, values = {-9, 0, 9, 1}}}, attr = {approximate = "tanh"}},
    {inputs = {{3, 149, 157}}},
  },
  oracle = function(x, attr)
    if attr.approximate == "tanh" then
      return x * 0.5 * (1 + torch.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)))
    end
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
  end,
  oracle_gradient = true,
  errors = {{inputs = {{2}}, attr = {approximate = "no"}, message = "tanh"}},
}
