-- hostile.lua: every public function, method and metamethod and every function of the library's native modules, called
-- with values of every kind that they do not expect: they answer with a value or one error in the words of the user's
-- code, and never end the process, run without end or make files that no text among the arguments names.
-- The calls are hostile_calls.lua's, in a process of their own with little memory and a folder of its own; the same calls
-- on every machine.  GPTSH_HOSTILE_SEED: other ones.
local test = require "harness"
local child = require "native.child"

local exe = io.popen("readlink /proc/" .. io.open("/proc/self/stat"):read("n") .. "/exe"):read("l")
local sanitized = exe:find "/asan/" or exe:find "/tsan/" -- they reserve addresses by the terabyte
local here = io.popen("pwd"):read "l"
local folder = io.popen("mktemp -d"):read "l"

local command = [[cd "$1" && ulimit -c 0 && ]] .. (sanitized and "" or "ulimit -v 600000 && ") ..
  [[exec "$2" "$3/tests/lang/hostile_calls.lua" "$4" "$5"]]
local how, code, out, errors = child.run(
  {"sh", "-c", command, "sh", folder, exe, here, os.getenv "GPTSH_HOSTILE_SEED" or "1", sanitized and "huge" or "large"},
  {seconds = sanitized and 1100 or 280, environment = {HOME = folder, XDG_CONFIG_HOME = folder, PATH = "/usr/bin:/bin"}})
child.run({"rm", "-r", folder}, {})

local faults = {inner = {}, file = {}, ended = {}}
for kind, name, what in out:gmatch "fault\t(%l+)\t([^\t\n]*)\t([^\n]*)" do table.insert(faults[kind], name .. " " .. what) end

local function none(list, more)
  if #list > 0 then test.fail(#list .. " found\n" .. table.concat(list, "\n") .. (more or "")) end
end

test("the calls were made", function()
  local functions, calls = out:match "end\t(%d+)\t(%d+)\n$"
  if how ~= "exited" or code ~= 0 or not functions then
    test.fail(("%s %s: %s"):format(how, code, errors:sub(-2000)))
  end
  assert(tonumber(functions) > 900 and tonumber(calls) > 100000, functions .. " functions, " .. calls .. " calls")
end)

test("no call ends the process or runs without end", function() none(faults.ended, "\n" .. errors:sub(1, 4000)) end)

test("no call makes a file that is not named by a text", function() none(faults.file) end)

test("no error is one of the library's own code", function() none(faults.inner) end)
