--- Tensors print as PyTorch prints them: tests/golden/print.txt, written by print.py there.
local test = require "harness"

local function cases(path)
  local list, case = {}, nil
  for line in io.lines(path) do
    local code = line:match "^== (.*)$"
    if code then
      case = {code = code, lines = {}}
      list[#list + 1] = case
    else
      case.lines[#case.lines + 1] = line
    end
  end
  return list
end

for _, case in ipairs(cases "tests/golden/print.txt") do
  test("prints " .. case.code, function()
    local options, expression = case.code:match "^(%b{}) (.*)$"
    torch.set_printoptions{profile = "default"}
    if options then torch.set_printoptions(load("return " .. options)()) end
    local text = tostring(load("return " .. (expression or case.code))())
    torch.set_printoptions{profile = "default"}
    test.equal(text, table.concat(case.lines, "\n"))
  end)
end

test("parameters say so on a line of their own", function()
  local w = nn.Linear(2, 1, {bias = false}).weight
  torch.no_grad(function() w:fill_(0.5) end)
  test.equal(tostring(w), "Parameter containing:\ntensor([[0.5000, 0.5000]], requires_grad=True)")
end)

test("bad print options are refused", function()
  test.raises(function() torch.set_printoptions{precison = 3} end, "did you mean 'precision'")
  test.raises(function() torch.set_printoptions{edgeitems = 0} end, "edgeitems expects an integer in [1, 1000]")
  test.raises(function() torch.set_printoptions{profile = "long"} end, 'profile expects "default", "short" or "full"')
end)

test("a freed tensor prints as freed", function()
  local t = torch.ones(2)
  t:free()
  test.equal(tostring(t), "tensor(freed)")
end)
