--- init.lua: the commands of "gptsh nb".  Each takes file names and options and answers the exit code.

local document = require "nb.document"
local sidecar = require "nb.sidecar"

local nb = {}

local function complain(format, ...)
  io.stdout:flush()
  io.stderr:write("gptsh: ", format:format(...), "\n")
  return 1
end

--- The notebook at `path`, or nothing after a message.
local function open(path)
  local text, reason = document.bytes(path)
  if not text then
    complain("cannot read %s", reason)
    return nil
  end
  if path:find "%.ipynb$" then
    complain("%s is a Jupyter notebook: gptsh nb import %s makes a .lua notebook of it, gptsh nb view shows it", path, path)
    return nil
  end
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
  local doc = document.parse(chunk:gsub("^[@=]", ""), text)
  doc.chunk = chunk
  if not sound(doc) then return 1 end
  return require("nb.run").run(doc, {})
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
  _G.arg = {[0] = files[1]}
  return require("nb.run").run(doc, {
    to = o.to, from = o.from, only = o.only, changed = o.changed, parameters = o.p, check = o.check,
    allow_errors = o["allow-errors"], timeout = timeout, seed = seed, out = o.out, save = not o["no-save"],
  })
end

function commands.check(files, o)
  local found = 0
  for _, path in ipairs(files) do
    local doc = open(path)
    if not doc then return 1 end
    for _, item in ipairs(require("nb.check").findings(doc, o.portable)) do
      print(("%s:%d: %s"):format(path, item[1], item[2]))
      found = found + 1
    end
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
        require("native.data").write(path, text)
        print(path)
      end
    end
  end
  return code
end

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
