--- ipynb.lua: notebooks in Jupyter's format, nbformat 4.5: written with stable keys and lines, so that differences are small.

local document = require "nb.document"
local json = require "base.json"
local reference = require "nb.reference"
local sidecar = require "nb.sidecar"
local source = require "nb.source"
local texts = require "nb.texts"

local ipynb = {}

--- Text as Jupyter keeps it: lines, each with its line break.
local function lines_of(text)
  local out = json.array {}
  for line in text:gmatch "[^\n]*\n?" do
    if line ~= "" then out[#out + 1] = line end
  end
  return out
end

ipynb.base64 = require("native.data").base64

-- ---- outputs ----

local made = {}

function made.stdout(output) return {output_type = "stream", name = "stdout", text = lines_of(output.text)} end

function made.value(output, count)
  return {output_type = "execute_result", execution_count = count, metadata = {}, data = {["text/plain"] = lines_of(output.text)}}
end

function made.error(output)
  local first = output.text:match "^[^\n]*"
  local traceback = {}
  for line in output.text:gmatch "[^\n]+" do traceback[#traceback + 1] = line end
  return {output_type = "error", ename = "LuaError", evalue = first, traceback = json.array(traceback)}
end

function made.figure(output)
  local data = {["text/plain"] = lines_of("<figure " .. output.file .. ">")}
  if output.svg then data["image/svg+xml"] = lines_of(texts.utf8(output.svg)) end
  if output.png then data["image/png"] = ipynb.base64(output.png) end
  return {output_type = "display_data", metadata = {}, data = data}
end

-- ---- cells ----

-- Names in the metadata of a cell that have a meaning of their own there.
local TAKEN = {}
for name in ([[title name tags jupyter execution collapsed scrolled deletable editable format trusted gptsh]]):gmatch "%S+" do
  TAKEN[name] = true
end

--- Keys become metadata of their names, as jupytext has them; where that would lose their order or meaning, the list of
--- all keys goes along under "gptsh".
function ipynb.metadata(cell)
  local metadata = {}
  if cell.title ~= "" then metadata.title = cell.title end
  if cell.tags and #cell.tags > 0 then
    local seen, tags = {}, json.array {}
    for _, tag in ipairs(cell.tags) do
      if not seen[tag] then tags[#tags + 1] = tag end
      seen[tag] = true
    end
    metadata.tags = tags
  end
  if cell.hide then metadata.jupyter = cell.hide == "code" and {source_hidden = true} or {outputs_hidden = true} end
  local list, in_order = {}, true
  for i, key in ipairs(cell.keys) do
    local name, value = key[1], key[2]
    if type(value) == "table" and value ~= json.null then value = json.array(value) end
    list[i] = json.array{name, value}
    in_order = in_order and (i == 1 or cell.keys[i - 1][1] < name) and (not TAKEN[name] or (name == "tags" and metadata.tags ~= nil))
    if not TAKEN[name] then metadata[name] = value end
  end
  if not in_order then metadata.gptsh = list end
  return metadata
end

--- What runs of the cell, as it was before it was put into a .lua file, without the header, which is separate.
local function code_of(cell, header)
  local code = source.unguarded((document.code_of(cell)))
  if cell.number ~= 0 or not header or code:sub(1, #header) ~= header then return code end
  return (code:sub(#header + 1):gsub("^%s*\n", ""))
end

--- The text of a cell and its attachments, which are links to files in the .lua file.
local function text_of(cell, kept)
  local text, attachments = document.text_of(cell), nil
  for _, item in ipairs(kept.attachments or {}) do
    attachments = attachments or {}
    attachments[item.name] = item.data
    if item.link then text = ipynb.replace(text, item.link, "attachment:" .. (item.as or item.name)) end
  end
  return text, attachments
end

--- An item of a page; kept: what reference.json has of it, or {}.
local function cell_of(item, id, kept, header)
  local cell = item.cell
  local text, attachments
  if cell.kind == "code" then
    text = code_of(cell, header)
  else
    text, attachments = text_of(cell, kept)
  end
  local out = {id = id, cell_type = cell.kind, metadata = reference.merged(ipynb.metadata(cell), kept.metadata),
               source = lines_of(texts.utf8(text)), attachments = attachments}
  if cell.kind == "code" then
    out.outputs = json.array {}
    out.execution_count = item.count or json.null
    for i, output in ipairs(item.outputs) do out.outputs[i] = made[output.kind](output, item.count) end
  end
  return out
end

--- An id for every item of the page: that of the cell it was imported from, else its name; no two are the same.
local function ids_of(items, by_name)
  local ids, taken = {}, {}
  for i, item in ipairs(items) do
    local kept = by_name[item.cell.name]
    local id = item.cell.id or kept and kept.source_id
    if id and document.reserved.id[2](id) and not taken[id] then ids[i], taken[id] = id, true end
  end
  for i, item in ipairs(items) do
    local n = 1
    while not ids[i] do
      local id = n == 1 and item.cell.name or item.cell.name .. "-" .. n
      if not taken[id] then ids[i], taken[id] = id, true end
      n = n + 1
    end
  end
  return ids
end

--- Can the value be written in a marker?  An object cannot.
local function is_plain(value)
  return type(value) ~= "table" or value == json.null or #value > 0 or getmetatable(value) ~= nil
end

--- The text with `new` in place of `old` wherever it is.
function ipynb.replace(text, old, new)
  local out, at = {}, 1
  while true do
    local first, last = text:find(old, at, true)
    if not first then return table.concat(out) .. text:sub(at) end
    out[#out + 1] = text:sub(at, first - 1) .. new
    at = last + 1
  end
end

--- The keys of a cell by its metadata: all of one that gptsh exported, else tags and those that gptsh knows.
function ipynb.keys(metadata, exported)
  local list = {}
  if exported and type(metadata.gptsh) == "table" then
    for i, key in ipairs(metadata.gptsh) do list[i] = type(key) == "table" and key or {} end
  else
    for name, value in pairs(metadata) do
      local known = document.reserved[name] and name ~= "id" -- other programs give every cell one
      local wanted = name == "tags" or known or (exported and not TAKEN[name])
      if type(name) == "string" and wanted then list[#list + 1] = {name, value} end
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
  end
  local out = {}
  for _, key in ipairs(list) do
    local name, rule = key[1], document.reserved[key[1]]
    local fine = type(name) == "string" and name:find "^[%a_][%w_.-]*$" and key[2] ~= nil and is_plain(key[2])
    if fine and (not rule or rule[2](key[2])) then out[#out + 1] = {name, key[2]} end
  end
  return out
end

--- The notebook as the text of an .ipynb file.
function ipynb.export(page)
  local doc, cells = page.doc, json.array {}
  local kept = reference.read(sidecar.path(doc.path)) or {by_name = {}}
  local own = {}
  if doc.preamble ~= "" then own.preamble = doc.preamble end
  if page.cells[1] and page.cells[1].cell.number == 0 then own.top = true end
  own.header = doc.header
  local ids = ids_of(page.cells, kept.by_name)
  for i, item in ipairs(page.cells) do
    cells[i] = cell_of(item, ids[i], kept.by_name[item.cell.name] or {}, doc.header)
  end
  return json.encode({
    cells = cells, nbformat = 4, nbformat_minor = 5,
    metadata = reference.merged({
      gptsh = own,
      kernelspec = {name = "gptsh", display_name = "gptsh (Lua 5.4)", language = "lua"},
      language_info = {name = "lua", file_extension = ".lua", mimetype = "text/x-lua", pygments_lexer = "lua",
                       version = require("native.train").version():match "%S+$"},
    }, kept.metadata),
  }, {indent = 1}) .. "\n"
end

-- ---- reading ----

local function fail(path, format, ...) error(path .. ": " .. format:format(...), 0) end

local function joined(value)
  if type(value) == "string" then return value end
  if type(value) ~= "table" then return "" end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = type(part) == "string" and part or "" end
  return table.concat(parts)
end
ipynb.joined = joined

local IMAGES = {"image/svg+xml", "image/png"}

--- Adds the forms of one shown value: its images, else its text; the number of other forms is kept.
local function read_data(out, data, kind)
  local known = {["text/plain"] = true}
  for _, image in ipairs(IMAGES) do
    known[image] = true
    if data[image] then out[#out + 1] = {kind = "image", type = image, bytes = joined(data[image])} end
  end
  local text = joined(data["text/plain"])
  local drawn = data[IMAGES[1]] or data[IMAGES[2]] -- then the text only names it
  if text ~= "" and not drawn then out[#out + 1] = {kind = kind, text = text} end
  for form in pairs(data) do
    if not known[form] then out[#out + 1] = {kind = "dropped", type = form} end
  end
end

--- The outputs of a code cell: {kind = "stdout", "stderr", "value", "error", "image", "dropped", text =, type =, bytes =}.
local function read_outputs(list)
  local out = {}
  for _, output in ipairs(type(list) == "table" and list or {}) do
    local kind = type(output) == "table" and output.output_type
    if kind == "stream" then
      out[#out + 1] = {kind = output.name == "stderr" and "stderr" or "stdout", text = joined(output.text)}
    elseif kind == "error" then
      out[#out + 1] = {kind = "error", text = joined(output.ename) .. ": " .. joined(output.evalue)}
    elseif kind and type(output.data) == "table" then
      read_data(out, output.data, kind == "execute_result" and "value" or "stdout")
    end
  end
  return out
end

local BOOK, CELL = {}, {} -- names of the fields that are read
for name in ("nbformat nbformat_minor metadata cells"):gmatch "%S+" do BOOK[name] = true end
for name in ("cell_type id metadata source outputs execution_count attachments"):gmatch "%S+" do CELL[name] = true end

local KINDS = {code = true, markdown = true, raw = true}

--- The fields of the object that are not known; nil when there are none.
local function others(object, known)
  local out
  for name, value in pairs(object) do
    if type(name) == "string" and not known[name] then
      out = out or {}
      out[name] = value
    end
  end
  return out
end

local function read_cell(path, cell, i)
  if type(cell) ~= "table" then fail(path, "cell %d: expected an object", i) end
  if not KINDS[cell.cell_type] then fail(path, "cell %d: its cell_type is not code, markdown or raw", i) end
  for _, part in ipairs(type(cell.source) == "table" and cell.source or {cell.source or 0}) do
    if type(part) ~= "string" then fail(path, "cell %d: its source is neither a text nor a list of texts", i) end
  end
  local text = joined(cell.source):gsub("\r\n?", "\n")
  if text:find "\0" then fail(path, "cell %d holds a NUL byte", i) end
  return {
    kind = cell.cell_type, id = type(cell.id) == "string" and cell.id or nil, source = text,
    metadata = type(cell.metadata) == "table" and cell.metadata or {}, outputs = read_outputs(cell.outputs),
    attachments = type(cell.attachments) == "table" and cell.attachments or {}, fields = others(cell, CELL),
  }
end

--- {language, exported, own, metadata, minor, fields, cells = {{kind, id, source, metadata, outputs, attachments,
--- fields}, …}} of the text of an .ipynb file; raises with the reason for anything else.
function ipynb.read(path, text)
  if #text > 256 << 20 then fail(path, "more than 256 MiB") end
  local ok, book = pcall(json.decode, text)
  if not ok then fail(path, "no notebook: %s", tostring(book):gsub("^.-(json: )", "%1")) end
  if type(book) ~= "table" or math.type(book.nbformat) ~= "integer" then fail(path, "no Jupyter notebook: it has no nbformat") end
  if book.nbformat < 4 then
    fail(path, "nbformat %d is too old: jupyter nbconvert --to notebook --nbformat 4 %s upgrades it", book.nbformat, path)
  end
  if book.nbformat > 4 then fail(path, "nbformat %d is newer than 4", book.nbformat) end
  if type(book.cells) ~= "table" then fail(path, "no list of cells") end
  if #book.cells > 10000 then fail(path, "more than 10000 cells") end
  local metadata = type(book.metadata) == "table" and book.metadata or {}
  local kernel = type(metadata.kernelspec) == "table" and metadata.kernelspec or {}
  local info = type(metadata.language_info) == "table" and metadata.language_info or {}
  local language = kernel.language or info.name or kernel.name or "python"
  local own = type(metadata.gptsh) == "table" and metadata.gptsh or nil
  local out = {language = type(language) == "string" and language:lower() or "python", cells = {}, metadata = metadata,
               minor = math.tointeger(book.nbformat_minor), fields = others(book, BOOK),
               exported = own ~= nil, own = own or {}}
  for i, cell in ipairs(book.cells) do out.cells[i] = read_cell(path, cell, i) end
  return out
end

return ipynb
