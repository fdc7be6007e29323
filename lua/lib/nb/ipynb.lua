--- ipynb.lua: notebooks in Jupyter's format, nbformat 4.5: written with stable keys and lines, so that differences are small.

local document = require "nb.document"
local json = require "json"
local pages = require "nb.pages"

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
  if output.svg then data["image/svg+xml"] = lines_of((pages.utf8(output.svg))) end
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
local function metadata_of(cell)
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

local function cell_of(page)
  local cell = page.cell
  local code = cell.kind == "code"
  local text = code and document.code_of(cell) or document.text_of(cell)
  local out = {id = cell.name, cell_type = cell.kind, metadata = metadata_of(cell), source = lines_of((pages.utf8(text)))}
  if code then
    out.outputs = json.array {}
    out.execution_count = page.count or json.null
    for i, output in ipairs(page.outputs) do out.outputs[i] = made[output.kind](output, page.count) end
  end
  return out
end

--- The keys of a cell by its metadata: all of one that gptsh exported, else tags and those that gptsh knows.
function ipynb.keys(metadata, exported)
  local list = {}
  if exported and type(metadata.gptsh) == "table" then
    for i, key in ipairs(metadata.gptsh) do list[i] = type(key) == "table" and key or {} end
  else
    for name, value in pairs(metadata) do
      local known = document.reserved[name] and name ~= "id" -- other programs give every cell one
      if name == "tags" or known or (exported and not TAKEN[name]) then list[#list + 1] = {name, value} end
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
  end
  local out = {}
  for _, key in ipairs(list) do
    local name, rule = key[1], document.reserved[key[1]]
    local fine = type(name) == "string" and name:find "^[%a_][%w_.-]*$" and key[2] ~= nil and (not rule or rule[2](key[2]))
    if fine then out[#out + 1] = {name, key[2]} end
  end
  return out
end

--- The notebook as the text of an .ipynb file.
function ipynb.export(page)
  local doc, cells = page.doc, json.array {}
  local own = {}
  if doc.preamble ~= "" then own.preamble = doc.preamble end
  if page.cells[1] and page.cells[1].cell.number == 0 then own.top = true end
  own.header = doc.header
  for i, item in ipairs(page.cells) do cells[i] = cell_of(item) end
  return json.encode({
    cells = cells, nbformat = 4, nbformat_minor = 5,
    metadata = {
      gptsh = own,
      kernelspec = {name = "gptsh", display_name = "gptsh (Lua 5.4)", language = "lua"},
      language_info = {name = "lua", file_extension = ".lua", mimetype = "text/x-lua", pygments_lexer = "lua",
                       version = require("native.train").version():match "%S+$"},
    },
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
      out[#out + 1] = {kind = "error", text = tostring(output.ename) .. ": " .. tostring(output.evalue)}
    elseif kind and type(output.data) == "table" then
      read_data(out, output.data, kind == "execute_result" and "value" or "stdout")
    end
  end
  return out
end

--- {language, exported, own, cells = {{kind, source, metadata, outputs, attachments}, …}} of the text of an .ipynb file; raises with
--- the reason for anything else.
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
  local out = {language = type(language) == "string" and language:lower() or "python", cells = {},
               exported = type(metadata.gptsh) == "table", own = type(metadata.gptsh) == "table" and metadata.gptsh or {}}
  for i, cell in ipairs(book.cells) do
    if type(cell) ~= "table" then fail(path, "cell %d is no object", i) end
    local source = joined(cell.source):gsub("\r\n?", "\n")
    if source:find "\0" then fail(path, "cell %d holds a NUL byte", i) end
    out.cells[i] = {
      kind = cell.cell_type == "code" and "code" or cell.cell_type == "raw" and "raw" or "markdown", source = source,
      metadata = type(cell.metadata) == "table" and cell.metadata or {}, outputs = read_outputs(cell.outputs),
      attachments = type(cell.attachments) == "table" and cell.attachments or {},
    }
  end
  return out
end

return ipynb
