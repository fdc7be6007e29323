local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  result = "i64",
  gradient = false,
  meta = false, -- the size depends on the data
  cases = {
    {inputs = {{shape = {2, 3}, values = {0, 1, 0, -2, 0, 3}}}},
    {inputs = {{shape = {4}, values = {0, 0, 0, 0}}}},
    {inputs = {{shape = {}, values = {2}}}},
    {inputs = {{0, 3}}},
    {inputs = {{shape = {3, 2, 2}, dtype = "bool"}}},
    {inputs = {{shape = {400, 220}, dtype = "i8", low = 0, high = 2}}}, -- several chunks
  },
  oracle = function(x)
    local X, found = arrays.of(x), {}
    arrays.make(X.shape, "f64", function(...)
      local value = X(...)
      if value ~= 0 and value ~= false then found[#found + 1] = {...} end
      return 0
    end)
    return arrays.make({#found, X.ndim}, "i64", function(i, d) return found[i + 1][d + 1] end)
  end,
  errors = {
    {inputs = {function() return torch.zeros(3):to("meta") end}, message = "nonzero: the size of the result depends on data"},
  },
}
