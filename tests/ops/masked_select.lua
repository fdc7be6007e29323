local arrays = require "arrays"

local function mask(...) return {shape = {...}, dtype = "bool"} end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  meta = false, -- the size depends on the data
  cases = {
    {inputs = {{3, 4}, mask(3, 4)}},
    {inputs = {{3, 4}, mask(4)}},
    {inputs = {{4}, mask(3, 1)}},
    {inputs = {{3, 4}, mask()}},
    {inputs = {{0, 3}, mask(0, 3)}},
    {inputs = {{2, 2}, {shape = {2, 2}, dtype = "bool", values = {false, false, false, false}}}},
    {inputs = {{400, 220}, mask(400, 220)}, gradient = false}, -- several chunks
  },
  oracle = function(x, mask_)
    local zeros = torch.zeros_like(x)
    local X, M = arrays.of(x + zeros * mask_), arrays.of(mask_:logical_or(zeros:ne(zeros)))
    local kept = {}
    for k, value in ipairs(X.elements) do
      if M.elements[k] then kept[#kept + 1] = value end
    end
    return arrays.make({#kept}, x.dtype, function(i) return kept[i + 1] end)
  end,
  errors = {
    {inputs = {{3}, {shape = {3}, dtype = "i64"}}, message = "masked_select: expected a bool mask, got int64"},
    {inputs = {{3}, mask(4)}, message = "masked_select: the size of tensor x (3) must match the size of tensor mask (4)"},
    {inputs = {function() return torch.zeros(3):to("meta") end, function() return torch.ones(3):gt(0):to("meta") end},
      message = "masked_select: the size of the result depends on data, which a meta tensor does not have"},
  },
}
