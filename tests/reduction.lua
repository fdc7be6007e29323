--- reduction.lua: reductions in plain Lua, the reference of the tests of sum, max, norm, ….

local reduction = {}

local function dims_of(x)
  local dims = {}
  for d = 1, x.ndim do dims[d] = x:size(d - 1) end
  return dims
end

-- {[d] = true} for the reduced dimensions, counted from 1.
local function reduced_dims(x, dim)
  local set = {}
  if type(dim) == "number" then dim = {dim} end
  if not dim or #dim == 0 then
    for d = 1, x.ndim do set[d] = true end
    return set
  end
  for _, d in ipairs(dim) do set[d < 0 and d + x.ndim + 1 or d + 1] = true end
  return set
end

--- Cases of every reduction over any dimensions, small ones and such as take all threads, then the op's own.
function reduction.cases(own)
  local cases = {
    {inputs = {{2, 3}}},
    {inputs = {{2, 3}}, attr = {dim = 1}},
    {inputs = {{2, 3, 4}}, attr = {dim = {0, -1}, keepdim = true}},
    {inputs = {{2, 3, 4, 2}}, attr = {dim = {0, 2}}},
    {inputs = {{}}},
    {inputs = {{7, 31}}, attr = {dim = 0}},
    {inputs = {{3, 1, 5}}, attr = {dim = 1}},
    {inputs = {{5, 149, 157}}},
    {inputs = {{70001}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 1}}},
    {inputs = {{5, 149, 157}}, attr = {dim = {0, 2}}},
    {inputs = {{20011, 3}}, attr = {dim = 0}},
  }
  return table.move(own, 1, #own, #cases + 1, cases)
end

--- x's elements in lists, one per result, in the order of the results; and the shape of the result.
function reduction.rows(x, attr)
  local shape, set = dims_of(x), reduced_dims(x, attr.dim)
  local out, kept_count = {}, 1
  for d, size in ipairs(shape) do
    if not set[d] then
      kept_count = kept_count * size
      out[#out + 1] = size
    elseif attr.keepdim then
      out[#out + 1] = 1
    end
  end
  local rows = {}
  for k = 1, kept_count do rows[k] = {} end
  local values = x:numel() > 0 and x:detach():reshape(-1):tolist() or {}
  for at, value in ipairs(values) do
    local rest, row, step = at - 1, 0, 1
    for d = #shape, 1, -1 do
      if not set[d] then
        row = row + rest % shape[d] * step
        step = step * shape[d]
      end
      rest = rest // shape[d]
    end
    table.insert(rows[row + 1], value)
  end
  return rows, out
end

--- fn(list) for every result, as a tensor of `dtype`.
function reduction.map(x, attr, fn, dtype)
  local rows, shape = reduction.rows(x, attr)
  local values = {}
  for k, row in ipairs(rows) do values[k] = fn(row) end
  if #values == 0 then return torch.zeros(shape, {dtype = dtype or "f64"}) end
  return torch.tensor(values, {dtype = dtype or "f64"}):reshape(shape)
end

--- The sum of a list, with compensation (Neumaier, 1974).
function reduction.sum(list)
  local sum, lost = 0, 0
  for _, x in ipairs(list) do
    local next_sum = sum + x
    lost = lost + (math.abs(sum) >= math.abs(x) and (sum - next_sum) + x or (x - next_sum) + sum)
    sum = next_sum
  end
  return lost == lost and sum + lost or sum -- infinities do not compensate
end

--- Place (from 0) of the element that beats(b, a) lets win over all before it; NaN wins over numbers.
function reduction.place(list, beats)
  local best = 1
  for i = 2, #list do
    if list[best] == list[best] and (list[i] ~= list[i] or beats(list[i], list[best])) then best = i end
  end
  return best - 1
end

return reduction
