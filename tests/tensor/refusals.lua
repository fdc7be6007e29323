-- Calls that no op takes are refused in one line that names the op: made from the op table, so that an op that is
-- added is tried as well.
local test = require "harness"
local native = require "native"
local samples = require "samples"

local BOOLEAN = "got a boolean (Lua's == and ~= compare identity; a:eq(b) and a:ne(b) compare element by element)"
local HINT = "expects a tensor, " .. BOOLEAN

local function copy(list)
  local out = {n = list.n}
  for i = 1, list.n do out[i] = list[i] end
  return out
end

-- Runs fn for every op with its descriptor, the arguments of the first case of its test and their keywords.
local function each(title, fn)
  local names = {}
  for name in pairs(torch.ops) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    test(name .. ": " .. title, function()
      local case = dofile("tests/ops/" .. name .. ".lua").cases[1]
      local op, list = torch.ops[name], samples.arguments(samples.make(case.inputs))
      fn(op, native.describe(op), list, case.attr or {})
    end)
  end
end

-- The call raises one line with each of these texts, and with the name of the op.
local function refused(about, op, list, ...)
  local message
  local ok, raised = pcall(op, table.unpack(list, 1, list.n))
  if ok then error(about.name .. " was not refused", 2) end
  message = tostring(raised)
  for _, text in ipairs {about.name, ...} do
    if not message:find(text, 1, true) then error(("expected %q in: %s"):format(text, message), 2) end
  end
  if message:find "\n" then error("more than one line: " .. message, 2) end
end

local function with(list, keywords)
  local out = copy(list)
  if next(keywords) == nil then return out end
  out.n = out.n + 1
  out[out.n] = keywords
  return out
end

local function input_names(about)
  local names = {}
  for word in about.inputs:gmatch "[%w_]+" do names[#names + 1] = word end
  return names
end

each("a Lua boolean is not a tensor, by position and by name", function(op, about, list, attr)
  local names = input_names(about)
  local variadic = about.inputs:find("...", 1, true) ~= nil
  for _, value in ipairs {true, false} do
    for i = 1, variadic and 1 or #names do
      local bad = copy(list)
      bad.n = math.max(bad.n, i)
      bad[i] = value
      if variadic then
        refused(about, op, with(bad, attr), BOOLEAN)
      else
        refused(about, op, with(bad, attr), names[i], HINT)
      end
      if not variadic and i > 1 then
        local named = {[names[i]] = value}
        for key, item in pairs(attr) do named[key] = item end
        local fewer = {n = i - 1, table.unpack(list, 1, i - 1)}
        refused(about, op, with(fewer, named), names[i], HINT)
      end
    end
  end
end)

each("a text is not a tensor", function(op, about, list, attr)
  local names = input_names(about)
  for i = 1, about.inputs:find("...", 1, true) and 1 or #names do
    local bad = copy(list)
    bad.n = math.max(bad.n, i)
    bad[i] = "x"
    refused(about, op, with(bad, attr), "got a string")
  end
end)

each("a keyword that it does not have", function(op, about, list, attr)
  local wrong = {zzz = 1}
  for key, value in pairs(attr) do wrong[key] = value end
  refused(about, op, with(list, wrong), "has no argument 'zzz'")
end)

-- A value of the type of an attribute, and one of another type.
local function right(attr)
  if attr.type == "integer" then return attr.default or 0 end
  if attr.type == "number" then return attr.default or 0.5 end
  if attr.type == "boolean" then return false end
  if attr.type == "dtype" then return torch.float32 end
  if attr.type == "integers" then return {0} end
  return attr.default
end

each("one argument too many", function(op, about, list)
  if about.inputs:find("...", 1, true) then return end
  local full = {n = #input_names(about)}
  for i = 1, full.n do full[i] = list[i] end
  for _, attr in ipairs(about.attrs) do
    if attr.by_name then break end
    full.n = full.n + 1
    full[full.n] = right(attr)
  end
  for _, extra in ipairs {1, true, "x", torch.ones(1)} do
    local more = copy(full)
    more.n = more.n + 1
    more[more.n] = extra
    refused(about, op, more)
  end
end)

each("what has no place in PyTorch is given by name", function(op, about, list, given)
  for _, attr in ipairs(about.attrs) do
    if attr.by_name then
      local more = {n = #input_names(about)}
      for i = 1, more.n do more[i] = list[i] end
      for _, before in ipairs(about.attrs) do
        if before == attr or before.by_name then break end
        more.n = more.n + 1
        more[more.n] = given[before.name] or right(before)
      end
      more.n = more.n + 1
      more[more.n] = right(attr)
      refused(about, op, more, "too many arguments", attr.name .. " = …")
    end
  end
end)

each("an attribute of another type", function(op, about, list, given)
  for _, attr in ipairs(about.attrs) do
    for _, wrong in ipairs {{}, {{}}, "zzz", print} do
      if not (attr.type == "integers" and type(wrong) == "table" and #wrong == 0) then
        local keywords = {}
        for key, value in pairs(given) do keywords[key] = value end
        keywords[attr.name] = wrong
        refused(about, op, with(list, keywords), attr.name)
      end
    end
  end
end)

each("a number that is a tensor must not lose a gradient", function(op, about, list, given)
  for _, attr in ipairs(about.attrs) do
    if attr.type == "number" or attr.type == "integer" then
      local keywords = {}
      for key, value in pairs(given) do keywords[key] = value end
      keywords[attr.name] = torch.tensor(0.5, {requires_grad = true})
      refused(about, op, with(list, keywords), attr.name, "requires a gradient", "item()")
      keywords[attr.name] = torch.ones(2)
      refused(about, op, with(list, keywords), attr.name, "number, got a tensor (2)")
    end
  end
end)

test("a tensor that needs no gradient, or gets none, may be a number", function()
  local w = torch.tensor(2.0, {requires_grad = true})
  test.equal(torch.tensor({1.0, 3.0}):clamp{min = torch.tensor(2)}, {2.0, 3.0})
  torch.no_grad(function() test.equal(torch.tensor({1.0, 3.0}):clamp{min = w}, {2.0, 3.0}) end)
  test.raises(function() return torch.ones(2):clamp{min = w} end, "torch.maximum(x, min)")
  test.raises(function() return torch.add(w, w, {alpha = w}) end, "a + alpha * b")
  test.raises(function() return torch.ones(2):cumsum(torch.tensor(0.5)) end,
    "cumsum: dim expects a whole number, got a float32 tensor")
  test.raises(function() return torch.ones(2):cumsum(torch.tensor(true)) end,
    "cumsum: dim expects a whole number, got a bool tensor")
end)

test("operators, indices and values do not take a Lua boolean for a tensor", function()
  local x, b = torch.tensor{1.0, 2.0, 3.0}, torch.tensor{true, false, true}
  local m = x == 1 -- luacheck: ignore
  for name, fn in pairs {
    mul = function() return x * m end, sub = function() return m - x end, bitwise_and = function() return b & m end,
    bitwise_or = function() return m | b end, index = function() return x[m] end, part = function() return x[{m}] end,
    value = function() x[0] = m end, picked = function() x[b] = m end, place = function() x[torch.tensor{0}] = m end,
    fill_ = function() x:fill_(m) end, full = function() return torch.full({2}, m, {dtype = "f32"}) end,
    full_like = function() return torch.full_like(x, m) end, copy_ = function() x:copy_(m) end,
    grad = function() x.grad = m end, data = function() x.data = m end, mul_ = function() x:mul_(m) end,
    stack = function() return torch.stack{x, m} end, clip = function() return torch.clip(m, 0) end,
    masked_fill_ = function() x:masked_fill_(b, m) end, size = function() return torch.zeros_like(m) end,
  } do
    local message = test.raises(fn, name == "part" and "part 1 is a boolean" or "got a boolean")
    assert(message:find("a:eq(b)", 1, true), message)
    assert(not message:find "\n", message)
  end
  test.equal(x, {1.0, 2.0, 3.0})
end)

test("a boolean is a value where the tensor holds booleans", function()
  local b = torch.tensor{true, false, true}
  test.equal(b:masked_fill(b, false), {false, false, false})
  test.equal(torch.full({2}, true), {true, true})
  test.equal(torch.full_like(b, false), {false, false, false})
  test.equal(torch.tensor(true), true)
  local c = b:clone()
  c[0] = false
  test.equal(c, {false, false, true})
  c[b] = true
  test.equal(c, {true, false, true})
  c[torch.tensor{1, 2}] = false
  test.equal(c, {true, false, false})
  test.equal(c:fill_(true), {true, true, true})
end)

each("an input whose gradient it has no rule for", function(op, about, list, attr)
  local takes = false -- does the op record anything at all?
  for pass = 1, 2 do
    for i = 1, list.n do
      if torch.is_tensor(list[i]) and list[i].dtype.is_floating_point then
        local one = with(list, attr)
        one[i] = list[i]:clone():requires_grad_(true)
        local ok, y = pcall(op, table.unpack(one, 1, one.n))
        if ok and torch.is_tensor(y) and y.dtype.is_floating_point then
          if pass == 1 then takes = takes or y.requires_grad end
          if pass == 2 and takes and not y.requires_grad then error("the gradient of input " .. i .. " is lost") end
        elseif not ok then
          assert(tostring(y):find(about.name, 1, true), y)
        end
      end
    end
  end
end)

test("what a copy in place cannot record is refused in every kind of index", function()
  local w = torch.ones(1, {requires_grad = true})
  for _, key in ipairs {0, "0:1", torch.tensor{0}, torch.tensor{true, false}} do
    local x = torch.zeros(2)
    test.raises(function() x[key] = w end, "takes part in gradients")
    test.equal(x, {0.0, 0.0})
  end
end)

test("a table of names that is not the last argument is refused, not dropped", function()
  local x = torch.ones(2, 3)
  local function refuses_names(run, argument)
    test.raises(run, f": keywords go last, in one table; argument {argument} is a table with names")
  end
  refuses_names(function() return torch.sum(x, {dim = 0}, true) end, 2)
  refuses_names(function() return x:add({alpha = 2}, 1) end, 2)
  refuses_names(function() return x:add(1, {alpha = 2}, {alpha = 3}) end, 3)
  refuses_names(function() return x:clamp({max = 1}, 2) end, 2)
  refuses_names(function() return torch.cat({x, dim = 1}, 0) end, 1)
  test.equal(x:add(1, {alpha = 2}, nil)[0][0]:item(), 3.0) -- a nil behind them says nothing
end)

test("keys of a table that are neither names nor items are refused, not dropped", function()
  local x = torch.ones(2, 3)
  test.raises(function() return x:sum{[0] = 0} end, "sum: expected a list with items from 1 on, got one at 0")
  test.raises(function() return x:sum{dim = 0, [0.5] = 1} end, "got one at 0.5")
  test.raises(function() return x:reshape{6, [9] = 1} end, "reshape: expected a list without gaps, item 2 is nil")
  test.raises(function() return torch.cat{x, [0] = x} end, "cat: expected a list with items from 1 on, got one at 0")
  test.raises(function() return torch.stack{x, [0] = x} end, "stack: expected a list with items from 1 on, got one at 0")
  test.raises(function() return torch.tensor{[0] = 1, 2} end, "tensor: expected a list with items from 1 on, got one at 0")
  test.raises(function() return torch.ones{2, [0] = 1} end, "ones: expected a list with items from 1 on, got one at 0")
end)

test("an object is no table of keywords or numbers", function()
  local x = torch.ones(2)
  test.raises(function() return x:add(1, optim.SGD{nn.Parameter(x)}) end, "add: too many arguments: argument 3 is a SGD")
  test.raises(function() return x:sum(setmetatable({dim = 0}, {})) end, "sum: dim expects a whole number, got a table")
end)

test("a wrong value is shown in one line without control characters", function()
  local x = torch.ones(2)
  test.raises(function() return F.gelu(x, "a\nb") end, "gelu: approximate expects one of none|tanh, got a string")
  test.raises(function() return F.gelu(x, nn.Sequential{nn.Linear(2, 2)}) end, "got a module")
  test.raises(function() return x:to({1}) end, "got a table")
  test.raises(function() return GPT{hidden_dim = "16"} end, "hidden_dim expects a whole number, got a string")
end)
