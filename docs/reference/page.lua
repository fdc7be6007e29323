--- page.lua: the reference as one HTML file and as Markdown.  Both have an anchor per name: that name.

local markup = require "nb.markup"
local style = require "nb.style"

local page = {}

local escape = markup.escape

-- ---- what both have ----

--- Everything as one list of parts: {title, anchor, about = lines, code = language, entries = {{name, signature, lines, place}, …}}.
local function parts_of(sections, headers)
  local parts = {}
  for _, section in ipairs(sections) do
    local title = section.prefix == "" and "globals" or section.prefix:gsub("%.$", "")
    parts[#parts + 1] = {title = title, anchor = "names-" .. section.prefix, about = {section.about}, entries = section.entries, part = "lua"}
  end
  for _, header in ipairs(headers) do
    local entries = {}
    for _, group in ipairs(header.groups) do
      for i, item in ipairs(group.items) do
        local lines = table.move(item.comment, 1, #item.comment, 1, {})
        if i == 1 then table.move(group.comment, 1, #group.comment, #lines + 1, lines) end
        if i > 1 and #group.comment > 0 and #lines == 0 then lines = {"see " .. group.items[1].name} end
        entries[#entries + 1] = {name = item.name, signature = item.code, lines = lines, place = header.path .. ":" .. item.line}
      end
    end
    parts[#parts + 1] = {title = header.path, anchor = header.path, about = header.about, entries = entries, part = "c"}
  end
  return parts
end

--- Of "name.h: what it is.  More." the middle.
local function first_sentence(lines)
  local text = table.concat(lines, " "):gsub("^[%w_]+%.h:%s*", "")
  return (text:match "^(.-)%.%f[%s\0]" or text):gsub("%s+", " ")
end

--- Names that can be linked to; of a name that two headers declare the first has the anchor.
local function anchors_of(parts)
  local anchors = {}
  for _, part in ipairs(parts) do
    anchors[part.anchor] = true
    for _, entry in ipairs(part.entries) do
      entry.anchor = not anchors[entry.name] and entry.name or nil
      anchors[entry.name] = true
    end
  end
  return anchors
end

--- Text as HTML with links to the names in it, but for `own`.
local function linked(text, anchors, own)
  return (escape(text):gsub("[%a_][%w_.:/]*[%w_]", function(name)
    local target = anchors[name] and name or nil
    if not target or name == own or not name:find "[_.:]" then return nil end
    return '<a href="#' .. target .. '">' .. name .. "</a>"
  end))
end

-- ---- HTML ----

local OWN_STYLE = [[
main { max-width: 64rem; }
nav ul { list-style: none; padding: 0; margin: 0.3rem 0; }
nav li { padding-left: 14rem; text-indent: -14rem; margin: 0.15rem 0; }
nav li a { display: inline-block; min-width: 13.5rem; text-indent: 0; font: 0.85rem/1.5 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
nav a, .names a { text-decoration: none; }
@media (max-width: 40rem) { nav li { padding-left: 1rem; text-indent: -1rem; } nav li a { min-width: 0; margin-right: 0.5rem; } }
.names { font: 0.85rem/1.6 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
h2 { border-top: 1px solid var(--line); padding-top: 1.2rem; overflow-wrap: anywhere; }
h3 { font: 600 0.95rem/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 1.2rem 0 0.2rem; overflow-wrap: anywhere; }
h3 a { text-decoration: none; }
h3 small { color: var(--soft); font-weight: 400; font-size: 0.75rem; margin-left: 0.6rem; }
pre.text, pre.code { white-space: pre-wrap; overflow-wrap: anywhere; padding: 0.1rem 0 0.1rem 0.9rem; }
pre.code { background: var(--code); border-radius: 6px; padding: 0.4rem 0.9rem; }
pre a { text-decoration: none; }
:target { background: var(--code); }
]]

local INTRO = "Every public name. In gptsh <code>help \"nn.Linear\"</code> or <code>nn.Linear?</code> shows the same text. " ..
  "Look for a name with the browser's find; <code>#name</code> at the end of the address leads to it."

local function html_entry(entry, anchors)
  local out = {}
  local id = entry.anchor and ' id="' .. entry.anchor .. '"' or ""
  local place = entry.place and "<small>" .. escape(entry.place) .. "</small>" or ""
  out[1] = ('<section%s><h3><a href="#%s">%s</a>%s</h3>'):format(id, entry.name, escape(entry.name), place)
  if entry.signature then out[#out + 1] = '<pre class="code">' .. linked(entry.signature, anchors, entry.name) .. "</pre>" end
  if #entry.lines > 0 then
    out[#out + 1] = '<pre class="text">' .. linked(table.concat(entry.lines, "\n"), anchors, entry.name) .. "</pre>"
  end
  return table.concat(out, "\n") .. "</section>"
end

local function html_contents(parts, kind)
  local out = {}
  for _, part in ipairs(parts) do
    if part.part == kind then
      out[#out + 1] = ('<li><a href="#%s">%s</a> %s</li>'):format(part.anchor, escape(part.title), escape(first_sentence(part.about)))
    end
  end
  return "<nav><ul>" .. table.concat(out, "\n") .. "</ul></nav>"
end

--- The reference as one HTML file without scripts that asks for nothing else.
function page.html(sections, headers, version)
  local parts = parts_of(sections, headers)
  local anchors = anchors_of(parts)
  local out = {
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    "<title>" .. escape(version) .. ": reference</title>\n<style>\n" .. style .. OWN_STYLE .. "</style>\n</head>\n<body>\n<main>",
    "<h1>" .. escape(version) .. ": reference</h1>\n<p>" .. INTRO .. "</p>",
    "<h2>Lua</h2>\n" .. html_contents(parts, "lua"), "<h2>C</h2>\n" .. html_contents(parts, "c"),
  }
  for _, part in ipairs(parts) do
    local index = {}
    for i, entry in ipairs(part.entries) do index[i] = ('<a href="#%s">%s</a>'):format(entry.name, escape(entry.name:match "[^.:]+$")) end
    out[#out + 1] = ('<h2 id="%s">%s</h2>'):format(part.anchor, escape(part.title))
    out[#out + 1] = '<pre class="text">' .. linked(table.concat(part.about, "\n"), anchors) .. "</pre>"
    out[#out + 1] = '<p class="names">' .. table.concat(index, " ") .. "</p>"
    for _, entry in ipairs(part.entries) do out[#out + 1] = html_entry(entry, anchors) end
  end
  out[#out + 1] = "</main>\n</body>\n</html>\n"
  return table.concat(out, "\n")
end

-- ---- Markdown ----

local fenced = require("nb.markdown").fenced

local function markdown_entry(entry)
  local out = {"### " .. (entry.anchor and '<a id="' .. entry.anchor .. '"></a>' or "") .. "`" .. entry.name .. "`" ..
    (entry.place and " · " .. entry.place or "")}
  if entry.signature then out[#out + 1] = fenced(entry.signature, entry.place and entry.place:find "%.h:" and "c" or "") end
  if #entry.lines > 0 then out[#out + 1] = fenced(table.concat(entry.lines, "\n"), "text") end
  return table.concat(out, "\n\n")
end

--- The reference as Markdown.
function page.markdown(sections, headers, version)
  local parts = parts_of(sections, headers)
  anchors_of(parts)
  local out = {"# " .. version .. ": reference", (INTRO:gsub("</?code>", "`"))}
  local contents = {}
  for i, part in ipairs(parts) do contents[i] = ("- [`%s`](#%s) %s"):format(part.title, part.anchor, first_sentence(part.about)) end
  out[#out + 1] = table.concat(contents, "\n")
  for _, part in ipairs(parts) do
    out[#out + 1] = ('## <a id="%s"></a>`%s`'):format(part.anchor, part.title)
    out[#out + 1] = fenced(table.concat(part.about, "\n"), "text")
    for _, entry in ipairs(part.entries) do out[#out + 1] = markdown_entry(entry) end
  end
  return table.concat(out, "\n\n") .. "\n"
end

return page
