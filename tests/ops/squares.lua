-- Sums of squares of tensors: of all and of each, in f64.
return {
  result = "f64",
  gradient = false,
  cases = {
    {inputs = {{3, 5}, {7}}},
    {inputs = {{40, 300}}}, -- more than a chunk
    {inputs = {{0}, {2}}},
  },
  oracle = function(...)
    local each = {}
    for i = 1, select("#", ...) do
      local x = select(i, ...)
      if torch.is_tensor(x) then each[#each + 1] = (x:double() * x:double()):sum():view(1) end
    end
    local all = torch.cat(each)
    return all:sum(), all
  end,
  errors = {{inputs = {{shape = {2}, dtype = "i64"}}, message = "squares: expected float tensors, got int64"}},
}
