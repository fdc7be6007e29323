--- samples.lua: the inputs of op tests: random tensors from short descriptions, in any dtype and layout; and what
--- tensors look like as plain Lua values.  The descriptions are explained in op.lua.

local samples = {}

samples.floats = {f64 = true, f32 = true, bf16 = true, f16 = true}
--- "float32" by short name.
samples.long = {f64 = "float64", f32 = "float32", bf16 = "bfloat16", f16 = "float16", i64 = "int64", i32 = "int32",
  i16 = "int16", i8 = "int8", u8 = "uint8", u16 = "uint16", bool = "bool"}

math.randomseed(1234, 5678)

--- A standard normal number.
function samples.normal()
  return math.sqrt(-2 * math.log(1 - math.random())) * math.cos(2 * math.pi * math.random())
end

--- Number of elements of a shape.
function samples.count(shape)
  local n = 1
  for _, size in ipairs(shape) do n = n * size end
  return n
end

--- true, false and numbers as numbers.
function samples.number(x)
  if x == true then return 1 end
  return x == false and 0 or x
end

function samples.is_tensor(value) return type(value) == "userdata" end

--- The elements of a tensor, row by row.
function samples.flat(t)
  if t:numel() == 0 then return {} end
  return t:detach():reshape(-1):tolist()
end

function samples.dims(t)
  local dims = {}
  for d = 1, t.ndim do dims[d] = t:size(d - 1) end
  return dims
end

--- "(2, 3)"
function samples.shape_text(t) return "(" .. table.concat(samples.dims(t), ", ") .. ")" end

--- "f32" for torch.float32.
function samples.short(dtype)
  for key, long in pairs(samples.long) do
    if tostring(dtype) == "torch." .. long then return key end
  end
end

--- The tensor of these elements.
function samples.tensor(values, shape, dtype)
  if #values == 0 then return torch.zeros(shape, {dtype = dtype}) end
  if #shape == 0 then return torch.tensor(values[1], {dtype = dtype}) end
  return torch.tensor(values, {dtype = dtype}):reshape(shape)
end

-- Ten steps of the finite difference and more.
local function away_from_kinks(x, kinks)
  for _, kink in ipairs(kinks) do
    if math.abs(x - kink) < 1e-2 then return kink + (x < kink and -1e-2 or 1e-2) end
  end
  return x
end

local function draw(spec, kinks)
  local n, values = samples.count(spec.shape), {}
  local whole = spec.dtype and not samples.floats[spec.dtype]
  for i = 1, n do
    if spec.values then
      values[i] = spec.values[i]
    elseif spec.dtype == "bool" then
      values[i] = math.random() < 0.5
    elseif whole then
      values[i] = math.random(spec.low or -9, (spec.high or 10) - 1)
    elseif spec.low then
      values[i] = away_from_kinks(spec.low + (spec.high - spec.low) * math.random(), kinks)
    else
      values[i] = away_from_kinks(samples.normal(), kinks)
    end
  end
  return samples.tensor(values, spec.shape, spec.dtype or "f64")
end

--- Whether a gradient is asked for the input of this description: floats, unless it says no.
function samples.takes_gradient(spec)
  if type(spec) ~= "table" then return false end
  return (not spec.dtype or samples.floats[spec.dtype] == true) and spec.grad ~= false
end

-- An input as {value =, follows =, grad =}: `follows` when it takes the dtype under test.
local function make(spec, kinks)
  if spec == false then return {} end
  if type(spec) == "number" or type(spec) == "boolean" then return {value = spec} end
  if type(spec) == "function" then return {value = spec()} end
  if not spec.shape then spec = {shape = spec} end
  return {value = draw(spec, kinks), follows = not spec.dtype, grad = samples.takes_gradient(spec)}
end

--- Inputs from their descriptions; random numbers keep away from the kinks.
function samples.make(specs, kinks)
  local inputs = {n = #specs}
  for i, spec in ipairs(specs) do inputs[i] = make(spec, kinks or {}) end
  return inputs
end

--- A copy with fn(tensor, input, i) for every tensor.
function samples.map(inputs, fn)
  local out = {n = inputs.n}
  for i = 1, inputs.n do
    local input = inputs[i]
    out[i] = {value = input.value, follows = input.follows, grad = input.grad}
    if samples.is_tensor(input.value) then out[i].value = fn(input.value, input, i) end
  end
  return out
end

--- The same values in another dtype, for inputs that follow the dtype under test.
function samples.in_dtype(inputs, dtype)
  return samples.map(inputs, function(t, input)
    if not input.follows then return t end
    if dtype == "bool" then return t:gt(0) end
    if not samples.floats[dtype] then t = (t * 4):round() end
    if dtype == "u8" then t = t:abs() end
    return t:to(dtype)
  end)
end

--- The tensors among the inputs, in a list.
function samples.tensors(inputs)
  local list = {}
  for i = 1, inputs.n do
    if samples.is_tensor(inputs[i].value) then list[#list + 1] = inputs[i].value end
  end
  return list
end

--- What is passed to the op: a list with its length in n.
function samples.arguments(inputs)
  local list = {n = inputs.n}
  for i = 1, inputs.n do list[i] = inputs[i].value end
  return list
end

function samples.clone(inputs) return samples.map(inputs, function(t) return t:detach():clone() end) end

--- The same elements stored in another order, at an offset, with gaps.
function samples.strided(t)
  if t.ndim == 0 or t:numel() == 0 then return t end
  if t.ndim == 1 then
    local wide = t:unsqueeze(1)
    return torch.cat({wide, wide}, 1):select(1, 0)
  end
  return t:transpose(0, -1):contiguous():transpose(0, -1)
end

return samples
