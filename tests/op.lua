--- op.lua: the test that every op passes: gptsh tests/op.lua tests/ops/NAME.lua [--device cuda]
--
-- tests/ops/NAME.lua returns a table:
--   cases    list of {inputs = {…}, attr = {…}}; attr is the keyword table of the call, may be absent.  An input is
--              {2, 3}                     floats of that shape, standard normal; {} is 0-d
--              {shape = {2, 3}, low = 0, high = 1}           floats, uniform
--              {shape = {4}, values = {1, -0.5, 0, 3}}       floats, as listed
--              {shape = {4}, dtype = "i64", low = 0, high = 9}   whole numbers in [low, high); "bool" too
--              … grad = false             no gradient is asked for this input
--              a number                   passed as it is
--              false                      an optional input that is not given
--              a function                 returns the tensor; its dtype stays
--   oracle   function(a, b, …, attr) returning what the op returns, made of other ops (or Lua numbers in
--            torch.tensor); called on float64 inputs that hold the same values
--   each     instead of oracle, for elementwise ops: function(x, y, …, attr) on Lua numbers, returns one
--   dtypes   of the floating inputs; default f64 f32 bf16 f16.  With `each` also "i64", "i32", "u8", "bool"
--   result   dtype of the (first) output as a function of the input dtype, or its name; default: the same
--   tol      allowed error by dtype of the result, of the rms of the oracle's result; with `each` of every element
--   floor    with `each`: absolute error that is allowed besides, in units of tol (default 0)
--   kinks    numbers that random inputs keep away from
--   gradient false when the op has none (then its outputs must not require any)
--   gradient_tol   allowed error of finite differences, of the rms of the gradient (default 1e-7)
--   narrow_tol     allowed error by dtype of gradients in f32, bf16, f16 against those in f64
--   oracle_gradient   true: compare with the gradient of the oracle too
--   writes   {1, 3}: numbers of the inputs that the op changes; these are then its results
--   meta, strided   false when shapes depend on data; when inputs must be contiguous ("close": other strides may
--              round otherwise, because another kernel takes them)
--   errors   list of {inputs = {…}, attr = {…}, message = "text in the message"}
-- A case may have its own tol, dtypes, result and gradient = false; blocks = true where a gradient is added up in
-- blocks, so that two passes may round otherwise than twice one.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path
local test = require "harness"
local native = require "native"
local samples = require "samples"
local compare = require "compare"
local map, clones, flat, is_tensor = samples.map, samples.clone, samples.flat, samples.is_tensor
local shape_text, fail, same_bits, near = samples.shape_text, compare.fail, compare.same_bits, compare.near

local path, device = arg[1], arg[2] == "--device" and arg[3] or nil
if not path then error("usage: gptsh tests/op.lua tests/ops/NAME.lua [--device cuda]", 0) end
local name = path:match("([^/]+)%.lua$")
local op = torch.ops[name]
local file = assert(loadfile(path, "t", setmetatable({}, {__index = _G})))()

-- Unit roundoff times a few: one rounding of the result and, for float64, that of the reference.
local TOL = {f64 = 1e-13, f32 = 5e-7, bf16 = 2 ^ -8, f16 = 2 ^ -10}
local GRADIENT_TOL = {f32 = 1e-4, bf16 = 6e-2, f16 = 1e-2}
local FEW = 300 -- elements of an input up to which finite differences are taken

-- ---- calling ----

local function call(fn, inputs, attr)
  local list = samples.arguments(inputs)
  if attr and next(attr) ~= nil then
    list.n = list.n + 1
    list[list.n] = attr
  end
  local results = {fn(table.unpack(list, 1, list.n))}
  if not file.writes then return results end
  local changed = {}
  for k, i in ipairs(file.writes) do changed[k] = list[i] end
  return changed
end

local function run(inputs, attr) return call(op, file.writes and clones(inputs) or inputs, attr) end

-- Nothing smaller than the smallest subnormal can be asked for.
local TINY = {f64 = 5e-324, f32 = 2e-45, bf16 = 1e-40, f16 = 6e-8}

local function expect_outputs(what, got, expected, case)
  for k = 1, #expected do
    local dtype = samples.short(got[k].dtype)
    local tol = (case.tol or file.tol or {})[dtype] or TOL[dtype] or 0
    if is_tensor(expected[k]) and shape_text(got[k]) ~= shape_text(expected[k]) then
      fail("%s: result %d has shape %s, expected %s", what, k, shape_text(got[k]), shape_text(expected[k]))
    end
    local reference = is_tensor(expected[k]) and flat(expected[k]) or expected[k]
    local size = file.each and (file.floor or 0) or compare.rms(reference)
    local tiny = (TINY[dtype] or 0) / math.max(tol, 1e-300)
    compare.close(("%s, result %d"):format(what, k), flat(got[k]), reference, tol, function(b)
      return (file.each and b + size or math.max(b, size)) + tiny
    end)
  end
end

-- ---- the reference ----

-- The elements of every input in the order of the output, broadcast by plain index arithmetic.
local function broadcast(inputs, shape)
  local lists = {n = inputs.n}
  for i = 1, inputs.n do
    local value = inputs[i].value
    local list = {}
    if is_tensor(value) then
      local have, elements = samples.dims(value), flat(value)
      local skipped = #shape - #have
      for at = 0, samples.count(shape) - 1 do
        local rest, offset, step = at, 0, 1
        for d = #shape, 1, -1 do
          local index = rest % shape[d]
          rest = rest // shape[d]
          local size = have[d - skipped]
          if size and size > 1 then offset = offset + index * step end
          step = step * (size or 1)
        end
        list[at + 1] = samples.number(elements[offset + 1])
      end
    else
      for at = 1, samples.count(shape) do list[at] = samples.number(value) end
    end
    lists[i] = list
  end
  return lists
end

local function reference(inputs, attr, outputs)
  if file.oracle then
    local wide = map(inputs, function(t, input)
      local float = input.follows or t.dtype == torch.bfloat16 or t.dtype == torch.float16 or t.dtype == torch.float32
      return float and t:detach():to("f64") or t
    end)
    if file.writes then wide = clones(wide) end
    local list = samples.arguments(wide)
    list.n = list.n + 1
    list[list.n] = attr or {}
    return {file.oracle(table.unpack(list, 1, list.n))}
  end
  local lists = broadcast(inputs, samples.dims(outputs[1]))
  local expected, row = {}, {n = inputs.n + 1}
  row[row.n] = attr or {}
  for at = 1, outputs[1]:numel() do
    for i = 1, inputs.n do row[i] = lists[i][at] end
    expected[at] = file.each(table.unpack(row, 1, row.n))
  end
  return {expected}
end

-- ---- gradients ----

local function wants_gradient(case) return file.gradient ~= false and case.gradient ~= false and not file.writes end

local function projection(outputs)
  local weights = {}
  for k, y in ipairs(outputs) do
    if y.requires_grad then
      local values = {}
      for i = 1, y:numel() do values[i] = samples.normal() end
      weights[k] = samples.tensor(values, samples.dims(y), "f64")
    end
  end
  return weights
end

-- Runs forward and backward `times` times on the same leaves; returns {[input] = gradient}, leaves.
local function gradients(inputs, attr, weights, fn, times)
  local leaves = map(inputs, function(t, input)
    t = t:detach():clone()
    return input.grad and t:requires_grad_(true) or t
  end)
  for _ = 1, times or 1 do
    local outputs = call(fn, leaves, attr)
    local used = {}
    for k, y in ipairs(outputs) do
      if y.requires_grad then used[#used + 1] = k end
    end
    local total -- of several results, so that each input receives one gradient
    for _, k in ipairs(used) do
      local y = outputs[k]
      local weight = weights[k]:to(y.dtype):to(y.device)
      if #used == 1 then
        y:backward(weight)
      else
        local part = (y * weight):sum()
        total = total and total + part or part
      end
    end
    if total then total:backward() end
  end
  local grads = {}
  for i = 1, leaves.n do
    if inputs[i].grad then grads[i] = leaves[i].value.grad end
  end
  return grads
end

-- d(sum of weights * outputs) / d(input i) by central differences.
local function numeric(inputs, attr, weights, i)
  local x = inputs[i].value
  local values, shape, slope = flat(x), samples.dims(x), {}
  local lists = {}
  for k, w in pairs(weights) do lists[k] = flat(w) end
  local function loss(at, value)
    local kept = values[at]
    values[at] = value
    local moved = map(inputs, function(t) return t end)
    moved[i].value = samples.tensor(values, shape, "f64")
    values[at] = kept
    local sum = 0
    local outputs = run(moved, attr)
    for k, w in pairs(lists) do
      local y = flat(outputs[k])
      for n = 1, #w do sum = sum + w[n] * y[n] end
    end
    return sum
  end
  for at = 1, #values do
    local h = 1e-5 * math.max(1, math.abs(values[at]))
    slope[at] = (loss(at, values[at] + h) - loss(at, values[at] - h)) / (2 * h)
  end
  return slope
end

local function check_gradients(inputs, attr, weights, exact)
  for i, g in pairs(exact) do
    local x = inputs[i].value
    if shape_text(g) ~= shape_text(x) then
      fail("gradient of input %d has shape %s, expected %s", i, shape_text(g), shape_text(x))
    end
    local ana = flat(g)
    if x:numel() <= FEW then
      local size = compare.rms(ana)
      local tol = file.gradient_tol or 1e-7
      compare.close(("gradient of input %d"):format(i), ana, numeric(inputs, attr, weights, i), 1,
        function() return tol * size + 1e-9 end)
    end
  end
end

local function check_layout_gradients(inputs, attr, weights, exact)
  if file.strided == false then return end
  for i, g in pairs(gradients(map(inputs, samples.strided), attr, weights, op)) do
    if file.strided == "close" then
      near("gradient from other strides", g, exact[i], 1e-13) -- float64: a few roundings
    else
      same_bits("gradient from other strides", {g}, {exact[i]})
    end
  end
end

-- The oracle with the argument list of the op: attributes that are not given become an empty table.
local function oracle_of(case)
  return function(...)
    local list = table.pack(...)
    if not case.attr or next(case.attr) == nil then
      list.n = list.n + 1
      list[list.n] = {}
    end
    return file.oracle(table.unpack(list, 1, list.n))
  end
end

-- The gradient in a narrower dtype against that in f64 of the same (rounded) values.
-- Forward saves rounded results: the error is that of the values, not of the arithmetic, and a mean over few
-- elements says little.
local function check_narrow_gradients(inputs, attr, weights, dtype)
  local narrow = samples.in_dtype(inputs, dtype)
  local wide = map(narrow, function(t, input) return input.follows and t:to("f64") or t end)
  local got, expected = gradients(narrow, attr, weights, op), gradients(wide, attr, weights, op)
  for i, g in pairs(got) do
    if inputs[i].follows and tostring(g.dtype) ~= "torch." .. samples.long[dtype] then
      fail("gradient of input %d is %s, expected %s", i, g.dtype, samples.long[dtype])
    end
    local reference_list = flat(expected[i])
    local size = compare.rms(reference_list)
    local tol = (file.narrow_tol or {})[dtype] or GRADIENT_TOL[dtype]
    if #reference_list >= 4 then
      compare.close(("gradient of input %d in %s"):format(i, dtype), flat(g), reference_list, tol,
        function(b) return math.max(b, size) + 2 * TINY[dtype] / tol end)
    end
  end
end

-- ---- other layouts, devices, threads ----

local function with_threads(n, fn)
  local before = torch.get_num_threads()
  torch.set_num_threads(n)
  local ok, result = pcall(fn)
  torch.set_num_threads(before)
  if not ok then error(result, 0) end
  return result
end

local function forward_and_gradients(inputs, attr, weights)
  local outputs = run(inputs, attr)
  if weights then
    for _, g in pairs(gradients(inputs, attr, weights, op)) do outputs[#outputs + 1] = g end
  end
  return outputs
end

local function check_in_place(inputs, attr, outputs)
  local x, y = inputs[1] and inputs[1].value, outputs[1]
  local method = is_tensor(x) and native.describe(op).elementwise and x[name .. "_"]
  if not method or shape_text(x) ~= shape_text(y) or x.dtype ~= y.dtype then return end
  local copy = clones(inputs)
  local returned = call(method, copy, attr)[1]
  same_bits("in place", {copy[1].value}, {y})
  if not rawequal(returned, copy[1].value) then fail("%s_ does not return its tensor", name) end
end

-- ---- the tests ----

local MANY = 5000 -- elements from which one dtype is enough

local function dtypes_of(case, inputs)
  for i = 1, inputs.n do
    if not case.dtypes and is_tensor(inputs[i].value) and inputs[i].value:numel() > MANY then
      return {samples.floats[(file.dtypes or {"f32"})[1]] and "f32" or file.dtypes[1]}
    end
  end
  return case.dtypes or file.dtypes or {"f64", "f32", "bf16", "f16"}
end

local function check_forward(case)
  local inputs = samples.make(case.inputs, file.kinks)
  for _, dtype in ipairs(dtypes_of(case, inputs)) do
    local typed = samples.in_dtype(inputs, dtype)
    local before = clones(typed)
    local outputs = run(typed, case.attr)
    expect_outputs(dtype, outputs, reference(typed, case.attr, outputs), case)
    local result = case.result or file.result or dtype
    if type(result) == "function" then result = result(dtype) end
    if tostring(outputs[1].dtype) ~= "torch." .. samples.long[result] then
      fail("%s: result is %s, expected %s", dtype, outputs[1].dtype, samples.long[result])
    end
    same_bits(dtype .. " again", run(typed, case.attr), outputs)
    same_bits(dtype .. ": inputs afterwards", samples.tensors(typed), samples.tensors(before))
    if file.strided == "close" then
      local layouts = run(map(typed, samples.strided), case.attr)
      expect_outputs(dtype .. " from other strides", layouts, reference(typed, case.attr, layouts), case)
    elseif file.strided ~= false then
      same_bits(dtype .. " from other strides", run(map(typed, samples.strided), case.attr), outputs)
    end
    check_in_place(typed, case.attr, outputs)
    if file.meta ~= false then
      local shapes = run(map(typed, function(t) return t:to("meta") end), case.attr)
      for k, y in ipairs(outputs) do
        if shape_text(shapes[k]) ~= shape_text(y) or shapes[k].dtype ~= y.dtype then
          fail("%s: on meta result %d is %s %s, on cpu %s %s", dtype, k, shape_text(shapes[k]), shapes[k].dtype,
            shape_text(y), y.dtype)
        end
      end
    end
  end
end

-- Whether the case has gradients to check, or that there are none although a float asks for one.
local function has_backward(case)
  if file.writes or (not wants_gradient(case) and file.gradient ~= false) then return false end
  for _, spec in ipairs(case.inputs) do
    if samples.takes_gradient(spec) then return true end
  end
  return false
end

local function check_backward(case)
  local inputs = samples.make(case.inputs, file.kinks)
  local leaves = map(inputs, function(t, input) return input.grad and t:clone():requires_grad_(true) or t end)
  local outputs = call(op, leaves, case.attr)
  if not wants_gradient(case) then
    for _, y in ipairs(outputs) do
      if y.requires_grad then fail("a result requires a gradient, but the op has none") end
    end
    return
  end
  local weights = projection(outputs)
  if next(weights) == nil then fail("no result requires a gradient") end
  local exact = gradients(inputs, case.attr, weights, op)
  for i = 1, inputs.n do
    if inputs[i].grad and not exact[i] then fail("input %d got no gradient", i) end
  end
  check_gradients(inputs, case.attr, weights, exact)
  for i, g in pairs(gradients(inputs, case.attr, weights, op, 2)) do
    local what = ("gradient of input %d after two passes"):format(i)
    if case.blocks then near(what, g, exact[i] * 2, 1e-13) else same_bits(what, {g}, {exact[i] * 2}) end
  end
  check_layout_gradients(inputs, case.attr, weights, exact)
  if file.oracle_gradient then
    for i, g in pairs(gradients(inputs, case.attr, weights, oracle_of(case))) do
      near(("gradient of input %d against the oracle"):format(i), exact[i], g, 1e-11)
    end
  end
  for _, dtype in ipairs(dtypes_of(case, inputs)) do
    if dtype ~= "f64" and samples.floats[dtype] then check_narrow_gradients(inputs, case.attr, weights, dtype) end
  end
end

local function check_threads(case)
  local inputs = samples.in_dtype(samples.make(case.inputs, file.kinks), "f32")
  local outputs = call(op, map(clones(inputs), function(t, input)
    return input.grad and wants_gradient(case) and t:requires_grad_(true) or t
  end), case.attr)
  local weights = wants_gradient(case) and projection(outputs) or nil
  local one = with_threads(1, function() return forward_and_gradients(inputs, case.attr, weights) end)
  for _, n in ipairs {2, 3} do
    local several = with_threads(n, function() return forward_and_gradients(inputs, case.attr, weights) end)
    same_bits(n .. " threads", several, one)
  end
end

-- Forward and gradients on another device against the CPU, in f32 and bf16.
local function check_device(case)
  for _, dtype in ipairs {"f32", "bf16"} do
    local inputs = samples.in_dtype(samples.make(case.inputs, file.kinks), dtype)
    local there = map(inputs, function(t) return t:to(device) end)
    local on_cpu, on_device = run(inputs, case.attr), run(there, case.attr)
    -- kernels may add in another order and use other functions: 8 roundings of the result
    local tol = dtype == "bf16" and 2 ^ -7 or 8 * 2 ^ -23
    for k, y in ipairs(on_cpu) do
      if on_device[k].dtype ~= y.dtype then fail("result %d is %s, on the cpu %s", k, on_device[k].dtype, y.dtype) end
      near(dtype .. " on " .. device, on_device[k]:to("cpu"), y, tol)
    end
    if wants_gradient(case) and dtype == "f32" then
      local outputs = call(op, map(clones(inputs), function(t, input)
        return input.grad and t:requires_grad_(true) or t
      end), case.attr)
      local weights = projection(outputs)
      local here_grads = gradients(inputs, case.attr, weights, op)
      for i, g in pairs(gradients(there, case.attr, weights, op)) do
        near("gradient on " .. device, g:to("cpu"), here_grads[i], 16 * 2 ^ -23)
      end
    end
  end
end

-- Elementwise ops get the shapes that everything elementwise must take.
local function standard_cases()
  local list = {}
  for _, case in ipairs(file.cases) do list[#list + 1] = case end
  if not file.each then return list end
  local model = file.cases[1]
  for _, shape in ipairs {{}, {0, 3}, {1}, {7, 31}, {2, 3, 5, 2}, {3, 149, 157}} do
    local inputs = {}
    for i, spec in ipairs(model.inputs) do
      inputs[i] = spec
      if type(spec) == "table" then
        inputs[i] = {}
        for key, value in pairs(spec) do
          if type(key) == "string" then inputs[i][key] = value end
        end
        inputs[i].shape, inputs[i].values = shape, nil
      end
    end
    list[#list + 1] = {inputs = inputs, attr = model.attr}
  end
  return list
end

local function describe(case)
  local words = {}
  for i, spec in ipairs(case.inputs) do
    local shape = type(spec) == "table" and (spec.shape or spec)
    words[i] = shape and "(" .. table.concat(shape, ", ") .. ")" or tostring(type(spec) == "function" and "…" or spec)
  end
  local keys = {}
  for key in pairs(case.attr or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = case.attr[key]
    if type(value) == "table" then value = "{" .. table.concat(value, ", ") .. "}" end
    words[#words + 1] = key .. "=" .. tostring(value)
  end
  return name .. " " .. table.concat(words, " ")
end

local function live_bytes()
  collectgarbage()
  collectgarbage()
  return torch.memory_allocated("cpu")
end

local function run_cpu()
  for _, case in ipairs(standard_cases()) do
    test(describe(case) .. ": values, dtypes, layouts, meta", function() check_forward(case) end)
    if has_backward(case) then test(describe(case) .. ": gradients", function() check_backward(case) end) end
    test(describe(case) .. ": same bits for 1, 2 and 3 threads", function() check_threads(case) end)
  end
  local errors = file.errors or {}
  if file.each and #file.cases[1].inputs > 1 and not file.errors then
    errors = {{inputs = {{2, 3}, {2, 4}}, message = "(2, 3)"}, {inputs = {{2, 3}, {2, 4}}, message = "(2, 4)"}}
    for i = 3, #file.cases[1].inputs do errors[1].inputs[i], errors[2].inputs[i] = {}, {} end
    errors[1].attr, errors[2].attr = file.cases[1].attr, file.cases[1].attr
  end
  for _, case in ipairs(errors) do
    test(("%s is refused: %s"):format(describe(case), case.message), function()
      local message = test.raises(function() run(samples.make(case.inputs, file.kinks), case.attr) end, case.message)
      if not message:find(name, 1, true) then fail("the message does not name the op: %s", message) end
    end)
  end
end

if not op then
  test(name .. " is an op", function() fail("%s tests an op that does not exist", path) end)
else
  test(name .. " has cases and a reference", function()
    assert(#file.cases > 0 and (file.oracle or file.each), "cases and oracle (or each) are needed")
  end)
  local before = live_bytes()
  if device then
    for _, case in ipairs(standard_cases()) do
      test(("%s on %s"):format(describe(case), device), function() check_device(case) end)
    end
  else
    run_cpu()
  end
  test(name .. " leaves no memory behind", function()
    local after = live_bytes()
    if after ~= before then fail("%d bytes live, %d before", after, before) end
  end)
end
if not test.finish() then os.exit(1, true) end
