--- log.lua: metrics as JSON lines in <folder>/log.jsonl.  The first line describes the run; every other one has a step.
--
-- Each record is flushed as one write.  A checkpoint remembers how long the log was, so that a run that is resumed cuts
-- off what was written after it: no gaps, no duplicates.  What a write that failed left behind is cut off by the next.

local folder = require "native.folder"
local json = require "json"
local keywords = require "gt.keywords"
local summaries = require "show".summaries

local log = {}

local Log = {}
Log.__index = Log

local MOST = 4 << 30 -- bytes of a log that is read

--- Bytes of the file; nil when there is none.  What is no file is not written to: a pipe would be waited for.
local function size_of(path)
  local kind, size = folder.kind(path, true)
  if kind and kind ~= "file" then keywords.fail("cannot write the log: '%s' is a %s", path, kind) end
  return kind and size
end

local function open(path)
  size_of(path)
  local file, why = io.open(path, "ab")
  if not file then keywords.fail("cannot write the log: %s", why) end
  return file
end

--- The file, opened when it is needed and cut to what is known to be whole.
local function file_of(self)
  if self.file then return self.file end
  local now = size_of(self.path)
  if now and now > self.size then folder.truncate(self.path, self.size) end
  self.file = open(self.path)
  return self.file
end

local function make(path, size)
  local made = setmetatable({path = path, size = size}, Log)
  file_of(made)
  return made
end

--- A new log: `header` becomes its first line.
function log.create(path, header)
  local line = json.encode(header) .. "\n"
  folder.write(path, line)
  return make(path, #line)
end

--- The log of a run that goes on, cut to `size` bytes; begun again with the header when it is not there or shorter.
function log.continue(path, size, header)
  local now = size_of(path)
  if not now or now < size then return log.create(path, header) end
  return make(path, size)
end

--- All records of a log but its header; a last line that is not whole is left out.  nil and the reason when a line is
-- damaged.
function log.read(path)
  local records, number = {}, 0
  local text, why, missing = folder.read(path, MOST)
  if missing then return records end
  if not text then return nil, why end
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    if number > 1 then
      local ok, record = pcall(json.decode, line)
      if not ok or type(record) ~= "table" then return nil, f"line {number} of '{path}' is damaged" end
      records[#records + 1] = record
    end
  end
  return records
end

local of_steps, of_evals = {"step", "loss", "lr", "norm", "tokens", "elapsed"}, {"val_loss", "val_bpb"}

--- Adds a record to columns.
function log.add(columns, record)
  if record.monitor then return end -- the monitor's own
  if record.val_loss then
    columns.val_step[#columns.val_step + 1] = record.step
    for _, name in ipairs(of_evals) do columns[name][#columns.val_step] = record[name] end
  else
    local row = #columns.step + 1
    for _, name in ipairs(of_steps) do columns[name][row] = record[name] end
  end
end

--- "  loss  first 5.541, last 2.103, least 2.098 (step 589)"; nil for a list without numbers.
local function line_of(name, values, steps)
  local first, last, least, at
  for row = 1, #steps do
    local x = values[row]
    if math.type(x) and x == x then
      first, last = first or x, x
      if not least or x < least then least, at = x, steps[row] end
    end
  end
  if not first then return nil end
  return ("  %-9s first %.4g, last %.4g, least %.4g (step %d)"):format(name, first, last, least, at)
end

--- What the prompt displays for columns.
local function summary(columns)
  local names, steps = table.concat(of_steps, ", "), columns.step
  local out = {#steps == 0 and "log of no steps yet" or ("log of %d steps, %d to %d"):format(#steps, steps[1], steps[#steps])}
  out[#out + 1] = line_of("loss", columns.loss, steps)
  out[#out + 1] = line_of("norm", columns.norm, steps)
  for _, name in ipairs(of_evals) do out[#out + 1] = line_of(name, columns[name], columns.val_step) end
  out[#out + 1] = f"lists: {names}; val_step, {table.concat(of_evals, ', ')}"
  out[#out + 1] = "t.log.loss[1] is the first of one; plot.loss(t) draws them"
  return table.concat(out, "\n")
end

--- The same columns: a table like any other, of which the prompt displays a summary and not every number.
function log.summarised(columns)
  summaries[columns] = summary
  return columns
end

--- Records as lists of numbers, for plots: step, loss, lr, norm, tokens, elapsed; val_step, val_loss, val_bpb.
function log.columns(records)
  local columns = log.summarised {val_step = {}}
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
  local line = json.encode(plain(record)) .. "\n"
  local file = file_of(self)
  local ok, why = file:write(line)
  if ok then ok, why = file:flush() end
  if not ok then
    self:close()
    keywords.fail("cannot write '%s': %s", self.path, why)
  end
  self.size = self.size + #line
end

--- Bytes of the log, which are on the disk when this returns.
function Log:sync()
  file_of(self)
  folder.sync(self.path)
  return self.size
end

function Log:close()
  if self.file then self.file:close() end
  self.file = nil
end

return log
