--- log.lua: metrics as JSON lines in <folder>/log.jsonl.  The first line describes the run; every other one has a step.
--
-- Each record is flushed as one write.  A checkpoint remembers how long the log was, so that a run that is resumed cuts
-- off what was written after it: no gaps, no duplicates.

local folder = require "native.folder"
local json = require "json"
local keywords = require "gt.keywords"

local log = {}

local Log = {}
Log.__index = Log

local function size_of(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local size = file:seek "end"
  file:close()
  return size
end

local function open(path)
  local file, why = io.open(path, "ab")
  if not file then keywords.fail("cannot write the log: %s", why) end
  return file
end

--- A new log: `header` becomes its first line.
function log.create(path, header)
  folder.write(path, json.encode(header) .. "\n")
  return setmetatable({path = path, file = open(path)}, Log)
end

--- The log of a run that goes on, cut to `size` bytes; begun again with the header when it is not there or shorter.
function log.continue(path, size, header)
  local now = size_of(path)
  if not now or now < size then return log.create(path, header) end
  if now > size then folder.truncate(path, size) end
  return setmetatable({path = path, file = open(path)}, Log)
end

--- All records of a log but its header; a last line that is not whole is left out.
function log.read(path)
  local records = {}
  local file = io.open(path, "rb")
  if not file then return records end
  local first = true
  for line in file:lines "L" do
    if not first and line:sub(-1) == "\n" then records[#records + 1] = json.decode(line) end
    first = false
  end
  file:close()
  return records
end

local of_steps, of_evals = {"step", "loss", "lr", "norm", "tokens", "elapsed"}, {"val_loss", "val_bpb"}

--- Adds a record to columns.
function log.add(columns, record)
  if record.val_loss then
    columns.val_step[#columns.val_step + 1] = record.step
    for _, name in ipairs(of_evals) do columns[name][#columns.val_step] = record[name] end
  else
    local row = #columns.step + 1
    for _, name in ipairs(of_steps) do columns[name][row] = record[name] end
  end
end

--- Records as lists of numbers, for plots: step, loss, lr, norm, tokens, elapsed; val_step, val_loss, val_bpb.
function log.columns(records)
  local columns = {val_step = {}}
  for _, names in ipairs {of_steps, of_evals} do
    for _, name in ipairs(names) do columns[name] = {} end
  end
  for _, record in ipairs(records) do log.add(columns, record) end
  return columns
end

--- NaN and infinities have no JSON form: they are written as text.
local function plain(record)
  local out = {}
  for key, value in pairs(record) do
    local odd = math.type(value) == "float" and (value ~= value or value - value ~= 0)
    out[key] = odd and tostring(value) or value
  end
  return out
end

function Log:write(record)
  local ok, why = self.file:write(json.encode(plain(record)), "\n")
  if ok then ok, why = self.file:flush() end
  if not ok then keywords.fail("cannot write '%s': %s", self.path, why) end
end

--- Bytes of the log, which are on the disk when this returns.
function Log:sync()
  folder.sync(self.path)
  return size_of(self.path)
end

function Log:close()
  if self.file then self.file:close() end
  self.file = nil
end

return log
