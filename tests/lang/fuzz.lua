--- Random text for everything that parses: nothing may crash, and what can be checked holds.
local test = require "harness"
local native = require "native"

-- A generator of our own: the same cases on every machine.
local state = 12345
local function random(n)
  state = (state * 6364136223846793005 + 1442695040888963407)
  return ((state >> 33) % n) + 1
end

local function pick(list) return list[random(#list)] end

local function sequence(pieces, most)
  local out = {}
  for i = 1, random(most) do out[i] = pick(pieces) end
  return table.concat(out)
end

local function lines(text) return select(2, text:gsub("\n", "\n")) end

test("the f-string rewrite keeps lines and never breaks what compiles", function()
  local pieces = {'f"', '"', "'", "f'", "{", "}", "{{", "}}", "a", " + ", "(", ")", "[[", "]]", "--", "\n", "\\", "\\\n", "\\\"", ":",
                  ".2f", ">8", "::", "t", ".", "..", " ", "=", "local x", "return ", ",", "[==[", "]==]", "\\u{41}", "\\z", "1", "nil",
                  "f", "ff", "\0", "é"}
  local compiled = 0
  for _ = 1, 30000 do
    local text = (random(2) == 1 and "return " or "") .. sequence(pieces, 14)
    local rewritten = native.rewrite(text)
    test.equal(lines(rewritten), lines(text))
    -- With f-strings hidden, load() sees the text as it is.
    local plain = load(text:gsub('f(["\'])', "g%1"))
    if plain then
      compiled = compiled + 1
      local chunk, message = load(text)
      if not chunk then error(("%q: %s"):format(text, message)) end
    end
  end
  assert(compiled > 300, compiled)
end)

test("format specifications", function()
  local pieces = {"<", ">", "^", "=", "+", "-", " ", "#", "0", "1", "12", "9999", ",", "_", ".", ".3", ".99", "d", "x", "e", "f", "g", "%", "s",
                  "é", "n", "G", "b"}
  local values = {0, -1, 2^53, 1e300, 1e-300, 0 / 0, 1 / 0, 0.1, "text", "é", true, math.mininteger}
  local formatted = 0
  for _ = 1, 30000 do
    if pcall(__f, "", pick(values), sequence(pieces, 5)) then formatted = formatted + 1 end
  end
  assert(formatted > 3000, formatted)
end)

test("slices", function()
  local pieces = {"0", "1", "2", "-1", "7", "-9", ":", "::", ",", ", ", "...", "None", " ", "x", "99999999999999999999", "3:1", "::2"}
  local t = torch.arange(24):view(2, 3, 4)
  local read = 0
  for _ = 1, 20000 do
    local key = sequence(pieces, 7)
    local ok, view = pcall(function() return t[key] end)
    if ok and torch.is_tensor(view) then
      read = read + 1
      for x in view:values() do assert(x >= 0 and x < 24) end
    end
  end
  assert(read > 1000, read)
end)

test("JSON", function()
  local pieces = {"{", "}", "[", "]", '"a"', '"', ":", ",", "1", "-", ".5", "e9", "null", "true", " ", "\\u00", "\\", "é", "\255", "[1]", '{"a":1}'}
  local read = 0
  for _ = 1, 20000 do
    local ok, value = pcall(json.decode, sequence(pieces, 8))
    if ok then
      read = read + 1
      if value ~= json.null then json.encode(value) end
    end
  end
  assert(read > 500, read)
end)

test("arguments of every op", function()
  local values = {nil, true, 0, -1, 3, 1.5, 1e300, math.maxinteger, math.mininteger, -5, "x", "f32", torch.ones(2, 3), torch.arange(4), torch.tensor(true), torch.zeros(0, 2),
                  {}, {1, 2}, {dim = 0}, {dim = 1, keepdim = true}, {torch.ones(2), torch.ones(2)}, torch.float64, torch.Size(2, 3), print,
                  {math.maxinteger, -1}, torch.tensor{{5, -7}, {0, 100}}, torch.ones(2, 3, 4):transpose(0, 2),
                  torch.ones(2, 3, {device = "meta"}), torch.ones(3, {requires_grad = true})}
  local calls, fine = 0, 0
  local names = {}
  for name in next, torch.ops do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local op = torch.ops[name]
    for _ = 1, 120 do
      local ok, message = pcall(op, values[random(29)], values[random(29)], values[random(29)])
      calls = calls + 1
      if ok then fine = fine + 1 else assert(type(message) == "string" and #message > 5, name) end
    end
  end
  assert(fine > 100, fine)
end)
