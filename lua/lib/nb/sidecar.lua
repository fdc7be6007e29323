--- sidecar.lua: the folder name.out/ beside a notebook: manifest.json, one record per cell, and the files of outputs.
-- A record has id, title, key, status, started (UTC), seconds, device, seed, revision, outputs = {{kind, file, sha256}, …}.
-- Files come first and the manifest last, each whole or not at all, so that a killed run leaves what was finished.

local folder = require "native.folder"
local json = require "json"
local native = require "native.notebook"
local read = require("nb.document").bytes
local shape = require "nb.shape"
local texts = require "nb.texts"

local sidecar = {}

local FORMAT = 1

local Sidecar = {}
Sidecar.__index = Sidecar

--- Where the outputs of the notebook at `path` are.
function sidecar.path(path) return (path:gsub("%.lua$", ""):gsub("%.ipynb$", "")) .. ".out" end

local function words(text)
  local set = {}
  for word in text:gmatch "%S+" do set[word] = true end
  return {words = set}
end

local MANIFEST = {
  ["parameters?"] = {map = "text", names = "^[%a_][%w_]*$"}, ["seed?"] = "whole number",
  cells = {list = {
    id = "text", key = "text", status = words "ok error timeout interrupted", started = "text", seconds = "number",
    device = "text", seed = "whole number", ["revision?"] = "text", ["dirty?"] = "boolean",
    outputs = {list = {kind = words "stdout value error figure data", file = "text", sha256 = "text"}},
    ["cache?"] = {files = {list = "text"}},
  }},
}

--- Opens the folder for reading; it need not exist.  Raises when its manifest cannot be read.
function sidecar.open(path)
  local self = setmetatable({path = path, records = {}}, Sidecar)
  local text = read(path .. "/manifest.json")
  if not text then return self end
  local ok, manifest = pcall(json.decode, text)
  if not ok or type(manifest) ~= "table" or manifest.format ~= FORMAT or type(manifest.cells) ~= "table" then
    error(path .. "/manifest.json is not a manifest of this version: gptsh nb clean removes it", 0)
  end
  shape.check(path .. "/manifest.json", manifest, MANIFEST)
  self.exists, self.parameters, self.seed = true, manifest.parameters, manifest.seed
  for i, record in ipairs(manifest.cells) do
    if self.records[record.id] then error(("%s/manifest.json: cells[%d].id: another cell has it"):format(path, i), 0) end
    self.records[record.id] = record
  end
  return self
end

--- The same, and a manifest that cannot be read counts as none.
function sidecar.open_anyway(path)
  local ok, self = pcall(sidecar.open, path)
  return ok and self or setmetatable({path = path, records = {}}, Sidecar)
end

--- Only names without a path are taken from a manifest, which somebody else may have written.
local function plain_name(name)
  return type(name) == "string" and name ~= "" and not name:find "[/\\%c]" and name ~= "." and name ~= ".."
end

--- The bytes of an output, or nil and the reason: gone, changed, not in the folder.
function Sidecar:read(output)
  if not plain_name(output.file) then return nil, "the manifest names a file outside of the folder" end
  local bytes, reason = read(self.path .. "/" .. output.file)
  if not bytes then return nil, reason end
  if native.sha256(bytes) ~= output.sha256 then return nil, self.path .. "/" .. output.file .. " was changed" end
  return bytes
end

-- ---- writing ----

local function encode(value) return json.encode(value, {indent = 1}) end

--- Writes the manifest: the records of the cells of `doc`, in its order.
function Sidecar:commit(doc)
  local cells = {}
  for _, cell in ipairs(doc.cells) do cells[#cells + 1] = self.records[cell.name] end
  folder.write(self.path .. "/manifest.json", encode{
    format = FORMAT, notebook = texts.utf8(doc.path:match "[^/]*$"),
    program = require("native.train").version(), cells = json.array(cells),
    parameters = self.parameters, seed = self.seed,
  } .. "\n")
end

--- Makes the folder and answers what keeps it this process's own until it is closed; nil when another one has it.
function Sidecar:lock()
  folder.make(self.path)
  return (folder.lock(self.path))
end

--- The first part of the names of a cell's files: "05-lr-sweep".
function sidecar.stem(cell) return ("%02d-%s"):format(cell.number, cell.name) end

--- Keeps bytes as an output of kind "stdout", "value", "error" or "figure" under the name.
function Sidecar:keep(kind, name, bytes)
  folder.write(self.path .. "/" .. name, bytes)
  return {kind = kind, file = name, sha256 = native.sha256(bytes)}
end

--- The record of a file that is in the folder already.
function Sidecar:adopt(kind, name)
  return {kind = kind, file = name, sha256 = native.sha256(assert(read(self.path .. "/" .. name)))}
end

local function files_of(record)
  local names = {}
  for _, output in ipairs(record and record.outputs or {}) do
    if plain_name(output.file) then names[output.file] = true end
  end
  if record and record.cache then
    for _, name in ipairs(record.cache.files) do
      if plain_name(name) then names[name] = true end
    end
  end
  return names
end

--- Puts the record in the place of the cell's old one; files that only the old one named go.
function Sidecar:replace(doc, cell, record)
  local old, new = files_of(self.records[cell.name]), files_of(record)
  self.records[cell.name] = record
  self:commit(doc)
  for name in pairs(old) do
    if not new[name] then os.remove(self.path .. "/" .. name) end
  end
end

--- Drops records of cells that the notebook has no more, with their files.
function Sidecar:prune(doc)
  local known = {}
  for _, cell in ipairs(doc.cells) do known[cell.name] = true end
  for id, record in pairs(self.records) do
    if not known[id] then
      for name in pairs(files_of(record)) do os.remove(self.path .. "/" .. name) end
      self.records[id] = nil
    end
  end
end

--- Removes the outputs and the manifest; the folder too when nothing else is in it.  Imported reference outputs stay.
function Sidecar:clean()
  for _, record in pairs(self.records) do
    for name in pairs(files_of(record)) do os.remove(self.path .. "/" .. name) end
  end
  os.remove(self.path .. "/manifest.json")
  os.remove(self.path .. "/.lock")
  if #folder.list(self.path) == 0 then os.remove(self.path) end
end

return sidecar
