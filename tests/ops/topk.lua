local arrays = require "arrays"

return {
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "i8", "u8"},
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 7}}, attr = {k = 3}},
    {inputs = {{3, 7}}, attr = {k = 2, dim = 0, largest = false}},
    {inputs = {{5}}, attr = {k = 5}},
    {inputs = {{5}}, attr = {k = 0}},
    {inputs = {{shape = {9}, values = {2, 1, 2, 0, 1, 2, -1, 0, 1}}}, attr = {k = 5}, gradient = false},
    {inputs = {{shape = {3, 300}, dtype = "i64", low = -50, high = 50}}, attr = {k = 7}, result = "i64"}, -- by heap
    {inputs = {{shape = {3, 300}, dtype = "i64", low = -50, high = 50}}, attr = {k = 200, largest = false}, result = "i64"}, -- by sort
    {inputs = {{40, 90}}, attr = {k = 4, dim = 0}, gradient = false},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    local d, places, used = (attr.dim or -1) % X.ndim, {}, 0
    local shape = arrays.with(X.shape, d, attr.k)
    return arrays.make(shape, "f64", function(...)
      local at = {...}
      local rank, line = at[d + 1], {}
      for i = 0, X.shape[d + 1] - 1 do
        at[d + 1] = i
        line[i + 1] = {value = X(table.unpack(at)), at = i}
      end
      table.sort(line, function(a, b)
        if a.value ~= b.value then
          if attr.largest == false then return a.value < b.value end
          return a.value > b.value
        end
        return a.at < b.at
      end)
      places[#places + 1] = line[rank + 1].at
      return line[rank + 1].value
    end), arrays.make(shape, "i64", function()
      used = used + 1
      return places[used]
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {k = 4}, message = "topk: expected k between 0 and 3 (dimension 1), got 4"},
    {inputs = {{2, 3}}, attr = {k = -1}, message = "topk: expected k between 0 and 3 (dimension 1), got -1"},
  },
}
