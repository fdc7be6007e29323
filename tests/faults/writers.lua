--- writers.lua: everything that replaces something on the disk outside of training runs, for tests/data/disk.lua: cases of
-- {old(folder), new(folder), check(folder)}.  old and new write; check answers "old" or "new", and raises when what is
-- there is not wholly one of the two.  With calls.so preloaded (calls.c) writers.kill and writers.full break the writing.
package.path = "tests/?.lua;" .. package.path
local files = require "native.folder"
local json = require "json"
local nb = require "nb"

local writers = {cases = {}}

local function case(name, old, new, check) writers.cases[name] = {old = old, new = new, check = check} end

local function read(path) return assert(files.read(path, 1 << 24)) end

--- The name of the one of two values that `value` equals.
local function either(value, old, new)
  if value == old then return "old" elseif value == new then return "new" end
  error("neither old nor new: " .. tostring(value), 0)
end

--- A case of one file, of which both contents are known.
local function file(name, path, save, what)
  local function write(which) return function(folder) save(folder .. "/" .. path, which) end end
  case(name, write "old", write "new", function(folder) return what(folder .. "/" .. path) end)
end

file("torch.save", "x.safetensors", function(path, which) torch.save(path, {x = torch.full({5000}, which == "old" and 1 or 2)}) end,
  function(path)
    local x = torch.load(path).x
    return either(x:sum():item(), 5000., 10000.)
  end)

file("tokens:save", "x.bin", function(path, which) data.text {text = which:rep(9000)}:save(path) end, function(path)
  local tokens = data.tokens(path, {tokenizer = tokenizer.bytes()})
  return either(tokens:text(), ("old"):rep(9000), ("new"):rep(9000))
end)

file("tokenizer:save", "x.json", function(path, which) tokenizer.chars(which .. ("x"):rep(10)):save(path) end, function(path)
  local tok = tokenizer.load(path)
  return either(tok:decode(torch.arange(tok.vocab_size)), "dlox", "enwx")
end)

local function gpt2(which)
  local heads, width = table.unpack(which == "old" and {2, 8} or {4, 16})
  torch.manual_seed(heads)
  local model = GPT {hidden_dim = width, n_layers = 1, n_heads = heads, vocab_size = 20, sequence_len = 4, norm = "layer",
                     bias = true, position = "learned", qk_norm = false, softcap = 0, embedding_norm = false,
                     activation = which == "old" and "gelu" or "gelu_tanh"}
  model:init_weights()
  return model
end

for name, path in pairs {["save_gpt2 into a folder"] = "model", ["save_gpt2 to a file"] = "gpt.safetensors"} do
  file(name, path, function(at, which) gpt2(which):save_gpt2(at) end, function(at)
    local model = models.gpt2(at)
    local which = either(model.config.n_heads, 2, 4)
    local ids = torch.tensor {{1, 2, 3}}
    if not torch.equal(model(ids), gpt2(which)(ids)) then error("another model than the " .. which .. " one", 0) end
    return which
  end)
end

file("variables of a session", "s.state", function(path, which)
  require "shell.keep".write(path, {{"x", torch.full({100}, which == "old" and 1 or 2)}, {"name", which}})
end, function(path)
  local manifest = assert(require "shell.restore".manifest(path))
  local which = manifest.objects[manifest.names.name].value
  local x = torch.load(path .. "/" .. manifest.objects[manifest.names.x].file).tensor
  return either(x:sum():item(), which == "old" and 100., which == "new" and 200.)
end)

case("the journal of a sweep", function(folder)
  local journal <close> = require "gt.sweep.journal".open(folder .. "/j.jsonl")
  journal:write {key = "a", loss = 1}
end, function(folder)
  local journal <close> = require "gt.sweep.journal".open(folder .. "/j.jsonl")
  journal:write {key = "b", loss = 2}
end, function(folder)
  local journal <close> = require "gt.sweep.journal".open(folder .. "/j.jsonl")
  assert(journal.known.a.loss == 1)
  return journal.known.b and "new" or "old"
end)

-- ---- figures ----

local function figure(path, which) plot {{1, 2, which == "old" and 3 or 4}, title = which, save = path} end

local function check_figure(path)
  local image = read(path)
  if not image:find "^<%?xml" or not image:find "</svg>%s*$" then error(path .. " is not whole", 0) end
  local stem = path:gsub("svg$", "")
  either(read(stem .. "tsv"):match "2%.0\t(%d)", "3", "4")
  either(read(stem .. "gp"):match "set title '(%a+)'", "old", "new")
  return either(require "plot.why".read(image).title, "old", "new")
end

file("a figure", "x.svg", figure, check_figure)

-- ---- notebooks ----

local function notebook(folder, which, body)
  local path = folder .. "/n.lua"
  files.write(path, body:gsub("WHICH", which))
  return path
end

--- Raises what a command of gptsh nb has told.
local function must(code)
  if code ~= 0 then error("exit code " .. code, 0) end
end

local function run_of(body)
  return function(which)
    return function(folder)
      must(nb.main("run", {notebook(folder, which, body)}, {}))
    end
  end
end

--- Every record finds its files, all of one run: cells of old and new runs may stand side by side.
local function check_outputs(folder)
  local kept, last = require "nb.sidecar".open(folder .. "/n.out"), nil
  for _, record in pairs(kept.records) do
    local which
    for _, output in ipairs(record.outputs) do
      local bytes = assert(kept:read(output))
      local word = bytes:match "old" or bytes:match "new"
      if word and which and which ~= word then error("outputs of two runs in one record", 0) end
      which = word or which
    end
    if record.cache then
      local text = read(assert(kept:find(record.cache.files[#record.cache.files], record.cache.xxh3[#record.cache.files]), "no cache"))
      local tensors = torch.load((assert(kept:find(record.cache.files[1], record.cache.xxh3[1]), "no tensors")))
      which = either(tensors.t1:sum():item(), 3., 6.)
      if not text:find(which) then error("values and tensors of two runs", 0) end
    end
    if record.id == "last" then last = which end
  end
  return last or error("no last cell", 0)
end

local TEXT = [[
-- %% first
print "WHICH"
-- %% kept cache=true
word, x = "WHICH", torch.full({3}, "WHICH" == "old" and 1 or 2)
-- %% last
print "WHICH"
]]
local FIGURE = '-- %% last\nplot{{1, 2, 3}, title = "WHICH"}\n'

case("outputs of a notebook", run_of(TEXT) "old", run_of(TEXT) "new", check_outputs)
case("figure of a notebook", run_of(FIGURE) "old", run_of(FIGURE) "new", check_outputs)

for _, format in ipairs {"html", "ipynb"} do
  file("nb export to " .. format, "page." .. format, function(path, which)
    local folder = path:match "^(.*)/"
    must(nb.main("export", {notebook(folder, which, "-- %% a\nprint 'WHICH'\n"), path}, {}))
  end, function(path)
    local text = read(path)
    local whole = {html = "</html>\n$", ipynb = "}%s*$"}
    if not text:find(whole[format]) then error("the page is not whole", 0) end
    return text:find "old" and "old" or "new"
  end)
end

case("nb fmt", function(folder) notebook(folder, "old", "-- %% a\nprint 'x'") end,
  function(folder) must(nb.main("fmt", {folder .. "/n.lua"}, {})) end,
  function(folder) return either(read(folder .. "/n.lua"), "-- %% a\nprint 'x'", "-- %% a\nprint 'x'\n") end)

case("nb import", function(folder)
  files.write(folder .. "/b.ipynb", json.encode {nbformat = 4, nbformat_minor = 5, metadata = json.decode "{}", cells = {
    {cell_type = "code", metadata = json.decode "{}", id = "b", execution_count = 1, source = "1", outputs = {
      {output_type = "stream", name = "stdout", text = "printed"}}}}})
end, function(folder)
  must(nb.main("import", {folder .. "/b.ipynb"}, {}))
end, function(folder)
  if not files.kind(folder .. "/b.lua") then return "old" end
  assert(read(folder .. "/b.lua"):find "port of cell 1")
  assert(require "nb.diff".reference(folder .. "/b.out"))
  return "new"
end)

-- ---- faults ----

local function arm(how, n) os.remove(("calls:%s:%d"):format(how, n)) end
local function disarm() return (select(3, os.remove "calls:off")) end

--- The N-th call of the new writing is the last of this process; else prints how many there are.
function writers.kill(name, folder, n)
  local one = writers.cases[name]
  one.old(folder)
  arm("kill", n)
  one.new(folder)
  local calls = disarm()
  print("calls", calls)
end

--- The disk is full, or a call fails (how = "fail"), from the N-th call on, for every stride-th N: what is there is old or new, the
-- old one unless the writing said that it went well, and the next writing does.  Prints how often something failed.
function writers.broken(how, name, folder, stride)
  local one, failures = writers.cases[name], 0
  for n = 0, math.maxinteger, stride do
    os.execute(("rm -rf '%s'; mkdir '%s'"):format(folder, folder))
    one.old(folder)
    arm(how, n)
    local ok, why = pcall(one.new, folder)
    local calls = disarm()
    local fine, which = pcall(one.check, folder)
    if not fine then error(("call %d (%s): %s"):format(n, tostring(why), which), 0) end
    if ok and which ~= "new" then error(("call %d: said to be written, and is not"):format(n), 0) end
    failures = failures + (ok and 0 or 1)
    if not pcall(one.new, folder) and name ~= "nb import" then error(("call %d: cannot be written any more"):format(n), 0) end
    if one.check(folder) ~= "new" then error(("call %d: not written anew"):format(n), 0) end
    if calls <= n then break end
  end
  print("failures", failures)
end

return writers
