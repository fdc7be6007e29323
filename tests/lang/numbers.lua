--- Floats print as the shortest text that reads back equal, wherever text is made.
local test = require "harness"

test("print, tostring, %s, f-strings and show agree with Python's repr", function()
  local count = 0
  for line in io.lines "tests/golden/numbers.txt" do
    local bits, expected = line:match "^(%x+) (%S+)$"
    local x = string.unpack("d", string.pack("j", tonumber("0x" .. bits)))
    if tostring(x) ~= expected or ("%s"):format(x) ~= expected or f"{x}" ~= expected or show(x) ~= expected then
      error(("%s prints as %s"):format(expected, tostring(x)))
    end
    count = count + 1
  end
  assert(count > 4000, "the table is too short to prove anything")
end)

test("values that have no digits", function()
  test.equal(f"{1/0} {-1/0} {0/0} {-(0/0)} {-0.0} {2^53}", "inf -inf nan nan -0.0 9007199254740992.0")
  test.equal(tostring(3), "3")
  test.equal(tostring(math.mininteger), "-9223372036854775808")
end)

test("string.format keeps its other conversions and its errors", function()
  test.equal(("%d %5.2f %-4s| %q %% %i"):format(3, 0.125, 0.5, 0.1, 7), "3  0.12 0.5 | 0x1.999999999999ap-4 % 7")
  test.equal(string.format("%s %s %s", 1e-05, 1, "x"), "1e-05 1 x")
  test.equal(string.format("%s", setmetatable({}, {__tostring = function() return "object" end})), "object")
  local message = test.raises(function() return string.format("%d", "x") end, "bad argument #2 to 'format'")
  assert(message:find "numbers.lua:%d+: ", message)
  test.raises(function() return string.format("%d", 1.5) end, "no integer representation")
  test.raises(function() return string.format("%s") end, "bad argument #2 to 'format' (no value)")
end)

test("table.concat", function()
  test.equal(table.concat({1.4901161193847656e-08, 1, "x", 0.1}, ", "), "1.4901161193847656e-08, 1, x, 0.1")
  test.equal(table.concat({0.5, 0.25, 0.125}, " ", 2, 3), "0.25 0.125")
  test.equal(table.concat({1, 2, 3}) .. table.concat({}) .. table.concat({"a"}, ",", 2), "123")
  test.raises(function() return table.concat{0.5, {}} end, "invalid value (table) at index 2 in table for 'concat'")
  test.raises(function() return table.concat{"x", {}} end, "invalid value")
  test.raises(function() return table.concat(3) end, "table expected")
end)

test("io.write and file:write", function()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  test.equal(file:write(0.1, " ", 2^-24, " ", 3, "\n"), file)
  file:close()
  for line in io.lines(path) do test.equal(line, "0.1 5.960464477539063e-08 3") end
  os.remove(path)
  test.raises(function() io.write({}) end, "bad argument #1 to 'write'")
end)

-- A locale with a decimal comma, made for this test where localedef is installed.
local folder = os.tmpname()
os.remove(folder)
os.execute(("mkdir %s && printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\ngrouping -1\\nEND LC_NUMERIC\\n' >%s/source")
  :format(folder, folder))
os.execute(("localedef -c -i %s/source -f UTF-8 %s/xx_XX.UTF-8 >/dev/null 2>&1"):format(folder, folder))
local script = [[io.write(os.setlocale("xx_XX.UTF-8", "numeric") and "comma " or "absent ", ("%.1f "):format(0.5),
  f"{0.5} {0.5:.2f} {torch.tensor{0.5, 1e-5}}")]]
local gptsh = os.getenv "GPTSH" or "./gptsh"
local child <close> = io.popen(("LOCPATH=%s %s -e '%s' 2>&1"):format(folder, gptsh, script))
local output = child:read "a"
os.execute("rm -rf " .. folder)
if output:find "^absent" then
  test.skip("a decimal comma in the locale changes nothing", "localedef cannot make a locale here")
else
  test("a decimal comma in the locale changes nothing", function()
    test.equal(output, "comma 0.5 0.5 0.50 tensor([5.0000e-01, 1.0000e-05])")
  end)
end

test("whole floats are accepted where integers are wanted, others point to //", function()
  test.equal(torch.zeros(4 / 2, 6 / 2).shape:tolist(), {2, 3})
  test.raises(function() return torch.zeros(5 / 2) end, "size expects a whole number, got 2.5; use // for whole division")
  test.raises(function() return torch.ones(6):view(4 / 3, 2) end, "view: shape expects a whole number")
end)
