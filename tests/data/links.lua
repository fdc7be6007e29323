--- links.lua: symbolic links in folders that may come from somebody else: nothing outside of the folder is written or
-- removed through them.  A link that a user names as an output is followed, as an editor does.
local test = require "harness"
local support = require "train.support"
local files = require "native.folder"

local GPTSH = support.shell("realpath " .. (os.getenv "GPTSH" or "./gptsh")):match "%C+"

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function read(path)
  local file <close> = io.open(path, "rb")
  return file and file:read "a"
end

--- Runs fn(base, check) in a new folder base, in which base/outside with some files must stay as it is.
local function with(fn)
  local base = support.folder()
  support.shell(f"mkdir -p {base}/outside/sub")
  write(base .. "/outside/precious", "precious")
  write(base .. "/outside/sub/deep", "deep")
  local ok, message = pcall(fn, base)
  local listing = support.shell(f"cd {base}/outside && ls -A . sub")
  local left, deep = read(base .. "/outside/precious"), read(base .. "/outside/sub/deep")
  support.remove(base)
  if not ok then error(message, 0) end
  test.equal(listing, ".:\nprecious\nsub\n\nsub:\ndeep\n")
  test.equal(left, "precious")
  test.equal(deep, "deep")
end

local function link(to, name) support.shell(f"ln -sfn {to} {name}") end

test("removing a folder removes links in it and never leaves it", function()
  with(function(base)
    support.shell(f"mkdir {base}/a")
    link("../outside", base .. "/a/folder")
    link("../outside/precious", base .. "/a/file")
    link("nowhere", base .. "/a/dangling")
    support.shell(f"mkfifo {base}/a/fifo")
    files.remove(base .. "/a")
    test.equal(files.kind(base .. "/a"), nil)
    for _, name in ipairs {base .. "/b", base .. "/c/"} do -- a link of that name goes, and not what it points to
      link("outside", base .. "/" .. name:match "([bc])/?$")
      files.remove(name)
      test.equal(files.kind((name:gsub("/$", ""))), nil)
    end
    link("outside", base .. "/d")
    files.renew(base .. "/d")
    test.equal(files.kind(base .. "/d"), "folder")
  end)
end)

test("a folder in place of a link is published, the link goes", function()
  with(function(base)
    support.shell(f"mkdir {base}/new; echo new > {base}/new/file")
    link("outside", base .. "/target")
    files.publish(base .. "/new", base .. "/target")
    test.equal(read(base .. "/target/file"), "new\n")
    test.equal(files.kind(base .. "/target"), "folder")
    test.equal(files.kind(base .. "/new"), nil)
  end)
end)

test("opening, saving and pruning a run follows no link in its folder", function()
  with(function(base)
    local run = base .. "/run"
    local function trainer(more)
      local o = {folder = run, steps = 3, keep = 1}
      for key, value in pairs(more or {}) do o[key] = value end
      return support.trainer(o)
    end
    support.shell(f"mkdir {run}")
    link("../outside", run .. "/.step-000009.tmp")
    local t = trainer()
    link("../outside", run .. "/step-000001")
    link("../outside", run .. "/.step-000003.tmp")
    t:run()
    t:close()
    test.equal(support.shell(f"ls -A {run}"), ".lock\nlog.jsonl\nstep-000003\n")
    link("../outside/precious", run .. "/.lock")
    test.raises(function() trainer {resume = true} end, "symbolic link")
    os.remove(run .. "/.lock")
    os.remove(run .. "/log.jsonl")
    link("../outside/precious", run .. "/log.jsonl")
    test.raises(function() trainer {resume = true} end, "log.jsonl' is a symbolic link")
  end)
end)

test("a temporary name that is taken by a link is passed over", function()
  with(function(base)
    local pid = io.open "/proc/self/stat":read "n"
    for i = 0, 3 do link("outside/precious", f"{base}/.gptsh-{pid}-{i}.tmp") end
    files.write(base .. "/file", "text")
    test.equal(read(base .. "/file"), "text")
  end)
end)

test("a link that the user names is followed: it stays, and what it points to is replaced", function()
  local base = support.folder()
  support.shell(f"mkdir -p {base}/disk")
  for _, case in ipairs {
    {"x.safetensors", function(path) torch.save(path, {x = torch.ones(1)}) end},
    {"x.bin", function(path) data.text {text = "some"}:save(path) end},
    {"x.json", function(path) tokenizer.bytes():save(path) end},
    {"x.tsv", function(path) plot {{1, 2}, save = path} end},
  } do
    local name, save = table.unpack(case)
    write(f"{base}/disk/{name}", "old")
    link("disk/" .. name, f"{base}/{name}")
    save(f"{base}/{name}")
    test.equal(files.kind(f"{base}/{name}"), "symbolic link")
    test.equal(read(f"{base}/disk/{name}") ~= "old", true)
    link("nowhere/" .. name, f"{base}/{name}")
    test.raises(function() save(f"{base}/{name}") end, "No such file")
  end
  support.remove(base)
end)

-- ---- notebooks ----

local CODE = '-- %% one\nprint "hello"\nplot{{1, 2, 3}}\n-- %% kept cache=true\nx = torch.ones(3)\n'

--- Exit status and output of gptsh nb COMMAND in the folder.
local function nb(base, command)
  local out, status = support.shell(f"cd {base}; GPTSH_HISTORY= {GPTSH} nb {command} 2>&1 </dev/null")
  return status, out
end

test("a run of a notebook follows no link in the folder of outputs", function()
  with(function(base)
    write(base .. "/n.lua", CODE)
    test.equal(nb(base, "run n.lua"), 0)
    local names = {}
    for name in support.shell(f"ls -A {base}/n.out"):gmatch "%C+" do
      if name ~= ".lock" then names[#names + 1] = name end
    end
    test.equal(#names >= 7, true)
    for _, name in ipairs(names) do
      link("../outside/precious", f"{base}/n.out/{name}")
      link("../outside/precious", f"{base}/n.out/.new-{name}")
    end
    local text = support.shell(f"rm {base}/n.out/manifest.json")
    test.equal(text, "")
    link("../outside/none", base .. "/n.out/manifest.json")
    test.equal(nb(base, "run n.lua"), 0)
    for _, name in ipairs(names) do test.equal(files.kind(f"{base}/n.out/{name}"), "file") end
    for _, name in ipairs(names) do link("../outside/precious", f"{base}/n.out/{name}x") end
    test.equal(nb(base, "run n.lua"), 0)
    test.equal(nb(base, "clean n.lua"), 0)
  end)
end)

test("a folder of outputs that is a link is neither written nor cleaned", function()
  with(function(base)
    write(base .. "/n.lua", CODE)
    link("outside", base .. "/n.out")
    local status, out = nb(base, "run n.lua")
    test.equal(status, 1)
    test.equal(out:find("'n.out' is a symbolic link", 1, true) ~= nil, true)
    test.equal(nb(base, "clean n.lua"), 1)
    test.equal(nb(base, "status n.lua"), 0) -- looking is fine
  end)
  local base = support.folder()
  support.shell(f"mkdir -p {base}/disk")
  write(base .. "/n.lua", CODE)
  link("disk", base .. "/n.out")
  test.equal(nb(base, "run --out n.out/ n.lua"), 0) -- what the message says
  test.equal(files.kind(base .. "/disk/manifest.json"), "file")
  support.remove(base)
end)

local PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
local BOOK = json.encode {
  nbformat = 4, nbformat_minor = 5, metadata = json.decode '{"language_info": {"name": "python"}}',
  cells = {
    {cell_type = "markdown", metadata = json.decode "{}", id = "a", source = "![x](attachment:x.png)",
     attachments = {["x.png"] = {["image/png"] = PICTURE}}},
    {cell_type = "code", metadata = json.decode "{}", id = "b", execution_count = 1, source = "1",
     outputs = {{output_type = "display_data", metadata = json.decode "{}", data = {["image/png"] = PICTURE}}}},
  },
}

test("an import follows no link", function()
  with(function(base)
    write(base .. "/n.ipynb", BOOK)
    local status, out = nb(base, "import n.ipynb")
    test.equal(status == 0 or out, true)
    local names = {}
    for name in support.shell(f"ls -A {base}/n.out"):gmatch "%C+" do names[#names + 1] = name end
    test.equal(#names, 3)
    for _, name in ipairs(names) do link("../outside/precious", f"{base}/n.out/{name}") end
    os.remove(base .. "/n.lua")
    test.equal(nb(base, "import n.ipynb"), 0)
    for _, name in ipairs(names) do test.equal(files.kind(f"{base}/n.out/{name}"), "file") end
    support.remove(base .. "/n.out")
    os.remove(base .. "/n.lua")
    link("outside", base .. "/n.out")
    status, out = nb(base, "import n.ipynb")
    test.equal(status, 1)
    test.equal(out:find "symbolic link" ~= nil, true)
    link("outside/new", base .. "/n.lua") -- it points nowhere
    test.equal(nb(base, "import n.ipynb"), 1)
  end)
end)

test("an export writes through a link only when the user names it", function()
  with(function(base)
    write(base .. "/n.lua", CODE)
    for _, format in ipairs {"html", "md", "ipynb"} do
      link("outside/precious", f"{base}/n.{format}")
      local status, out = nb(base, f"export --format {format} n.lua")
      test.equal(status, 1)
      test.equal(out:find(f"n.{format} is a symbolic link", 1, true) ~= nil or out, true)
    end
    write(base .. "/page", "old")
    link("page", base .. "/n.html")
    test.equal(nb(base, "export n.lua n.html"), 0)
    test.equal(files.kind(base .. "/n.html"), "symbolic link")
    test.equal(read(base .. "/page"):find "<!DOCTYPE" ~= nil, true)
  end)
end)

test("a kept session is written next to links, not through them", function()
  with(function(base)
    link("outside", base .. "/s.state.tmp")
    link("outside", base .. "/s.state")
    require "shell.keep".write(base .. "/s.state", {{"x", torch.ones(2)}})
    test.equal(files.kind(base .. "/s.state"), "folder")
    test.equal(support.shell(f"ls -A {base}"), "outside\ns.state\n")
  end)
end)
