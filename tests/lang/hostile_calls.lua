-- hostile_calls.lua: the part of hostile.lua that calls: every function with values it does not expect, each in a copy of
-- this process.  arg: seed, "large" or "huge" (what no memory has room for here), then Lua patterns of names to call (none:
-- all).  Writes lines "fault<TAB>inner, file or ended<TAB>name<TAB>what" and at last "end<TAB>functions<TAB>calls".
local doc = require "shell.doc"
local worker = require "native.worker"

-- Functions that write and remove get their arguments: only an empty folder is safe.
if not arg[1] or io.popen("ls -A"):read "a" ~= "" then error("hostile_calls.lua: tests/lang/hostile.lua runs it, in an empty folder", 0) end

torch.set_num_threads(1)
local huge = arg[2] == "huge"
local seed = math.tointeger(tonumber(arg[1] or "1"))
local ROUNDS, LATEST, PLACES, SIFTED = 40, huge and 300 or 60, 4, 25 -- random calls; seconds for one function; arguments tried one by one

-- Functions whose job is to end, to wait, or to fork.
local left_out = {["native.worker.start"] = true, ["native.worker.wait"] = true, ["native.terminal.ask"] = true, sh = true,
  -- They set what the library's own objects are made of, once, when it is loaded.
  ["native.tokenizer.methods"] = true, ["native.module.register_class"] = true}

-- ---- values ----

local function tiny() return GPT {n_layers = 1, n_heads = 1, hidden_dim = 8, vocab_size = 16, sequence_len = 8} end

--- The object after its finalizer was called by hand.
local function finished(object)
  debug.getmetatable(object).__gc(object)
  return object
end

local function freed()
  local t = torch.ones(2)
  t:free()
  return t
end

local function endless()
  local t = {}
  t[1], t.self = t, t
  return t
end

local function held() return seed end

local native = {}
for _, name in ipairs {"data", "folder", "module", "optim", "plan", "tokens", "tokenizer", "train"} do native[name] = require("native." .. name) end

local function a_tokens() return data.text {text = ("some text "):rep(20)} end

-- One maker each, so that no call spoils a value for the next.
local makers = {
  function() return nil end, function() return true end, function() return false end,
  function() return 0 end, function() return 1 end, function() return -1 end, function() return 3 end,
  function() return 0.5 end, function() return -0.0 end, function() return 0 / 0 end, function() return 1 / 0 end, function() return -1 / 0 end,
  function() return 1e300 end, function() return 1e-320 end, function() return math.maxinteger end, function() return math.mininteger end,
  function() return huge and 1 << 42 or 1 << 31 end, function() return 1 << 40 end, function() return huge and 1e12 or 1e9 end, function() return 2.0 ^ 63 end,
  function() return "" end, function() return "name" end, function() return "name\0more" end, function() return "\xFF\xFE\x80" end,
  function() return ("x"):rep(100000) end, function() return "cpu" end, function() return "float32" end, function() return "1:3, ..." end,
  function() return "%s%n%99999d" end, function() return "12" end, function() return "\27[2J{}[]()<>" end, function() return "mean" end,
  function() return {} end, function() return {1, 2} end, endless, function() return {"name", 1} end,
  function() return setmetatable({}, {__len = function() return math.maxinteger end}) end,
  function() return setmetatable({}, {__len = function() return "x" end}) end,
  function() return {[1 << 40] = 1, [-1] = 2, [0.5] = 3} end,
  function() return setmetatable({}, {__index = function() error "index" end, __tostring = function() error "text" end}) end,
  function() return setmetatable({}, {__tostring = function() return 5 end, __name = 7}) end,
  function() return setmetatable({1}, {__gc = function() end, __close = function() end, __call = function(_, x) return x end}) end,
  function() return {dtype = "float32", device = "meta"} end, function() return {dim = 1 << 40, keepdim = 5} end,
  function() return {device = {}, dtype = 1, requires_grad = "x"} end, function() return {B = huge and 1e12 or 1e9, T = 1 << 40, steps = 1e18} end,
  function() return {torch.ones(2), torch.ones(2)} end, function() return {"a", torch.ones(2), "b", freed()} end, function() return {freed()} end,
  function() return {nn.Linear(1, 1)} end, function() return {{params = {torch.ones(1)}}} end, function() return {params = 5, lr = {}} end,
  function() return torch.empty_cache end, function() return function() end end, function() return function() error {} end end,
  function() return coroutine.create(function() end) end, function() return (coroutine.running()) end, function() return coroutine.wrap(function() end) end,
  function() return io.stdout end, function() return debug.upvalueid(held, 1) end, function() return json.null end,
  function()
    local file = io.tmpfile()
    file:close()
    return file
  end,
  function() return torch.ones(2, 3) end, function() return torch.arange(4) end, function() return torch.tensor(true) end,
  function() return torch.zeros(0, 2) end, function() return torch.ones(3, {requires_grad = true}) end, function() return torch.ones(3, 3, {device = "meta"}) end,
  function() return torch.ones(2, 3):t() end, function() return torch.tensor {{5, -7}, {0, 1 << 40}} end, freed,
  function() return nn.Parameter(torch.ones(2)) end, function() return finished(torch.ones(1)) end,
  function() return torch.ones(2, {dtype = "bfloat16"}) end, function() return torch.Size(2, 3) end, function() return torch.float64 end, function() return torch.device "cpu" end,
  function() return nn.Linear(3, 2) end, function() return nn.ModuleList {nn.Linear(1, 1)} end, function() return nn.class "Own" () end,
  tiny, function() return finished(nn.Linear(1, 1)) end, function() return nn.Linear end, function() return native.module.new_empty(nn.Linear) end,
  function() return optim.AdamW(nn.Linear(2, 2):parameters(), {lr = 0.1}) end, function() return native.optim.new "AdamW" end,
  function() return finished(native.optim.new "SGD") end, function() return optim.AdamW end,
  function() return tokenizer.bytes() end, function() return finished(tokenizer.bytes()) end, function() return native.tokenizer.trainer "" end,
  function() return finished(native.tokenizer.trainer "") end, a_tokens, function() return a_tokens():loader {B = 2, T = 4} end,
  function() return native.tokens.new(16) end, function() return finished(native.tokens.new(16)) end,
  function() return native.train.hash() end, function() return finished(native.train.hash()) end,
  function() return native.module.new_cache(1, 1, 4) end, function() return finished(native.module.new_cache(1, 1, 4)) end,
  function() return native.folder.lock_file "name.lock" end, function() return schedule.cosine {total = 10} end, function() return torch.autograd.detect_anomaly() end,
  function() return torch.no_grad() end, function() return torch.autocast "cpu" end, function() return odict() end, function() return torch end,
}

--- The text of a value, for faults.
local function text_of(value)
  local ok, text = pcall(function()
    if type(value) == "string" then return #value > 40 and ("%q…(%d)"):format(value:sub(1, 10), #value) or ("%q"):format(value) end
    if type(value) == "table" and not getmetatable(value) then return "{" .. tostring(next(value)) .. "…}" end
    return (tostring(value):gsub("%s+", " "):sub(1, 60))
  end)
  return ok and text or type(value)
end

-- ---- one function ----

-- A generator of our own: the same calls on every machine.
local state = seed
local function random(n)
  state = state * 6364136223846793005 + 1442695040888963407
  return ((state >> 33) % n) + 1
end

local quiet = io.open("/dev/null", "w")

--- What is wrong with an error's text, or nil.
local function internal(message)
  if type(message) ~= "string" then return nil end
  if message:find "builtin:[%w_.]+:%d+: " or message:find "%(null%)" then return message end
end

local names = {["name.lock"] = true} -- a text among the values may name a file
for _, make in ipairs(makers) do
  local value = make()
  if type(value) == "string" then names[value] = true end
end

local function entries()
  local out = {}
  for _, name in ipairs(require "native.folder".list(".")) do out[name] = true end
  return out
end

--- Calls the function; tells of what it should not do.  Answers the message without what it says about values.
local function call(target, arguments, send, n)
  local parts = {}
  for i = 1, n do parts[i] = text_of(arguments[i]) end
  local shown = table.concat(parts, ", ", 1, n)
  send("call\t" .. shown:gsub("[\t\n]", " ") .. "\n")
  local ok, message = pcall(target.value, table.unpack(arguments, 1, n))
  if torch.debug then
    torch.debug.fail_after(nil)
    torch.debug.interrupt_clear()
  end
  if ok then return "" end
  local wrong = internal(message)
  if wrong then send("inner\t" .. wrong:gsub("[\t\n].*", " ") .. "\n") end
  return type(message) == "string" and message:gsub("got .*", ""):gsub("%d+", "#") or "object"
end

--- The makers that the function answers unlike most of the others, as argument `at` after `before`: what it accepts.
local function sift(target, before, at, send)
  local tried, answers, count, most = {}, {}, {}, nil
  for i = 1, at == 1 and #makers or SIFTED do
    local make, arguments = makers[at == 1 and i or random(#makers)], {}
    tried[i] = make
    for k = 1, at - 1 do arguments[k] = before[k]() end
    arguments[at] = make()
    local answer = call(target, arguments, send, at)
    answers[i], count[answer] = answer, (count[answer] or 0) + 1
    if not most or count[answer] > count[most] then most = answer end
  end
  local accepted = {}
  for i, make in ipairs(tried) do
    if answers[i] ~= most then accepted[#accepted + 1] = make end
  end
  return #accepted > 0 and accepted or makers
end

-- What they make by default is a model of a gigabyte.
local heavy = {GPT = true, ["models.GPT"] = true, ["models.nanogpt"] = true}

local function try(target, send)
  io.output(quiet)
  if heavy[target.name] then torch.set_default_device "meta" end
  local before = entries()
  call(target, {}, send, 0)
  local accepted, chosen = {}, {}
  for at = 1, PLACES do
    accepted[at] = sift(target, chosen, at, send)
    chosen[at] = accepted[at][random(#accepted[at])]
  end
  for _ = 1, ROUNDS do
    local arguments, n = {}, random(PLACES + 2)
    for k = 1, n do
      local from = random(3) > 1 and accepted[k] or makers
      arguments[k] = from[random(#from)]()
    end
    call(target, arguments, send, n)
  end
  collectgarbage()
  collectgarbage()
  for name in next, entries() do
    if not before[name] and not names[name] then send(("file\t%q\n"):format(name)) end
  end
end

-- ---- all of them ----

local function fault(target, kind, what) print(("fault\t%s\t%s\t%s"):format(kind, target.name, what)) end

--- Runs the target in a copy and tells what happened to it.
local function judge(target)
  local copy = worker.start(function(send) try(target, send) end)
  local start, said, last, rest = torch.perf_counter(), {}, "?", ""
  while true do
    worker.wait({copy}, 1)
    local text = copy:read()
    if not text then break end
    rest = rest .. text
    for line in rest:gmatch "([^\n]*)\n" do
      local word, what = line:match "^(%l+)\t(.*)$"
      if word == "call" then
        last = what
        target.calls = (target.calls or 0) + 1
      elseif not said[word] then
        said[word] = true
        fault(target, word, word == "inner" and ("(%s): %s"):format(last, what) or what)
      end
    end
    rest = rest:match "[^\n]*$"
    if torch.perf_counter() - start > LATEST then
      fault(target, "ended", ("has no end after (%s)"):format(last))
      copy:close()
      return
    end
  end
  local how, code = copy:finish()
  if how ~= "exited" or code ~= 0 then fault(target, "ended", ("%s %d in (%s)"):format(how, code, last)) end
  for name in next, entries() do
    if not os.remove(name) then native.folder.remove(name) end
  end
end

local targets = {}
local function add(name, value)
  if doc.callable(value) and not left_out[name] then targets[#targets + 1] = {name = name, value = value} end
end

local sources, libraries = require "native", {}
for _, name in ipairs(sources.sources()) do
  for library in sources.source(name):gmatch 'require%s*%(?"(native[%w_.]*)"' do libraries[library] = true end
end
for name in next, libraries do
  for field, value in next, require(name) do add(name .. "." .. field, value) end
end
for _, section in ipairs(doc.sections()) do
  for _, name in ipairs(doc.names(section[2])) do add(section[1] .. name, doc.member(section[2], name)) end
end
for _, make in ipairs(makers) do
  local object = make()
  local meta = type(object) ~= "string" and debug.getmetatable(object)
  if meta and type(object) == "userdata" and io.type(object) == nil then
    for field, value in next, meta do
      if type(value) == "function" then add(torch.type(object) .. " " .. field, value) end
    end
  end
end
table.sort(targets, function(a, b) return a.name < b.name end)

local function wanted(name)
  for i = 3, #arg do
    if name:find(arg[i]) then return true end
  end
  return #arg < 3
end

local functions, calls = 0, 0
for i, target in ipairs(targets) do
  if wanted(target.name) and not (targets[i - 1] and rawequal(targets[i - 1].value, target.value)) then
    judge(target)
    functions, calls = functions + 1, calls + (target.calls or 0)
  end
end
print(("end\t%d\t%d"):format(functions, calls))
