-- Every op has a test file and every test file an op; descriptions that help() shows are there.
local test = require "harness"
local native = require "native"

local function files()
  local names = {}
  local pipe = assert(io.popen("ls tests/ops"))
  for line in pipe:lines() do names[line:match("^(.*)%.lua$") or line] = true end
  pipe:close()
  return names
end

test("every op has a test file and every test file an op", function()
  local names, missing = files(), {}
  for name in pairs(torch.ops) do
    if not names[name] then missing[#missing + 1] = "tests/ops/" .. name .. ".lua is missing" end
    names[name] = nil
  end
  for name in pairs(names) do missing[#missing + 1] = "tests/ops/" .. name .. ".lua tests no op" end
  table.sort(missing)
  test.equal(table.concat(missing, "\n"), "")
end)

test("every op says in one line what it does, and every attribute what it is", function()
  for name, op in pairs(torch.ops) do
    local about = native.describe(op)
    assert(about.doc ~= "" and not about.doc:find("\n"), name .. " has no doc")
    for _, attr in ipairs(about.attrs) do assert(attr.doc ~= "", name .. ": " .. attr.name .. " has no doc") end
  end
end)
