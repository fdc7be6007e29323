--- odict, struct, list, defaults, show.
local test = require "harness"

local function keys(d)
  local out = {}
  for key in pairs(d) do out[#out + 1] = tostring(key) end
  return table.concat(out, " ")
end

test("odict keeps the order of insertion", function()
  local d = odict{{"b", 1}, {"a", 2}, {3, "c"}}
  test.equal(keys(d), "b a 3")
  d.z, d.b = 0, 10
  test.equal(keys(d), "b a 3 z")
  test.equal(d.b, 10)
  test.equal(#d, 4)
  test.equal(d.missing, nil)
end)

test("a deleted key comes back at the end", function()
  local d = odict{{"a", 1}, {"b", 2}, {"c", 3}}
  d.a = nil
  test.equal(keys(d), "b c")
  d.a = 4
  test.equal(keys(d), "b c a")
  test.equal(#d, 3)
  for key in pairs(d) do d[key] = nil end
  test.equal(keys(d) .. #d, "0")
end)

test("an odict that is filled and emptied many times stays small and right", function()
  local d = odict{}
  for round = 1, 1000 do
    d[round] = round
    if round > 10 then d[round - 10] = nil end
  end
  test.equal(#d, 10)
  test.equal(keys(d), "991 992 993 994 995 996 997 998 999 1000")
end)

test("walking an odict while it grows and shrinks visits what is there", function()
  local d, seen = odict{}, 0
  for i = 1, 100 do d[i] = i end
  for key in pairs(d) do
    seen = seen + 1
    d[key] = nil
    d["new" .. key] = true
    if seen == 100 then break end
  end
  test.equal(seen, 100)
  test.equal(#d, 100)
end)

test("odict refuses what has no order", function()
  test.raises(function() odict{a = 1} end, 'odict: write {"a", …}')
  test.raises(function() odict{1, 2} end, "item 1 is not {key, value}")
  test.raises(function() odict{}[0 / 0] = 1 end, "nan")
end)

local Config = struct "Config" {{"width", 1024}, {"rate", 0.02}, {"name", "gpt"}, {"extra"}}

test("struct builds by keyword and by position", function()
  test.equal(tostring(Config()), 'Config(width=1024, rate=0.02, name="gpt", extra=nil)')
  test.equal(tostring(Config{rate = 1e-05, extra = true}), 'Config(width=1024, rate=1e-05, name="gpt", extra=true)')
  test.equal(tostring(Config(8, 0.5)), 'Config(width=8, rate=0.5, name="gpt", extra=nil)')
  test.equal(tostring(Config{8, name = "x"}), 'Config(width=8, rate=0.02, name="x", extra=nil)')
end)

test("struct fields are checked", function()
  local c = Config()
  c.width = 5
  test.equal(c.width, 5)
  test.equal(c.extra, nil)
  test.raises(function() return c.widht end, "Config has no field 'widht' (did you mean 'width'?); it has width, rate")
  test.raises(function() c.depth = 1 end, "Config has no field 'depth'")
  test.raises(function() Config{depth = 1} end, "Config has no field 'depth'")
  test.raises(function() Config(1, 2, 3, 4, 5) end, "Config takes 4 fields, got 5")
  test.raises(function() struct(3) end, "name expects a string, got 3")
  assert(Config() == Config() and Config() ~= c)
  test.equal(keys(c), "width rate name extra")
  test.equal(torch.type(c), "Config")
end)

test("the message names the user's line", function()
  local message = test.raises(function() Config{depth = 1} end, "no field")
  assert(message:find "^tests/lang/values.lua:%d+: ", message)
end)

test("list collects iterators, tensors and list parts", function()
  test.equal(list(("a b c"):gmatch "%a"), {"a", "b", "c"})
  test.equal(list{1, 2, x = 3}, {1, 2})
  test.equal(#list(torch.zeros(3, 2)), 3)
  test.equal(list(torch.arange(3):values()), {0, 1, 2})
end)

test("defaults fills in and refuses", function()
  local o = defaults({lr = 0.1}, {lr = 0.02, momentum = 0.95, nesterov = false})
  test.equal(o.lr + o.momentum, 1.05)
  test.equal(o.nesterov, false)
  test.equal(defaults(nil, {a = 1}).a, 1)
  test.raises(function() defaults({momentun = 1}, {momentum = 0.95}) end, "unknown option 'momentun' (did you mean 'momentum'?)")
end)

test("show writes constructors that can be pasted back", function()
  local value = {1, 2.5, "a\n\"", {x = {}, ["2 w"] = true, [7] = 1, ["end"] = 0.1}, y = 1e-07}
  local text = show(value)
  test.equal(text, [[{1, 2.5, "a\n\"", {[7] = 1, ["2 w"] = true, ["end"] = 0.1, x = {}}, y = 1e-07}]])
  test.equal(show(load("return " .. text)()), text)
  test.equal(show("text"), '"text"')
  test.equal(show(nil) .. show(true) .. show(1.0), "niltrue1.0")
  test.equal(show(torch.ones(2)), "tensor([1., 1.])")
  test.equal(show{torch.float32, torch.Size(2, 3)}, "{torch.float32, torch.Size([2, 3])}")
end)

test("show names functions and name spaces", function()
  test.equal(show(torch) .. show(torch.cuda), "<torch, see help(torch)><torch.cuda, see help(torch.cuda)>")
  test.equal(show(torch.add) .. show(print) .. show(torch.stack), "<op add><built-in function><built-in function>")
  assert(show(function() end):find "^<function at tests/lang/values.lua:%d+>$")
end)

test("show breaks lines beyond 79 columns and indents what is inside", function()
  local long = {}
  for i = 1, 30 do long[i] = i * 1.5 end
  local text = show(long)
  test.equal(select(2, text:gsub("\n", "\n")), 29)
  assert(text:find "^{1.5,\n 3.0,\n" and text:find "\n 45.0}$", text)
  test.equal(show{a = torch.zeros(2, 2)}, "{a = tensor([[0., 0.],\n             [0., 0.]])}")
end)

test("show ends on cycles, depth and length", function()
  local loop = {}
  loop.self = loop
  test.equal(show(loop), "{self = <this table again>}")
  local shared = {1}
  test.equal(show{shared, shared}, "{{1}, {1}}")
  local deep = {}
  for _ = 1, 50 do deep = {deep} end
  assert(show(deep):find "{…}")
  local long = {}
  for i = 1, 5000 do long[i] = i end
  assert(show(long):find "… 4000 more}$")
end)

test("list refuses what has no items", function()
  test.raises(function() list(1) end, "list: expected a table, a tensor or an iterator, got an integer")
  test.raises(function() list() end, "list: expected a table, a tensor or an iterator, got nil")
end)

test("what has no end is refused", function()
  local endless = setmetatable({}, {__index = function(_, i) return {i, i} end, __len = function() return 1 << 60 end})
  test.raises(function() odict(endless) end, "odict: expected a plain list of pairs, got table with an __index of its own")
  test.raises(function() list(endless) end, "list: more than 16777216 values: has it no end?")
  test.raises(function() list(function() return 1 end) end, "has it no end?")
  local pairs_only = setmetatable({}, {__pairs = function() return function(_, k) return (k or 0) + 1, 1 end end})
  test.raises(function() show(pairs_only, {mode = "box"}) end, "show: more than 1048576 pairs")
  assert(show(setmetatable({}, {__len = function() return 1 << 60 end}), {mode = "tsv"}))
end)
