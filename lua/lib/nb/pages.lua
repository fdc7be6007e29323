--- pages.lua: a notebook with its kept outputs, as the exports want it.

local document = require "nb.document"
local keys = require "nb.keys"
local parameters = require "nb.parameters"
local texts = require "nb.texts"

local pages = {}

--- Puts the files of one figure together: {kind = "figure", svg =, png =, file =}.
local function add_figure(list, output, bytes)
  local stem, ending = output.file:match "^(.*)%.(%w+)$"
  local last = list[#list]
  if not (last and last.kind == "figure" and last.stem == stem) then
    last = {kind = "figure", stem = stem, file = output.file}
    list[#list + 1] = last
  end
  if ending == "svg" or ending == "png" then last[ending] = bytes end
  if ending == "svg" then last.file = output.file end
end

--- The outputs of a cell: {kind = "stdout", "value" or "error", text =, file =} and figures, in order.
local function outputs_of(kept, record, warn)
  local list = {}
  for _, output in ipairs(record and record.outputs or {}) do
    local bytes, reason
    if output.kind ~= "data" then bytes, reason = kept:read(output) end
    if reason then
      warn(reason)
    elseif output.kind == "figure" then
      add_figure(list, output, bytes)
    elseif bytes then
      list[#list + 1] = {kind = output.kind, text = texts.utf8(texts.clean(bytes)), file = output.file}
    end
  end
  return list
end

local INJECTED = "injected-parameters" -- papermill's tag

--- The cell that shows what -p set in the kept run, as papermill shows it.
local function injected(given)
  local names, lines = {}, {}
  for name in pairs(given) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local text = given[name]
    local plain = tonumber(text) or text == "true" or text == "false"
    lines[i] = name .. " = " .. (plain and text or ("%q"):format(text))
  end
  return {kind = "code", title = "injected parameters", name = INJECTED, number = 0, line = 0, tags = {INJECTED},
          keys = {{"tags", {INJECTED}}}, body = "\n" .. table.concat(lines, "\n")}
end

--- Did an export put this cell in?
function pages.is_injected(cell)
  for _, tag in ipairs(type(cell.metadata.tags) == "table" and cell.metadata.tags or {}) do
    if tag == INJECTED then return true end
  end
  return false
end

--- {doc =, kept =, cells = {{cell, outputs, count}, …}}; count: how many cells ran before this one and it, nil when it
--- never did.  warn(text) is told what is missing or old.
function pages.of(doc, kept, warn)
  keys.set(doc, kept.parameters, kept.seed)
  local list, count = {}, 0
  local parameter_cell = kept.parameters and next(kept.parameters) and parameters.cell(doc)
  for _, cell in ipairs(doc.cells) do
    if cell.number == 0 and doc.header and document.code_of(cell) == doc.header then goto continue end
    local record = cell.runs and kept.records[cell.name] or nil
    if record then count = count + 1 end
    if record and record.key ~= cell.key then warn(("%s:%d: '%s' changed since it ran"):format(doc.path, cell.line, cell.name)) end
    list[#list + 1] = {cell = cell, record = record, outputs = outputs_of(kept, record, warn), count = record and count or nil}
    if cell == parameter_cell then list[#list + 1] = {cell = injected(kept.parameters), outputs = {}} end
    ::continue::
  end
  return {doc = doc, kept = kept, cells = list}
end

--- The path `to` as seen from the folder of the file `from`.
function pages.relative(from, to)
  local function parts(path)
    local out = {}
    for part in path:gmatch "[^/]+" do
      if part ~= "." then out[#out + 1] = part end
    end
    return out
  end
  if (from:sub(1, 1) == "/") ~= (to:sub(1, 1) == "/") then return to end
  local a, b = parts(from), parts(to)
  a[#a] = nil
  local same = 0
  while same < #a and same < #b and a[same + 1] == b[same + 1] do same = same + 1 end
  for i = same + 1, #a do
    if a[i] == ".." then return to end
  end
  local out = {}
  for _ = same + 1, #a do out[#out + 1] = ".." end
  for i = same + 1, #b do out[#out + 1] = b[i] end
  return table.concat(out, "/")
end

--- The same path as the target of a Markdown link.
function pages.link(from, to)
  return (pages.relative(from, to):gsub("[%c ()<>%%]", function(c) return ("%%%02X"):format(c:byte()) end))
end

return pages
