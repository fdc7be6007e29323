local arrays = require "arrays"

local function index(shape, high) return {shape = shape, dtype = "i64", low = -high, high = high} end

return {
  dtypes = arrays.ALL,
  tol = arrays.EXACT,
  cases = {
    {inputs = {{4, 3}, index({6}, 4)}},
    {inputs = {{5}, index({2, 3}, 5)}},
    {inputs = {{4, 3, 2}, index({}, 4)}},
    {inputs = {{4, 3}, index({2, 0}, 4)}},
    {inputs = {{0, 3}, index({0}, 1)}},
    {inputs = {{100, 3}, {shape = {7}, dtype = "i8", low = -100, high = 100}}},
    {inputs = {{50, 150}, index({4, 20}, 50)}},
    {inputs = {{4, 5}, index({6}, 4), index({6}, 5)}},
    {inputs = {{4, 5, 2}, index({3, 1}, 4), index({2}, 5)}},
    {inputs = {{2, 3, 4}, index({5}, 2), index({}, 3), {shape = {5}, dtype = "u8", low = 0, high = 4}}},
    {inputs = {{2, 3, 2, 2}, index({4}, 2), index({4}, 3), index({4}, 2), index({4}, 2)}},
    {inputs = {{3, 0}, index({0}, 3), index({0}, 1)}},
  },
  oracle = function(x, ...)
    local X, places = arrays.of(x), {...}
    places[#places] = nil -- attr
    local shape = {}
    for _, place in ipairs(places) do
      local own = arrays.of(place).shape
      for k = 1, math.max(#own, #shape) do
        local a, b = own[#own + 1 - k] or 1, shape[k] or 1
        shape[k] = a == 1 and b or a
      end
    end
    local n = #shape
    for k = 1, n // 2 do shape[k], shape[n + 1 - k] = shape[n + 1 - k], shape[k] end
    for k, place in ipairs(places) do
      local I = arrays.of(place)
      places[k] = function(at)
        local own = {}
        for d = 1, I.ndim do own[d] = I.shape[d] == 1 and 0 or at[n - I.ndim + d] end
        return math.tointeger(I(table.unpack(own))) % X.shape[k]
      end
    end
    for d = #places + 1, X.ndim do shape[#shape + 1] = X.shape[d] end
    return arrays.make(shape, x.dtype, function(...)
      local at, from = {...}, {}
      for k, place in ipairs(places) do from[k] = place(at) end
      return X(table.unpack(table.move(at, n + 1, #at, #places + 1, from)))
    end)
  end,
  errors = {
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {0, 3}}},
      message = "index: index 3 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {shape = {2}, dtype = "i64", values = {-4, 0}}},
      message = "index: index -4 is out of range for dimension 0 of size 3"},
    {inputs = {{3, 2}, {shape = {1}, dtype = "i64", values = {0}}, {shape = {1}, dtype = "i64", values = {-3}}},
      message = "index: index -3 is out of range for dimension 1 of size 2"},
    {inputs = {{3, 2}, index({2}, 3), index({3}, 2)}, message = "index: the size of tensor index (2) must match the size of tensor index1 (3) at non-singleton dimension 0"},
    {inputs = {{3}, index({2}, 3), index({2}, 3)}, message = "index: expected at most 1 indices for (3), got 2"},
    {inputs = {{}, {shape = {1}, dtype = "i64", values = {0}}}, message = "index: a 0-d tensor cannot be indexed"},
    {inputs = {{3}, {shape = {1}, dtype = "f32", values = {0}}}, message = "index: expected an integer index, got float32"},
  },
}
