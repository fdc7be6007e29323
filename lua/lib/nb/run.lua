--- run.lua: runs the cells of a notebook: which ones, with which parameters, what is kept of them.

local cache = require "nb.cache"
local expect = require "nb.expect"
local json = require "base.json"
local keys = require "nb.keys"
local native = require "native.notebook"
local outputs = require "nb.outputs"
local parameters = require "nb.parameters"
local provenance = require "nb.provenance"
local sidecar = require "nb.sidecar"
local source = require "nb.source"
local texts = require "nb.texts"
local shielded = require("native.train").shielded

local run = {}

--- What this process ran, by the path of the notebook: {records = {[name of the cell] = {key, status, …}}}.
run.done = setmetatable({}, {__index = function(self, path)
  self[path] = {records = {}}
  return self[path]
end})

local function complain(format, ...)
  io.stdout:flush()
  io.stderr:write("gptsh: ", format:format(...), "\n")
end

-- ---- which cells ----

--- The first cell that is not as this process ran it; nil when it ran none, or all.
local function first_changed(doc)
  local records = run.done[doc.path].records
  if next(records) == nil then return nil end
  for i, cell in ipairs(doc.cells) do
    local status = cell.runs and keys.status(cell, records[cell.name])
    if status and status ~= "ok" then return i end
  end
  return #doc.cells + 1
end

--- The set of cells to run; or nil and what is wrong.
local function choose(doc, o)
  local wanted, first, last = {}, o.changed and first_changed(doc) or 1, #doc.cells
  local place = {}
  for i, cell in ipairs(doc.cells) do place[cell] = i end
  local function find(word)
    local cell, reason = doc:find(word)
    if not cell then error(reason, 0) end
    return place[cell]
  end
  local ok, reason = pcall(function()
    if o.from then first = find(o.from) end
    if o.to then last = find(o.to) end
    if o.from and first > last then error(("%s: cell '%s' comes after '%s'"):format(doc.path, o.from, o.to), 0) end
    for i = first, last do wanted[i] = true end
    if o.only then
      wanted = {}
      for word in o.only:gmatch "[^,]+" do wanted[find(word:match "^%s*(.-)%s*$")] = true end
    end
  end)
  if not ok then return nil, reason end
  return wanted
end

-- ---- one cell ----

--- "cell 7 train", as messages name it.
local function called(cell)
  return ("cell %d%s"):format(cell.number, cell.title ~= "" and " " .. cell.title or "")
end

--- Runs the code of a cell; returns its status and, unless that is "ok", the message for the user.
local function execute(doc, cell, seconds, on_value)
  local mode = doc.plain and "script" or "cell"
  local status, message = native.run(cell.code, doc.chunk, cell.line, mode, seconds, on_value)
  if status == "incomplete" then
    local word, line = source.open_block(cell.body)
    status = "error"
    if word and not doc.plain then
      message = ("%s:%d: cell %d ends inside '%s' opened at line %d"):format(
        doc.path, cell.line + line - 1, cell.number, word, cell.line + line - 1)
    end
  end
  if status == "timeout" then
    message = ("%s:%d: timed out after %g s"):format(doc.path, cell.line, seconds)
  end
  return status, message
end

--- Files of the events of a cell; returns the list for its record.
local function keep_events(kept, cell, events)
  local list, stem = json.array {}, sidecar.stem(cell)
  local written, figures = 0, 0
  for _, event in ipairs(events) do
    if event.kind == "figure" then
      figures = figures + 1
      local name = figures == 1 and stem or stem .. "-" .. figures
      for _, output in ipairs(provenance.draw(kept, event.figure, name, cell)) do list[#list + 1] = output end
    else
      written = written + 1
      local name = (written == 1 and stem or stem .. "-" .. written) .. ".txt"
      list[#list + 1] = kept:keep(event.kind, name, event.text)
    end
  end
  return list
end

-- ---- a run ----

local Run = {}
Run.__index = Run

--- Tells about an error: on stderr always, among the outputs too when they are recorded.
function Run:report(cell, message)
  if self.recorder then self.recorder:error(message) end
  message = native.hint(cell.body, message, cell.line)
  if cell.number > 0 then message = message .. "\n  in " .. called(cell) end
  complain("%s", message)
end

--- Keeps the record of a cell that ran.  Ctrl-C waits for that.
function Run:keep(cell, status, started, seconds, events)
  local record = {
    id = cell.name, title = cell.title, key = cell.key, status = status, started = started, seconds = seconds,
    device = tostring(torch.get_default_device()), seed = torch.initial_seed(), outputs = json.array {},
  }
  run.done[self.doc.path].records[cell.name] = record
  if not self.kept then return end
  shielded(function()
    record.revision, record.dirty = self.revision.revision, self.revision.dirty
    record.outputs = keep_events(self.kept, cell, events)
    if cell.cache and status == "ok" then
      local reason
      record.cache, reason = cache.save(self.kept, cell, source.names(cell.body), parameters.lookup)
      if reason then complain("%s:%d: %s is not kept for later: %s", self.doc.path, cell.line, called(cell), reason) end
    end
    self.kept:replace(self.doc, cell, record)
  end)
end

local function last_lines(text)
  text = texts.trimmed(text)
  return text:match "^.*\n([^\n]*\n[^\n]*\n[^\n]*)$" or text
end

--- Checks the cell's expectations against what it printed.
function Run:check(cell, text)
  local items = expect.of(cell)
  local unmet = expect.unmet(items, text)
  self.met, self.unmet = self.met + #items - #unmet, self.unmet + #unmet
  for _, item in ipairs(unmet) do
    local last = last_lines(text)
    complain("%s:%d: expected %s, %s printed%s", self.doc.path, item.line, item.written, called(cell),
             last == "" and " nothing" or ":\n" .. last:gsub("^", "    "):gsub("\n", "\n    "))
  end
end

--- Takes the results of a cell marked `cache` from the folder in place of running it; false when they are not there.
function Run:restore(cell, quietly)
  local values, seed, stream = cache.load(self.kept, cell)
  if not values then return false end
  local variables = native.variables()
  for name, value in pairs(values) do variables[name] = value end
  require("native.train").set_rng(seed, stream)
  if quietly then return true end
  local events = {}
  for _, output in ipairs(self.kept.records[cell.name].outputs) do
    local text = output.kind ~= "figure" and self.kept:read(output)
    if text then events[#events + 1] = {text = text} end
  end
  local text = outputs.text(events)
  io.stdout:write(text)
  native.recorded()
  if self.o.check then self:check(cell, text) end
  return true
end

--- Runs one cell; false when the run has to stop.
function Run:cell(cell)
  local recorder, started, clock = self.recorder, os.date "!%Y-%m-%dT%H:%M:%SZ", torch.perf_counter()
  local on_value = recorder and function(text) recorder:value(text) end
  self.now = cell
  local status, message = execute(self.doc, cell, cell.timeout or self.o.timeout, on_value)
  if message and status ~= "interrupted" then self:report(cell, message) end
  local events = recorder and recorder:take() or {}
  self:keep(cell, status, started, torch.perf_counter() - clock, events)
  if recorder then
    if self.o.check then self:check(cell, outputs.text(events)) end
  end
  if status == "interrupted" then
    self.code = 130
    return false
  end
  if status ~= "ok" and not cell.allow_error then
    self.code = 1
    return self.o.allow_errors == true
  end
  return true
end

--- After the cell tagged parameters: sets what -p gave.
function Run:inject()
  local reason = parameters.set(self.parameters)
  if reason then
    complain("%s: %s", self.doc.path, reason)
    self.code = 2
  end
  return not reason
end

function Run:cells(wanted)
  for i, cell in ipairs(self.doc.cells) do
    local setting = cell == self.parameter_cell and next(self.parameters) ~= nil
    if cell.runs and (wanted[i] or setting) then
      local restored = self.kept and (self.o.changed or not wanted[i]) and cell.cache and self:restore(cell)
      if not restored and not self:cell(cell) then return end
      if setting and not self:inject() then return end
    elseif cell.runs and cell.cache and self.kept and (self.o.from or self.o.only) then
      self:restore(cell, true) -- what the wanted cells may need
    end
  end
end

--- Is there anything to run with --changed?
local function anything_changed(doc, kept)
  for _, cell in ipairs(doc.cells) do
    local status = cell.runs and keys.status(cell, kept.records[cell.name])
    if status and status ~= "ok" and not (status == "error" and cell.allow_error) then return true end
  end
  return false
end

-- ---- all of it ----

--- Makes what lies around the cells: recording, the folder, figures; calls `body` and takes it down again.
local function with_outputs(self, body)
  local plot = require("plot").plot
  local files, sink = require "plot.files", plot.sink
  local wanted, own = files.wanted, self.kept and self.kept.path .. "/"
  self.recorder = outputs.new()
  local origin = files.origin
  files.origin = setmetatable({}, {__pairs = function() return next, provenance.facts(self), nil end})
  plot.sink = function(figure, save) self.recorder:figure(figure, save) end
  if self.o.check then
    function files.wanted(path) return own ~= nil and path:sub(1, #own) == own end
  end
  local ok, message = pcall(body)
  plot.sink, files.origin, files.wanted = sink, origin, wanted
  local lost, unread = self.recorder:stop()
  self.recorder = nil
  if not ok then error(message, 0) end
  if lost and not unread then complain("output lost: %s", lost) end
  if lost and self.code == 0 then self.code = unread and 141 or 3 end
end

--- What is to be known before the first cell; or nil and what is wrong.
local function prepare(doc, o)
  local given, cell = parameters.read(doc, o.parameters or {})
  if not given then return nil, cell end
  keys.set(doc, given, o.seed)
  local wanted, reason = choose(doc, o)
  if not wanted then return nil, reason end
  local self = setmetatable({doc = doc, o = o, parameters = given, parameter_cell = cell, code = 0, met = 0, unmet = 0}, Run)
  return self, wanted
end

--- Runs a notebook and returns the exit code.  o: to, from, only, changed, parameters = {"NAME=VALUE", …}, check,
--- allow_errors, timeout, seed, out, save (true: keep outputs).
function run.run(doc, o)
  local self, wanted = prepare(doc, o)
  if not self then
    complain("%s", wanted)
    return 2
  end
  if o.seed then
    torch.manual_seed(o.seed)
    math.randomseed(o.seed)
  end
  if not (o.save or o.check) then
    self:cells(wanted)
    return self.code
  end
  if o.save then
    self.kept = sidecar.open(o.out or sidecar.path(doc.path))
    if o.changed and self.kept.exists and not anything_changed(doc, self.kept) then
      io.stderr:write(doc.path, ": nothing changed\n")
      return 0
    end
    self.kept.parameters, self.kept.seed = next(self.parameters) and self.parameters or nil, o.seed
  end
  local lock <close> = self.kept and self.kept:lock()
  if self.kept and not lock then
    complain("%s is in use by another run", self.kept.path)
    return 1
  end
  if self.kept then
    self.kept:prune(doc)
    self.revision = provenance.revision(doc.path)
  end
  with_outputs(self, function() self:cells(wanted) end)
  if o.check and self.code ~= 130 then
    io.stderr:write(("%s: %d expectation%s met, %d not\n"):format(doc.path, self.met, self.met == 1 and "" or "s", self.unmet))
    if self.unmet > 0 and self.code == 0 then self.code = 1 end
  end
  return self.code
end

return run
