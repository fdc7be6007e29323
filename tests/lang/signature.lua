--- Signatures: what functions that are not ops take (lua/bind/signature.c).
local test = require "harness"
local native = require "native"

local function echo(signature) return native.signature(signature, function(...) return ... end) end

local stack = echo 'stack(tensors: list, dim: integer = 0, mode: "a"|"b" = "a")'
local list = {1, 2}

test("arguments come by position or by name, and defaults are filled in", function()
  test.equal({select(2, stack(list))}, {0, "a"})
  test.equal({select(2, stack(list, 3.0, "b"))}, {3, "b"})
  test.equal(math.type((select(2, stack(list, 3.0)))), "integer")
  test.equal({select(2, stack(list, {dim = 5}))}, {5, "a"})
  test.equal({select(2, stack(list, {mode = "b"}))}, {0, "b"})
  test.equal({select(2, stack(list, nil, "b"))}, {0, "b"})
  test.equal({select(2, stack(list, 1, {}))}, {1, "a"})
  test.equal({select(2, stack(list, 1, "a", nil, nil))}, {1, "a"})
end)

test("names in a list are keywords", function()
  test.equal({select(2, stack{1, 2, dim = 5})}, {5, "a"})
  test.raises(function() stack{1, 2, axis = 5} end, "stack has no argument 'axis' (did you mean 'dim'?); it takes tensors, dim, mode")
  test.raises(function() stack({1, dim = 5}, {dim = 4}) end, "stack: dim is given twice")
end)

test("a table where one is meant is that, whatever names it has", function()
  local load = echo "load(state: table, strict: boolean = true)"
  local state = {strict = 1}
  local got, strict = load(state)
  assert(got == state and strict == true)
  got, strict = load(state, {strict = false})
  assert(got == state and strict == false)
end)

test("what does not fit raises one line", function()
  local shown = '(tensors: list, dim: integer = 0, mode: "a"|"b" = "a")'
  for _, row in ipairs {
    {{}, "stack: tensors is missing; it takes " .. shown},
    {{list, 2.5}, "stack: dim expects a whole number, got 2.5"},
    {{list, "1"}, "stack: dim expects an integer, got '1'"},
    {{list, {1}}, "stack: dim expects an integer, got a table"},
    {{list, 1, "c"}, [[stack: mode expects "a" or "b", got 'c']]},
    {{list, 1, "a", 4}, "stack: expected at most 3 arguments " .. shown .. ", got 4"},
    {{list, 1, "a", false}, "stack: expected at most 3 arguments " .. shown .. ", got 4"},
    {{list, {1, 2, dim = 1}}, "stack: every keyword has a name"},
    {{3}, "stack: tensors expects a list, got 3"},
    {{"\27[2J"}, "stack: tensors expects a list, got a string"},
  } do
    test.raises(function() stack(table.unpack(row[1])) end, row[2])
  end
end)

test("a boolean in the place of a tensor is told where it comes from", function()
  local scale = echo "scale(x: tensor|number)"
  test.equal(scale(2), 2)
  test.raises(function() scale(torch.ones(2) == 1) end, "scale: x expects a tensor or a number, got a boolean (Lua's == and ~=")
end)

test("methods name the colon", function()
  local eval = echo "eval(self: module, on: boolean = true)"
  local m = nn.Linear(2, 2)
  test.equal({select(2, eval(m))}, {true})
  test.raises(function() eval() end, "eval: expected a module before the colon, as in object:eval(…), got nil")
  test.raises(function() eval(m, true, 3) end, "eval: expected at most 1 argument (on: boolean = true), got 2")
  test.raises(function() eval(m, {self = m}) end, "eval has no argument 'self'; it takes on")
end)

test("every type", function()
  local values = {
    tensor = torch.ones(2), number = 1.5, integer = 2, boolean = false, string = "s", table = {}, ["function"] = print,
    module = nn.Linear(2, 2), dtype = torch.float32, device = torch.device "cpu", size = torch.Size(2, 3), file = io.stdout,
  }
  local fit = { -- besides the value of that name
    any = "tensor number integer boolean string table function module dtype device size file", number = "integer",
    list = "table function size", ["function"] = "module", dtype = "string", device = "string", sizes = "table size",
  }
  for type in ("any tensor number integer boolean string table list function module dtype device sizes"):gmatch "%a+" do
    local f = echo(("f(x: %s)"):format(type))
    for other, value in pairs(values) do
      local fits = type == other or (" " .. (fit[type] or "") .. " "):find(" " .. other .. " ", 1, true) ~= nil
      test.equal(pcall(f, value), fits, type .. " given a " .. other)
    end
  end
end)

test("more arguments pass where the signature ends with dots", function()
  local chain = echo "chain(first: integer, ...)"
  test.equal({chain(1, 2, nil, "x")}, {1, 2, nil, "x"})
end)

test("sizes come one by one, in a table or as a Size; what is after the star comes by name", function()
  local new = echo "new(size...: sizes, *, dtype: dtype = nil)"
  for _, arguments in ipairs {{2, 3}, {{2, 3}}, {torch.Size(2, 3)}, {{size = {2, 3}}}} do
    test.equal(tostring((new(table.unpack(arguments)))), "torch.Size([2, 3])")
  end
  test.equal({select(2, new(2, 3, {dtype = "float64"}))}, {"float64"})
  test.equal({select(2, new{2, 3, dtype = "float64"})}, {"float64"})
  test.equal(tostring((new{})), "torch.Size([])")
  test.raises(function() new(2, 3, "float64") end, "new: expected at most 1 argument (size...: sizes, *, dtype: dtype = nil), got 2")
  test.raises(function() new() end, "new: size is missing")
  test.raises(function() new(2, 0.5) end, "new: size expects a whole number, got 0.5")
  test.raises(function() new(2, 3, {size = {2}}) end, "new: size is given twice")
  test.raises(function() new("2") end, "new: size expects a shape, got '2'")
end)

test("functions behind a signature may yield and raise", function()
  local co = coroutine.wrap(native.signature("f(x: integer)", function(x) return coroutine.yield(x) + 1 end))
  test.equal(co(1), 1)
  test.equal(co(5), 6)
  local fail = native.signature("f(x: integer)", function() error({7}) end)
  test.equal(select(2, pcall(fail, 1)), {7})
end)

test("help and completion read the signature", function()
  local found = require "shell.doc".of(stack, "stack")
  test.equal(found.signature, 'stack(tensors: list, dim: integer = 0, mode: "a"|"b" = "a")')
  test.equal(require "shell.doc".of(echo "eval(self: module, on: boolean = true)", "m:eval").signature, "m:eval(on: boolean = true)")
  test.equal(require "shell.complete"("stack(x, {", "mo", {stack = stack}), {"mode = "})
end)
