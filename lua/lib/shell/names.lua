--- names.lua: the variables of the session: %who, %mem, %reset.

local grid = require "base.grid"
local native = require "native"
local shell = require "native.shell"
local units = require "base.units"

local names = {}

--- What a global was before the user's first input: the library's globals are not the user's, this code has its own.
local function original(name)
  local own = native.originals()[name]
  if own ~= nil then return own end
  if shell.initial()[name] or native.lazy()[name] then return _ENV[name] end
  return nil
end

--- The user's variables: {{name, value}, …}, sorted; what the library and Lua bring along is left out.
function names.list()
  local found = {}
  local function add(variables, wanted)
    for name, value in next, variables do
      if type(name) == "string" and wanted(name, value) then found[#found + 1] = {name, value} end
    end
  end
  add(shell.variables(), function(name) return not name:find "^_+$" end)
  add(_G, function(name, value) return not rawequal(value, original(name)) end)
  table.sort(found, function(a, b) return a[1] < b[1] end)
  return found
end

--- The name of a variable that holds this very value, or nil.
function names.of(value)
  for _, variables in ipairs {shell.variables(), _G} do
    for name, held in next, variables do
      if rawequal(held, value) and type(name) == "string" and name:find "^[%a_][%w_]*$" and not name:find "^_+$" then
        return name
      end
    end
  end
end

-- ---- where they were set ----

local places = {} -- name -> the input that set it last
local marks = {} -- name -> what it was after that input, as something that keeps nothing alive

local function identity(value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then return value end
  return ("%s %p"):format(kind, value)
end

--- After input n: the variables that it set.
function names.note(n)
  for _, item in ipairs(names.list()) do
    local name, now = item[1], identity(item[2])
    if marks[name] ~= now then marks[name], places[name] = now, "input " .. n end
  end
end

-- ---- tables of them ----

--- Bytes of a value's tensors, device; nil where that cannot be said.
local function memory_of(value)
  if torch.is_tensor(value) then return value:nbytes(), tostring(value.device) end
  if type(value) == "userdata" and nn.isinstance(value, nn.Module) then
    local sum, device = 0, nil
    for p in nn.Module.parameters(value) do
      sum = sum + p:nbytes()
      device = device or tostring(p.device)
    end
    return sum, device
  end
end

--- What a value is, in a few words.
local function kind_of(value)
  if torch.is_tensor(value) then
    return ("%s %s"):format(tostring(value.dtype):match "[^.]*$", tostring(value:size()):match "%[.*%]")
  end
  if type(value) == "function" then
    local info = debug.getinfo(value, "S")
    return info.what == "C" and "function, built in" or f"function at {info.short_src}:{info.linedefined}"
  end
  if type(value) == "table" and getmetatable(value) == nil then
    local count = 0
    for _ in next, value do count = count + 1 end
    return ("table of %d item%s"):format(count, count == 1 and "" or "s")
  end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  if type(value) == "string" then return ("string of %d bytes"):format(#value) end
  return torch.type(value)
end

local function print_table(rows) print(grid.text(rows, "columns")) end

--- %who: name, kind, bytes, device and input of each variable.
function names.who()
  local rows = {}
  for _, item in ipairs(names.list()) do
    local bytes, device = memory_of(item[2])
    rows[#rows + 1] = {item[1], kind_of(item[2]), bytes and units.bytes(bytes) or "", device or "", places[item[1]] or ""}
  end
  if #rows == 0 then return print "no variables" end
  print_table(rows)
end

--- %mem: memory by device, and the variables that hold most of it.
function names.memory()
  collectgarbage()
  local rows = {{"device", "in tensors", "most ever", "held from the system"}}
  local devices = {"cpu"}
  for index = 0, 13 do devices[#devices + 1] = "cuda:" .. index end
  for _, device in ipairs(devices) do
    local stats = torch.memory_stats(device)
    if device == "cpu" or stats.peak > 0 then
      local name = device == "cpu" and ("cpu (%s)"):format(torch.backends.cpu.get_cpu_capability()) or device
      rows[#rows + 1] = {name, units.bytes(stats.allocated), units.bytes(stats.peak), units.bytes(torch.memory_reserved(device))}
    end
  end
  rows[#rows + 1] = {"Lua", units.bytes(math.floor(collectgarbage "count" * 1024))}
  print_table(rows)
  local held = {}
  for _, item in ipairs(names.list()) do
    local bytes = memory_of(item[2])
    if bytes and bytes > 0 then held[#held + 1] = {item[1], bytes} end
  end
  table.sort(held, function(a, b) return a[2] > b[2] end)
  for i = 1, math.min(#held, 5) do held[i] = held[i][1] .. " " .. units.bytes(held[i][2]) end
  if #held > 0 then print("largest: " .. table.concat(held, ", ", 1, math.min(#held, 5))) end
end

--- Lua's own functions are what they were, in the tables of its libraries and for strings.
local function repair()
  for name, library in next, native.originals() do
    local own = type(library) == "table" and name ~= "_G" and rawget(_ENV, name)
    for key, value in next, name ~= "package" and type(own) == "table" and own or {} do rawset(library, key, value) end
  end
  for name, value in next, native.originals() do
    if rawget(_G, name) == nil then rawset(_G, name, value) end
  end
  getmetatable("").__index = native.originals().string
end

--- %reset: forgets all variables of the user, and what was changed of Lua's libraries.
function names.reset()
  repair()
  local variables = shell.variables()
  for name in next, variables do variables[name] = nil end
  for _, item in ipairs(names.list()) do rawset(_G, item[1], original(item[1])) end
  collectgarbage()
  collectgarbage()
end

return names
