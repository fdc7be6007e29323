--- journal.lua: the finished points of sweeps, a line of JSON each, on the disk before the next one begins.
-- Whatever ends the program leaves whole lines and at most a piece of one, which is cut off when the file is opened again.
-- The file is locked while a sweep runs: two sessions would do the same points twice.

local native = require "native.train"
local folder = require "native.folder"
local keywords = require "base.keywords"
local log = require "gt.train.log"
local json = require "base.json"

local journal = {}

local MOST = 1 << 30 -- bytes
local HEADER = {sweep = {format = 1}}

local Journal = {}
Journal.__index = Journal

--- Size of the whole lines of a file, the first of them, and the piece at the end.
local function whole_lines(path)
  local text, why = folder.read(path, MOST)
  if not text then keywords.fail("sweep: %s", why) end
  local piece = text:match "[^\n]*$"
  return #text - #piece, text:match "^[^\n]*", piece
end

local function check_header(path, line)
  local ok, header = pcall(json.decode, line)
  if not (ok and type(header) == "table" and type(header.sweep) == "table" and header.sweep.format == 1) then
    keywords.fail("sweep: expected '%s' to be the journal of a sweep", path)
  end
end

--- Records by key.
local function read(path)
  local records, why = log.read(path)
  if not records then keywords.fail("sweep: %s", why) end
  local known = {}
  for i, record in ipairs(records) do
    if type(record) ~= "table" or type(record.key) ~= "string" then
      keywords.fail("sweep: line %d of '%s' is not a point of a sweep", i + 1, path)
    end
    known[record.key] = record
  end
  return known
end

--- Reads what there is and gets ready to add to it.
local function begin(self, path)
  local size, first, piece = whole_lines(path)
  local begun = json.encode(HEADER):sub(1, #piece) == piece -- all there is, when size is 0
  if size > 0 or not begun then
    check_header(path, first)
    self.known = read(path)
  end
  self.log = log.continue(path, size, HEADER)
  if size == 0 then self.log:write(HEADER) end
end

--- journal.open(path) -> the journal; its `known` are the records in it by key.
function journal.open(path)
  local lock = folder.lock_file(path)
  if not lock then keywords.fail("sweep: another session is sweeping with the journal '%s'", path) end
  local self = setmetatable({lock = lock, known = {}, path = path}, Journal)
  native.guard(function() lock:close() end, begin, self, path)
  return self
end

--- Keeps a record; it is on the disk when this returns.
function Journal:write(record)
  self.known[record.key] = record
  self.log:write(record)
  self.log:sync()
end

--- In a copy of the session: the file and its lock are the session's alone.
function Journal:leave() self.lock:close() end

function Journal:__close()
  self.log:close()
  self.lock:close()
end

return journal
