-- Notebooks in other formats: .ipynb there and back, Markdown, HTML in a real browser, the founding notebooks imported.
local test = require "harness"
package.path = "tests/notebooks/?.lua;" .. package.path
local breaches = require "schema"
local html = require "html"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
if GPTSH:sub(1, 1) ~= "/" then
  local pipe = assert(io.popen "pwd")
  GPTSH = pipe:read "l" .. "/" .. GPTSH
  pipe:close()
end

--- Output and success of a shell command.
local function shell(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close() == true
end

local folder = shell "mktemp -d":match "%S+"

local function read(name)
  local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
  return file:read "a"
end

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
end

--- gptsh nb … in the folder; must end well.
local function nb(arguments)
  local text, ok = shell(f"cd '{folder}' && '{GPTSH}' nb {arguments}")
  if not ok then error(text, 2) end
  return text
end

local function has(text, part) if not text:find(part, 1, true) then error(f"not there: {part}", 2) end end
local function hasnot(text, part) if text:find(part, 1, true) then error(f"there: {part}", 2) end end

local python = shell "python3 -c 'import nbformat; print(nbformat.__version__)'":match "^[%d.]+%s*$"

--- Breaks no rule of ours; nor of the package nbformat, where it is installed: it also writes the same bytes.
local function valid(name)
  test.equal(table.concat(breaches(read(name)), "\n"), "")
  if not python then return end
  local said = shell(f"cd '{folder}' && python3 -c \"import nbformat; b = nbformat.read('{name}', 4); nbformat.validate(b); " ..
    f"print(nbformat.writes(b).strip() == open('{name}', encoding='utf8').read().strip())\"")
  test.equal(said, "True\n")
end

write("book.lua", [==[
#!/usr/bin/env gptsh
-- %% Intro [markdown]
-- # Widths & rates <script>alert(1)</script>
-- A *word*, **two words**, `code <b>`, [a link](https://example.org/?a=1&b=2), [bad](javascript:x), $v_1 \cdot v_2$.
--
-- - one
--   - inner
-- - two
--
-- | width | rate |
-- |---|---|
-- | 128 | `2^-10` |
--
--- %% not a marker
--
-- ```lua
-- x < y
-- ```

-- %% parameters tags=["parameters", "b"]
local steps = 3

-- %% prints
print("one <b>", steps)
io.write("no line break");
{1, 2, "µ"}
-- %% a figure
plot{{1, 4, 9}, {2, 3, 4}, title = "squares <&>", labels = {"a", "b"}}
-- %% another figure hide="code"
plot.hist({1, 2, 2, 3}, {title = "hidden code"})
-- %% hidden hide="output"
print("hidden output")
-- %% fails allow_error=true note=[1]
error("boom <i>")
-- %% skipped [raw] lang="latex"
-- \LaTeX & <raw>

-- %% skipped skip=true
print("never")
-- %%
]==])

local gnuplot = select(2, shell "command -v gnuplot")
nb "run book.lua"

-- ---- .ipynb ----

nb "export book.lua book.ipynb"
test("an exported notebook is valid nbformat 4.5 (" .. (python and "checked by nbformat " .. python:match "%S+" or
     "by our own rules: python3 has no nbformat") .. ")", function() valid "book.ipynb" end)
test("its outputs are Jupyter's kinds of output", function()
  local book = json.decode(read "book.ipynb")
  local kinds = {}
  for _, cell in ipairs(book.cells) do
    for _, output in ipairs(cell.outputs or {}) do kinds[#kinds + 1] = output.output_type end
  end
  test.equal(table.concat(kinds, " "), gnuplot and "stream execute_result display_data display_data stream error" or
    "stream execute_result stream stream stream error")
  test.equal(book.cells[2].metadata.tags, {"parameters", "b"})
  test.equal(book.cells[3].outputs[1].text, {"one <b>\t3\n", "no line break"})
  test.equal(book.cells[3].outputs[2].data["text/plain"], {'{1, 2, "µ"}'})
  test.equal(book.cells[7].outputs[1].evalue, "book.lua:34: boom <i>")
  test.equal(book.cells[9].execution_count, json.null)
end)
test("a second export has the same bytes", function()
  local first = read "book.ipynb"
  nb "run book.lua"
  nb "export book.lua again.ipynb"
  test.equal(read "again.ipynb" == first, true)
end)
test("an import of the export has the same cells", function()
  nb "import book.ipynb back.lua"
  shell(f"cd '{folder}' && cp book.lua canonical.lua")
  nb "fmt canonical.lua"
  test.equal(read "back.lua", read "canonical.lua")
end)
test("and its reference outputs are those of the run", function()
  nb "run back.lua"
  has(nb "diff back.lua", " agree, 0 differ, 0 without")
end)

test("what -p set is shown as papermill shows it, and not imported back", function()
  nb "run book.lua -p steps=4 --out other"
  nb "export book.lua other.ipynb --out other"
  valid "other.ipynb"
  local cell = json.decode(read "other.ipynb").cells[3]
  test.equal(cell.metadata.tags, {"injected-parameters"})
  test.equal(cell.source, {"steps = 4"})
  nb "import other.ipynb other.lua"
  test.equal(read "other.lua", read "canonical.lua")
end)

-- ---- Markdown ----

test("Markdown has code in fences and figures as links", function()
  nb "export book.lua book.md"
  local text = read "book.md"
  has(text, "# Widths & rates <script>")
  has(text, "```text\none <b>\t3\nno line break\n```")
  if gnuplot then has(text, "![a figure](book.out/04-a-figure.svg)") end
  has(text, "\\LaTeX & <raw>")
  hasnot(text, "hidden output\n```")
  hasnot(text, "plot.hist")
end)

-- ---- HTML ----

nb "export book.lua book.html"
local page = read "book.html"

test("HTML is one file that asks for nothing else", function()
  for _, part in ipairs{"<script", "<link", "@import", "<iframe", "javascript:x\"", "<i>", "<b>"} do hasnot(page, part) end
  for source in page:gmatch 'src="([^"]*)"' do assert(source:find "^data:", source) end
  for place in page:gmatch "url%(([^)]*)%)" do assert(place:find "^'?#", place) end
  has(page, "default-src 'none'")
end)
test("its tags are balanced and its ids unique", function() test.equal(html.breach(page), nil) end)
test("all that is text is escaped", function()
  has(page, "&lt;script&gt;alert(1)&lt;/script&gt;")
  has(page, "one &lt;b&gt;\t3")
  has(page, "book.lua:34: boom &lt;i&gt;")
  has(page, "<code>code &lt;b&gt;</code>")
end)
test("Markdown cells are HTML, mathematics stays text", function()
  has(page, "<li>two</li>")
  has(page, "<td><code>2^-10</code></td>")
  has(page, '<a href="https://example.org/?a=1&amp;b=2">a link</a>')
  has(page, '<span class="math">$v_1 \\cdot v_2$</span>')
  has(page, "%% not a marker")
end)
test("hidden code and hidden outputs are not there", function()
  hasnot(page, "plot.hist")
  hasnot(page, '<pre class="output stdout">hidden output')
end)
test("light and dark, no colours of one in the other", function() has(page, "prefers-color-scheme: dark") end)
if gnuplot then
  test("figures are inside, with ids of their own", function()
    local _, count = page:gsub("<svg ", "")
    test.equal(count, 2)
    has(page, 'id="f4-1-')
  end)
end

test("an SVG from elsewhere keeps what draws and nothing else", function()
  local evil = [[<?xml version="1.0"?><!DOCTYPE svg><svg width="10" height="20" onload="alert(1)" xmlns="http://www.w3.org/2000/svg">
    <script>alert(1)</script><foreignObject><body onclick="x"/></foreignObject><style>@import url(http://e)</style>
    <defs><path id="a" d="M0,0"/></defs><use xlink:href="#a" href="http://evil/x#y"/><image href="http://evil/p.png"/>
    <rect fill="url(http://evil/f)" clip-path="url(#a)" style="fill:url('javascript:1')"/><text onclick='x'>a &lt; b</text></svg>]]
  local safe = require("nb.svg").inline(evil, "p-")
  for _, part in ipairs{"script", "alert", "evil", "onload", "onclick", "import", "foreign", "javascript"} do hasnot(safe, part) end
  has(safe, 'viewBox="0 0 10 20"')
  has(safe, 'id="p-a"')
  has(safe, 'href="#p-a"')
  has(safe, 'clip-path="url(#p-a)"')
  has(safe, "a &lt; b")
  test.equal(require("nb.svg").inline("<html></html>", "p-"), nil)
end)

test("what leads elsewhere, runs or is not known goes, however it is written", function()
  local inline = require("nb.svg").inline
  local function kept(inside) return inline("<svg>" .. inside .. "</svg>", "p-"):match '^<svg role="img">(.*)</svg>$' end
  for inside, wanted in pairs{
    ["<rect style='background:url(http://e)'/>"] = "<rect/>",
    ["<rect style='fill: red; background: red; stroke: url(http://e); opacity: 0.5'/>"] = '<rect style="fill: red; opacity: 0.5"/>',
    ["<rect style='fill:&#117;rl(http://e)'/>"] = "<rect/>",
    ["<rect style='fill:\\75 rl(http://e)'/>"] = "<rect/>",
    ["<rect style='fill:u/**/rl(http://e)'/>"] = "<rect/>",
    ["<rect style='fill:expression(alert(1))'/>"] = "<rect/>",
    ["<rect style='fill:image-set(\"http://e\")'/>"] = "<rect/>",
    ["<rect style='fill:var(--x)' fill='rgb(1, 2, 3)'/>"] = '<rect fill="rgb(1, 2, 3)"/>',
    ["<rect fill='url(  \"http://e\" )' mask='url(http://e#p)'/>"] = "<rect/>",
    ["<rect fill='URL(#a)' onclick='x' onload=\"y\"/>"] = '<rect fill="URL(#p-a)"/>',
    ["<use href='http://e#a'/><use xlink:href='#a'/><use href='data:image/svg+xml,x'/>"] = '<use/><use href="#p-a"/><use/>',
    ["<image href='http://e/a.png'/><image xlink:href='data:image/png;base64,iVBO='/>"] = '<image/><image href="data:image/png;base64,iVBO="/>',
    ["<image href='data:image/svg+xml;base64,iVBO'/><image href='data:image/png;base64,x&#44;\"'/>"] = "<image/><image/>",
    ["<style>@import url(http://e)</style><a href='http://e'>x</a><g><script>1</script></g>"] = "<g></g>",
    ["<foreignObject><foreignObject></foreignObject><p>x</p></foreignObject>y"] = "y",
    ["<title>a<image/><b>c</b></title>"] = "<title>a</title>",
    ["<text>a > b &lt;<![CDATA[<c>]]></text><!-- <rect/> --><?x <rect/> ?>"] = "<text>a &gt; b &lt;&lt;c&gt;</text>",
    ["<rect id='a>b'/>"] = '<rect id="p-a&gt;b"/>',
  } do
    test.equal(kept(inside), wanted)
  end
  for _, broken in ipairs{"<svg>", "<svg><g></svg>", "<svg></g></svg>", "<svg a='></svg>", "<svg><!-- </svg>", "<svg/><svg/>", "<svg a/>", "<svg><g", ""} do
    test.equal(inline(broken, "p-"), nil)
  end
end)

if gnuplot then
  test("every kind of figure is in the page with all that gnuplot drew, hostile titles too", function()
    write("kinds.lua", [==[
-- %% heat
plot.heat(torch.arange(12):reshape(3, 4), {title = "]]> <b> \27 \u{ffff}"})
-- %% hist
plot.hist({1, 2, 2, 3}, {title = "a"})
-- %% title="bad ]]> \u001b title"
plot({{y = {1, 3, 2}, error = {.1, .2, .1}}, {y = {1, 2, 3}, style = "boxes"}, {y = {1, 2, 3}, style = "dots"},
      {y = {1, 2, 3}, style = "crosses", title = "]]>"}, {y = {1, 2, 3}, style = "stars"}, {y = {1, 2, 3}, style = "points"},
      {y = {1, 2, 3}, style = "linespoints"}, {y = {1, 2, 3}, style = "steps"}, {y = {3, 2, 1}}})
-- %% loss
plot.loss({4, 3, 2, 1})
]==])
    nb "run kinds.lua"
    nb "export kinds.lua"
    local kinds = read "kinds.html"
    test.equal(html.breach(kinds), nil)
    local shown = {}
    for figure in kinds:gmatch "<figure>(.-)</figure>" do shown[#shown + 1] = figure end
    for i, name in ipairs{"01-heat", "02-hist", "03-bad-title", "04-loss"} do
      local function elements(text)
        local list = {}
        text = text:gsub("<metadata>.-</metadata>", ""):gsub("<filter.-</filter>", "")
        for element in text:gmatch "<(%a+)" do list[#list + 1] = element end
        return table.concat(list, " ")
      end
      local text = read(f"kinds.out/{name}.svg")
      test.equal(elements(shown[i]), elements(text))
      test.equal(text:gsub("]]&gt;", ""):find("]]>", 1, true), nil)
    end
    has(shown[1], "data:image/png;base64,")
    has(shown[1], "image-rendering: pixelated")
    has(shown[1], "crispEdges") -- no lines between the colours of the bar
    test.equal(kinds:gsub("[\n\t]", ""):find "%c", nil)
    hasnot(kinds, "\u{ffff}")
    if shell "command -v xmllint" ~= "" then
      for _, name in ipairs{"01-heat", "03-bad-title"} do test.equal(shell(f"xmllint --noout '{folder}/kinds.out/{name}.svg'"), "") end
    end
  end)
end

local browser = shell "command -v chromium || command -v chromium-browser || command -v google-chrome":match "^(%S+)\n"
local function render(name, options)
  return shell(f"cd '{folder}' && timeout 100 {browser} --headless --no-sandbox --disable-gpu --user-data-dir='{folder}/profile' " ..
    f"{options} file://{folder}/{name} 2>/dev/null")
end
if browser and gnuplot then
  test("a browser takes the page as it is meant", function()
    local dom = render("book.html", "--dump-dom")
    for _, tag in ipairs{"svg", "section", "table", "pre", "li", "path", "span"} do
      local _, meant = page:gsub(f"<{tag}[ >]", "")
      local _, made = dom:gsub(f"<{tag}[ >]", "")
      test.equal(tag .. made, tag .. meant)
    end
  end)
else
  test.skip("a browser takes the page as it is meant", browser and "gnuplot is not installed" or "chromium is not installed")
end

-- ---- the founding notebooks ----

for name, cells in pairs{spectral_lr = {3, 8}, gpt_from_scratch = {19, 30}} do
  test(name .. ".ipynb becomes a notebook that runs", function()
    shell(f"cp tests/notebooks/{name}.ipynb '{folder}'")
    nb(f"import {name}.ipynb")
    test.equal(nb(f"check {name}.lua"), "")
    test.equal(nb(f"run {name}.lua"), "")
    has(nb(f"diff {name}.lua"), f"0 cells agree, 0 differ, {cells[1]} without outputs yet")
    local text = read(name .. ".lua")
    local _, ports = text:gsub("\n%-%- port of cell %d+\n", "")
    local _, python_cells = text:gsub('lang="python" skip=true\n', "")
    test.equal(ports, python_cells)
    has(text, f"-- port of cell {cells[2]}\n")
  end)
end

test("cell by cell, a port is compared with the old outputs", function()
  local text = read "spectral_lr.lua"
  local function port(number, code)
    text = text:gsub("%-%- port of cell " .. number .. "\n", function() return code .. "\n" end)
  end
  port(5, "lrs = (2.0 ^ torch.arange(-20, -1)):tolist()")
  port(6, "lrs")
  port(8, [[for name, lr in pairs(odict{{"token_embedding.weight", 0.016}}) do print(f"{name}: {lr}") end]])
  write("spectral_lr.lua", text)
  nb "run spectral_lr.lua"
  local said, ok = shell(f"cd '{folder}' && '{GPTSH}' nb diff spectral_lr.lua")
  test.equal(ok, false)
  has(said, "\n  - token_embedding.bias: 1.5625e-05\n  + ")
  has(said, "1 cells agree, 1 differ, 1 without outputs yet")
end)

test("Lua cells of another Jupyter kernel: magics and markers become comments, unfinished texts stay inside", function()
  write("foreign.ipynb", json.encode({
    nbformat = 4, nbformat_minor = 2, metadata = {kernelspec = {name = "lua", display_name = "Lua", language = "lua"}},
    cells = {
      {cell_type = "code", metadata = {}, source = "%time x = 1\n!ls\n-- %% no marker\ny = 2", execution_count = json.null, outputs = json.array{}},
      {cell_type = "code", metadata = {}, source = "s = [[ never ends", execution_count = 1, outputs = json.array{
        {output_type = "display_data", metadata = {}, data = {["text/html"] = "<b>", ["text/plain"] = "b"}}}},
      {cell_type = "markdown", metadata = {}, source = {"![i](attachment:a.png)"}, attachments = {["a.png"] = {["image/png"] = "iVBO"}}},
    },
  }))
  local said = nb "import foreign.ipynb"
  has(said, "1 output of kinds that are not kept")
  has(said, "1 attachment in foreign.out")
  local text = read "foreign.lua"
  has(text, "-- %time x = 1\n-- !ls\n--- %% no marker\ny = 2\n")
  has(text, "-- s = [[ never ends\n")
  has(text, "-- ![i](foreign.out/attachment-03-a.png)\n")
  test.equal(read "foreign.out/attachment-03-a.png", "\x89PN")
  test.equal(nb "check foreign.lua", "")
end)

shell(f"rm -rf '{folder}'")
