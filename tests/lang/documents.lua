--- README and the pages of docs/: their sessions show what the prompt shows, their links lead somewhere.
local test = require "harness"

local PROMPT = "gpt> "
local gptsh = os.getenv "GPTSH" or "./gptsh"

local pages = {"README.md", "CONTRIBUTING.md"}
for path in io.popen "ls docs/*.md":lines() do pages[#pages + 1] = path end

--- The indented blocks of a page that have a prompt: {line =, inputs = {…}, shown = {…}}; not those that leave lines out.
local function sessions(path)
  local found, block, number = {}, nil, 0
  local function finish()
    if block and #block.inputs > 0 and not block.short then found[#found + 1] = block end
    block = nil
  end
  for line in io.lines(path) do
    number = number + 1
    local text = line:match "^    +(.*)$" and line:gsub("^%s%s%s%s", "", 1)
    if not text then
      finish()
    else
      block = block or {line = number, inputs = {}, shown = {}, indent = #text:match "^ *"}
      text = text:sub(block.indent + 1)
      if text:sub(1, #PROMPT) == PROMPT then
        table.insert(block.inputs, text:sub(#PROMPT + 1))
      elseif not text:find "^%$ " then
        table.insert(block.shown, text)
        block.short = block.short or text:find "^%s*%.%.%.$"
      end
    end
  end
  finish()
  return found
end

--- What a prompt shows for the inputs, without the prompts.
local function typed(inputs)
  local file = os.tmpname()
  local out <close> = assert(io.open(file, "w"))
  out:write(table.concat(inputs, "\n"), "\n")
  out:flush()
  local pipe <close> = io.popen(("'%s' -i -E <%s 2>&1"):format(gptsh, file))
  local text = pipe:read "a"
  os.remove(file)
  return (("\n" .. text):gsub("\n[gpt> ]*gpt> ", "\n"):gsub("^\n+", ""):gsub("%s+$", ""))
end

local count = 0
for _, path in ipairs(pages) do
  for _, session in ipairs(sessions(path)) do
    count = count + 1
    test(f"{path}:{session.line} shows what the prompt shows", function()
      test.equal(typed(session.inputs), table.concat(session.shown, "\n"))
    end)
  end
end
test("the pages have sessions", function() assert(count >= 4, count) end)

test("links of the pages lead to files", function()
  local broken = {}
  for _, path in ipairs(pages) do
    local folder = path:match "^.*/" or ""
    local file <close> = assert(io.open(path))
    for target in file:read "a":gmatch "%]%(([^)#]+)" do
      local there = target:find "^https?:" or io.open(folder .. target)
      if not there then broken[#broken + 1] = path .. ": " .. target end
      if io.type(there) then there:close() end
    end
  end
  test.equal(broken, {})
end)

test("files that docs/architecture.md and CONTRIBUTING.md name exist", function()
  local missing = {}
  for _, name in ipairs{"docs/architecture.md", "CONTRIBUTING.md"} do
    local page <close> = assert(io.open(name))
    for path in page:read "a":gmatch "`([%l_]+/[%w_/.-]+%.%w+)`" do
      local example = path:find "NAME" or path:find "/cube%." or path:find "^build/"
      local file = example or io.open(path)
      if not file then missing[#missing + 1] = path end
      if io.type(file) then file:close() end
    end
  end
  test.equal(missing, {})
end)
