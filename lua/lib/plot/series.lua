--- series.lua: what users hand to plot{…} as lists of numbers, checked; and fewer points that look the same.

local keywords = require "gt.keywords"

local series = {}

--- The numbers of a Lua list or of a 1-d tensor as a Lua list of floats.
function series.numbers(what, value)
  if torch.is_tensor(value) then
    if value:dim() ~= 1 then keywords.fail("%s: expected a list of numbers, got a tensor of shape %s", what, value:size()) end
    value = value:detach():to(torch.float64):tolist()
  end
  if type(value) ~= "table" then keywords.fail("%s: expected a list of numbers, got %s", what, keywords.show(value)) end
  local out = {}
  for i, number in ipairs(value) do
    if torch.is_tensor(number) and number:numel() == 1 then number = number:item() end
    if type(number) ~= "number" then
      keywords.fail("%s: expected numbers, got %s at place %d", what, keywords.show(number), i)
    end
    out[i] = number + 0.0
  end
  return out
end

function series.finite(value) return value == value and value ~= math.huge and value ~= -math.huge end

--- Least and greatest finite value over several lists; positive ones only when asked.  nil when there is none.
function series.range(lists, positive)
  local low, high = math.huge, -math.huge
  for _, list in ipairs(lists) do
    for i = 1, #list do
      local v = list[i]
      if v == v and v < math.huge and v > -math.huge and (v > 0 or not positive) then
        if v < low then low = v end
        if v > high then high = v end
      end
    end
  end
  if low > high then return nil end
  return low, high
end

--- At most about `most` points of a curve with rising x: the first, least, greatest and last of every column keep its
-- outline.  Other curves come back as they are, thinned evenly when they are too long.
function series.thin(x, y, most)
  local n = #x
  if n <= most then return x, y end
  local rising = true
  for i = 2, n do
    if not (x[i] >= x[i - 1]) then rising = false break end
  end
  local outx, outy = {}, {}
  local function add(i) outx[#outx + 1], outy[#outy + 1] = x[i], y[i] end
  if not rising then
    for k = 0, most - 1 do add(1 + k * n // most) end
    return outx, outy
  end
  local columns = most // 4
  for column = 0, columns - 1 do
    local first, last = column * n // columns + 1, (column + 1) * n // columns
    local least, greatest = first, first
    for i = first, last do
      if y[i] < y[least] then least = i end
      if y[i] > y[greatest] then greatest = i end
    end
    local picked = {first, math.min(least, greatest), math.max(least, greatest), last}
    for k, i in ipairs(picked) do
      if k == 1 or i ~= picked[k - 1] then add(i) end
    end
  end
  return outx, outy
end

--- Exponential moving average without the bias of its start (Kingma & Ba 2015, section 3); not finite values are passed over.
function series.smooth(y, decay)
  local out, average, weight = {}, 0.0, 0.0
  for i = 1, #y do
    if series.finite(y[i]) then
      average = decay * average + (1 - decay) * y[i]
      weight = decay * weight + (1 - decay)
    end
    out[i] = weight > 0 and average / weight or y[i]
  end
  return out
end

return series
