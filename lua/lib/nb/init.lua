--- init.lua: the commands of "gptsh nb".  Each takes file names and options and returns the exit code.

local document = require "nb.document"
local folder = require "native.folder"
local sidecar = require "nb.sidecar"

local nb = {}

local function complain(format, ...)
  io.stdout:flush()
  io.stderr:write("gptsh: ", format:format(...), "\n")
  return 1
end

--- Nothing of another kernel's notebook is ever run: true after a message about what to do with it.
local function is_jupyter(path)
  if not path:find "%.ipynb$" then return false end
  complain("%s is a Jupyter notebook: gptsh nb import %s makes a .lua notebook of it, gptsh nb view shows it", path, path)
  return true
end

--- The notebook at `path`, or nothing after a message.
local function open(path)
  local text, reason = document.bytes(path)
  if not text then
    complain("%s", reason)
    return nil
  end
  if is_jupyter(path) then return nil end
  local doc = document.parse(path, text)
  doc.chunk = "@" .. path
  return doc
end

--- A notebook that may be run: its grammar has no errors.
local function sound(doc)
  local problem = doc and doc.problems[1]
  if problem then complain("%s:%d: %s", doc.path, problem[1], problem[2]) end
  return doc and not problem
end

--- nb.play(text, chunk name) -> exit code: runs all cells, keeps nothing.
function nb.play(text, chunk)
  local path = chunk:gsub("^[@=]", "")
  if is_jupyter(path) then return 1 end
  local doc = document.parse(path, text)
  doc.chunk = chunk
  if not sound(doc) then return 1 end
  return require("nb.run").run(doc, {})
end

-- ---- for the prompt ----

--- nb.run(path[, {to =, from =, only =, changed =, …}]) -> exit code: runs cells in this session, whose variables they
--- share; with changed = true the first one that changed since this session ran it, and those below.
function nb.run(path, options)
  local doc = open(path)
  if not sound(doc) then return 1 end
  return require("nb.run").run(doc, options or {})
end

--- nb.cells(path) -> the table of the cells, as this session ran them
function nb.cells(path)
  local doc = open(path)
  if not sound(doc) then return "" end
  return require("nb.status").table(doc, require("nb.run").done[path])
end

local commands = {}

function commands.run(files, o)
  local doc = open(files[1])
  if not sound(doc) then return 1 end
  local timeout, seed = tonumber(o.timeout), math.tointeger(tonumber(o.seed))
  if o.timeout and not (timeout and timeout > 0) then
    complain("--timeout expects seconds above 0, got '%s'", o.timeout)
    return 2
  end
  if o.seed and not seed then
    complain("--seed expects a whole number, got '%s'", o.seed)
    return 2
  end
  rawset(_G, "arg", {[0] = files[1]})
  local save = not o["no-save"] and (not o.check or o.out or o.changed) -- a check changes no file that it was not told of
  return require("nb.run").run(doc, {
    to = o.to, from = o.from, only = o.only, changed = o.changed, parameters = o.p, check = o.check,
    allow_errors = o["allow-errors"], timeout = timeout, seed = seed, out = o.out, save = save,
  })
end

function commands.check(files, o)
  local found = 0
  for _, path in ipairs(files) do
    local doc = open(path)
    if not doc then return 1 end
    local findings = require("nb.check").findings(doc, o.portable)
    for _, item in ipairs(findings) do print(("%s:%d: %s"):format(path, item[1], item[2])) end
    if #findings == 0 and require("native.terminal").is(2) then
      io.stderr:write(("%s: nothing found, %d cell%s\n"):format(path, #doc.cells, #doc.cells == 1 and "" or "s"))
    end
    found = found + #findings
  end
  return found > 0 and 1 or 0
end

function commands.fmt(files, o)
  local code = 0
  for _, path in ipairs(files) do
    local doc = open(path)
    if not sound(doc) then
      code = 1
    else
      local text = require("nb.format").format(doc, o.portable)
      if text ~= doc.text then
        folder.write(path, text)
        print(path)
      end
    end
  end
  return code
end

-- ---- exports ----

local exports = {}

function exports.ipynb(page) return require("nb.ipynb").export(page) end
function exports.md(page, target) return require("nb.markdown").export(page, target) end

function exports.html(page, target, o)
  local script, reason
  if o.mathjax then
    script, reason = document.bytes(o.mathjax)
    if not script then error(reason, 0) end
  end
  return require("nb.html").export(page, target, script)
end

--- A notebook with its kept outputs; what is missing is reported on stderr.
local function page_of(doc, o)
  local kept = sidecar.open(o.out or sidecar.path(doc.path))
  return require("nb.pages").of(doc, kept, function(text) complain("%s", text) end)
end

function commands.export(files, o)
  local path, target = files[1], files[2]
  local format = o.format or (target and target:match "%.(%w+)$" or not target and "html")
  local ending = target and target:match "%.(%w+)$"
  if not (format and exports[format]) or exports[ending] and ending ~= format then
    complain("nb export: expected a target that ends in %s, got '%s'", exports[format] and "." .. format or ".ipynb, .md or .html",
             exports[format] and target or o.format or target)
    return 2
  end
  if not target then
    target = path:gsub("%.lua$", "") .. "." .. format
    if folder.kind(target) == "symbolic link" then
      return complain("%s is a symbolic link: nb export %s %s writes where it points", target, path, target)
    end
  end
  local doc = open(path)
  if not sound(doc) then return 1 end
  if not utf8.len(doc.text) then complain("%s: not valid UTF-8: bad bytes are replaced", path) end
  folder.write(target, exports[format](page_of(doc, o), target, o))
  print(target)
  return 0
end

function commands.import(files)
  local path = files[1]
  local target = files[2] or path:gsub("%.ipynb$", "") .. ".lua"
  local text, reason = document.bytes(path)
  if not text then return complain("%s", reason) end
  if folder.kind(target) then return complain("%s is there already: name another target", target) end
  for _, note in ipairs(require("nb.import").write(path, text, target)) do complain("%s: %s", path, note) end
  print(target)
  return 0
end

function commands.view(files, o)
  local text, reason = document.bytes(files[1])
  if not text then return complain("%s", reason) end
  if files[1]:find "%.ipynb$" then
    require("nb.view").jupyter(files[1], text)
    return 0
  end
  local doc = document.parse(files[1], text)
  local fine = sound(doc)
  require("nb.view").page(page_of(doc, o))
  return fine and 0 or 1
end

function commands.diff(files, o)
  local tolerance = tonumber(o.tolerance)
  if o.tolerance and not (tolerance and tolerance >= 0) then
    complain("--tolerance expects a number from 0 on, got '%s'", o.tolerance)
    return 2
  end
  local diff, doc = require "nb.diff", open(files[1])
  if not sound(doc) then return 1 end
  local out = o.out or sidecar.path(files[1])
  local other, kept = files[2] and sidecar.open(sidecar.path(files[2])), sidecar.open(out)
  if other and not other.exists then return complain("%s has no kept outputs: gptsh nb run %s", other.path, files[2]) end
  local before = other and diff.run(other) or diff.reference(out)
  if not before then return complain("%s has no reference outputs: it was not imported", out) end
  require("nb.keys").set(doc, kept.parameters, kept.seed)
  for _, cell in ipairs(doc.cells) do
    local record = cell.runs and kept.records[cell.name]
    local stale = record and record.key ~= cell.key
    if stale then complain("%s:%d: '%s' changed since it ran", doc.path, cell.line, cell.name) end
  end
  for _, name in ipairs(diff.orphans(doc, before)) do
    complain("%s: there are outputs of '%s', and no such cell", doc.path, name)
  end
  local agree, differ, missing = diff.compare(doc, before, diff.run(kept), tolerance)
  print(("%d cells agree, %d differ, %d without outputs yet"):format(agree, differ, missing))
  return differ > 0 and 1 or 0
end

-- ---- the folder ----

function commands.status(files, o)
  local doc = open(files[1])
  if not sound(doc) then return 1 end
  io.write(require("nb.status").table(doc, sidecar.open(o.out or sidecar.path(doc.path))))
  return 0
end

function commands.clean(files, o)
  for _, path in ipairs(files) do
    local kept = sidecar.open_anyway(o.out or sidecar.path(path))
    kept:clean()
  end
  return 0
end

--- gptsh why FIGURE
function commands.why(files) return require("plot.why").tell(files[1]) end

--- nb.main(command, operands, {{option, value or true}, …}) -> exit code
function nb.main(command, operands, given)
  local options = {p = {}}
  for _, item in ipairs(given) do
    if item[1] == "p" then
      table.insert(options.p, item[2])
    else
      options[item[1]] = item[2]
    end
  end
  return commands[command](operands, options)
end

return nb
