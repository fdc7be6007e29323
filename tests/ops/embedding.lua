local function ids(shape, high, dtype) return {shape = shape, dtype = dtype or "i64", low = 0, high = high} end

return {
  tol = {f64 = 0, f32 = 0, bf16 = 0, f16 = 0}, -- rows are copied
  cases = {
    {inputs = {ids({4}, 5), {5, 3}}},
    {inputs = {ids({2, 3}, 7, "i32"), {7, 4}}},
    {inputs = {ids({}, 7, "u8"), {7, 4}}},
    {inputs = {ids({40}, 2), {2, 3}}}, -- each row many times: the order of additions matters
    {inputs = {ids({0}, 3), {3, 2}}},
    {inputs = {ids({2}, 3), {3, 0}}},
    {inputs = {ids({500}, 90), {90, 70}}},
  },
  oracle = function(idx, weight)
    local shape = {}
    for d = 1, idx.ndim do shape[d] = idx:size(d - 1) end
    shape[#shape + 1] = weight:size(1)
    return weight:index_select(idx:reshape(-1):to("i64"), {dim = 0}):reshape(shape)
  end,
  errors = {
    {inputs = {{shape = {2}, dtype = "i64", values = {1, 40000}}, {5, 2}},
      message = "embedding: id 40000 is out of range for a table of 5 rows"},
    {inputs = {{shape = {1}, dtype = "i64", values = {-1}}, {5, 2}},
      message = "embedding: id -1 is out of range for a table of 5 rows"},
    {inputs = {{2}, {5, 2}}, message = "embedding: expected an integer index, got float64"},
    {inputs = {{shape = {2}, dtype = "i64", low = 0, high = 2}, {5}}, message = "embedding: expected weight (V, C), got (5)"},
  },
}
