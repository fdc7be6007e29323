--- keys.lua: when a cell has to run again.  The key of a cell is a hash of its code, of the key of the cell that runs
-- before it, of parameters and seed, and of the program's version.  Comments, titles and text cells do not enter.

local json = require "base.json"
local native = require "native.notebook"
local source = require "nb.source"

local keys = {}

--- Gives every cell that runs its key.
function keys.set(doc, parameters, seed)
  local key = native.sha256(json.encode{require("native.train").version(), parameters or {}, seed or json.null})
  for _, cell in ipairs(doc.cells) do
    if cell.runs then
      key = native.sha256(key .. "\n" .. source.bare(cell.code))
      cell.key = key
    end
  end
end

--- Of a cell that runs: "ok", "error", "timeout", "interrupted" as recorded, "stale" when it changed since, "never run".
function keys.status(cell, record)
  if not record then return "never run" end
  if record.key ~= cell.key then return "stale" end
  return record.status
end

return keys
