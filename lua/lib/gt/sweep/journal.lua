--- journal.lua: the finished points of sweeps, a line of JSON each, on the disk before the next one begins.
-- Whatever ends the program leaves whole lines and at most a piece of one, which is cut off when the file is opened again.

local keywords = require "gt.keywords"
local log = require "gt.train.log"
local json = require "json"

local journal = {}

local HEADER = {sweep = {format = 1}}

--- Size of the whole lines of a file and the first of them; nil when there is no file.
local function whole_lines(path)
  local file <close> = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a" or ""
  local size = #text - #text:match "[^\n]*$"
  return size, text:match "^[^\n]*"
end

local function check_header(path, line)
  local ok, header = pcall(json.decode, line)
  if not (ok and type(header) == "table" and type(header.sweep) == "table" and header.sweep.format == 1) then
    keywords.fail("sweep: '%s' is no journal of a sweep", path)
  end
end

--- journal.open(path) -> what is in it by key, and the log for new records.
function journal.open(path)
  local size, first = whole_lines(path)
  if not size or size == 0 and first == "" then return {}, log.create(path, HEADER) end
  check_header(path, first)
  local ok, records = pcall(log.read, path)
  if not ok then keywords.fail("sweep: a line of '%s' is damaged: %s", path, tostring(records)) end
  local known = {}
  for i, record in ipairs(records) do
    if type(record) ~= "table" or type(record.key) ~= "string" then
      keywords.fail("sweep: line %d of '%s' is no point of a sweep", i + 1, path)
    end
    known[record.key] = record
  end
  return known, log.continue(path, size, HEADER)
end

return journal
