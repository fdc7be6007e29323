--- import.lua: a Jupyter notebook as a .lua notebook.  Lua cells become cells; cells of another language become text,
--- each followed by an empty cell to port it into; old outputs become reference outputs in the sidecar folder.

local document = require "nb.document"
local folder = require "native.folder"
local ipynb = require "nb.ipynb"
local json = require "base.json"
local markdown = require "nb.markdown"
local native = require "native.notebook"
local pages = require "nb.pages"
local reference = require "nb.reference"
local sidecar = require "nb.sidecar"
local source = require "nb.source"
local texts = require "nb.texts"

local import = {}

local LUA = {lua = true, gptsh = true, xlua = true, ilua = true}

-- ---- cells ----

--- Jupyter's magics, lines "%name …" and "!program …" of what is not Lua without them, as comments.
local function without_magics(text)
  if not native.compile(text, "=", 1, "cell") then return text end
  local out, at = {}, 1
  for _, token in ipairs(native.tokens(text)) do
    local magic = token.kind == "symbol" and text:find("^%%%%?%a", token.start) or token.text == "!"
    if magic and (token.start == 1 or text:sub(token.start - 1, token.start - 1) == "\n") then
      out[#out + 1] = text:sub(at, token.start - 1) .. "-- "
      at = token.start
    end
  end
  return table.concat(out) .. text:sub(at)
end

--- Do all long texts and comments of the code end in it?  Otherwise they would swallow the cells that follow.
local function ends(code) return #native.split("-- %%\n" .. code .. "\n-- %%\n") == 3 end

local function one_line(text) return (texts.trimmed(text:gsub("[%c]+", " ")):gsub("^%s+", "")) end

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

--- Can the code be before the first marker and read back as that cell?
local function may_be_top(cell)
  if not cell or cell.kind ~= "code" or cell.title ~= "" or #cell.keys > 0 then return false end
  local code = document.code_of(cell)
  local doc = document.parse("", code .. "\n\n-- %%\n")
  return doc.preamble == "" and not doc.header and #doc.cells == 2 and document.code_of(doc.cells[1]) == code
end

--- The cells of the new notebook; each that is one of the book points to it.
local function convert(book)
  local cells = {}
  local function add(kind, title, keys, text, from)
    local body = kind == "code" and "\n" .. text or text == "" and "" or "\n" .. document.comment(text)
    cells[#cells + 1] = {number = #cells + 1, kind = kind, title = title, keys = keys, body = body, from = from}
  end
  for i, cell in ipairs(book.cells) do
    local title, keys = title_of(cell), ipynb.keys(cell.metadata, book.exported)
    if book.exported and pages.is_injected(cell) then goto continue end
    if cell.kind ~= "code" then
      add(cell.kind, title, keys, cell.source, cell)
      goto continue
    end
    local code = LUA[book.language] and source.guarded(book.exported and cell.source or without_magics(cell.source))
    if code and ends(code) then
      add("code", title, keys, code, cell)
    else
      local text = texts.trimmed(cell.source)
      add("markdown", "", {{"lang", one_line(book.language)}, {"skip", true}}, markdown.fenced(text, one_line(book.language)))
      add("code", "cell " .. i, {}, "-- port of cell " .. i, cell)
    end
    ::continue::
  end
  local header, top = header_of(book), book.own.top and may_be_top(cells[1]) and cells[1]
  if top then top.number = 0 end
  if header and top then
    top.body = header .. "\n\n" .. document.code_of(top)
  elseif header then
    table.insert(cells, 1, {number = 0, kind = "code", title = "", keys = {}, body = header})
  end
  return cells
end

--- Raises unless the cells that were read of the new file are those that were meant.
local function compare(doc, cells, path)
  local problem = doc.problems[1]
  if problem then error(("%s: line %d of the .lua file: %s"):format(path, problem[1], problem[2]), 0) end
  for i, cell in ipairs(cells) do
    local read = doc.cells[i] or {}
    local text = cell.kind == "code" and document.code_of or document.text_of
    if read.kind ~= cell.kind or read.title ~= cell.title or text(read) ~= text(cell) then
      error(("%s: cell %d ('%s') cannot be written as a cell of a .lua file"):format(path, i, cell.title), 0)
    end
  end
  if #doc.cells > #cells then error(path .. ": cells that were not meant: this is a fault of gptsh", 0) end
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

--- The names of the keys of an object, longest first: "a.png" before "a".
local function names_of(object)
  local names = {}
  for name in pairs(object) do names[#names + 1] = type(name) == "string" and name or nil end
  table.sort(names, function(a, b) return #a > #b or #a == #b and a < b end)
  return names
end

--- The form of an attachment that becomes a file: an image where there is one.
local function form_of(data)
  local names = names_of(type(data) == "table" and data or {})
  for _, name in ipairs(names) do
    if name:find "^image/" then return name end
  end
  return names[1]
end

--- Attachments of text cells become files; their links follow.  Puts those files' bytes by name into `files`; returns
--- how many there were.
local function take_attachments(book, path, target, files)
  local count = 0
  for i, cell in ipairs(book.cells) do
    local list = {}
    for _, name in ipairs(names_of(cell.attachments)) do
      local data, form = cell.attachments[name], form_of(cell.attachments[name])
      local file, n = ("attachment-%02d-%s"):format(i, name:gsub("[^%w._-]", "_")), 1
      while files[file] do
        n = n + 1
        file = ("attachment-%02d-%d-%s"):format(i, n, name:gsub("[^%w._-]", "_"))
      end
      if form then
        local text, link = ipynb.joined(data[form]), pages.link(target, path .. "/" .. file)
        files[file] = form == "image/svg+xml" and text or base64_bytes(text)
        local item = {name = name, data = data}
        for _, as in ipairs{name, (name:gsub(" ", "%%20"))} do -- Jupyter writes blanks of a link so
          if not item.link and cell.source:find("attachment:" .. as, 1, true) then
            cell.source, item.link = ipynb.replace(cell.source, "attachment:" .. as, link), link
            item.as = as ~= name and as or nil
          end
        end
        list[#list + 1] = item
        count = count + 1
      end
    end
    cell.attached = #list > 0 and list or nil
  end
  return count
end

--- The outputs of a cell for reference.json, their images' bytes by name in `files`; and how many were dropped.
local function outputs_of(cell, name, files)
  local kept, dropped = json.array {}, 0
  for k, output in ipairs(cell.outputs) do
    if output.kind == "dropped" then
      dropped = dropped + 1
    elseif output.kind == "image" then
      local svg = output.type == "image/svg+xml"
      local file = ("reference-%s-%d.%s"):format(name, k, svg and "svg" or "png")
      files[file] = svg and output.bytes or base64_bytes(output.bytes)
      kept[#kept + 1] = {kind = "figure", file = file}
    else
      kept[#kept + 1] = {kind = output.kind, text = texts.utf8(texts.clean(output.text))}
    end
  end
  return #kept > 0 and kept or nil, dropped
end

--- What reference.json keeps of the book, and how many outputs were dropped.
local function take_reference(book, doc, cells, files)
  local list, all_dropped, seen = json.array {}, 0, {}
  for i, cell in ipairs(cells) do
    local from = cell.from
    if from then
      local id = not seen[from.id or ""] and from.id or nil -- of two that are the same, the first cell keeps it
      seen[from.id or ""] = true
      local name, outputs, dropped = doc.cells[i].name, outputs_of(from, doc.cells[i].name, files)
      all_dropped = all_dropped + dropped
      local kept = {
        outputs = outputs, source_id = id ~= name and id or nil, fields = from.fields, attachments = from.attached,
        metadata = reference.rest(from.metadata, ipynb.metadata(doc.cells[i])),
      }
      kept.id = next(kept) and name
      list[#list + 1] = kept.id and kept or nil
    end
  end
  local said = book.exported and {gptsh = book.metadata.gptsh, kernelspec = book.metadata.kernelspec,
                                  language_info = book.metadata.language_info} or {}
  local rest = reference.rest(book.metadata, said)
  return {cells = list, metadata = rest, fields = book.fields, nbformat_minor = book.minor}, all_dropped
end

local function noted(notes, count, one, many)
  if count > 0 then notes[#notes + 1] = count .. (count == 1 and one or many) end
end

--- Writes the .ipynb notebook `text` of `path` as `target`; returns a list of what is to be known.
function import.write(path, text, target)
  local book, out, files, notes = ipynb.read(path, text), sidecar.path(target), {}, {}
  local attachments = take_attachments(book, out, target, files)
  local cells = convert(book)
  local preamble = type(book.own.preamble) == "string" and book.own.preamble:match "^#!%C*$" or ""
  local made = document.of(cells, preamble):write()
  local doc = document.parse(target, made)
  compare(doc, cells, path)
  local kept, dropped = take_reference(book, doc, cells, files)
  kept.notebook = texts.utf8(path:match "[^/]*$")
  local kept_text = reference.text(kept, document.bytes(out .. "/reference.json") ~= nil)
  if kept_text or next(files) then sidecar.make(out) end
  for name, bytes in pairs(files) do folder.write(sidecar.place(out, name), bytes) end
  if kept_text then folder.write(sidecar.place(out, "reference.json"), kept_text) end
  folder.write(target, made)
  noted(notes, dropped, " output of kinds that are not kept (HTML, widgets) dropped",
        " outputs of kinds that are not kept (HTML, widgets) dropped")
  noted(notes, attachments, " attachment in " .. out, " attachments in " .. out)
  return notes
end

return import
