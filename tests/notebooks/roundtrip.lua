-- Any notebook: .ipynb -> .lua -> .ipynb has the same cells, kinds, sources, titles, metadata, ids and attachments.
local test = require "harness"
local document = require "nb.document"
local import = require "nb.import"
local ipynb = require "nb.ipynb"
local pages = require "nb.pages"
local sidecar = require "nb.sidecar"

local folder = io.popen("mktemp -d"):read "l"
local count = 0

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- The document that an import of the text of an .ipynb file makes, and where it is.
local function imported(text)
  count = count + 1
  local target = ("%s/n%d.lua"):format(folder, count)
  import.write("n.ipynb", text, target)
  local doc = document.parse(target, read(target))
  test.equal(doc.problems, {})
  return doc, target
end

--- What the notebook at `target` is as an .ipynb file.
local function exported(doc, target) return ipynb.export(pages.of(doc, sidecar.open(sidecar.path(target)), error)) end

local function book_of(cells, metadata)
  metadata = metadata or {}
  metadata.kernelspec = {name = "lua", display_name = "Lua", language = "lua"}
  return json.encode({nbformat = 4, nbformat_minor = 4, metadata = metadata, cells = json.array(cells)}, {indent = 1})
end

-- ---- pieces ----

local seed = 20
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
  return (seed >> 33) % n + 1
end
local function one_of(list) return list[random(#list)] end

local TEXT = {"%%", "%%%", " ", "  ", "\t", "\n", "\n", "\n", "%% T", "%% [markdown]", "- ", "-- %%", "--- %% x", "---", "--[[", "]]", "]==]",
              "```mermaid", "graph LR", "%%{init: {}}%%", "% latex", "\\%% comment", "# head", "-", "--", "x", "µ", "\f%% y",
              "#!/usr/bin/env gptsh", "%%\t", "-%% z", "title=\"a\"", "expect: 5", "\27[31m", "'", "\"", "a  ", "-- ---"}
local CODE = {"x = 1", "-- %% no", "--%%", "  -- %% in", "--- %% three", "---- %%", "y = 2 -- %% tail", "s = [[", "]]", "-- a", "", "",
              "s = [==[\n-- %% inside\n%d\n!x\n]==]", "--[==[\n-- %% hidden\n]==]", "t = '%%'", "do\n  -- %%\nend", "-- --- ", "\tz = {}",
              "f = 7\n% 3", "-- %%time", "-- !ls", "return x", "#t", "-- \\"}
local TITLES = {"", "", "train", "[markdown] hi", "t=1 x=\"y\"", "[raw]", "a [code]", "a [md] b", "skip", "a=1", "x = 1", "%% %%", "µ — ü", "1",
                "a  b", "tags=[\"x\"]", "[code] [raw]", "\"", "\\", "a \\\" b=\"", "@7", "train~2", "b=true c", "x y=null"}

local function text_source()
  local out = {}
  for i = 1, random(8) do out[i] = one_of(TEXT) end
  return table.concat(out)
end

local function code_source()
  local out = {}
  for i = 1, random(6) do out[i] = one_of(CODE) end
  return table.concat(out, "\n")
end

local function random_cell(i)
  local kind = one_of{"code", "markdown", "raw"}
  local cell = {cell_type = kind, id = one_of{"a1", "train", "code", "x-" .. i}, metadata = {}, source = kind == "code" and code_source() or text_source()}
  if kind == "code" then cell.outputs, cell.execution_count = json.array {}, json.null end
  local title = one_of(TITLES)
  if title ~= "" then cell.metadata[one_of{"title", "title", "name"}] = title end
  if random(3) == 1 then cell.metadata.tags = one_of{json.array {}, {"a"}, {"b", "a"}, {"parameters"}, {"a,b"}} end
  if random(3) == 1 then cell.metadata.slideshow = {slide_type = "slide"} end
  if random(4) == 1 then cell.metadata.jupyter = {source_hidden = true} end
  if random(4) == 1 then cell.metadata.lr = one_of{1, 0.5, "x\ny", true, json.null, {1, {2}}, {[1] = {a = 1}}} end
  if random(5) == 1 then cell.metadata.skip = one_of{true, "no"} end
  return cell
end

--- Code without blank lines at its ends, which a .lua file cannot tell from those between cells.
local function bare(code)
  code = "\n" .. code:gsub("%s+$", "")
  return (code:gsub("^[ \t\n]*\n", ""))
end

local function title_of(cell)
  local title = cell.metadata.title or cell.metadata.name or ""
  return title
end

--- Does Lua's cell end in itself?  Others become text, which is told apart by their "port".
local function closed(code) return #require("native.notebook").split("-- %%\n" .. code:gsub("%%%%", "") .. "\n-- %%\n") == 3 end

test("cells, kinds, sources, titles, tags, metadata and ids come back, whatever they hold", function()
  for _ = 1, 120 do
    local cells = {}
    for i = 1, random(5) do
      repeat cells[i] = random_cell(i) until cells[i].cell_type ~= "code" or closed(cells[i].source)
    end
    local text = book_of(cells, {authors = {{name = "A"}}, empty = json.array {}})
    local doc, target = imported(text)
    local out = exported(doc, target)
    local book, ids = json.decode(out), {}
    test.equal(#book.cells, #cells)
    for i, cell in ipairs(cells) do
      local got = book.cells[i]
      local source = cell.cell_type == "code" and bare(cell.source) or cell.source
      local where = text .. "\n" .. read(target)
      if got.cell_type ~= cell.cell_type then test.fail(("cell %d is %s: %s"):format(i, got.cell_type, where)) end
      if table.concat(got.source) ~= source then test.fail(("cell %d: %q: %s"):format(i, table.concat(got.source), where)) end
      if title_of(got) ~= title_of(cell) then test.fail(("cell %d: title %q: %s"):format(i, title_of(got), where)) end
      for name, value in pairs(cell.metadata) do
        if json.encode(value) ~= json.encode(got.metadata[name]) then test.fail(("cell %d: %s: %s"):format(i, name, where)) end
      end
      if not ids[cell.id] and got.id ~= cell.id then test.fail(("cell %d: id %s: %s"):format(i, got.id, where)) end
      ids[cell.id] = true
    end
    test.equal(json.encode(book.metadata.authors) .. json.encode(book.metadata.empty), '[{"name":"A"}][]')
    -- a second time around nothing changes, and neither does fmt
    local again, place = imported(out)
    test.equal(again:write(), again.text)
    test.equal(exported(again, place) == out, true)
  end
end)

test("attachments become files and come back, links and all", function()
  local image, other = {["image/png"] = "iVBO", ["text/plain"] = "x"}, {["image/png"] = "AAAA"}
  local cell = {cell_type = "markdown", metadata = {}, source = "![](attachment:a.png) ![](attachment:a) ![](attachment:a%20b) ![](attachment:a.png)",
                attachments = {["a.png"] = image, a = other, ["a b"] = other, ["a_b"] = image}}
  local doc, target = imported(book_of{cell})
  local files = {}
  for name in document.text_of(doc.cells[1]):gmatch "%(([^)]*)%)" do files[#files + 1] = read(folder .. "/" .. name) end
  test.equal(files, {"\x89PN", "\0\0\0", "\0\0\0", "\x89PN"})
  local back = json.decode(exported(doc, target)).cells[1]
  test.equal(table.concat(back.source), cell.source)
  test.equal(back.attachments, cell.attachments)
end)

test("a header, a first cell without a marker and what an editor added come back", function()
  local path = folder .. "/own.lua"
  local text = "#!/usr/bin/env gptsh\n-- ---\n-- jupyter: x\n-- ---\n\nx = 1\n\n-- %% a skip=true note=\"b\"\ny = 2\n"
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local book = json.decode(exported(document.parse(path, text), path))
  test.equal(book.cells[1].source, {"x = 1"})
  local doc = imported(json.encode(book))
  test.equal(doc.text, text)
  book.cells[2].metadata.vscode = {languageId = "lua"} -- an object has no place in a marker
  table.insert(book.cells, 1, {cell_type = "markdown", id = "new", metadata = {}, source = "first"})
  local edited, target = imported(json.encode(book))
  test.equal({edited.cells[2].kind, document.text_of(edited.cells[2])}, {"markdown", "first"})
  test.equal(json.decode(exported(edited, target)).cells[3].metadata, book.cells[3].metadata)
end)

test("percent signs in long strings are no magics, and cells that are not Lua keep theirs as comments", function()
  local doc = imported(book_of{
    {cell_type = "code", metadata = {}, source = "s = [[\n%d\n!x\n]]"}, {cell_type = "code", metadata = {}, source = "%time x = 1\n!ls\ny = 2"}})
  test.equal({(document.code_of(doc.cells[1])), (document.code_of(doc.cells[2]))}, {"s = [[\n%d\n!x\n]]", "-- %time x = 1\n-- !ls\ny = 2"})
end)

test("what an import leaves of an earlier one under that name is not taken for its own", function()
  local target = folder .. "/twice.lua"
  local output = {output_type = "stream", name = "stdout", text = "old\n"}
  import.write("n.ipynb", book_of{{cell_type = "code", metadata = {title = "a"}, source = "x", outputs = {output}}}, target)
  os.remove(target)
  import.write("n.ipynb", book_of{{cell_type = "code", metadata = {title = "a"}, source = "x"}}, target)
  test.equal(require("nb.diff").reference(sidecar.path(target)), {})
end)

test("a notebook that is none, or not of its form, is refused by name", function()
  for text, reason in pairs{
    ['{"nbformat": 4, "cells": [{"cell_type": "heading", "source": "x"}]}'] = "n.ipynb: cell 1: its cell_type is not code, markdown or raw",
    ['{"nbformat": 4, "cells": [{"cell_type": "raw", "source": ["x", 1]}]}'] = "n.ipynb: cell 1: its source is neither a text nor a list",
    ['{"nbformat": 4, "cells": [{"cell_type": "raw"}]}'] = "n.ipynb: cell 1: its source is neither",
    ['{"nbformat": 4, "cells": [5]}'] = "n.ipynb: cell 1: expected an object",
  } do
    test.raises(function() imported(text) end, reason)
  end
  imported '{"nbformat": 4, "metadata": {"gptsh": {}}, "cells": [{"cell_type": "raw", "source": "x", "metadata": ["a", "b"]}]}'
end)

os.execute("rm -rf " .. folder)
