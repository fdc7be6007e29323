--- reload.lua: modules read again from their files: %reload and %autoreload.

local native = require "native"
local shell = require "native.shell"

local loaded = package.users -- luacheck: ignore 143 -- the modules that are not the library's own
local package = native.originals().package -- its path is the user's to change

local reload = {}

local function fail(format, ...) error(format:format(...), 0) end

--- Puts what a module's file returns now into the table that was loaded, so that every holder of it sees the change.
function reload.module(name)
  local old = loaded[name]
  if old == nil then fail("%%reload: '%s' was not loaded; require \"%s\" does", name, name) end
  local path, reason = package.searchpath(name, package.path)
  if not path then fail("%%reload: no file of '%s': %s", name, reason:match "[^\n]*$") end
  local code, problem = loadfile(path)
  if not code then fail("%s", problem) end
  local new = code(name, path)
  if new == nil then new = true end
  if type(old) ~= "table" or type(new) ~= "table" then
    loaded[name] = new
    return print(f"{path}: loaded again; require '{name}' answers the new value")
  end
  if type(rawget(new, "__reload")) == "function" then new.__reload(old) end
  local changes = {}
  for key, value in next, new do
    if old[key] == nil then
      changes[#changes + 1] = "+" .. tostring(key)
    elseif not rawequal(old[key], value) then
      changes[#changes + 1] = tostring(key)
    end
  end
  for key in next, old do
    if rawget(new, key) == nil then
      changes[#changes + 1] = "-" .. tostring(key)
      old[key] = nil
    end
  end
  for key, value in next, new do old[key] = value end
  setmetatable(old, getmetatable(new))
  table.sort(changes)
  print(f"{path}: {#changes > 0 and table.concat(changes, ', ') or 'nothing changed'}")
end

-- ---- %autoreload ----

local embedded -- set of the library's own modules, which have no files
local stamps = {} -- module -> what the stamp of its file was when it was read

--- The file that a loaded module came from, and its stamp now; nil for the library's own.
local function file_of(name)
  if not embedded then
    embedded = {}
    for _, library in ipairs(native.sources()) do embedded[library] = true end
  end
  local path = type(name) == "string" and not embedded[name] and package.searchpath(name, package.path)
  return path or nil, path and shell.stamp(path)
end

--- Notes the files of modules that were loaded since the last look.
local function look()
  for name in next, loaded do
    if stamps[name] == nil then
      local _, stamp = file_of(name)
      stamps[name] = stamp or false
    end
  end
end

--- Modules whose files have changed since they were read.
local function changed()
  local names = {}
  for name, before in next, stamps do
    local _, now = file_of(before and name)
    if now and now ~= before then
      names[#names + 1], stamps[name] = name, now
    end
  end
  table.sort(names)
  return names
end

reload.on = false -- %autoreload

--- %autoreload on|off
function reload.automatic(argument)
  if argument ~= "on" and argument ~= "off" then
    fail("%%autoreload expects on or off, got '%s'", argument)
  end
  reload.on, stamps = argument == "on", {}
  if reload.on then look() end
end

--- Before an input: reads the changed ones again.  A file with a mistake is told of once.
function reload.before()
  for _, name in ipairs(changed()) do
    local ok, message = pcall(reload.module, name)
    if not ok then io.stderr:write(f"%autoreload: {message}\n") end
  end
end

--- After an input.
reload.after = look

return reload
