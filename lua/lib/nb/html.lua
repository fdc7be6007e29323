--- html.lua: a notebook as one HTML file: no network, no scripts, light and dark, figures inside, everything escaped.

local document = require "nb.document"
local ipynb = require "nb.ipynb"
local markdown = require "nb.markdown"
local markup = require "nb.markup"
local native = require "native.notebook"
local pages = require "nb.pages"
local style = require "nb.style"
local svg = require "nb.svg"
local texts = require "nb.texts"

local html = {}

local escape = markup.escape

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
  local image = output.svg and svg.inline(texts.printable(output.svg), prefix)
  if not image and output.png then
    local alt = escape(texts.printable(caption))
    image = '<img alt="' .. alt .. '" src="data:image/png;base64,' .. ipynb.base64(output.png) .. '">'
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
      text = escape(texts.printable(texts.unbroken(text)))
      out[#out + 1] = ('<pre class="output %s">%s</pre>'):format(output.kind, text)
    end
  end
  return table.concat(out, "\n")
end

local function cell_of(page, item, target)
  local cell = item.cell
  if cell.kind == "markdown" then
    return '<section class="text">' .. markup.html(texts.printable(document.text_of(cell))) .. "</section>"
  elseif cell.kind == "raw" then
    return '<pre class="raw">' .. escape(texts.printable(document.text_of(cell))) .. "</pre>"
  end
  local parts = {('<section class="cell" id="%s">'):format(escape(cell.name))}
  local code = texts.printable((document.code_of(cell)))
  if cell.hide ~= "code" and code ~= "" then
    local title = escape(texts.printable(cell.title))
    if title ~= "" then parts[#parts + 1] = '<div class="name">' .. title .. "</div>" end
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
    if heading then return texts.printable(heading) end
  end
  return page.doc.path:match "[^/]*$"
end

--- Where the outputs come from.
local function footer(page)
  local parts, last = {page.doc.path:match "[^/]*$", require("native.train").version()}, nil
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
    "<title>" .. escape(title_of(page)) .. "</title>", "<style>\n" .. style .. "</style>", script .. "</head>\n<body>\n<main>",
  }
  for _, item in ipairs(page.cells) do parts[#parts + 1] = cell_of(page, item, target) end
  parts[#parts + 1] = footer(page)
  parts[#parts + 1] = "</main>\n</body>\n</html>\n"
  return table.concat(parts, "\n")
end

return html
