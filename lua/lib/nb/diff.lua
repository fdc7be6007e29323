--- diff.lua: "gptsh nb diff": outputs against the ones that came with an imported notebook, or against another run's.
-- Numbers that are not whole may differ by a part of themselves; blanks do not count.

local expect = require "nb.expect"
local outputs = require "nb.outputs"
local reference = require "nb.reference"

local diff = {}

--- An error's message without its class and place: "LuaError: nb.lua:3: no" -> "no".
local function message_of(text)
  return (text:match "^[^\n]*":gsub("^%w*Error: ", ""):gsub("^[^%s:]+:%d+: ", ""))
end

--- What a cell printed, as one text; figures and what went to stderr do not count.
local function text_of(events)
  local texts = {}
  for _, event in ipairs(events) do
    if event.text and event.kind == "error" then
      texts[#texts + 1] = {text = message_of(event.text)}
    elseif event.text and event.kind ~= "stderr" then
      texts[#texts + 1] = event
    end
  end
  return outputs.text(texts)
end

--- Texts by cell of reference.json; nil when the folder has none.
function diff.reference(folder)
  local kept, out = reference.read(folder), {}
  for _, cell in ipairs(kept and kept.cells or {}) do out[cell.id] = cell.outputs and text_of(cell.outputs) end
  return kept and out
end

--- Texts by cell of a kept run; raises when one of them cannot be read.
function diff.run(kept)
  local out = {}
  for id, record in pairs(kept.records) do
    local events = {}
    for _, output in ipairs(record.outputs) do
      if output.kind ~= "figure" and output.kind ~= "data" then
        local text, reason = kept:read(output)
        if not text then error(reason, 0) end
        events[#events + 1] = {kind = output.kind, text = text}
      end
    end
    out[id] = text_of(events)
  end
  return out
end

--- The names that `before` has outputs of and the notebook no cell, in order.
function diff.orphans(doc, before)
  local known, out = {}, {}
  for _, cell in ipairs(doc.cells) do known[cell.name] = true end
  for name in pairs(before) do out[#out + 1] = not known[name] and name or nil end
  table.sort(out)
  return out
end

--- Writes what differs; returns the number of cells that agree, differ, and have not run.
function diff.compare(doc, before, after, tolerance)
  local agree, differ, missing = 0, 0, 0
  for _, cell in ipairs(doc.cells) do
    local old, new = before[cell.name], after[cell.name]
    if old and not new then
      missing = missing + 1
    elseif old then
      local was, is = expect.difference(old, new, tolerance)
      if was then
        differ = differ + 1
        io.write(("%s:%d: cell %d %s\n  - %s\n  + %s\n"):format(doc.path, cell.line, cell.number, cell.title, was, is))
      else
        agree = agree + 1
      end
    end
  end
  return agree, differ, missing
end

return diff
