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

local LEAST, GREATEST = 5e-324, 0x1.fp+1022 -- the numbers above 0 that are drawn; gnuplot has none above 2^1023

--- An axis over low … high (low <= high; both positive on log axes), widened so that nothing sits on the frame, as far as
--- there are numbers.  exact: the range is the user's and stays.
function axis.new(kind, low, high, exact)
  local self = setmetatable({kind = kind, map = forward[kind], unmap = backward[kind]}, axis)
  local least, greatest = math.min(low, kind == "linear" and -GREATEST or LEAST), math.max(high, GREATEST)
  local a, b = self.map(low), self.map(high)
  if not exact or a == b then
    local alike = kind == "linear" and math.max(math.abs(a) * (exact and 0x1p-50 or 0.1), 0.5) or 0.5
    local margin = b > a and 0.04 * b - 0.04 * a or alike
    a, b = math.max(a - margin, self.map(least)), math.min(b + margin, self.map(greatest))
  end
  self.low, self.high = math.max(self.unmap(a), least), math.min(self.unmap(b), greatest)
  if self.low == self.high then -- the smallest numbers there are, on a logarithmic axis
    self.high = 2 * self.low
    b = self.map(self.high)
  end
  self.from, self.to = a, b
  return self
end

--- The axis of what is counted: its ticks are whole numbers.
function axis:counting()
  self.whole = true
  return self
end

--- Place of a value along the axis: 0 at its beginning (its low end unless reversed), 1 at its end.
function axis:place(value)
  local part = self.to - self.from < math.huge and 1 or 0.5 -- the difference of two numbers may overflow
  local place = (self.map(value) * part - self.from * part) / (self.to * part - self.from * part)
  return self.reversed and 1 - place or place
end

--- The number with at least ten digits, and as many as `digits`.
local function short(value, digits)
  if value == 0 then return "0" end
  local text = ("%%.%dg"):format(math.max(digits or 10, 10)):format(value)
  return (text:gsub("e([+-])0*(%d+)$", function(sign, power) return "e" .. (sign == "-" and "-" or "") .. power end))
end

--- Label of 10^n.
function axis.power_of_ten(n) return (n < -4 or n > 9) and ("1e%d"):format(n) or short(10.0 ^ n) end

--- Label of 2^n: whole numbers as such, the rest as a power.
function axis.power_of_two(n)
  if n == 0 then return "1" end
  if n > 0 and n <= 20 then return ("%d"):format(2 ^ n) end
  return ("2^%d"):format(n)
end

--- A round step, of which at most `most` fit in; not less than the distance of neighbouring numbers.
local function step_of(from, to, most)
  local largest = math.max(math.abs(from), math.abs(to))
  local span = math.max(to / most - from / most, largest * 0x1p-52, 0x1p-1070)
  local power = math.floor(math.log(span, 10))
  for n = power - 1, power + 1 do
    for _, factor in ipairs{1, 2, 5} do
      local step = tonumber(("%de%d"):format(factor, n))
      if step >= span * (1 - 1e-12) then return step, n end
    end
  end
end

--- A tick is where its label says: at the number that the label reads as.
local function linear_ticks(self, most)
  local step, power = step_of(self.from, self.to, most)
  if self.whole and step < 1 then step, power = 1, 0 end
  local ticks, labels = {}, {}
  for i = math.ceil(self.from / step - 1e-9), math.floor(self.to / step + 1e-9) do
    local value = i * step
    local digits = value == 0 and 1 or math.floor(math.log(math.abs(value), 10)) - power + 1
    local label = short(value, math.min(digits, 17))
    if not labels[label] then ticks[#ticks + 1] = {value = tonumber(label) + 0.0, label = label} end
    labels[label] = true
  end
  return ticks
end

local function power_ticks(self, most, label)
  local first, last = math.ceil(self.from - 1e-9), math.floor(self.to + 1e-9)
  local every = math.max(1, math.ceil((last - first + 1) / most))
  local ticks = {}
  for n = first + (-first) % every, last, every do
    local value = tonumber(label(n)) or self.unmap(n)
    if value > 0 and value < math.huge then ticks[#ticks + 1] = {value = value + 0.0, label = label(n)} end
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
    if #ticks > most then ticks = power_ticks(self, most, axis.power_of_ten) end
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
