--- child.lua: other programs: their input, output, end; and the terminal they are seen on.
local test = require "harness"
local child = require "native.child"
local terminal = require "native.terminal"

local function run(command, options) return child.run({"sh", "-c", command}, options or {}) end

test("input comes back as output", function()
  local how, code, out = child.run({"cat"}, {input = "a\0b"})
  test.equal({how, code, out}, {"exited", 0, "a\0b"})
end)

test("megabytes each way do not block", function()
  local how, code, out = child.run({"cat"}, {input = ("0123456789abcdef"):rep(1 << 17)})
  test.equal({how, code, #out}, {"exited", 0, 1 << 21})
end)

test("a child that does not read its input is no error", function()
  local how, code = child.run({"true"}, {input = ("x"):rep(1 << 20)})
  test.equal({how, code}, {"exited", 0})
end)

test("exit code, error output and deaths are told", function()
  local how, code, out, errors = run "echo o; echo e >&2; exit 7"
  test.equal({how, code, out, errors}, {"exited", 7, "o\n", "e\n"})
  how, code = run "kill -SEGV $$"
  test.equal({how, code}, {"killed", 11})
end)

test("a program that is not there fails with its errno", function()
  local how, code = child.run({"gptsh-no-such-program"}, {})
  test.equal({how, code}, {"failed", 2})
end)

test("output that is too long for a value is refused, not cut", function()
  test.raises(function() sh "head -c 270000000 /dev/zero" end, "expected less than 256 MiB of output")
  test.equal(#sh "head -c 1000000 /dev/zero", 1000000)
end)

test("a number is no argument", function()
  test.raises(function() child.run({"echo", 5}, {}) end, "expected strings, got a number as item 2")
end)

test("the time limit ends a child with its children", function()
  local start = torch.perf_counter()
  local how = run("sleep 100 & sleep 100", {seconds = 0.2})
  test.equal(how, "late")
  test.equal(torch.perf_counter() - start < 5, true)
end)

test("the environment can be changed", function()
  local _, _, out = run("echo $GPTSH_A-$HOME-", {environment = {GPTSH_A = "1", HOME = false}})
  test.equal(out, "1--\n")
end)

test("no descriptor is left behind", function()
  local function open()
    local n = 0
    local pipe <close> = io.popen "ls /proc/$PPID/fd"
    for _ in pipe:lines() do n = n + 1 end
    return n
  end
  open()
  local before = open()
  for _ = 1, 20 do child.run({"true"}, {}) end
  for _ = 1, 5 do child.run({"gptsh-no-such-program"}, {}) end
  test.equal(open(), before)
end)

test("a child in the background is looked at without waiting", function()
  local process = child.start({"sh", "-c", "cat; echo end >&2; exit 3"}, {input = ("x"):rep(3000000)})
  local how, code, out, errors
  repeat how, code, out, errors = process:look() until how
  test.equal({how, code, #out, errors}, {"exited", 3, 3000000, "end\n"})
  test.equal(child.start({"/no/such/program"}, {}), nil)
end)

test("a child in the background ends when its time is over, when it is stopped and with its handle", function()
  local process, how = child.start({"sleep", "1000"}, {seconds = 0.05}), nil
  repeat how = process:look() until how
  test.equal(how, "late")
  local mark = "gptsh-child-" .. os.time() .. math.random(1 << 30)
  local function running() return #io.popen("pgrep -f '[s]leep 1000 #" .. mark .. "' || true"):read "a" > 0 end
  for _, ended in ipairs{function(p) p:stop() end, function() end} do
    process = child.start({"sh", "-c", "sleep 1000 #" .. mark}, {})
    test.equal(process:look(), nil)
    ended(process)
    process = nil
    collectgarbage()
    collectgarbage()
    test.equal(running(), false)
  end
end)

test("a flood costs no memory without end and does not keep a look from coming back", function()
  local process = child.start({"yes"}, {seconds = 1000})
  for _ = 1, 20 do test.equal(process:look(), nil) end
  process:stop()
  test.equal((process:look()), "stopped")
end)

test("width counts terminal cells", function()
  test.equal(terminal.width "abc", 3)
  if terminal.utf8() then test.equal(terminal.width "µ∝√", 3) end
end)

test("a pipe is no terminal and has 80 columns or COLUMNS", function()
  local exe = io.popen("readlink /proc/" .. io.open("/proc/self/stat"):read("n") .. "/exe"):read("l")
  local code = "local t = require 'native.terminal' print(t.is(1), t.colour(1), t.size(1))"
  local _, _, out = child.run({exe, "-e", code}, {environment = {COLUMNS = false, LINES = false}})
  test.equal(out, "false\tfalse\t80\t24\t0\n")
  _, _, out = child.run({exe, "-e", code}, {environment = {COLUMNS = "100", LINES = "30", CLICOLOR_FORCE = "1", NO_COLOR = false}})
  test.equal(out, "false\ttrue\t100\t30\t0\n")
end)
