local arrays = require "arrays"

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{1, 2, 1, 3}}},
    {inputs = {{1, 2, 1, 3}}, attr = {dim = 0}},
    {inputs = {{1, 2, 1, 3}}, attr = {dim = -2}},
    {inputs = {{1, 2, 1, 3}}, attr = {dim = 1}},
    {inputs = {{1, 2, 1, 3}}, attr = {dim = {}}},
    {inputs = {{1, 2, 1, 1}}, attr = {dim = {0, 1, -1}}},
    {inputs = {{1, 1}}},
    {inputs = {{}}, attr = {dim = 0}},
    {inputs = {{1, 0}}},
  },
  oracle = function(x, attr)
    local shape, kept = arrays.of(x).shape, {}
    for d, size in ipairs(shape) do
      local drop = size == 1 and not attr.dim
      for _, dim in ipairs(type(attr.dim) == "number" and {attr.dim} or attr.dim or {}) do
        drop = drop or size == 1 and dim % #shape == d - 1
      end
      if not drop then kept[#kept + 1] = size end
    end
    return arrays.reshaped(x, kept)
  end,
  errors = {
    {inputs = {{2, 1}}, attr = {dim = 2}, message = "squeeze: expected a dimension from -2 to 1, got 2"},
    {inputs = {{2, 1}}, attr = {dim = {1, -1}}, message = "squeeze: dimension 1 appears twice"},
  },
}
