--- The notebook that computes spectral learning rates prints byte for byte what the original printed.
local test = require "harness"

local gptsh = os.getenv "GPTSH" or "./gptsh"

local function output(command)
  local pipe <close> = io.popen(command)
  return pipe:read "a"
end

for what, sum in pairs {grid = "277a887cf6eded079bb794f221c88bca9194030a91cf670712e1c3c2117ea8f0",
                        one = "8e4eb574ba7bac1a54ed020d3de66016af482f76438c92c182ba17a7168f95f1"} do
  test("the table of one run: " .. what, function()
    test.equal(output(("%s tests/golden/cells/spectral.lua %s | sha256sum"):format(gptsh, what)):match "^%x+", sum)
  end)
end

test("the grid of learning rates displays as a table constructor", function()
  local lines = {}
  for i = -20, -2 do lines[#lines + 1] = tostring(2.0 ^ i) end
  test.equal(output(gptsh .. " tests/golden/cells/spectral.lua list"), "{" .. table.concat(lines, ",\n ") .. "}\n")
end)
