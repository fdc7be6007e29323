--- status.lua: "gptsh nb status": a table of the cells.

local keys = require "nb.keys"
local width = require("native.terminal").width

local status = {}

local function duration(seconds)
  if seconds >= 100 then return ("%.0f s"):format(seconds) end
  if seconds >= 0.1 then return ("%.1f s"):format(seconds) end
  return ("%.0f ms"):format(seconds * 1000)
end

--- "2 texts, 1 figure"
local function count(record)
  local texts, figures = 0, 0
  for _, output in ipairs(record.outputs) do
    if output.kind == "figure" then
      figures = figures + (output.file:find "%.svg$" and 1 or 0)
    elseif output.kind ~= "data" then
      texts = texts + 1
    end
  end
  local parts = {}
  if texts > 0 then parts[1] = texts .. (texts == 1 and " text" or " texts") end
  if figures > 0 then parts[#parts + 1] = figures .. (figures == 1 and " figure" or " figures") end
  return table.concat(parts, ", ")
end

local function row_of(cell, kept)
  local record = kept.records[cell.name]
  local state
  if cell.kind ~= "code" then
    state = cell.kind
  elseif cell.skip then
    state = "skipped"
  else
    state = cell.runs and keys.status(cell, record) or "nothing to run"
  end
  local ran = cell.runs and record
  return {tostring(cell.number), cell.title ~= "" and cell.title or cell.name, state, ran and duration(record.seconds) or "",
          ran and count(record) or "", ran and record.started:gsub("T", " "):gsub("Z", "") or ""}
end

--- The table as text; columns are as wide as their widest cell.
function status.table(doc, kept)
  keys.set(doc, kept.parameters, kept.seed)
  local rows, widths = {{"cell", "title", "status", "time", "outputs", "started (UTC)"}}, {}
  for _, cell in ipairs(doc.cells) do rows[#rows + 1] = row_of(cell, kept) end
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(text)) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    for i, text in ipairs(row) do
      local blanks = (" "):rep(widths[i] - width(text))
      row[i] = (i == 1 or i == 4) and blanks .. text or text .. blanks
    end
    lines[#lines + 1] = table.concat(row, "  "):gsub("%s+$", "") .. "\n"
  end
  return table.concat(lines)
end

return status
