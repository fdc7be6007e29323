-- What somebody else may have written into a notebook's folder, what a cell may print, and what expectations and
-- comparisons must not let pass.
local test = require "harness"
local document = require "nb.document"
local expect = require "nb.expect"
local texts = require "nb.texts"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
if GPTSH:sub(1, 1) ~= "/" then GPTSH = io.popen "pwd":read "l" .. "/" .. GPTSH end
local folder = io.popen "mktemp -d":read "l"

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
end

--- What gptsh nb … in the folder says, stderr included, and its exit code.
local function nb(arguments)
  local pipe = assert(io.popen(f"cd '{folder}' && timeout 60 '{GPTSH}' nb {arguments} 2>&1"))
  local text = pipe:read "a"
  local _, _, code = pipe:close()
  return text, code or 0
end

-- ---- manifests ----

write("n.lua", "-- %% a tags=[\"parameters\"]\nx = 1\n-- %% b\nprint(x)\nplot{1, 2}\n")
nb "run n.lua -p x=2"
local manifest = io.open(folder .. "/n.out/manifest.json"):read "a"

test("a forged manifest is one clear line that names file and field, for every command", function()
  local forgeries = {
    ["parameters: expected an object, got a number"] = function(m) m.parameters = 5 end,
    ["parameters.x: expected a text, got a list"] = function(m) m.parameters.x = {1, 2} end,
    ["parameters.os.exit() y: expected the name of a variable, got a text"] = function(m) m.parameters["os.exit() y"] = "1" end,
    ["seed: expected a whole number, got a text"] = function(m) m.seed = "7" end,
    ["cells: expected a list, got an object"] = function(m) m.cells = {a = m.cells[1]} end,
    ["cells[1]: expected an object, got a number"] = function(m) m.cells[1] = 3 end,
    ["cells[2].id: expected a text, got nothing"] = function(m) m.cells[2].id = nil end,
    ["cells[2].id: expected a name of its own, got that of another cell"] = function(m) m.cells[2].id = "a" end,
    ["cells[1].key: expected a text, got a boolean"] = function(m) m.cells[1].key = true end,
    ["cells[1].status: expected one of the known words, got a text"] = function(m) m.cells[1].status = "fine\27[2J" end,
    ["cells[2].started: expected a text, got nothing"] = function(m) m.cells[2].started = json.null end,
    ["cells[2].seconds: expected a number, got a text"] = function(m) m.cells[2].seconds = "1" end,
    ["cells[2].device: expected a text, got an object"] = function(m) m.cells[2].device = {} end,
    ["cells[2].revision: expected a text, got a number"] = function(m) m.cells[2].revision = 1 end,
    ["cells[2].outputs: expected a list, got nothing"] = function(m) m.cells[2].outputs = nil end,
    ["cells[2].outputs: expected a list, got a text"] = function(m) m.cells[2].outputs = "x" end,
    ["cells[2].outputs[1]: expected an object, got a text"] = function(m) m.cells[2].outputs[1] = "x" end,
    ["cells[2].outputs[1].kind: expected one of the known words, got a text"] = function(m) m.cells[2].outputs[1].kind = "html" end,
    ["cells[2].outputs[1].file: expected a text, got a number"] = function(m) m.cells[2].outputs[1].file = 5 end,
    ["cells[2].outputs[1].sha256: expected a text, got nothing"] = function(m) m.cells[2].outputs[1].sha256 = nil end,
    ["cells[2].cache: expected an object, got a text"] = function(m) m.cells[2].cache = "x" end,
    ["cells[2].cache.files: expected a list, got nothing"] = function(m) m.cells[2].cache = {a = 1} end,
    ["cells[2].cache.files[1]: expected a text, got a number"] = function(m) m.cells[2].cache = {files = {1}} end,
  }
  for reason, forge in pairs(forgeries) do
    local forged = json.decode(manifest)
    forge(forged)
    write("n.out/manifest.json", json.encode(forged))
    local ok, why = pcall(require("nb.sidecar").open, folder .. "/n.out")
    test.equal({ok, why}, {false, folder .. "/n.out/manifest.json: " .. reason})
  end
  for _, command in ipairs{"view n.lua", "export n.lua x.md", "export n.lua x.html", "export n.lua x.ipynb", "status n.lua", "run n.lua", "run --check --out n.out n.lua",
                           "diff n.lua n.lua"} do
    local said, code = nb(command)
    test.equal(code, 1)
    if not said:find "^gptsh: n.out/manifest.json: [^\n]*: expected [^\n]*\n$" then test.fail(command .. ": " .. said) end
  end
  nb "clean n.lua"
  test.equal(select(2, nb "run n.lua"), 0)
end)

test("so is a forged reference.json; results of a cell that do not fit are not used", function()
  for text, reason in pairs{
    ["[]"] = "cells: expected a list, got nothing", ["5"] = "expected an object, got a number", ['{"cells": [{}]}'] = "cells[1].id: expected a text, got nothing",
    ['{"cells": [{"id": "b", "outputs": [{"kind": 5}]}]}'] = "cells[1].outputs[1].kind: expected a text, got a number",
    ['{"cells": [{"id": "b", "attachments": [{"name": "a", "data": 5}]}]}'] = "cells[1].attachments[1].data: expected an object, got a number",
    ["{"] = "json: line 1",
  } do
    write("n.out/reference.json", text)
    for _, command in ipairs{"export n.lua x.ipynb", "diff n.lua"} do
      local said, code = nb(command)
      test.equal(code, 1)
      if said:sub(1, #"gptsh: n.out/reference.json: " + #reason) ~= "gptsh: n.out/reference.json: " .. reason then test.fail(said) end
      test.equal(select(2, said:gsub("\n", "")), 1)
    end
  end
  write("c.lua", "-- %% a cache=true\nx = 5\nprint 'ran'\n-- %% b\nprint(x)\n")
  nb "run c.lua"
  for _, forge in ipairs{function(c) c.values = nil end, function(c) c.seed = "x" end, function(c) c.values.x = {["$table"] = 5} end,
                         function(c) c.values.x = {["$tensor"] = "t9"} end, function(c) c.stream = nil end} do
    local path = folder .. "/c.out/01-a.cache.json"
    local cached = json.decode(io.open(path):read "a")
    forge(cached)
    write("c.out/01-a.cache.json", json.encode(cached))
    write("c.lua", "-- %% a cache=true\nx = 5\nprint 'ran'\n-- %% b\nprint(x)\n-- %% c\nprint 'again'\n")
    local said, code = nb "run c.lua --changed"
    test.equal({said, code}, {"ran\n5\nagain\n", 0})
    nb "clean c.lua"
    write("c.lua", "-- %% a cache=true\nx = 5\nprint 'ran'\n-- %% b\nprint(x)\n")
    nb "run c.lua"
  end
end)

-- ---- long outputs ----

--- The instructions of Lua that fn takes, in thousands.
local function steps(fn)
  local count = 0
  debug.sethook(function() count = count + 1 end, "", 1000)
  fn()
  debug.sethook()
  return count
end

-- Sizes that take minutes where every byte costs a pass over the text, and no time where it does not.
local MANY = 4 << 20

test("outputs are cleaned in one pass", function()
  local line = ("x"):rep(MANY)
  test.equal(#texts.clean(line .. "\n10%\r20%\r\ny") == MANY + 6, true)
  test.equal(texts.clean(("\r"):rep(MANY) .. "x"), "x")
  test.equal(texts.clean("a\r\nb\r\r\n10%\r20%\r"), "a\nb\n20%")
  test.equal(texts.utf8(("\xff"):rep(MANY)) == ("\u{FFFD}"):rep(MANY), true)
  test.equal(texts.utf8("a\xffb\xc3"), "a\u{FFFD}b\u{FFFD}")
  test.equal(#texts.trimmed((" "):rep(MANY) .. "x" .. (" "):rep(MANY)), MANY + 1)
  test.equal(#texts.unbroken(("\n"):rep(MANY) .. "x" .. ("\n"):rep(MANY)), MANY + 1)
  for _, piece in ipairs{"\27]", "\27[", "\27[0", "\27", "\27]x"} do test.equal(#texts.clean(piece:rep(MANY // 4)) <= MANY, true) end
  test.equal(#texts.printable(("\1\u{ffff}"):rep(100)), 600)
  local once = steps(function() texts.utf8(("a\xff"):rep(20000)) end)
  local twice = steps(function() texts.utf8(("a\xff"):rep(40000)) end)
  test.equal(twice <= 2 * once + 10, true)
end)

test("so are they run, shown, exported and compared", function()
  write("long.lua", [[
-- %% a
io.write(("x"):rep(400000), "\n10%\r20%\r\n")
-- %% b
io.write(("\xff"):rep(400000), (" "):rep(200000), ".\n")
-- expect: .
-- %% c [markdown]
-- ]] .. ("["):rep(3000) .. "\n")
  test.equal(select(2, nb "run --check --out long.out long.lua >/dev/null"), 0)
  for _, command in ipairs{"view long.lua >/dev/null", "export long.lua x.html >/dev/null", "export long.lua x.ipynb >/dev/null", "diff long.lua long.lua"} do
    local said, code = nb(command)
    if code ~= 0 then test.fail(command .. ": " .. said) end
  end
end)

test("Markdown that never closes what it opens is a page in one pass", function()
  local html = require("nb.markup").html
  for _, text in ipairs{("["):rep(100000), ("!["):rep(100000), "x" .. (" "):rep(100000) .. "|x\n|-|", "# x" .. (" "):rep(100000) .. "x",
                        "|x" .. (" "):rep(100000) .. "y|\n|-|"} do
    test.equal(#html(text) >= #text // 2, true)
  end
  test.equal(html "## a [b](c) ##\nx  \ny", '<h2>a <a href="c">b</a></h2>\n<p>x<br>\ny</p>')
end)

-- ---- expectations ----

--- The expectations that one cell does not meet when it prints `output`.
local function unmet(expectation, output)
  local cell = document.parse("x", "-- %%\nx = 1\n-- expect: " .. expectation .. "\n").cells[1]
  return #expect.unmet(expect.of(cell), output)
end

test("an expectation that cannot fail is none", function()
  test.equal(unmet("", "anything"), 1)
  test.equal(unmet("~ 5 ±1e999", "7"), 1)
  test.equal(unmet("~ 5 ±-1", "5"), 1)
  test.equal(unmet("loss ~ 0.02", "val_loss 0.02, loss 5"), 1)
  test.equal(unmet("loss ~ 0.02", "val_loss 5, loss 0.02"), 0)
  write("e.lua", "-- %% a\nx = 1\n-- expect:\n-- Expect: 1\n-- expects: 1\n--- expect: 1\n-- expect the best: 1\n--[[ expect: 1 ]]\n")
  test.equal(nb "check e.lua", [[
e.lua:3: an expectation of nothing: write -- expect: TEXT, or LABEL ~ NUMBER
e.lua:4: 'Expect:' is not an expectation: write -- expect: in a comment of its own
e.lua:5: 'expects:' is not an expectation: write -- expect: in a comment of its own
e.lua:6: 'expect:' is not an expectation: write -- expect: in a comment of its own
e.lua:8: 'expect:' is not an expectation: write -- expect: in a comment of its own
]])
end)

-- ---- comparing ----

test("a comparison hides no difference", function()
  test.equal({expect.difference("285,212,672 parameters", "285,212,800 parameters")}, {"285,212,672 parameters", "285,212,800 parameters"})
  test.equal({expect.difference("loss 1.0000001", "loss 1.0000002")}, {})
  test.equal({expect.difference("7 s", "8 s", 0.5)}, {})
  test.equal({expect.difference("1e3", "1000.0001")}, {})
  write("d.lua", "-- %% a\nprint(1)\n-- %% b\nprint(2)\n")
  write("gone.lua", "-- %% a\nprint(1)\n-- %% old\nprint(2)\n")
  test.equal({nb "diff d.lua gone.lua"}, {"gptsh: gone.out has no kept outputs: gptsh nb run gone.lua\n", 1})
  nb "run d.lua"
  nb "run gone.lua"
  test.equal({nb "diff d.lua gone.lua"}, {"gptsh: d.lua: there are outputs of 'old', and no such cell\n1 cells agree, 0 differ, 0 without outputs yet\n", 0})
  write("d.lua", "-- %% a\nprint(3)\n-- %% b\nprint(2)\n")
  local said = nb "diff d.lua gone.lua"
  test.equal(said:find("gptsh: d.lua:1: 'a' changed since it ran", 1, true), 1)
  write("gone.out/01-a.txt", "7\n")
  test.equal({nb "diff d.lua gone.lua"}, {"gptsh: gone.out/01-a.txt was changed\n", 1})
end)

test("more cells than there may be are told, not shown as none", function()
  write("many.lua", ("-- %%\nx = 1\n"):rep(10001))
  local said, code = nb "view many.lua"
  test.equal({said, code}, {"gptsh: many.lua:1: more than 10000 cells\n", 1})
end)

os.execute(f"rm -rf '{folder}'")
