--- markup.lua: Markdown as HTML: headings, paragraphs, lists, tables, quotes, fences, rules, emphasis, code, links.
-- Everything else is text.  All text is escaped, HTML in it too; links lead to http, https, mailto or a relative place.

local trimmed = require("nb.texts").trimmed

local markup = {}

local ESCAPES = {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;"}

function markup.escape(text) return (text:gsub("[&<>\"']", ESCAPES)) end

local escape = markup.escape

-- ---- inside of a line ----

local function safe_link(target)
  local scheme = target:match "^%s*([%w+.-]+):"
  if scheme then scheme = scheme:lower() end
  return not target:find "%c" and (scheme == nil or scheme == "http" or scheme == "https" or scheme == "mailto") and not target:find "^%s*//"
end

local inline

--- Emphasis, strong emphasis and links of a text without code.
local function emphasis(text)
  local kept = {}
  local function keep(html)
    kept[#kept + 1] = html
    return "\1" .. #kept .. "\2"
  end
  text = text:gsub("!%[([^%[%]\n]*)%]%(([^%s()]+)%)", function(label, target)
    return keep(safe_link(target) and '<a href="' .. escape(target) .. '">' .. escape(label ~= "" and label or target) .. "</a>" or escape(label))
  end)
  text = text:gsub("%[([^%[%]\n]+)%]%(([^%s()]+)%)", function(label, target)
    local html = escape(label)
    return keep(safe_link(target) and '<a href="' .. escape(target) .. '">' .. html .. "</a>" or html)
  end)
  text = text:gsub("<(https?://[^%s<>]+)>", function(target)
    return keep('<a href="' .. escape(target) .. '">' .. escape(target) .. "</a>")
  end)
  text = text:gsub("\\([%p])", function(mark) return keep(escape(mark)) end)
  text = escape(text)
  text = text:gsub("%*%*(%S.-)%*%*", "<strong>%1</strong>"):gsub("%f[%w_]__(%S.-)__%f[^%w_]", "<strong>%1</strong>")
  text = text:gsub("%*(%S[^*\n]-)%*", "<em>%1</em>"):gsub("%f[%w_]_(%S[^_\n]-)_%f[^%w_]", "<em>%1</em>")
  text = text:gsub("~~(%S.-)~~", "<del>%1</del>")
  for _ = 1, 2 do -- a link's label may hold what was kept before
    text = text:gsub("\1(%d+)\2", function(n) return kept[tonumber(n)] end)
  end
  return text
end

--- A text with code spans and mathematics, which stays as it is.
function inline(text)
  text = text:gsub("[\1\2]", "")
  local out, at = {}, 1
  while true do
    local first = text:find("[`$]", at)
    if not first then break end
    local ticks = text:match("^" .. text:sub(first, first):gsub("%$", "%%$") .. "+", first)
    local close = text:find(ticks, first + #ticks, true)
    local tick = first + #ticks - 1
    if close and ticks:sub(1, 1) == "`" then
      out[#out + 1] = emphasis(text:sub(at, first - 1))
      out[#out + 1] = "<code>" .. escape(text:sub(tick + 1, close - 1):gsub("^ (.*) $", "%1")) .. "</code>"
      at = close + #ticks
    elseif close and #ticks <= 2 and text:find("^%S", tick + 1) then
      out[#out + 1] = emphasis(text:sub(at, first - 1))
      out[#out + 1] = '<span class="math">' .. escape(text:sub(first, close + #ticks - 1)) .. "</span>"
      at = close + #ticks
    else
      out[#out + 1] = emphasis(text:sub(at, first - 1)) .. escape(ticks)
      at = tick + 1
    end
  end
  out[#out + 1] = emphasis(text:sub(at))
  return (table.concat(out):gsub("%f[ ]  +\n", "<br>\n"))
end

-- ---- blocks ----

local blocks

--- Lines from i on while `inside` says so; returns them and the first line after.
local function take(lines, i, inside)
  local out = {}
  while lines[i] and inside(lines[i], #out) do
    out[#out + 1] = lines[i]
    i = i + 1
  end
  return out, i
end

local function fence(lines, i)
  local indent, mark, language = lines[i]:match "^( ? ? ?)(```+)%s*([^`]*)$"
  if not mark then return nil end
  local out = {}
  i = i + 1
  while lines[i] and not lines[i]:find("^ ? ? ?" .. mark .. "`*%s*$") do
    out[#out + 1] = lines[i]:sub(1, #indent):find "%S" and lines[i] or lines[i]:sub(#indent + 1)
    i = i + 1
  end
  local class = language:match "^[%w_+-]+"
  return "<pre class=\"fence\"" .. (class and ' data-language="' .. class .. '"' or "") .. "><code>" ..
    escape(table.concat(out, "\n")) .. "\n</code></pre>", i + 1
end

local function heading(lines, i)
  local marks, text = lines[i]:match "^ ? ? ?(#+)%s+(.*)$"
  if not marks or #marks > 6 then return nil end
  text = trimmed(trimmed(text):match "^.*[^#]" or "")
  return ("<h%d>%s</h%d>"):format(#marks, inline(text), #marks), i + 1
end

local function rule(lines, i)
  local bare = lines[i]:gsub("%s", "")
  if #bare >= 3 and (bare:find "^%-+$" or bare:find "^%*+$" or bare:find "^_+$") then return "<hr>", i + 1 end
end

local function quote(lines, i)
  if not lines[i]:find "^ ? ? ?>" then return nil end
  local inner, after = take(lines, i, function(line) return line:find "^ ? ? ?>" end)
  for k, line in ipairs(inner) do inner[k] = line:gsub("^ ? ? ?> ?", "") end
  return "<blockquote>" .. blocks(inner) .. "</blockquote>", after
end

local function item_mark(line)
  local indent, mark = line:match "^( *)([-*+])%s"
  if not mark then indent, mark = line:match "^( *)(%d+[.)])%s" end
  return indent, mark
end

local function items(lines, i)
  local indent, mark = item_mark(lines[i])
  if not mark or #indent > 3 then return nil end
  local ordered = mark:find "%d" ~= nil
  local list, width = {}, #indent + #mark + 1
  local after = i
  while lines[after] do
    local inner_indent, inner_mark = item_mark(lines[after])
    local blank = not lines[after]:find "%S"
    if inner_mark and #inner_indent <= #indent + 1 then
      if (inner_mark:find "%d" ~= nil) ~= ordered then break end
      list[#list + 1] = {lines[after]:sub(#inner_indent + #inner_mark + 2)}
    elseif blank then
      if not (lines[after + 1] and (lines[after + 1]:find("^" .. (" "):rep(width)) or item_mark(lines[after + 1]))) then break end
      table.insert(list[#list], "")
    else
      table.insert(list[#list], (lines[after]:gsub("^" .. (" ?"):rep(width), "")))
    end
    after = after + 1
  end
  local out = {}
  for k, text in ipairs(list) do
    while text[#text] == "" do text[#text] = nil end
    out[k] = "<li>" .. blocks(text):gsub("^<p>(.-)</p>", "%1", 1) .. "</li>"
  end
  local tag = ordered and "ol" or "ul"
  return "<" .. tag .. ">" .. table.concat(out) .. "</" .. tag .. ">", after
end

local function cells_of(line)
  local out = {}
  line = line:gsub("^%s*|", ""):gsub("|%s*$", ""):gsub("\\|", "\1")
  for cell in (line .. "|"):gmatch "(.-)|" do out[#out + 1] = inline((trimmed(cell):gsub("^%s+", ""):gsub("\1", "|"))) end
  return out
end

local function table_block(lines, i)
  if not (lines[i]:find "|" and lines[i + 1] and lines[i + 1]:find "^[%s|:-]+$" and lines[i + 1]:find "%-") then return nil end
  if #cells_of(lines[i]) ~= #cells_of(lines[i + 1]) then return nil end
  local rows, after = take(lines, i + 2, function(line) return line:find "|" end)
  local out = {"<table><thead><tr>"}
  for _, cell in ipairs(cells_of(lines[i])) do out[#out + 1] = "<th>" .. cell .. "</th>" end
  out[#out + 1] = "</tr></thead><tbody>"
  for _, row in ipairs(rows) do
    out[#out + 1] = "<tr>"
    for _, cell in ipairs(cells_of(row)) do out[#out + 1] = "<td>" .. cell .. "</td>" end
    out[#out + 1] = "</tr>"
  end
  out[#out + 1] = "</tbody></table>"
  return table.concat(out), after
end

local function indented(lines, i)
  if not lines[i]:find "^    " then return nil end
  local inner, after = take(lines, i, function(line) return line:find "^    " or not line:find "%S" end)
  for k, line in ipairs(inner) do inner[k] = line:sub(5) end
  return "<pre><code>" .. escape(trimmed(table.concat(inner, "\n"))) .. "\n</code></pre>", after
end

local kinds = {fence, heading, rule, quote, items, table_block, indented}

local function paragraph(lines, i)
  local text, after = take(lines, i, function(line, count)
    if not line:find "%S" then return false end
    return count == 0 or not (line:find "^ ? ? ?```" or line:find "^ ? ? ?#+%s" or line:find "^ ? ? ?>" or line:find "^ ? ? ?[-*+]%s")
  end)
  return "<p>" .. inline(table.concat(text, "\n")) .. "</p>", after
end

function blocks(lines)
  local out, i = {}, 1
  while lines[i] do
    if lines[i]:find "%S" then
      local html, after
      for _, kind in ipairs(kinds) do
        html, after = kind(lines, i)
        if html then break end
      end
      if not html then html, after = paragraph(lines, i) end
      out[#out + 1], i = html, after
    else
      i = i + 1
    end
  end
  return table.concat(out, "\n")
end

--- The HTML of a Markdown text.
function markup.html(text)
  local lines = {}
  for line in (text:gsub("\t", "    ") .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = line end
  return blocks(lines)
end

return markup
