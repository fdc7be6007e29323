return {
  cases = {
    {inputs = {{7}}, attr = {dim = 0}},
    {inputs = {{2, 3, 4}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim = -1, reverse = true}},
    {inputs = {{3, 149, 157}}, attr = {dim = 1}},
    {inputs = {{0, 3}}, attr = {dim = 0}},
    {inputs = {{shape = {4, 3}, dtype = "i32"}}, attr = {dim = 0}, result = "i64"},
  },
  -- The product with a triangle of ones.
  oracle = function(x, attr)
    local whole = not x.dtype.is_floating_point
    local dim = attr.dim < 0 and attr.dim + x.ndim or attr.dim
    local n = x:size(dim)
    if n == 0 then return x end
    local ones = torch.ones(n, n, {dtype = "f64"})
    local triangle = attr.reverse and torch.triu(ones) or torch.tril(ones)
    local sums = triangle:matmul(x:to("f64"):transpose(dim, 0):reshape(n, -1))
    local shape = {}
    for d = 1, x.ndim do shape[d] = x:size(d - 1) end
    shape[1], shape[dim + 1] = shape[dim + 1], shape[1]
    sums = sums:reshape(shape):transpose(0, dim)
    return whole and sums:to("i64") or sums
  end,
  errors = {
    {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
    {inputs = {{2, 3}}, message = "dim"},
  },
}
