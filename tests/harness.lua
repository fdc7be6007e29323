--- harness.lua: what Lua tests are written with.
--
--   local test = require "harness"
--   test("adds element by element", function()
--     test.equal((torch.ones(2) + 1):tolist(), {2.0, 2.0})
--   end)
--
-- A test that raises has failed.  Results go to stdout as TAP ("ok 1 - name"), which tests/run.sh adds up.

local harness = {count = 0, passed = 0, failed = 0, skipped = 0}

local function text(value)
  if type(value) == "string" then return string.format("%q", value) end
  if type(value) ~= "table" or getmetatable(value) then return tostring(value) end
  local parts = {}
  for i, item in ipairs(value) do
    if i > 8 then parts[#parts + 1] = "…" break end
    parts[#parts + 1] = text(item)
  end
  for key, item in pairs(value) do
    if math.type(key) ~= "integer" then parts[#parts + 1] = tostring(key) .. " = " .. text(item) end
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local function complain(level, format, ...) error(format:format(...), level + 1) end

local function report(word, name, note)
  harness.count = harness.count + 1
  io.write(word, " ", harness.count, " - ", (name:gsub("[\r\n#]", " ")), note or "", "\n")
  io.flush()
end

local function is_tensor(value) return type(value) == "userdata" and torch.type(value):find("torch%.Tensor") ~= nil end

--- What a value looks like to a comparison: nested tables of numbers for tensors, itself otherwise.
local function plain(value)
  if type(value) == "userdata" and (is_tensor(value) or torch.type(value) == "nn.Parameter") then
    return value:detach():tolist()
  end
  return value
end

--- Is it more than its items?  (An empty list from JSON is not.)
local function is_object(value)
  local meta = getmetatable(value)
  return meta and meta.__name ~= "json.array"
end

local function same(a, b)
  if is_tensor(a) and is_tensor(b) then return rawequal(a, b) end
  if type(a) ~= "table" or type(b) ~= "table" or is_object(a) or is_object(b) then
    return a == b and math.type(a) == math.type(b)
  end
  for key, item in pairs(a) do
    if not same(item, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

-- Returns nil, or a text that says where the first difference is.
local function difference(a, b, tolerance, path)
  if type(a) == "number" and type(b) == "number" then
    if a == b or (a ~= a and b ~= b) then return nil end
    local distance = math.abs(a - b)
    if distance <= tolerance * math.max(1, math.abs(b)) then return nil end
    return ("at %s: %.17g, expected %.17g (off by %.3g, allowed %.3g)"):format(
      path, a, b, distance, tolerance * math.max(1, math.abs(b)))
  end
  if type(a) == "table" and type(b) == "table" then
    if #a ~= #b then return ("at %s: %d items, expected %d"):format(path, #a, #b) end
    for i = 1, #b do
      local found = difference(a[i], b[i], tolerance, path .. "[" .. i .. "]")
      if found then return found end
    end
    return nil
  end
  if a == b then return nil end
  return ("at %s: %s, expected %s"):format(path, text(a), text(b))
end

--- Same value, same Lua type (1 is not 1.0); tables and tensors item by item.
function harness.equal(a, b)
  local got, expected = plain(a), plain(b)
  if not same(got, expected) then complain(2, "got %s, expected %s", text(got), text(expected)) end
end

local failure = {__tostring = function(self) return self.message end}

--- Fails with a message that says it all: no traceback is added.
function harness.fail(message) error(setmetatable({message = message}, failure)) end

--- |a - b| <= tolerance * max(1, |b|), item by item; NaN equals NaN; shapes must be the same.
function harness.close(a, b, tolerance)
  assert(type(tolerance) == "number", "test.close needs a tolerance")
  local found = difference(plain(a), plain(b), tolerance, "value")
  if found then complain(2, "%s", found) end
end

--- fn must raise, with `message` (plain text) somewhere in what it raises.  Returns the message.
function harness.raises(fn, message)
  local ok, raised = pcall(fn)
  if ok then complain(2, "expected an error with %q, none was raised", message or "") end
  raised = tostring(raised)
  if message and not raised:find(message, 1, true) then
    complain(2, "expected an error with %q, got %q", message, raised)
  end
  return raised
end

--- Counts a test that cannot run here; the reason is shown.
function harness.skip(name, reason)
  assert(type(reason) == "string" and reason ~= "", "test.skip needs a reason")
  harness.skipped = harness.skipped + 1
  report("ok", name, " # SKIP " .. reason)
end

--- Ends the run: the TAP plan and true when nothing failed.
function harness.finish()
  io.write("1..", harness.count, "\n")
  io.flush()
  return harness.failed == 0
end

return setmetatable(harness, {
  __call = function(_, name, fn)
    local ok, message = xpcall(fn, function(raised)
      return getmetatable(raised) == failure and raised.message or debug.traceback(tostring(raised), 2)
    end)
    if ok then
      harness.passed = harness.passed + 1
      report("ok", name)
    else
      harness.failed = harness.failed + 1
      report("not ok", name)
      io.write("# ", (message:gsub("\n", "\n# ")), "\n")
      io.flush()
    end
  end,
})
