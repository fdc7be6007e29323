--- Format specifications agree with Python's: tests/golden/format.txt, written by format.py there.
local test = require "harness"

local function value_of(kind, text)
  if kind == "s" then return text end
  if text == "nan" then return 0 / 0 end
  if text:find "inf" then return text == "inf" and math.huge or -math.huge end
  return kind == "i" and math.tointeger(text) or tonumber(text) * 1.0
end

local groups, order = {}, {}
for line in io.lines "tests/golden/format.txt" do
  local kind, value, spec, expected = line:match "^(.)\t(.-)\t(.-)\t(.*)$"
  if not groups[spec] then
    groups[spec] = {}
    order[#order + 1] = spec
  end
  table.insert(groups[spec], {value_of(kind, value), expected})
end

for _, spec in ipairs(order) do
  test(("format '%s'"):format(spec), function()
    for _, case in ipairs(groups[spec]) do
      test.equal(__f("", case[1], spec), case[2])
    end
  end)
end

test("formats that do not fit the value are refused", function()
  test.raises(function() return f"{2.5:d}" end, "'d' needs a whole number, got 2.5")
  test.raises(function() return f"{'x':.2f}" end, "'.2f' needs a number, got a string")
  test.raises(function() return f"{nil:.2f}" end, "needs a number, got nil")
  test.raises(function() return f"{torch.ones(2):.2f}" end, "a tensor of 2 elements")
end)

test("a whole float counts as an integer for 'd'", function() test.equal(f"{1024 / 2:d}", "512") end)
test("0-d tensors format as their value", function()
  test.equal(f"{torch.tensor(2.5):.3f} {torch.tensor(1234567):,} {torch.tensor(0.1)}", "2.500 1,234,567 0.10000000149011612")
end)
