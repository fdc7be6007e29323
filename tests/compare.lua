--- compare.lua: comparing lists of numbers and tensors to the bit or within a tolerance; failures raise.

local samples = require "samples"
local flat, number = samples.flat, samples.number

local compare = {}

function compare.fail(format, ...) error(format:format(...), 0) end

local function same_bits(a, b)
  return a == b and (a ~= 0 or 1 / number(a) == 1 / number(b)) or (a ~= a and b ~= b)
end

--- The tensors in two lists have the same bits.
function compare.same_bits(what, got, expected)
  for k = 1, #expected do
    local a, b = flat(got[k]), flat(expected[k])
    if #a ~= #b then compare.fail("%s: result %d has %d elements, expected %d", what, k, #a, #b) end
    for i = 1, #b do
      if not same_bits(a[i], b[i]) and not (type(b[i]) == "boolean" and a[i] == b[i]) then
        compare.fail("%s: element %d of result %d is %s, expected the same bits as %s", what, i - 1, k, a[i], b[i])
      end
    end
  end
end

--- Root mean square of the finite ones.
function compare.rms(values)
  local sum, n = 0, 0
  for _, x in ipairs(values) do
    x = number(x)
    if x == x and math.abs(x) < math.huge then sum, n = sum + x * x, n + 1 end
  end
  return n > 0 and math.sqrt(sum / n) or 0
end

--- |got - expected| <= tol * scale: scale(i) gives the size of element i.
function compare.close(what, got, expected, tol, scale)
  if #got ~= #expected then compare.fail("%s: %d elements, expected %d", what, #got, #expected) end
  for i = 1, #expected do
    local a, b = number(got[i]), number(expected[i])
    local same = a == b or (a ~= a and b ~= b)
    if not same and not (math.abs(a - b) <= tol * scale(math.abs(b))) then
      compare.fail("%s: element %d is %.17g, expected %.17g (off by %.3g, allowed %.3g)", what, i - 1, a, b, math.abs(a - b),
        tol * scale(math.abs(b)))
    end
  end
end

--- The same for tensors; elements smaller than the rms of `expected` may be off as much as the rms may.
function compare.near(what, got, expected, tol)
  local list = flat(expected)
  local size = compare.rms(list)
  compare.close(what, flat(got), list, tol, function(b) return math.max(b, size) + 1e-300 end)
end

return compare
