--- axis.lua: one axis of a figure: range, place of a value, round ticks with their labels.
-- Kinds: linear, log2 (ticks 2^-10 or 128) and log10 (ticks 0.001, 1e-5).

local axis = {}
axis.__index = axis

local forward = {
  linear = function(v) return v end,
  log2 = function(v) return math.log(v, 2) end,
  log10 = function(v) return math.log(v, 10) end,
}
local backward = {
  linear = function(u) return u end,
  log2 = function(u) return 2.0 ^ u end,
  log10 = function(u) return 10.0 ^ u end,
}

--- The kind that an option means: false or nil: linear, true or 10: log10, 2: log2; nil when it means none.
function axis.kind(option)
  if not option then return "linear" end
  return ({[true] = "log10", [10] = "log10", [2] = "log2"})[option]
end

--- An axis over low … high (low <= high; both positive on log axes), widened so that nothing sits on the frame.
-- exact: the range is the user's and stays.
function axis.new(kind, low, high, exact)
  local self = setmetatable({kind = kind, map = forward[kind], unmap = backward[kind]}, axis)
  local a, b = self.map(low), self.map(high)
  if not exact then
    local margin = b > a and 0.04 * (b - a) or (kind == "linear" and math.max(math.abs(a) * 0.1, 0.5) or 0.5)
    a, b = a - margin, b + margin
  elseif a == b then
    a, b = a - 0.5, b + 0.5
  end
  self.from, self.to = a, b
  self.low, self.high = self.unmap(a), self.unmap(b)
  return self
end

--- Place of a value along the axis: 0 at its beginning (its low end unless reversed), 1 at its end.
function axis:place(value)
  local place = (self.map(value) - self.from) / (self.to - self.from)
  return self.reversed and 1 - place or place
end

local function short(value)
  if value == 0 then return "0" end
  local text = ("%.10g"):format(value)
  return (text:gsub("e([+-])0*(%d+)$", function(sign, digits) return "e" .. (sign == "-" and "-" or "") .. digits end))
end

--- Label of 2^n: whole numbers as such, the rest as a power.
function axis.power_of_two(n)
  if n == 0 then return "1" end
  if n > 0 and n <= 20 then return ("%d"):format(2 ^ n) end
  return ("2^%d"):format(n)
end

local function linear_ticks(self, most)
  local step = 10.0 ^ math.floor(math.log((self.to - self.from) / most, 10))
  for _, factor in ipairs{1, 2, 5, 10} do
    if (self.to - self.from) / (step * factor) <= most then
      step = step * factor
      break
    end
  end
  local ticks = {}
  for i = math.ceil(self.from / step - 1e-9), math.floor(self.to / step + 1e-9) do
    ticks[#ticks + 1] = {value = i * step, label = short(i * step)}
  end
  return ticks
end

local function power_ticks(self, most, label)
  local first, last = math.ceil(self.from - 1e-9), math.floor(self.to + 1e-9)
  local every = math.max(1, math.ceil((last - first + 1) / most))
  local ticks = {}
  for n = first + (-first) % every, last, every do
    ticks[#ticks + 1] = {value = self.unmap(n), label = label(n)}
  end
  return ticks
end

--- 1, 2 and 5 times the powers of ten inside a short logarithmic axis.
local function decade_ticks(self)
  local ticks = {}
  for n = math.floor(self.from), math.ceil(self.to) do
    for _, factor in ipairs{1, 2, 5} do
      local value = tonumber(("%de%d"):format(factor, n))
      if value >= self.low and value <= self.high then ticks[#ticks + 1] = {value = value, label = short(value)} end
    end
  end
  return ticks
end

--- Ticks inside the axis, at most `most`: a list of {value =, label =}.
function axis:ticks(most)
  if self.kind == "linear" then return linear_ticks(self, most) end
  local ticks
  if self.kind == "log2" then
    ticks = power_ticks(self, most, axis.power_of_two)
  else
    ticks = decade_ticks(self)
    if #ticks > most then ticks = power_ticks(self, most, function(n) return short(10.0 ^ n) end) end
  end
  if #ticks >= 2 then return ticks end
  -- less than a decade or octave: round numbers in between, at their logarithmic places
  ticks = {}
  for _, tick in ipairs(linear_ticks({from = self.low, to = self.high}, most)) do
    if tick.value > 0 then ticks[#ticks + 1] = tick end
  end
  return ticks
end

return axis
