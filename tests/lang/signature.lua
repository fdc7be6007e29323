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

-- ---- options in braces, bounds ----

local hist = echo 'hist(values: any, title: string = nil, {bins: integer[1,100] = 40, p: number[0,1)|false = nil, lr: number(0,) = 1, mode: "a"|"b" = "a", note: true|string = nil})'

test("options come as one fresh table, checked and with their defaults", function()
  test.equal({hist(7)}, {7, [3] = {bins = 40, lr = 1, mode = "a"}})
  test.equal({hist(7, "t", {bins = 3.0, p = false, mode = "b", note = true})}, {7, "t", {bins = 3, p = false, lr = 1, mode = "b", note = true}})
  test.equal({hist(7, {title = "t", p = 0})}, {7, "t", {bins = 40, p = 0, lr = 1, mode = "a"}})
  local given = {bins = 2}
  local _, _, got = hist(7, nil, given)
  assert(got ~= given and given.mode == nil)
  test.equal({hist({bins = 2})}, {{bins = 2}, [3] = {bins = 40, lr = 1, mode = "a"}}) -- `any` takes a table as it is
end)

test("what is wrong with options is told by their names", function()
  for _, row in ipairs {
    {{bins = 0}, "hist: bins expects an integer in [1, 100], got 0"},
    {{bins = 101}, "hist: bins expects an integer in [1, 100], got 101"},
    {{bins = 2.5}, "hist: bins expects a whole number, got 2.5"},
    {{p = 1}, "hist: p expects a number in [0, 1) or false, got 1"},
    {{p = true}, "hist: p expects a number in [0, 1) or false, got a boolean"},
    {{p = 0 / 0}, "hist: p expects a number in [0, 1) or false, got nan"},
    {{lr = 0}, "hist: lr expects a number > 0 and finite, got 0"},
    {{lr = math.huge}, "hist: lr expects a number > 0 and finite, got inf"},
    {{mode = "c"}, [[hist: mode expects "a" or "b", got 'c']]},
    {{note = false}, "hist: note expects true or a string, got a boolean"},
    {{bin = 3}, "hist has no argument 'bin' (did you mean 'bins'?); it takes values, title, bins, p, lr, mode, note"},
    {{3}, "hist: every option has a name, {bins = …}, got 3 without one"},
    {5, "hist: options go in a table, {bins = …}, got 5"},
    {nn.ReLU(), "hist: options go in a table, {bins = …}, got a module"},
  } do
    test.raises(function() hist(7, nil, row[1]) end, row[2])
  end
  test.raises(function() hist(7, nil, {[1.5] = 3}) end, "hist: expected a name as key, got [1.5] = 3")
  test.raises(function() F.dropout(torch.ones(2), {p = 0.1, [torch.float32] = 3}) end, "dropout: expected a name as key, got [")
  test.raises(function() F.dropout(torch.ones(2), {[2] = 3}) end, "dropout: every keyword has a name, {p = …}, got 3 without one")
  test.raises(function() hist(7, nil, 5, 6) end,
              "hist: expected at most 2 arguments (values: any, title: string = nil, {bins, p, lr, mode, note}), got 4")
  test.raises(function() hist(7, nil, {}, {bins = 2}) end, "hist: expected at most 2 arguments")
  test.raises(function() hist(7, nil, 5, {bins = 2}) end, "hist: every option has a name, {bins = …}, got 5 without one")
  test.raises(function() echo "make({total: integer[1,], rest: string = nil})" {} end, "make: total is missing; it takes ({total, rest})")
end)

test("settings of optimizers that a call takes inside of optim are told so", function()
  local run = echo "run({optim: any = nil, steps: integer = 1})"
  for key, advice in pairs {lr = "lr", learning_rate = "lr", weight_decay = "weight_decay", betas = "betas"} do
    test.raises(function() run {[key] = 1} end, ("run has no argument '%s' (did you mean optim = {%s = …}?); it takes optim, steps"):format(key, advice))
  end
  test.raises(function() echo "run({lr: number})" {learning_rate = 1} end, "(did you mean 'lr'?)")
end)

test("the rows of a signature are data", function()
  local rows, more = native.parameters_of(hist)
  test.equal(more, false)
  test.equal(rows[1], {name = "values", type = "any", by = "place"})
  test.equal(rows[3], {name = "bins", type = "integer[1,100]", default = "40", by = "option", low = 1.0, high = 100.0, above = false, below = false})
  test.equal(rows[5], {name = "lr", type = "number(0,)", default = "1", by = "option", low = 0.0, high = math.huge, above = true, below = true})
  rows, more = native.parameters_of(echo "new(size...: sizes, *, dtype: dtype = nil, ...)")
  test.equal({rows[1].name, rows[1].by, rows[2].by, more}, {"size", "place", "name", true})
  test.equal({native.parameters_of(print)}, {})
end)

test("several signatures in one text sign a table of functions", function()
  local space = {f = function(x) return x end, g = function(_, o) return o end}
  native.sign(space, "f(x: number[0,1)) g(y: any, {a: number(0,] = 2,\n  b: string = \")\"})", "s.")
  test.equal({space.f(0), space.g(1)}, {0, {a = 2, b = ")"}})
  test.raises(function() space.f(1) end, "s.f: x expects a number in [0, 1), got 1")
  test.raises(function() space.g(1, {a = 0}) end, "s.g: a expects a number > 0, got 0")
end)
