--- log.lua: metrics as JSON lines in <folder>/log.jsonl.  The first line describes the run; every other one has a step.
--
-- Each record is flushed as one write.  What a failed write left is cut off by the next.
--
-- A checkpoint remembers how long the log was.  A run that goes back to one, or begins anew over another run, is a new
-- branch of the folder: at its first record it writes a new log.jsonl of what still counts, so that there are no gaps and
-- no duplicates, and the log before stays as .log-<branch>.jsonl until a checkpoint of the branch has been saved.

local folder = require "native.folder"
local json = require "base.json"
local keywords = require "base.keywords"
local summaries = require "base.show".summaries

local log = {}

local Log = {}
Log.__index = Log

local MOST = 4 << 30 -- bytes of a log that is read

--- Bytes of the file; nil when there is none.  What is not a regular file is not written to: a pipe would be waited for.
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
  self:begin()
  local now = size_of(self.path)
  if now and now > self.size then folder.truncate(self.path, self.size) end
  self.file = open(self.path)
  return self.file
end

local function make(fields)
  fields.begun = true
  local made = setmetatable(fields, Log)
  file_of(made)
  return made
end

--- A new log: `header` becomes its first line.
function log.create(path, header)
  local line = json.encode(header) .. "\n"
  folder.write(path, line)
  return make {path = path, size = #line}
end

--- A log that is continued, cut to `size` bytes; begun again with the header when it is not there or shorter.
function log.continue(path, size, header)
  local now = size_of(path)
  if not now or now < size then return log.create(path, header) end
  return make {path = path, size = size}
end

-- ---- branches of a run ----

local function log_path(path) return path .. "/log.jsonl" end

--- Names of the logs that were put aside, and the branches for which they were.
local function put_aside(path)
  local found = {}
  for _, name in ipairs(folder.list(path)) do
    local digits = name:match "^%.log%-(%d+)%.jsonl$"
    if digits and #digits < 19 then found[path .. "/" .. name] = math.tointeger(digits) end
  end
  return found
end

--- The file with the log of the checkpoints of a branch.
local function file_of_branch(path, branch)
  for name, later in pairs(put_aside(path)) do
    if later > branch then return name end
  end
  return log_path(path)
end

--- The log of a new branch of the run in a folder; nothing on the disk changes before its first record.  since: {branch =,
-- bytes =} of the checkpoint that it continues from; nil, or where that log is gone or has become shorter (then `lost` is
-- its name): it begins with the header.
function log.branch(path, branch, header, since)
  local self = {path = log_path(path), aside = f"{path}/.log-{branch}.jsonl", start = json.encode(header) .. "\n"}
  local source = since and file_of_branch(path, since.branch)
  local now = source and size_of(source)
  if now and now >= since.bytes then self.source = source else self.lost = source end
  self.size = self.source and since.bytes or #self.start
  return setmetatable(self, Log)
end

--- Removes the logs that branches up to this one, which have checkpoints, have put aside.
function log.clear(path, branch)
  for name, later in pairs(put_aside(path)) do
    if later <= branch then
      local ok, why = os.remove(name)
      if not ok then keywords.fail("cannot remove '%s': %s", name, why) end
    end
  end
end

--- The first `size` bytes of a file.
local function first_bytes(path, size)
  local text, why = folder.head(path, size)
  if not text or #text ~= size then keywords.fail("cannot read the log: %s", why or f"'{path}' has become shorter") end
  return text
end

--- Makes log.jsonl the log of this branch.
function Log:begin()
  if self.begun then return end
  local there = size_of(self.path)
  if self.source ~= self.path or there ~= self.size then
    local text = self.source and first_bytes(self.source, self.size) or self.start
    if there and (self.source == self.path or not size_of(self.aside)) then
      local ok, why = os.rename(self.path, self.aside)
      if not ok then keywords.fail("cannot put the log aside: %s", why) end
      if self.source then self.source = self.aside end
    end
    folder.write(self.path, text)
  end
  self.begun = true
end

-- ---- reading ----

local words = {nan = 0 / 0, ["-nan"] = 0 / 0, inf = math.huge, ["-inf"] = -math.huge}

-- What is wrong with a record: the name of a field, what it must be, what it is.

--- Numbers that were written as text become numbers again.
local function fault_of_numbers(record, prefix)
  for key, value in pairs(record) do
    if words[value] then record[key] = words[value] end
    if not math.type(record[key]) then return prefix .. key, "a number", value end
  end
end

local function fault_of_looks(looks)
  if type(looks) ~= "table" then return "monitor", "a table", looks end
  for name, found in pairs(looks) do
    if type(found) ~= "table" then return "monitor." .. name, "a table", found end
    local field, what, got = fault_of_numbers(found, f"monitor.{name}.")
    if field then return field, what, got end
  end
end

local function fault_of(record)
  local step, looks = record.step, record.monitor
  if math.type(step) ~= "integer" or step < 0 then return "step", "a whole number >= 0", step end
  if looks ~= nil then return fault_of_looks(looks) end
  return fault_of_numbers(record, "")
end

--- All records of a log but its header, of its first `size` bytes where that is given; a last line that is not whole is
-- left out.  nil and the reason when a line is damaged.
function log.read(path, size)
  local records, number = {}, 0
  local text, why, missing = folder.read(path, MOST)
  if missing then return records end
  if not text then return nil, why end
  if size then text = text:sub(1, size) end
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

--- The records of a run that count for this log; raises at a line that cannot be one.
function Log:records()
  local path = self.begun and self.path or self.source
  local records, why = log.read(path or "", self.size)
  for i, record in ipairs(records or {}) do
    local field, what, got = fault_of(record)
    if field then
      why = ("line %d of '%s': expected %s to be %s, got %s"):format(i + 1, path, field, what, keywords.show(got))
      break
    end
  end
  if why then keywords.fail("train: %s; without this file the run continues with a new log", why) end
  return records
end

-- ---- columns ----

local of_steps, of_evals = {"step", "loss", "lr", "norm", "tokens", "elapsed"}, {"val_loss", "val_bpb"}

--- Adds a value to a list of columns that most runs do not need.
local function append(columns, name, value)
  columns[name] = columns[name] or {}
  table.insert(columns[name], value)
end

--- Adds a record to columns.
function log.add(columns, record)
  if record.skipped then
    append(columns, "skip_step", record.step)
    append(columns, "skipped", record.skipped)
  end
  if record.val_loss then
    columns.val_step[#columns.val_step + 1] = record.step
    for _, name in ipairs(of_evals) do columns[name][#columns.val_step] = record[name] end
  elseif record.loss then -- neither the monitor's own nor a step without an update
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
  if columns.skipped then
    local sum = 0
    for _, n in ipairs(columns.skipped) do sum = sum + n end
    out[#out + 1] = f"  skipped   {sum} batches without a target, the last in step {columns.skip_step[#columns.skip_step]}"
  end
  out[#out + 1] = f"lists: {names}; val_step, {table.concat(of_evals, ', ')}"
  out[#out + 1] = "t.log.loss[1] is the first of one; plot.loss(t) draws them"
  return table.concat(out, "\n")
end

--- The same columns: a table like any other, of which the prompt displays a summary and not every number.
function log.summarised(columns)
  summaries[columns] = summary
  return columns
end

--- Records as lists of numbers, for plots: step, loss, lr, norm, tokens, elapsed; val_step, val_loss, val_bpb; where batches
-- without a target were skipped, skip_step and skipped.
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
  if self.source and not self.begun then return self.size end -- a checkpoint has made sure of them
  file_of(self)
  folder.sync(self.path)
  return self.size
end

function Log:close()
  if self.file then self.file:close() end
  self.file = nil
end

return log
