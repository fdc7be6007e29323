--- f"…" in every place where Lua source is read.
local test = require "harness"
local native = require "native"

test("expressions, formats and escapes", function()
  local name, n, x = "loss", 3, 0.25
  test.equal(f"{name}: {x}", "loss: 0.25")
  test.equal(f"{{{n}}} {n + 1} {n * x:.3f}", "{3} 4 0.750")
  test.equal(f"tab\t{n}\n{'q'}\"\u{221D}{{", "tab\t3\nq\"∝{")
  test.equal(f'{n}%', "3%")
  test.equal(f"", "")
  test.equal(f"no field", "no field")
end)

test("quotes, brackets, tables and calls inside a field", function()
  local t = {a = {b = 1}, ["a:b"] = 2, ["k"] = "v"}
  local object = {twice = function(_, x) return 2 * x end}
  test.equal(f"{t['a:b']} {t.a.b}", "2 1")
  test.equal(f"{t[\"k\"]}", "v")
  test.equal(f"{#{1, 2, 3}} {({x = 5}).x} {object:twice(4):d}", "3 5 8")
  test.equal(f"{(function() return 'in}side' end)()}", "in}side")
  test.equal(f"{t.missing and 'a' or 'b'}", "b")
end)

test("fields nest", function()
  local width, name = 8, "ab"
  test.equal(f"{name:>{width}}|", "      ab|")
  test.equal(f"{1.5:{width}.{2}f}", "    1.50")
  test.equal(f"{f'{name}!'}", "ab!")
end)

test("the colon of a method call is no format", function()
  local t = torch.arange(6):view(2, 3)
  test.equal(f"{t:size(0)} {t:size(1):>4} {t:max():item():.1f} {t:sum()}", "2    3 5.0 15")
end)

test("only a glued f of its own is an f-string", function()
  local module = {f = function(s) return "called with " .. s end}
  local ff = function(s) return "ff " .. s end
  test.equal(module.f"{1}", "called with {1}")
  test.equal(ff"{1}", "ff {1}")
  test.equal("a" ..f"{1}", "a1")
  test.equal(#f"{12}", 2)
  test.equal([[f"{1}"]], 'f"{' .. '1}"')
  -- f"{not read}"
  --[==[ f"{not read}" ]==]
  test.equal('f"{x}"', "f\"" .. "{x}\"")
end)

test("line numbers stay", function()
  local text = 'local a = 1\nlocal s = f"{a}\\\n{a}"\nreturn s, debug.getinfo(1, "l").currentline'
  local s, line = load(text)()
  test.equal(s, "1\n1")
  test.equal(line, 4)
  local sum, after = load('local a = 1\nlocal s = f"{a +\\\n a}"\nreturn s, debug.getinfo(1, "l").currentline')()
  test.equal(sum .. " " .. after, "2 4")
  local _, lines = native.rewrite(text):gsub("\n", "\n")
  local _, before = text:gsub("\n", "\n")
  test.equal(lines, before)
end)

test("sources without f-strings come back as they are", function()
  for _, text in ipairs {"", "f", "f\"", "f'", "x = f\"{\"", "return [[f'", "-- f\"{x}\"", "\"f'{x}'\"", "a.f'{x}'", "f \"{x}\""} do
    test.equal(native.rewrite(text), text)
  end
end)

test("load, loadfile, dofile and require read f-strings", function()
  test.equal(load("local a = 2 return f'{a}'")(), "2")
  local pieces = {"local a = 3 ", "return f'{a", "}'"}
  test.equal(load(function() return table.remove(pieces, 1) end)(), "3")
  test.equal(load("return f'{a}'", "=x", "t", {a = 4, __f = __f})(), "4")
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write "#!/usr/bin/env gptsh\nlocal a = 5\nreturn f'{a}'\n"
  file:close()
  test.equal(loadfile(path)(), "5")
  test.equal(dofile(path), "5")
  local folder, name = path:match "^(.*)/([^/]*)$"
  local saved = package.path
  rawset(package, "path", folder .. "/?")
  test.equal(require(name), "5")
  rawset(package, "path", saved)
  os.remove(path)
  local missing, message = loadfile "/nonexistent/file.lua"
  test.equal(missing, nil)
  assert(message:find "cannot open /nonexistent/file.lua")
end)

test("errors of load keep their form", function()
  local chunk, message = load("x = = 1", "=text")
  test.equal(chunk, nil)
  test.equal(message, "text:1: unexpected symbol near '='")
  test.equal((load("return ...", "=(load)", "t"))(7), 7)
end)

-- Code that was compiled without the rewrite calls the function f at run time.
local late = f
local shared = 11

test("the function f sees locals, upvalues and globals", function()
  local a = 5
  local function inner() return shared, late("{a} {shared} {math.pi:.2f}") end
  test.raises(inner, "name 'a' is not visible here")
  local function direct()
    local b = a
    return b and shared and late("{b} {shared} {math.pi:.2f}")
  end
  test.equal(direct(), "5 11 3.14")
  test.raises(function() late("{a") end, "f-string: cannot read")
  test.raises(function() late(3) end, "f expects one string")
end)

test("a field that is no expression is reported when it runs", function()
  test.raises(function() return f"{1 +}" end, "f-string: cannot read")
  test.raises(function() return f"a } b" end, "f-string: cannot read")
  test.raises(function() return f"{}" end, "f-string: cannot read")
end)

test("many fields, long text", function()
  local source = {"return f\""}
  for i = 1, 60 do source[#source + 1] = "{" .. i .. "}," end
  source[#source + 1] = "\""
  local expected = {}
  for i = 1, 60 do expected[i] = i .. "," end
  test.equal(load(table.concat(source))(), table.concat(expected))
  test.equal(#f"{('x'):rep(100000)}", 100000)
end)
