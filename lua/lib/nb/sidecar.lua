--- sidecar.lua: the folder name.out/ next to a notebook: manifest.json, one record per cell, and the files of outputs.
-- A record has id, title, key, status, started (UTC), seconds, device, seed, revision, outputs = {{kind, file, sha256}, …}.
-- Files come first, under a name that begins with ".new-", then the manifest, each whole or not at all; then the files
-- take the places of older ones.  Whatever ends the program, a manifest finds the files it was written for.
--
-- The folder may come from another user: what is written and removed is in it, never where a link in it points.

local folder = require "native.folder"
local json = require "base.json"
local native = require "native.notebook"
local read = require("nb.document").bytes
local shape = require "nb.shape"
local texts = require "nb.texts"

local sidecar = {}

local FORMAT = 1
local NEW = ".new-"

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
    ["cache?"] = {files = {list = "text"}, ["xxh3?"] = {list = "text"}},
  }},
}

--- Opens the folder for reading; it need not exist.  Raises when its manifest cannot be read.
function sidecar.open(path)
  local self = setmetatable({path = path, records = {}}, Sidecar)
  local text, reason, missing = read(path .. "/manifest.json")
  if missing then return self end
  if not text then error(reason, 0) end
  local ok, manifest = pcall(json.decode, text)
  if not ok or type(manifest) ~= "table" or manifest.format ~= FORMAT or type(manifest.cells) ~= "table" then
    error(path .. "/manifest.json is not a manifest of this version: gptsh nb clean removes it", 0)
  end
  shape.check(path .. "/manifest.json", manifest, MANIFEST)
  self.exists, self.parameters, self.seed = true, manifest.parameters, manifest.seed
  for i, record in ipairs(manifest.cells) do
    if self.records[record.id] then error(("%s/manifest.json: cells[%d].id: expected a name of its own, got that of another cell"):format(path, i), 0) end
    self.records[record.id] = record
  end
  return self
end

--- The same, and a manifest that cannot be read counts as none.
function sidecar.open_anyway(path)
  local ok, self = pcall(sidecar.open, path)
  return ok and self or setmetatable({path = path, records = {}}, Sidecar)
end

--- Only names without a path are taken from a manifest, which another user may have written.
local function plain_name(name)
  return type(name) == "string" and name ~= "" and not name:find "[/\\%c]" and name ~= "." and name ~= ".."
end

--- The bytes of an output, or nil and the reason: gone, changed, not in the folder.
function Sidecar:read(output)
  if not plain_name(output.file) then return nil, "the manifest names a file outside of the folder" end
  local bytes, reason = read(self.path .. "/" .. output.file)
  if bytes and native.sha256(bytes) == output.sha256 then return bytes end
  local new = read(self.path .. "/" .. NEW .. output.file)
  if new and native.sha256(new) == output.sha256 then return new end
  return nil, reason or self.path .. "/" .. output.file .. " was changed"
end

--- The path of a file whose hash a record keeps, or nil.
function Sidecar:find(name, hash)
  for _, prefix in ipairs(plain_name(name) and {"", NEW} or {}) do
    local path = self.path .. "/" .. prefix .. name
    local ok, _, sum = pcall(folder.hash, path)
    if ok and sum == hash then return path end
  end
end

-- ---- writing ----

local function encode(value) return json.encode(value, {indent = 1}) end

--- Writes the manifest: the records of the cells of `doc`, in its order.
function Sidecar:commit(doc)
  local cells = {}
  for _, cell in ipairs(doc.cells) do cells[#cells + 1] = self.records[cell.name] end
  folder.write(sidecar.place(self.path, "manifest.json"), encode{
    format = FORMAT, notebook = texts.utf8(doc.path:match "[^/]*$"),
    program = require("native.train").version(), cells = json.array(cells),
    parameters = self.parameters, seed = self.seed,
  } .. "\n")
end

local function refuse_link(path)
  if folder.kind(path) ~= "symbolic link" then return end
  error(("'%s' is a symbolic link: outputs are kept in a folder of their own; --out '%s/' is where it points"):format(path, path), 0)
end

--- Makes the folder at `path`, which must not be a link.
function sidecar.make(path)
  refuse_link(path)
  folder.make(path)
end

--- The path for a new file of the folder; a link of that name is removed, so that it is not followed.
function sidecar.place(path, name)
  local place = path .. "/" .. name
  if folder.kind(place) == "symbolic link" then folder.remove(place) end
  return place
end

--- Makes the folder and returns what keeps it this process's own until it is closed; nil when another one has it.
function Sidecar:lock()
  sidecar.make(self.path)
  local lock = folder.lock(self.path)
  if lock then self:settle() end
  return lock or nil
end

--- The first part of the names of a cell's files: "05-lr-sweep".
function sidecar.stem(cell) return ("%02d-%s"):format(cell.number, cell.name) end

--- Where the file `name` of a record that is being made is written.
function Sidecar:new(name) return sidecar.place(self.path, NEW .. name) end

--- Keeps bytes as an output of kind "stdout", "value", "error" or "figure" under the name.
function Sidecar:keep(kind, name, bytes)
  folder.write(self:new(name), bytes)
  return {kind = kind, file = name, sha256 = native.sha256(bytes)}
end

--- The record of a file that was written at self:new(name).
function Sidecar:adopt(kind, name)
  return {kind = kind, file = name, sha256 = native.sha256(assert(read(self.path .. "/" .. NEW .. name)))}
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

--- The new file takes the place of the old one.
function Sidecar:move(name)
  local new = self.path .. "/" .. NEW .. name
  if folder.kind(new) == "file" then assert(os.rename(new, self.path .. "/" .. name)) end
end

--- Puts the record in the place of the cell's old one; files that only the old one named go.
function Sidecar:replace(doc, cell, record)
  local old, new = files_of(self.records[cell.name]), files_of(record)
  self.records[cell.name] = record
  self:commit(doc)
  for name in pairs(new) do self:move(name) end
  for name in pairs(old) do
    if not new[name] then os.remove(self.path .. "/" .. name) end
  end
end

--- Ends what a killed run began: new files that the manifest names take their places, others go.
function Sidecar:settle()
  local left = {}
  for _, name in ipairs(folder.list(self.path)) do
    if name:sub(1, #NEW) == NEW then left[#left + 1] = self.path .. "/" .. name end
  end
  if #left == 0 then return end
  for _, record in pairs(self.records) do
    for _, output in ipairs(record.outputs or {}) do
      local there = plain_name(output.file) and read(self.path .. "/" .. output.file)
      if not there or native.sha256(there) ~= output.sha256 then
        if self:read(output) then self:move(output.file) end
      end
    end
    local cached = record.cache or {files = {}}
    for i, name in ipairs(cached.files) do
      local found = self:find(name, (cached.xxh3 or {})[i])
      if found and found:find("/" .. NEW, 1, true) then self:move(name) end
    end
  end
  for _, path in ipairs(left) do os.remove(path) end
end

--- Drops records of cells that the notebook has no more, with their files.
function Sidecar:prune(doc)
  local known, dropped = {}, {}
  for _, cell in ipairs(doc.cells) do known[cell.name] = true end
  for id, record in pairs(self.records) do
    if not known[id] then dropped[#dropped + 1], self.records[id] = files_of(record), nil end
  end
  if #dropped > 0 then self:commit(doc) end
  for _, names in ipairs(dropped) do
    for name in pairs(names) do os.remove(self.path .. "/" .. name) end
  end
end

--- Removes the outputs and the manifest; the folder too when nothing else is in it.  Imported reference outputs stay.
function Sidecar:clean()
  refuse_link(self.path)
  for _, record in pairs(self.records) do
    for name in pairs(files_of(record)) do os.remove(self.path .. "/" .. name) end
  end
  os.remove(self.path .. "/manifest.json")
  os.remove(self.path .. "/.lock")
  if #folder.list(self.path) == 0 then os.remove(self.path) end
end

return sidecar
