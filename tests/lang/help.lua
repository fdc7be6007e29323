--- help() and JSON.
local test = require "harness"
local doc = require "shell.doc"

--- What fn prints.
local function printed(fn)
  local lines, original = {}, print
  rawset(_G, "print", function(...) lines[#lines + 1] = table.concat({...}, "\t") end)
  local ok, message = pcall(fn)
  rawset(_G, "print", original)
  assert(ok, message)
  return table.concat(lines, "\n")
end

test("every public function, class and method has a text", function()
  local missing = {}
  for _, section in ipairs(doc.sections()) do
    local prefix, names = section[1], section[2]
    for _, name in ipairs(doc.names(names)) do
      local value = doc.member(names, name)
      local found = doc.of(value, prefix .. name)
      if doc.callable(value) and not (found and (#found.text > 0 or found.complete)) then missing[#missing + 1] = prefix .. name end
    end
  end
  table.sort(missing)
  test.equal(table.concat(missing, " "), "")
end)

test("no text is about something that does not exist", function()
  for name in next, require "shell.docs" do assert(doc.find(name) ~= nil, name) end
end)

test("names are found in every form", function()
  for _, name in ipairs {"softmax", "F.softmax", "t:softmax", "nn.Linear", "nn.init.normal_", "m:parameters", "trainer:run",
                         "t:resume", "GPTConfig", "summary", "plot.heat"} do
    assert(#printed(function() help(name) end) > 20, name)
  end
  assert(printed(function() help(nn.Linear) end):find "in_features, out_features")
  assert(printed(function() help(nn.Linear(2, 3)) end):find "in_features, out_features")
  assert(printed(function() help(optim.AdamW) end):find "weight_decay")
  assert(printed(function() require "shell.help".about("GPTConf", "search") end):find "GPTConfig")
  assert(printed(function() require "shell.help".about("torch.stack", "??") end):find "function functions.stack")
  test.raises(function() require "shell.help".about("nothing_like_it", "?") end, "nothing is called")
end)

test("help of ops comes from their descriptors", function()
  local text = printed(function() help(torch.sum) end)
  assert(text:find("sum(x, {dim = …, keepdim = false})", 1, true), text)
  assert(text:find("as torch.sum, t:sum(), torch.ops.sum", 1, true), text)
  for name in next, torch.ops do assert(#printed(function() help(torch.ops[name]) end) > 20) end
end)

--- Adds one to x.
local function increment(x) return x + 1 end

test("a signature is shown on lines of 80 columns, with every option, its bounds and its default", function()
  for _, section in ipairs(doc.sections()) do
    for _, name in ipairs(doc.names(section[2])) do
      local value = doc.member(section[2], name)
      local signature = require "native".signature_of(value) and doc.of(value, section[1] .. name).signature
      local text = signature and printed(function() help(section[1] .. name) end)
      for line in (text and #signature > 80 and text:sub(1, #signature) or ""):gmatch "[^\n]+" do
        if #line > 80 then test.fail(section[1] .. name .. ": " .. line) end
      end
    end
  end
  local text = printed(function() help "plot.hist" end):gsub("%s+", " ")
  assert(text:find "plot%.hist%(values: any, {[^}]*bins: integer%[1,10000%] = 50, [^}]*title: string = nil, ", text)
end)

test("every public function has a text, by its name and by itself", function()
  for _, section in ipairs(doc.sections()) do
    for _, name in ipairs(doc.names(section[2])) do
      local value, full = doc.member(section[2], name), section[1] .. name
      for _, known in ipairs(doc.callable(value) and {full, doc.name_of(value)} or {}) do
        local found = doc.of(value, known)
        local short = found and found.complete and found.signature:find "[)}]%s*[-:]"
        if not found or #found.text == 0 and not short then test.fail(full .. ", as " .. known .. ", has no text") end
      end
      if doc.callable(value) and not doc.name_of(value) then test.fail(full .. " is not found by itself") end
    end
  end
  assert(printed(function() help(torch.cuda.is_available) end):find "is there a GPU")
  assert(printed(function() help(nn.init.zeros_) end):find "filled with 0")
end)

test("help of functions is the comment above them", function()
  assert(printed(function() help(increment) end):find "function %(x%)  tests/lang/help.lua:%d+\n  Adds one to x%.")
  assert(printed(function() help(torch.stack) end):find "joins equal shapes")
  assert(printed(function() help "softmax" end):find "F.softmax")
  assert(printed(function() help(torch.zeros) end):find "filled with 0")
  assert(printed(function() help() end):find "count from 0")
  assert(printed(function() help(torch.ones(2)) end):find "backward")
  test.raises(function() help "softmaks" end, "nothing is called 'softmaks' (did you mean 'softmax'?)")
end)

test("json writes numbers so that they read back equal", function()
  test.equal(json.encode{1, 2.0, 0.1, 2^53 | 1, "é\n\1\"", true}, '[1,2.0,0.1,9007199254740993,"é\\n\\u0001\\"",true]')
  test.equal(json.encode{b = 1, a = {}, c = json.null}, '{"a":{},"b":1,"c":null}')
  test.equal(json.encode(odict{{"z", 1}, {"a", 2}}), '{"z":1,"a":2}')
  test.equal(json.encode({a = {1}}, {indent = 2}), '{\n  "a": [\n    1\n  ]\n}')
  test.equal(json.encode(torch.tensor{{1, 2}}), "[[1,2]]")
  test.raises(function() json.encode(0 / 0) end, "nan has no JSON form")
  test.raises(function() json.encode{[{}] = 1} end, "string keys")
  test.raises(function() json.encode(print) end, "cannot write a function")
  test.raises(function() json.encode "\xff" end, "UTF-8")
  local loop = {}
  loop[1] = loop
  test.raises(function() json.encode(loop) end, "deeper")
end)

test("json reads strictly", function()
  local value = json.decode '{"a": [1, 2.5, -0.0, 1e3, null, true], "b": {"c": "\\u00e9\\n"}}'
  test.equal(value.a[1], 1)
  test.equal(value.a[4], 1000.0)
  assert(value.a[5] == json.null)
  test.equal(value.b.c, "é\n")
  test.equal(json.decode "9007199254740993", 9007199254740993)
  for text, message in pairs {["[1,"] = "line 1", ['{"a":1,"a":2}'] = "duplicate", ["[1] 2"] = "line 1", ["[NaN]"] = "line 1",
                              [""] = "line 1", ["{'a':1}"] = "line 1", ["99999999999999999999"] = "big", ["[01]"] = "line 1",
                              [("["):rep(100000)] = "depth"} do
    test.raises(function() return json.decode(text) end, message)
  end
end)

test("help of nil says that there was nothing", function()
  test.raises(function() help(nil) end, "help: expected something with a text, got nil")
end)

test("a terminal gets lines cut between words", function()
  local terminal = require "native.terminal"
  local is, size = terminal.is, terminal.size
  terminal.is, terminal.size = function() return true end, function() return 60, 24 end
  local ok, text = pcall(printed, function() help "train.new" end)
  terminal.is, terminal.size = is, size
  assert(ok, text)
  for line in text:gmatch "[^\n]+" do assert(terminal.width(line) < 60, line) end
  assert(text:find("optimizers, a function", 1, true) or text:find("an optimizer, a list", 1, true), "words are whole")
  assert(text:find("\n" .. (" "):rep(17) .. "%S"), "what goes on stands below its text")
end)

test("json has bounds: what has no end, and what would take more than there is, is refused", function()
  local function endless()
    local i = 0
    return function()
      i = i + 1
      return "k" .. i, 1
    end
  end
  local cases = {("\1"):rep(180000000), setmetatable({}, {__pairs = endless}), {setmetatable({}, {__pairs = endless})}}
  for _, case in ipairs(cases) do
    test.raises(function() json.encode(case) end, "json.encode: the text would take more than 1 GiB")
  end
  for _, indent in ipairs {1e9, -1, 17, 1 << 40, 0 / 0, "x", true} do
    test.raises(function() json.encode({1}, {indent = indent}) end, "indent expects an integer in [0, 16] or false, got")
  end
  test.equal(json.encode(setmetatable({1}, {__len = function() return 1 << 60 end})), "[1]")
  test.equal(json.encode "\0\1\8\9\10\12\13\31\127\"\\é/", [["\u0000\u0001\b\t\n\f\r\u001f\u007f\"\\é/"]])
  test.raises(function() json.encode "\xff" end, "not valid UTF-8")
end)
