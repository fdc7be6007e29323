--- reference.lua: what came with an imported notebook and has no place in its .lua file: reference.json in its folder.
--
-- {format, notebook, nbformat_minor, metadata, fields, cells = {{id, source_id, outputs, metadata, attachments,
-- fields}, …}}: id is the name of the cell here, source_id its id there; metadata is what title and keys do not say;
-- outputs are compared by "nb diff"; attachments = {{name, link, data}, …}, link being the file that represents one in
-- the text.  "nb export" gives metadata, ids and attachments back.  fields, which are not of nbformat 4.5, are kept only.

local json = require "base.json"
local read = require("nb.document").bytes
local shape = require "nb.shape"

local reference = {}

local REFERENCE = {
  ["nbformat_minor?"] = "whole number", ["metadata?"] = {map = "anything"}, ["fields?"] = {map = "anything"},
  cells = {list = {
    id = "text", ["source_id?"] = "text", ["metadata?"] = {map = "anything"}, ["fields?"] = {map = "anything"},
    ["outputs?"] = {list = {kind = "text", ["text?"] = "text", ["file?"] = "text"}},
    ["attachments?"] = {list = {name = "text", ["link?"] = "text", data = {map = "anything"}}},
  }},
}

--- What is in the folder, with the cells by their names as by_name, too; nil when it has none.
function reference.read(folder)
  local path = folder .. "/reference.json"
  local bytes, reason, missing = read(path)
  if missing then return nil end
  if not bytes then error(reason, 0) end
  local ok, kept = pcall(json.decode, bytes)
  if not ok then error(path .. ": " .. tostring(kept):gsub("^.-(json: )", "%1"), 0) end
  shape.check(path, kept, REFERENCE)
  kept.by_name = {}
  for _, cell in ipairs(kept.cells) do kept.by_name[cell.id] = cell end
  return kept
end

--- Are two JSON values the same?
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" or a == json.null or b == json.null then return a == b end
  for key, item in pairs(a) do
    if not same(item, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- The part of the object `all` that `said` does not say; nil when that is nothing.
function reference.rest(all, said)
  local out
  for name, value in pairs(all) do
    if type(name) == "string" and not same(value, said[name]) then
      out = out or {}
      out[name] = value
    end
  end
  return out
end

--- `said`, and of the object `rest` (or nil) what it does not name.
function reference.merged(said, rest)
  for name, value in pairs(rest or {}) do
    if said[name] == nil then said[name] = value end
  end
  return said
end

--- The text of reference.json; nil when there is nothing to keep, and none of another notebook to take the place of.
function reference.text(kept, there)
  if #kept.cells == 0 and not (kept.metadata or kept.fields or there) then return nil end
  kept.format = 1
  return json.encode(kept, {indent = 1}) .. "\n"
end

return reference
