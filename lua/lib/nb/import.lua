--- import.lua: a Jupyter notebook as a .lua notebook.  Lua cells become cells; cells of another language become text,
--- each followed by an empty cell to port it into; old outputs become reference outputs in the sidecar folder.

local document = require "nb.document"
local folder = require "native.folder"
local ipynb = require "nb.ipynb"
local json = require "json"
local markdown = require "nb.markdown"
local native = require "native.notebook"
local outputs = require "nb.outputs"
local pages = require "nb.pages"
local sidecar = require "nb.sidecar"

local import = {}

local LUA = {lua = true, gptsh = true, xlua = true, ilua = true}

-- ---- cells ----

--- Lua code as it may stand in a cell: magics become comments, what looks like a marker gets a third dash.
local function as_code(source)
  source = ("\n" .. source):gsub("\n([%%!])", "\n-- %1"):sub(2)
  local out, at = {}, 1
  for _, token in ipairs(native.tokens(source)) do
    if token.kind == "comment" and native.looks_like_marker(token.text) then
      out[#out + 1] = source:sub(at, token.start - 1) .. "-"
      at = token.start
    end
  end
  return table.concat(out) .. source:sub(at)
end

--- Do all long texts and comments of the cell end in it?  Otherwise they would swallow the cells that follow.
local function ends(source) return #native.split(as_code(source) .. "\n-- %%\n") == 2 end

local function one_line(text) return (text:gsub("[%c]+", " "):gsub("^%s+", ""):gsub("%s+$", "")) end

local function title_of(cell)
  local title = cell.metadata.title or cell.metadata.name
  return type(title) == "string" and one_line(title) or ""
end

--- The header that an export put aside: comments and nothing else.
local function header_of(book)
  local header = book.own.header
  if type(header) ~= "string" then return nil end
  for line in (header .. "\n"):gmatch "(.-)\n" do
    if not line:find "^%-%-" or native.looks_like_marker(line) then return nil end
  end
  return header
end

--- The cells of the new notebook; each that had outputs points to the cell it came from.
local function convert(book)
  local cells = {}
  local function add(kind, title, keys, text, from)
    local body = kind == "code" and "\n" .. text or "\n" .. document.comment(text)
    cells[#cells + 1] = {number = #cells + 1, kind = kind, title = title, keys = keys, body = body, from = from}
  end
  for i, cell in ipairs(book.cells) do
    local title, keys = title_of(cell), ipynb.keys(cell.metadata, book.exported)
    if book.exported and pages.is_injected(cell) then goto continue end
    if cell.kind ~= "code" then
      add(cell.kind, title, keys, cell.source)
    elseif LUA[book.language] and ends(cell.source) then
      add("code", title, keys, as_code(cell.source), cell)
    else
      local text = cell.source:gsub("%s+$", "")
      add("markdown", "", {{"lang", one_line(book.language)}, {"skip", true}}, markdown.fenced(text, one_line(book.language)))
      add("code", "cell " .. i, {}, "-- port of cell " .. i, cell)
    end
    ::continue::
  end
  if book.own.top and cells[1] then cells[1].number = 0 end
  if header_of(book) then table.insert(cells, 1, {number = 0, kind = "code", title = "", keys = {}, body = header_of(book)}) end
  return cells
end

-- ---- the sidecar ----

local function base64_bytes(text)
  local digits, out, n, bits = {}, {}, 0, 0
  for i, c in utf8.codes "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" do digits[c] = i - 1 end
  for i = 1, #text do
    local d = digits[text:byte(i)]
    if d then
      n, bits = (n << 6 | d) & 0xFFFFFF, bits + 6
      if bits >= 8 then
        bits = bits - 8
        out[#out + 1] = string.char(n >> bits & 0xFF)
      end
    end
  end
  return table.concat(out)
end

--- Attachments of text cells become files; their links follow.
local function keep_attachments(book, path, target)
  local count = 0
  for i, cell in ipairs(book.cells) do
    for name, data in pairs(cell.attachments) do
      local type_name, bytes = next(type(data) == "table" and data or {})
      if type_name then
        local file = ("attachment-%02d-%s"):format(i, tostring(name):gsub("[^%w._-]", "_"))
        sidecar.make(path)
        local text = ipynb.joined(bytes)
        folder.write(sidecar.place(path, file), type_name == "image/svg+xml" and text or base64_bytes(text))
        local link = pages.relative(target, path .. "/" .. file)
        local at, last = cell.source:find("attachment:" .. name, 1, true)
        if at then cell.source = cell.source:sub(1, at - 1) .. link .. cell.source:sub(last + 1) end
        count = count + 1
      end
    end
  end
  return count
end

--- reference.json: what each cell printed before, by the name of the new cell.
local function keep_reference(doc, cells, path, source)
  local list, dropped = json.array {}, 0
  for i, cell in ipairs(cells) do
    local kept = json.array {}
    for k, output in ipairs(cell.from and cell.from.outputs or {}) do
      if output.kind == "dropped" then
        dropped = dropped + 1
      elseif output.kind == "image" then
        local svg = output.type == "image/svg+xml"
        local file = ("reference-%s-%d.%s"):format(doc.cells[i].name, k, svg and "svg" or "png")
        sidecar.make(path)
        folder.write(sidecar.place(path, file), svg and output.bytes or base64_bytes(output.bytes))
        kept[#kept + 1] = {kind = "figure", file = file}
      else
        kept[#kept + 1] = {kind = output.kind, text = (pages.utf8(outputs.clean(output.text)))}
      end
    end
    if #kept > 0 then list[#list + 1] = {id = doc.cells[i].name, outputs = kept} end
  end
  if #list > 0 then
    sidecar.make(path)
    folder.write(sidecar.place(path, "reference.json"), json.encode({format = 1, notebook = source:match "[^/]*$", cells = list}, {indent = 1}) .. "\n")
  end
  return dropped
end

--- Writes the .ipynb notebook `text` of `path` as `target`; answers a list of what is to be known.
function import.write(path, text, target)
  local book = ipynb.read(path, text)
  local out = sidecar.path(target)
  local attachments = keep_attachments(book, out, target)
  local cells = convert(book)
  local preamble = type(book.own.preamble) == "string" and book.own.preamble:match "^#!%C*$" or ""
  local source = document.of(cells, preamble):write()
  local doc = document.parse(target, source)
  local dropped = keep_reference(doc, cells, out, path)
  folder.write(target, source)
  local notes = {}
  if dropped > 0 then notes[1] = ("%d output%s of kinds that are not kept (HTML, widgets) dropped"):format(dropped, dropped == 1 and "" or "s") end
  if attachments > 0 then notes[#notes + 1] = ("%d attachment%s in %s"):format(attachments, attachments == 1 and "" or "s", out) end
  return notes
end

return import
