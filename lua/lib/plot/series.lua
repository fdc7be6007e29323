--- series.lua: what users hand to plot{…} as lists of numbers, checked; and fewer points that look the same.

local keywords = require "base.keywords"

local series = {}

--- The numbers of a Lua list or of a 1-d tensor as a Lua list of floats.
function series.numbers(what, value)
  if torch.is_tensor(value) then
    if value:dim() ~= 1 then keywords.fail("%s: expected a list of numbers, got a tensor of shape %s", what, value:size()) end
    return value:detach():to(torch.float64):tolist()
  end
  if type(value) ~= "table" then keywords.fail("%s: expected a list of numbers, got %s", what, keywords.show(value)) end
  local out, count = {}, 0
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 then
      keywords.fail("%s: expected a list of numbers, got one with a field %s; options go in a table of their own",
                    what, keywords.show(key))
    end
    if key > count then count = key end
  end
  for i = 1, count do
    local number = value[i]
    if type(number) ~= "number" then
      if not (torch.is_tensor(number) and number:numel() == 1) then
        keywords.fail("%s: expected numbers, got %s at place %d", what, keywords.show(number), i)
      end
      number = number:item()
    end
    out[i] = number + 0.0
  end
  return out
end

function series.finite(value) return value == value and value ~= math.huge and value ~= -math.huge end

--- Min and max finite value over several lists; positive ones only when asked.  nil when there is none.
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

local function is_rising(x)
  for i = 2, #x do
    if not (x[i] >= x[i - 1]) then return false end
  end
  return true
end

--- Places of the first, min, max and last finite value in y[from … to], in order; of one value when none is finite.
local function outline(y, from, to, out)
  local first, last, least, greatest
  for i = from, to do
    local v = y[i]
    if v - v == 0 then
      if not first then first, least, greatest = i, i, i end
      last = i
      if v < y[least] then least = i elseif v > y[greatest] then greatest = i end
    end
  end
  first = first or from
  local before
  for _, i in ipairs{first, math.min(least or first, greatest or first), math.max(least or first, greatest or first), last} do
    if i ~= before then out[#out + 1] = i end
    before = i
  end
end

--- The outline of x and y in equal parts of the list, whatever its order.
local function outlines(x, y, most)
  local out, parts = {}, most // 8
  for k = 0, parts - 1 do
    local places = {}
    for _, list in ipairs{x, y} do outline(list, 1 + k * #x // parts, (k + 1) * #x // parts, places) end
    table.sort(places)
    for _, i in ipairs(places) do
      if out[#out] ~= i then out[#out + 1] = i end
    end
  end
  return out
end

--- Places of at most about `most` points of a curve that look the same on the axis ax; nil when all are needed.
-- Where x rises, every column of the drawing keeps its outline and columns without values stay gaps.  Other curves keep
-- the outline of equal parts.
function series.thin(x, y, most, ax)
  local n, out = #x, {}
  if n <= most then return nil end
  if not is_rising(x) then return outlines(x, y, most) end
  local columns, from, column = most // 4 - 2, 1, 0 -- two more: what lies before the axis and after it
  while from <= n do
    local edge = column > columns and math.huge or ax.unmap(ax.from + (ax.to - ax.from) * column / columns)
    local to = from
    while to <= n and not (x[to] > edge) do to = to + 1 end
    if to > from then outline(y, from, to - 1, out) end
    from, column = to, column + 1
  end
  return out
end

--- Exponential moving average without the bias of its start (Kingma & Ba 2015, section 3); skips values that are not finite.
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
