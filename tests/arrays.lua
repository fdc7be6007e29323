--- arrays.lua: n-dimensional arrays in plain Lua, for the oracles of ops that move elements.
--
--   local x = arrays.of(tensor)            -- x.shape = {2, 3}, x(1, 0) is an element; indices count from 0
--   arrays.make({2, 3}, dtype, function(i, j) return … end)   -- the tensor with these elements

local arrays = {}

local function count_of(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

local array = {}

function array.__call(self, ...)
  local at = 0
  for d, size in ipairs(self.shape) do
    local i = select(d, ...)
    assert(i >= 0 and i < size, "the oracle reads outside its input")
    at = at * size + i
  end
  return self.elements[at + 1]
end

--- The elements of a tensor, read once.
function arrays.of(t)
  local shape = {}
  for d = 1, t.ndim do shape[d] = t:size(d - 1) end
  local elements = t:numel() > 0 and t:detach():reshape(-1):tolist() or {}
  return setmetatable({shape = shape, elements = elements, ndim = #shape}, array)
end

--- The tensor of `shape` whose element at (i, j, …) is at(i, j, …).
function arrays.make(shape, dtype, at)
  local n, elements, index = count_of(shape), {}, {}
  for d = 1, #shape do index[d] = 0 end
  for k = 1, n do
    elements[k] = at(table.unpack(index, 1, #shape))
    for d = #shape, 1, -1 do
      index[d] = index[d] + 1
      if index[d] < shape[d] then break end
      index[d] = 0
    end
  end
  if n == 0 then return torch.zeros(shape, {dtype = dtype}) end
  if #shape == 0 then return torch.tensor(elements[1], {dtype = dtype}) end
  return torch.tensor(elements, {dtype = dtype}):reshape(shape)
end

--- The same elements in row-major order under another shape.
function arrays.reshaped(t, shape)
  local x, k = arrays.of(t), 0
  return arrays.make(shape, t.dtype, function()
    k = k + 1
    return x.elements[k]
  end)
end

--- A copy of the list with item at position d (from 0) replaced; nil removes it.
function arrays.with(list, d, value)
  local out = table.move(list, 1, #list, 1, {})
  if value == nil then table.remove(out, d + 1) else out[d + 1] = value end
  return out
end

--- A copy of the list with value inserted before position d (from 0).
function arrays.inserted(list, d, value)
  local out = table.move(list, 1, #list, 1, {})
  table.insert(out, d + 1, value)
  return out
end

--- Every dtype that ops which only move elements must take.
arrays.ALL = {"f64", "f32", "bf16", "f16", "i64", "i32", "i16", "i8", "u8", "bool"}

--- Nothing is computed: not a single bit may differ.
arrays.EXACT = {f64 = 0, f32 = 0, bf16 = 0, f16 = 0}

return arrays
