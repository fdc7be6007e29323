local arrays = require "arrays"

return {
  dtypes = {"f64", "f32", "bf16", "f16", "i64", "i32", "i8", "u8", "bool"},
  tol = arrays.EXACT,
  cases = {
    {inputs = {{3, 7}}},
    {inputs = {{3, 7}}, attr = {dim = 0, descending = true}},
    {inputs = {{2, 5, 3}}, attr = {dim = -2}},
    {inputs = {{shape = {9}, values = {2, 1, 2, 0, 1, 2, -1, 0, 1}}}, gradient = false},
    {inputs = {{shape = {9}, values = {2, 1, 2, 0, 1, 2, -1, 0, 1}}}, attr = {descending = true}, gradient = false},
    {inputs = {{}}},
    {inputs = {{0, 3}}},
    {inputs = {{3, 0}}},
    {inputs = {{shape = {2, 130}, dtype = "i64", low = -20, high = 20}}, attr = {dim = 1}, result = "i64"}, -- long lines, many ties
    {inputs = {{shape = {2, 130}, dtype = "i64", low = -20, high = 20}}, attr = {dim = 1, descending = true}, result = "i64"},
    {inputs = {{131}}, gradient = false},
  },
  oracle = function(x, attr)
    local X = arrays.of(x)
    local d, values, places = X.ndim > 0 and (attr.dim or -1) % X.ndim or 0, {}, {}
    local n = X.shape[d + 1] or 1
    return arrays.make(X.shape, "f64", function(...)
      local at = {...}
      local rank, line = at[d + 1] or 0, {}
      for i = 0, n - 1 do
        at[d + 1] = i
        line[i + 1] = {value = X(table.unpack(at, 1, X.ndim)), at = i}
      end
      table.sort(line, function(a, b)
        if a.value ~= b.value then
          if attr.descending then return a.value > b.value end
          return a.value < b.value
        end
        return a.at < b.at
      end)
      places[#places + 1] = line[rank + 1].at
      return line[rank + 1].value
    end), arrays.make(X.shape, "i64", function()
      values[1] = (values[1] or 0) + 1
      return places[values[1]]
    end)
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "sort: expected a dimension from -2 to 1, got 2"},
  },
}
