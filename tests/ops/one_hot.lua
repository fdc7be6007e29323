local arrays = require "arrays"

local function index(shape, high) return {shape = shape, dtype = "i64", low = 0, high = high} end

return {
  dtypes = {"f64"}, -- of no input
  result = "i64",
  gradient = false,
  cases = {
    {inputs = {index({4}, 3)}, attr = {num_classes = 3}},
    {inputs = {index({2, 3}, 5)}, attr = {num_classes = 7}},
    {inputs = {index({}, 3)}, attr = {num_classes = 3}},
    {inputs = {{shape = {4}, dtype = "u8", low = 0, high = 3}}, attr = {num_classes = 3}},
    {inputs = {index({0}, 1)}, attr = {num_classes = 2}},
  },
  oracle = function(index_, attr)
    local I = arrays.of(index_)
    return arrays.make(arrays.inserted(I.shape, I.ndim, attr.num_classes), "i64", function(...)
      local at = {...}
      return I(table.unpack(at, 1, I.ndim)) == at[#at] and 1 or 0
    end)
  end,
  errors = {
    {inputs = {{shape = {2}, dtype = "i64", values = {0, 3}}}, attr = {num_classes = 3},
      message = "one_hot: index 3 is out of range for dimension 1 of size 3"},
    {inputs = {{shape = {2}, dtype = "i64", values = {0, -1}}}, message = "one_hot: index -1 is out of range"},
    {inputs = {{shape = {1}, dtype = "i64", values = {0}}}, attr = {num_classes = 0},
      message = "one_hot: expected num_classes >= 1, got 0"},
    {inputs = {function() return torch.zeros({0}, {dtype = "i64"}) end}, message = "one_hot: an empty index needs num_classes"},
    {inputs = {function() return torch.zeros({2}, {dtype = "i64"}):to("meta") end},
      message = "one_hot: a meta tensor needs num_classes"},
    {inputs = {{2}}, attr = {num_classes = 3}, message = "one_hot: expected an integer index, got float64"},
  },
}
