-- The reference that `make docs` writes: everything public is in it, and its links lead somewhere.
local test = require "harness"
package.path = "docs/reference/?.lua;" .. package.path
local doc = require "shell.doc"
local html = require "html"
local page, markdown = require("main").pages()

--- What the text has not, of the names: "a, b".
local function missing(names, has)
  local out = {}
  for _, name in ipairs(names) do
    if not has(name) then out[#out + 1] = name end
  end
  return table.concat(out, ", ")
end

local function in_page(name) return page:find(f'<section id="{name}">', 1, true) ~= nil end
local function in_markdown(name) return markdown:find(f'<a id="{name}"></a>', 1, true) ~= nil end

test("every public name of the Lua library is in it", function()
  local names = {}
  for _, section in ipairs(doc.sections()) do
    for _, name in ipairs(doc.names(section[2])) do
      if doc.callable(doc.member(section[2], name)) then names[#names + 1] = section[1] .. name end
    end
  end
  assert(#names > 500, #names)
  test.equal(missing(names, in_page), "")
  test.equal(missing(names, in_markdown), "")
end)

-- Which functions are public is asked the objects, not the reader of headers: what they export and a header names.
test("every function that a C header declares is in it", function()
  local build = os.getenv "GPTSH_BUILD" or "build/release"
  local pipe = assert(io.popen("cat core/*/*.h kernels/*/*.h lua/bind/*.h shell/*.h"))
  local declared = pipe:read "a"
  pipe:close()
  local names = {}
  for line in io.popen(f"nm -g --defined-only {build}/*/*.o {build}/*/*/*.o"):lines() do
    local name = line:match " T (%l+_[%w_]+)$"
    if name and declared:find("%f[%w_]" .. name .. "%(") then names[#names + 1] = name end
  end
  assert(#names > 400, #names)
  test.equal(missing(names, in_page), "")
  test.equal(missing(names, in_markdown), "")
end)

test("the names for editors are all public names", function()
  local text = require "shell.manual".meta()
  assert(load(text))
  for _, name in ipairs {"torch.cuda.is_available", "nn.init.orthogonal_", "Tensor:tolist", "Optimizer:step", "GPTModel:generate", "sweep"} do
    assert(text:find("\nfunction " .. name .. "(", 1, true), name)
  end
  for _, name in ipairs {"nn.Linear", "GPT", "plot"} do assert(text:find("\n" .. name .. " = {}", 1, true), name) end
end)

test("comments of headers come along: of the group, and of one line", function()
  assert(page:find("Runs op on in[0 … nin-1] with a full attribute list", 1, true))
  assert(page:find('id="gt_touch"', 1, true) and page:find("bumps the storage version: call after writing in place", 1, true))
  assert(page:find("A strided view" , 1, true) or page:find("a strided view of a reference-counted storage", 1, true))
end)

test("its tags are balanced, its ids unique, its links lead somewhere", function() test.equal(html.breach(page), nil) end)

test("links of the Markdown lead somewhere", function()
  local targets = {}
  for target in markdown:gmatch "\n%- %[`[^`]*`%]%(#([^)]*)%)" do targets[#targets + 1] = target end
  assert(#targets > 80, #targets)
  test.equal(missing(targets, in_markdown), "")
end)

test("it is one file that asks for nothing else", function()
  for _, part in ipairs {"<script", "<link", "@import", "<iframe", "src="} do assert(not page:find(part, 1, true), part) end
  assert(page:find("prefers-color-scheme: dark", 1, true))
end)
