-- guard.lua: what Lua code must not be able to do to C code: forged metatables, frames and upvalues of C, compiled code.
local test = require "harness"
local child = require "native.child"

local exe = io.popen("readlink /proc/" .. io.open("/proc/self/stat"):read("n") .. "/exe"):read("l")
local t, model = torch.ones(2), nn.Linear(2, 2)

test("no userdata gets another metatable, nor any userdata one of ours", function()
  local key = debug.upvalueid(function() return t end, 1) -- a light userdata
  for _, value in ipairs {t, model, torch.float32, torch.Size(2), torch.device "cpu", tokenizer.bytes(), io.stdout, key} do
    for _, meta in ipairs {debug.getmetatable(t), debug.getmetatable(model), debug.getmetatable(io.stdout), {}, nil} do
      test.raises(function() debug.setmetatable(value, meta) end, "debug.setmetatable: expected no userdata")
    end
  end
  test.equal(t:sum():item(), 2.0)
  local list = debug.setmetatable({}, debug.getmetatable(t)) -- a table is none of ours whatever its metatable
  test.raises(function() return torch.sum(list) end, "expect")
  test.raises(function() return list.shape end, "expected a tensor")
end)

test("user values, the registry and upvalues of C stay as they are", function()
  test.raises(function() debug.setuservalue(model, 5, 1) end, "debug.setuservalue")
  test.raises(function() debug.getregistry() end, "debug.getregistry")
  for _, f in ipairs {torch.add, t.sum, torch.max, model.parameters, nn.Linear.forward, coroutine.wrap(print), print} do
    test.raises(function() debug.setupvalue(f, 1, io.stdout) end, "expected a function of yours")
    test.raises(function() debug.upvaluejoin(function() return t end, 1, f, 1) end, "expected functions of yours")
  end
  test.equal({debug.getupvalue(torch.add, 1)}, {})
  local x = 1
  local function own() return x end
  test.equal({debug.getupvalue(own, 1)}, {"x", 1})
  test.equal(debug.setupvalue(own, 1, 2), "x")
  test.equal(own(), 2)
end)

test("frames of C and of the library are not written to, those of C not read", function()
  local function inside()
    for level = 1, 12 do
      local frame = debug.getinfo(level, "Sf")
      if not frame then break end
      if frame.what == "C" then
        test.equal(frame.func, nil)
        test.equal(debug.getlocal(level, 1), nil)
      end
      if frame.what == "C" or frame.source:find "^=builtin:" then
        for slot = 1, 4 do
          test.raises(function() debug.setlocal(level + 3, slot, io.stdout) end, "expected a frame of your code")
        end
      end
    end
    return torch.zeros(1)
  end
  torch.tidy(inside)
  torch.no_grad(inside)
  local hooked = nn.Linear(1, 1)
  hooked:register_forward_hook(inside)
  hooked(torch.ones(1, 1))
  model:apply(inside)
end)

test("Lua's own variables of a loop are not written to, others are", function()
  local sum = 0
  for i = 1, 3 do
    local slot = 1
    while debug.getlocal(1, slot) ~= "(for state)" do slot = slot + 1 end
    local ok, message = pcall(function() debug.setlocal(3, slot, {}) end) -- 1: it, 2: pcall
    test.equal(ok, false)
    assert(message:find("Lua's own (for state)", 1, true), message)
    sum = sum + i
  end
  test.equal(sum, 6)
  local x = 1
  assert(x and debug.setlocal(1, 2, 5) == "x")
  test.equal(x, 5)
end)

test("levels and messages of the debug library are Lua's", function()
  test.equal(debug.getinfo(1, "S").short_src, debug.getinfo(function() end, "S").short_src)
  test.equal(debug.getinfo(0, "n").name, "getinfo")
  local co = coroutine.create(function(a) coroutine.yield(a) end)
  coroutine.resume(co, 7)
  test.equal({debug.getlocal(co, 1, 1)}, {"a", 7})
  test.raises(function() debug.getinfo(1, "%") end, "bad argument #2 to 'getinfo'")
  test.raises(function() debug.getlocal(100, 1) end, "guard.lua:84: bad argument #1 to 'getlocal' (level out of range)")
  test.raises(function() debug.setlocal() end, "bad argument #1 to 'setlocal'")
end)

test("a hook of the user's does not outlast Ctrl-C", function()
  local code = [[local pid = io.open("/proc/self/stat"):read "n"
    io.popen("kill -INT " .. pid)
    local unhook = debug.sethook
    while true do
      pcall(function() for _ = 1, 1000 do end end)
      pcall(unhook)
    end]]
  local how, status = child.run({exe, "-e", code}, {seconds = 20})
  test.equal({how, status}, {"killed", 2})
end)

test("compiled code is refused wherever code is loaded", function()
  local expected = "expected Lua source, got a binary chunk"
  local bytes = string.dump(function() return 1 end)
  local path = os.tmpname()
  for _, text in ipairs {bytes, "\n" .. bytes, bytes:sub(1, 5)} do
    for _, mode in ipairs {"t", "b", "bt"} do
      local chunk, message = load(text, "=it", mode)
      test.equal({chunk, message:match "it: (.*), which"}, {nil, expected})
    end
    local given = false
    local piece = function()
      given = not given
      return given and text or nil
    end
    assert(select(2, load(piece)):find(expected, 1, true))
    for _, head in ipairs {"", "#!/usr/bin/env gptsh\n", "\xEF\xBB\xBF"} do
      local file <close> = assert(io.open(path, "wb"))
      file:write(head, text)
      file:close()
      for _, mode in ipairs {"t", "b", "bt"} do
        test.equal({loadfile(path, mode)}, {nil, f"{path}: {expected}, which could overwrite memory"})
      end
      test.raises(function() dofile(path) end, expected)
      local before = package.path
      package.path = path .. "?"
      local ok, message = pcall(require, "")
      package.path = before
      test.equal({ok, message:find(expected, 1, true) ~= nil}, {false, true})
      local how, status, _, errors = child.run({exe, path}, {})
      test.equal({how, status, errors:find(f"{path}: {expected}", 1, true) ~= nil}, {"exited", 1, true})
    end
  end
  os.remove(path)
end)
