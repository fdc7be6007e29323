-- Copies of the session: what they say, how they end, and that nothing of them is left.
local test = require "harness"
local worker = require "native.worker"

local threads = torch.get_num_threads()
torch.set_num_threads(1)

--- All that a copy says, and how it ended.
local function listen(w)
  local said = {}
  while true do
    worker.wait({w}, 10)
    local text = w:read()
    if not text then break end
    said[#said + 1] = text
  end
  return table.concat(said), w:finish()
end

local function pid_of_self()
  local file <close> = io.open "/proc/self/stat"
  return file:read "n"
end

local function exists(pid)
  local file <close> = io.open(("/proc/%d/stat"):format(pid))
  return file ~= nil
end

test("a copy has the values of the session and keeps its changes to itself", function()
  local value = {1, 2}
  local said, how, code = listen(worker.start(function(send)
    value[3] = torch.ones(2, 2):sum():item()
    send(table.concat(value, " "))
  end))
  test.equal({said, how, code}, {"1 2 4.0", "exited", 0})
  test.equal(#value, 2)
end)

test("a long text arrives whole", function()
  local text = ("0123456789"):rep(100000)
  test.equal(listen(worker.start(function(send) send(text) end)), text)
end)

test("exit codes, errors and deaths are told", function()
  local function ending(body) return select(2, listen(worker.start(body))) end
  test.equal({ending(function() os.exit(7) end)}, {"exited", 7})
  test.equal({ending(function() os.exit(true) end)}, {"exited", 0})
  test.equal({ending(function() error() end)}, {"exited", 1})
  test.equal({ending(function() os.execute "kill -9 $PPID" end)}, {"killed", 9})
end)

test("a copy that ends writes nothing that the session has yet to write", function()
  local path, exit = os.tmpname(), os.exit -- as a user's module may have kept it
  local file = io.open(path, "w")
  file:write "once"
  test.equal({select(2, listen(worker.start(function() exit(3) end)))}, {"exited", 3})
  test.equal({select(2, listen(worker.start(function() exit(4, true) end)))}, {"exited", 4})
  file:close()
  for line in io.lines(path) do test.equal(line, "once") end
  os.remove(path)
end)

test("closing kills and leaves no process", function()
  local pid
  do
    local w <close> = worker.start(function(send)
      send(tostring(pid_of_self()))
      while true do end
    end)
    worker.wait({w}, 10)
    pid = math.tointeger(w:read())
    assert(exists(pid))
  end
  assert(not exists(pid))
end)

test("what a copy collects of the session's processes lives on", function()
  local gate = os.tmpname()
  os.remove(gate)
  local function opened()
    local file <close> = io.open(gate)
    return file ~= nil
  end
  local waits = worker.start(function(send)
    while not opened() do end
    send "alive"
  end)
  local program = require "native.child".start({"cat"}, {input = "too"})
  local said = listen(worker.start(function(send)
    local fine, why = pcall(waits.finish, waits)
    waits, program = nil, nil
    collectgarbage()
    collectgarbage()
    send(fine and "waited" or why)
  end))
  io.open(gate, "w"):close()
  local text, how, code = listen(waits)
  os.remove(gate)
  assert(said:find "was started by another process", said)
  test.equal({text, how, code}, {"alive", "exited", 0})
  test.equal({program:wait()}, {"exited", 0, "too", ""})
end)

test("several run at a time and are heard as they speak", function()
  local ends = {}
  local first = worker.start(function(send) send "a" end)
  local second = worker.start(function(send) send "b" end)
  while #ends < 2 do
    worker.wait({first, second}, 10)
    for _, w in ipairs {first, second} do
      local text = w:read()
      if text and text ~= "" then ends[#ends + 1] = text end
    end
  end
  table.sort(ends)
  test.equal(ends, {"a", "b"})
  first:finish()
  second:finish()
end)

test("text of the session's output is not written twice", function()
  local script = [[io.write "once "; local w = require "native.worker".start(function() io.write "copy " end)
    require "native.worker".wait({w}, 10); w:finish(); io.write "end\n"]]
  local pipe <close> = io.popen(("'%s' --threads 1 -e '%s'"):format(os.getenv "GPTSH" or "./gptsh", script))
  test.equal(pipe:read "a", "once copy end\n")
end)

test("whatever a copy raises, it does not go on as the session", function()
  local me, own = pid_of_self(), os
  rawset(_G, "os", nil)
  local fine, said, how, code = pcall(listen, worker.start(function(send)
    send "here"
    error(setmetatable({}, {__tostring = function() error "no text" end}))
  end))
  if pid_of_self() ~= me then own.exit(99) end -- the test must not be told twice
  rawset(_G, "os", own)
  test.equal({fine, said, how, code}, {true, "here", "exited", 1})
end)

torch.set_num_threads(threads)
