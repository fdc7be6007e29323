local arrays = require "arrays"

local function index(shape, values) return {shape = shape, dtype = "i64", values = values} end

return {
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "u8", "bool"},
  tol = arrays.EXACT,
  writes = {1},
  cases = {
    {inputs = {{4, 3}, {2, 3}, index({2}, {3, -4})}},
    {inputs = {{4, 3}, {}, index({2}, {1, 2})}},
    {inputs = {{4, 3}, {2, 1}, index({2}, {1, 2})}},
    {inputs = {{4, 3}, {3, 3}, index({3}, {1, 2, 1})}}, -- the last of two stays
    {inputs = {{4, 3}, {2}, index({2}, {1, 2}), index({2}, {-1, 0})}},
    {inputs = {{4, 3, 2}, {2, 2, 2}, index({2, 1}, {1, 2}), index({2}, {-1, 0})}},
    {inputs = {{4, 3}, {0, 3}, index({0}, {})}},
    {inputs = {{5}, {}, {shape = {3}, dtype = "u8", values = {4, 0, 1}}}},
    {inputs = {{40, 600}, {30, 600}, {shape = {30}, dtype = "i64", low = -40, high = 40}}},
  },
  oracle = function(x, value, ...)
    local X, V, places = arrays.of(x), arrays.of(value), {...}
    places[#places] = nil -- attr
    local chosen = torch.ops.index(torch.arange(#X.elements):reshape(X.shape), table.unpack(places)) -- tested by itself
    local C, values = arrays.of(chosen), table.move(X.elements, 1, #X.elements, 1, {})
    arrays.make(C.shape, "i64", function(...)
      local own = {}
      for d = 1, V.ndim do own[d] = V.shape[d] == 1 and 0 or (select(C.ndim - V.ndim + d, ...)) end
      values[C(...) + 1] = V(table.unpack(own))
      return 0
    end)
    local k = 0
    return arrays.make(X.shape, x.dtype, function()
      k = k + 1
      return values[k]
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {}, index({2}, {0, 3})}, message = "index_put: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {2, 3}, index({2}, {0, 1})}, message = "index_put: expected a value that broadcasts to (2, 2), got (2, 3)"},
    {inputs = {{3, 2}, {1, 2, 2}, index({2}, {0, 1})}, message = "got (1, 2, 2)"},
    {inputs = {{3, 2}, {}, {2}}, message = "index_put: expected an integer index, got float64"},
  },
}
