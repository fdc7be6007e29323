--- html.lua: a notebook as one HTML file: no network, no scripts, light and dark, figures inside, everything escaped.

local document = require "nb.document"
local ipynb = require "nb.ipynb"
local markdown = require "nb.markdown"
local markup = require "nb.markup"
local native = require "native.notebook"
local pages = require "nb.pages"
local svg = require "nb.svg"

local html = {}

local escape = markup.escape

local STYLE = [[
:root { color-scheme: light dark; --page: #fff; --ink: #1c2126; --soft: #5c6670; --line: #d9dee3; --code: #f6f8fa;
  --keyword: #8a3ea8; --string: #2c6e31; --number: #a64b00; --comment: #6a737d; --error: #b3261e; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15181c; --ink: #e3e6e9; --soft: #9aa4ae; --line: #343a41; --code: #1d2126;
    --keyword: #d2a1ea; --string: #9bd19f; --number: #f0b27a; --comment: #8b949e; --error: #ff9b93; --link: #7ab8f5; }
  figure svg, figure img { filter: invert(0.92) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; margin: 1.6em 0 0.5em; }
h1:first-child { margin-top: 0; }
a { color: var(--link); }
code, pre { font: 0.85rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
p code, li code, td code { background: var(--code); padding: 0.1em 0.3em; border-radius: 3px; }
pre { margin: 0; padding: 0.7rem 0.9rem; overflow-x: auto; tab-size: 4; }
pre code { font: inherit; }
.cell { margin: 1.1rem 0; }
.name { color: var(--soft); font-size: 0.8rem; margin-bottom: 0.25rem; }
.source, .fence { background: var(--code); border: 1px solid var(--line); border-radius: 6px; }
.output { border-left: 3px solid var(--line); margin: 0.4rem 0 0 0.2rem; max-height: 40rem; overflow: auto; }
.error { border-color: var(--error); color: var(--error); white-space: pre-wrap; }
.raw { white-space: pre-wrap; color: var(--soft); }
figure { margin: 0.8rem 0 0; }
figure svg, figure img { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 0.8rem 0; }
th, td { border: 1px solid var(--line); padding: 0.25rem 0.6rem; text-align: left; }
blockquote { margin: 0.8rem 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); }
footer { margin-top: 3rem; padding-top: 0.6rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8rem; }
.k { color: var(--keyword); } .s { color: var(--string); } .n { color: var(--number); } .c { color: var(--comment); }
@media print { .output { max-height: none; } pre { white-space: pre-wrap; } }
]]

-- ---- code ----

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch "%S+" do KEYWORDS[word] = true end

local CLASSES = {string = "s", number = "n", comment = "c"}

--- Lua source with its tokens coloured.
local function coloured(code)
  local out, at = {}, 1
  for _, token in ipairs(native.tokens(code)) do
    local class = CLASSES[token.kind] or (KEYWORDS[token.text] and "k")
    if class then
      out[#out + 1] = escape(code:sub(at, token.start - 1)) .. '<span class="' .. class .. '">' .. escape(token.text) .. "</span>"
      at = token.stop + 1
    end
  end
  return table.concat(out) .. escape(code:sub(at))
end

-- ---- cells ----

local function figure_of(output, prefix, caption)
  local image = output.svg and svg.inline((pages.utf8(output.svg)), prefix)
  if not image and output.png then
    image = '<img alt="' .. escape(caption) .. '" src="data:image/png;base64,' .. ipynb.base64(output.png) .. '">'
  end
  return "<figure>" .. (image or "<p>" .. escape(output.file) .. "</p>") .. "</figure>"
end

local function outputs_of(page, item, target)
  local out = {}
  for i, output in ipairs(item.outputs) do
    if output.kind == "figure" then
      out[#out + 1] = figure_of(output, ("f%d-%d-"):format(item.cell.number, i), item.cell.title)
    else
      local text = markdown.cut(output.text, pages.relative(target, page.kept.path .. "/" .. output.file))
      out[#out + 1] = ('<pre class="output %s">%s</pre>'):format(output.kind, escape(text:gsub("\n+$", "")))
    end
  end
  return table.concat(out, "\n")
end

local function cell_of(page, item, target)
  local cell = item.cell
  if cell.kind == "markdown" then
    return '<section class="text">' .. markup.html((pages.utf8(document.text_of(cell)))) .. "</section>"
  elseif cell.kind == "raw" then
    return '<pre class="raw">' .. escape((pages.utf8(document.text_of(cell)))) .. "</pre>"
  end
  local parts = {('<section class="cell" id="%s">'):format(escape(cell.name))}
  local code = pages.utf8((document.code_of(cell)))
  if cell.hide ~= "code" and code ~= "" then
    if cell.title ~= "" then parts[#parts + 1] = '<div class="name">' .. escape((pages.utf8(cell.title))) .. "</div>" end
    parts[#parts + 1] = '<pre class="source"><code>' .. coloured(code) .. "</code></pre>"
  end
  if cell.hide ~= "output" then parts[#parts + 1] = outputs_of(page, item, target) end
  parts[#parts + 1] = "</section>"
  return table.concat(parts, "\n")
end

-- ---- the page ----

local function title_of(page)
  for _, item in ipairs(page.cells) do
    local heading = item.cell.kind == "markdown" and document.text_of(item.cell):match "^#+%s+([^\n]+)"
    if heading then return (pages.utf8(heading)) end
  end
  return page.doc.path:match "[^/]*$"
end

--- Where the outputs come from.
local function footer(page)
  local parts, last = {page.doc.path:match "[^/]*$", native.version}, nil
  for _, item in ipairs(page.cells) do last = item.record or last end
  if last then
    parts[#parts + 1] = "ran " .. last.started:gsub("T", " "):gsub("Z$", " UTC") .. " on " .. last.device
    parts[#parts + 1] = "seed " .. tostring(last.seed)
    if last.revision then parts[#parts + 1] = "revision " .. last.revision:sub(1, 12) .. (last.dirty and " with changes" or "") end
  end
  return "<footer>" .. escape(table.concat(parts, " · ")) .. "</footer>"
end

--- The notebook as HTML to be written to `target`; mathjax: a script to put into it, or nil.
function html.export(page, target, mathjax)
  local policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
  local script = ""
  if mathjax then
    policy = policy .. "; script-src 'unsafe-inline'; font-src data:"
    script = "<script>window.MathJax = {tex: {inlineMath: [['$', '$']]}};</script>\n<script>" ..
      mathjax:gsub("</([sS][cC][rR][iI][pP][tT])", "<\\/%1") .. "</script>\n"
  end
  local parts = {
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    '<meta http-equiv="Content-Security-Policy" content="' .. policy .. '">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    "<title>" .. escape(title_of(page)) .. "</title>", "<style>\n" .. STYLE .. "</style>", script .. "</head>\n<body>\n<main>",
  }
  for _, item in ipairs(page.cells) do parts[#parts + 1] = cell_of(page, item, target) end
  parts[#parts + 1] = footer(page)
  parts[#parts + 1] = "</main>\n</body>\n</html>\n"
  return table.concat(parts, "\n")
end

return html
