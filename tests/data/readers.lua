--- readers.lua: whatever reads a file reads regular files only, waits for nothing, has a limit, and says in one line what
-- the path is; a path with a NUL is refused by everything that takes one.
local test = require "harness"
local support = require "train.support"

local GPTSH = support.shell("realpath " .. (os.getenv "GPTSH" or "./gptsh")):match "%C+"
local base = support.folder()
support.shell("mkdir " .. base)
local _ <close> = setmetatable({}, {__close = function() support.remove(base) end})

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

--- Runs code with PATH in place of P: its exit status and what it wrote.  4 GB of memory and 20 seconds are enough.
local function run(code, path)
  write(base .. "/code.lua", (code:gsub("%f[%w]P%f[%W]", (("%q"):format(path):gsub("%%", "%%%%")))))
  return support.shell(("ulimit -v 4000000; cd %s; GPTSH_HISTORY= timeout -k 1 20 %s --threads 1 code.lua 2>&1 </dev/null"):format(
    base, GPTSH))
end

local sparse = 1 << 36 -- bytes of a file that is too long for every use

--- Makes what is no file to read at the path.
local kinds = {
  {"pipe", function(path) support.shell("mkfifo " .. path) end},
  {"folder", function(path) support.shell("mkdir " .. path) end},
  {"device", function(path) support.shell(("ln -s /dev/zero %s"):format(path)) end},
  {"bytes", function(path) support.shell(("truncate -s %d %s"):format(sparse, path)) end}, -- "at most N bytes"
}

local prelude = [[
package.path = "]] .. io.popen("pwd"):read "l" .. [[/tests/?.lua;" .. package.path
local place = P
local folder = place:match "^(.*)/[^/]*$"
]]

-- What reads the path P, and what stands there for it to read.
local readers = {
  {"torch.load", "torch.load(P)", "x.safetensors", {bytes = "safetensors"}},
  {"tokenizer.load", "tokenizer.load(P)", "vocab.json", {folder = "merges.txt"}},
  {"tokenizer.load of merges", "tokenizer.load(folder)", "merges.txt", {}, function(path)
    write(path:gsub("[^/]*$", "vocab.json"), '{"a": 0}')
  end, "vocab.json"},
  {"data.text", "data.text(P)", "text.txt", {folder = "text files", bytes = "NUL"}},
  {"data.tokens", "data.tokens(P)", "x.bin", {bytes = false}}, -- token ids of any number are read piece by piece
  {"data.open", "data.open(P)", "x.bin", {folder = "text files", bytes = false}},
  {"tokenizer.train", "tokenizer.train({path = P}, {vocab_size = 300})", "t.txt", {folder = "expected text", bytes = false}},
  {"models.gpt2, its weights", "models.gpt2(folder)", "model.safetensors", {bytes = "safetensors"}},
  {"models.gpt2, its index", "models.gpt2(folder)", "model.safetensors.index.json"},
  {"models.gpt2, its config", "models.gpt2(folder)", "config.json", {}, function(path)
    support.shell(("cp tests/golden/gpt2/model.safetensors %s"):format((path:gsub("[^/]*$", ""))))
  end, "model.safetensors"},
  {"a program", "assert(loadfile(P))()", "p.lua", {bytes = "at most 256 MiB"}},
  {"require", 'package.path = P require "x"', "p.lua", {bytes = "at most 256 MiB"}},
  {"plot.loss", "plot.loss(P)", "log.jsonl"},
  {"gptsh why", "os.exit(require 'nb'.main('why', {P}, {}))", "x.svg"},
  {"nb view", "os.exit(require 'nb'.main('view', {P}, {}))", "x.lua"},
  {"nb run", "os.exit(require 'nb'.main('run', {P}, {}))", "x.lua"},
  {"nb import", "os.exit(require 'nb'.main('import', {P}, {}))", "x.ipynb"},
  {"a manifest of outputs", "require 'nb.sidecar'.open(folder)", "manifest.json"},
  {"reference outputs", "require 'nb.diff'.reference(folder)", "reference.json"},
  {"a journal of sweeps", "require 'gt.sweep.journal'.open(P)", "j.jsonl"},
  {"a checkpoint's manifest", "local run = folder:match '^(.*)/' error(select(2, require 'gt.train.checkpoint'.verify(run, 1)))",
    "trainer.json", {}, nil, nil, "/step-000001"},
  {"a kept session", "local m, why = require 'shell.restore'.manifest(folder) error(why, 0)", "manifest.json"},
}

for i, reader in ipairs(readers) do
  local name, code, file, says, before, other, below = table.unpack(reader, 1, 7)
  for _, kind in ipairs(kinds) do
    local said = says and says[kind[1]]
    if said == nil then said = kind[1] end
    if said then test(f"{name}: {kind[1]}", function()
      local folder = f"{base}/{i}-{kind[1]}{below or ''}"
      local path = folder .. "/" .. file
      support.shell("mkdir -p " .. folder)
      if before then before(path) end
      kind[2](path)
      local out, status = run(prelude .. code, path)
      if status ~= 1 then test.fail(f"exit status {status}: {out}") end
      test.equal(out:find(said, 1, true) ~= nil or out, true)
      local named = out:find(file, 1, true) or out:find(other or file, 1, true)
      test.equal(named ~= nil or out, true)
      test.equal(out:find "builtin:" == nil or out, true) -- no message of the inside
    end) end
  end
end

test("a pipe is read where one is meant: stdin, /dev/stdin, a shell's <(…)", function()
  local shell = function(command) return (support.shell(("GPTSH_HISTORY= bash -c %q 2>&1"):format(command))) end
  test.equal(shell(f"echo 'print(41 + 1)' | {GPTSH}"), "42\n")
  test.equal(shell(f"echo 'print(41 + 1)' | {GPTSH} -"), "42\n")
  test.equal(shell(f"echo 'print(41 + 1)' | {GPTSH} /dev/stdin"), "42\n")
  test.equal(shell(f"{GPTSH} <(echo 'print(41 + 1)')"), "42\n")
  test.equal(shell(f"{GPTSH} /dev/null"), "")
end)

test("a pipe as program, init file or source of a traceback is not waited for", function()
  support.shell(f"mkfifo {base}/fifo; mkdir -p {base}/config/gptsh; mkfifo {base}/config/gptsh/init.lua")
  local function says(command, text)
    local out, status = support.shell(f"cd {base}; GPTSH_HISTORY= timeout -k 1 20 {command} 2>&1 </dev/null")
    test.equal(out:find(text, 1, true) ~= nil or out, true)
    test.equal(status ~= 124 and status ~= 137, true)
  end
  says(f"{GPTSH} fifo", "cannot read fifo: it is a pipe, not a regular file")
  says(f"env XDG_CONFIG_HOME={base}/config {GPTSH} -i", "init.lua: it is a pipe, not a regular file")
  says(f"{GPTSH} -e \"load('error \\\"x\\\"', '@fifo')()\"", "fifo:1: x")
  says(f"{GPTSH} -e \"help(load('return function() end', '@fifo')())\"", "")
end)

test("a socket is named", function()
  local out = run([[torch.load "/dev/log.none"]], "")
  test.equal(out:find "No such file" ~= nil, true)
  support.shell(("perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => \"%s/socket\", Listen => 1)'"):format(base))
  if not require "native.folder".kind(base .. "/socket") then return test.fail "no socket was made" end
  out = run("torch.load(P)", base .. "/socket")
  test.equal(out:find("it is a socket, not a regular file", 1, true) ~= nil or out, true)
end)

-- ---- NUL ----

local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 4, norm = "layer", bias = true,
                   position = "learned", qk_norm = false, softcap = 0, activation = "gelu_tanh", embedding_norm = false}
local tokens = data.text {text = "some text"}
local files = require "native.folder"

for name, call in pairs {
  load = torch.load, save = function(p) torch.save(p, {x = torch.ones(1)}) end, ["save, the other way"] = function(p) torch.save({}, p) end,
  tokenizer_load = tokenizer.load, tokenizer_save = function(p) tokenizer.bytes():save(p) end,
  text = data.text, texts = function(p) data.text {p} end, tokens = data.tokens, pattern = function(p) data.tokens(p .. "*") end,
  open = data.open, tokens_save = function(p) tokens:save(p) end, train = function(p) tokenizer.train {path = p} end,
  gpt2 = models.gpt2, save_gpt2 = function(p) model:save_gpt2(p) end, load_gpt2 = function(p) model:load_gpt2(p) end,
  trainer = function(p) support.trainer {folder = p} end, open_run = train.open,
  sweep = function(p) sweep(support.sweep_options {journal = p}) end,
  plot = function(p) plot {{1, 2}, save = p .. ".svg"} end, loss = plot.loss, loadfile = loadfile, dofile = dofile,
  read = function(p) files.read(p, 9) end, kind = files.kind, make = files.make, remove = files.remove, list = files.list,
  publish = function(p) files.publish(p, p) end, hash = files.hash, lock = files.lock, lock_file = files.lock_file,
  truncate = function(p) files.truncate(p, 0) end, sync = files.sync, write = function(p) files.write(p, "") end,
  run = require "nb".run, view = function(p) require "nb".main("view", {p}, {}) end,
  cd = require "native.shell".chdir, append = function(p) require "native.shell".append(p, "x") end,
  stamp = require "native.shell".stamp, searchpath = function(p) package.searchpath("x", p) end,
  program = function(p) require "native.child".run({"cat", p}, {}) end,
} do
  test("a path with a NUL: " .. name, function()
    local place = base .. "/nul"
    local ok, why = pcall(call, place .. "\0.safetensors")
    test.equal(not ok and (why:find "NUL" or why:find "expected") ~= nil or why, true)
    test.equal(files.kind(place), nil)
  end)
end
