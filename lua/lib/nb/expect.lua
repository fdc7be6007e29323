--- expect.lua: lines "-- expect: …" of a cell against what it printed, and texts compared number by number.
--
--   -- expect: 285,212,672              this text is in the output, not as a part of a longer word or number
--   -- expect: loss ~ 0.0250 ±1e-3      the number after "loss" is within 1e-3 (±2% of it; without ±, half a last digit)
--   -- expect: ~ 14.585                 some number is
--
-- The label, too, is not a part of a longer word.

local native = require "native.notebook"
local trimmed = require("nb.texts").trimmed

local expect = {}

-- ---- numbers in texts ----

--- The number that begins at text[at]: its last character and its value; or nothing.  Commas group three digits.
local function number_at(text, at)
  local _, last = text:find("^[+-]?%d+", at)
  while last and text:find("^,%d%d%d%f[%D]", last + 1) do last = last + 4 end
  if last then
    local _, decimals = text:find("^%.%d+", last + 1)
    last = decimals or last
  else
    _, last = text:find("^[+-]?%.%d+", at)
  end
  if last then
    local _, exponent = text:find("^[eE][+-]?%d+", last + 1)
    last = exponent or last
    return last, tonumber((text:sub(at, last):gsub(",", ""):gsub("^%+", "")))
  end
  _, last = text:find("^[+-]?[Nn][Aa][Nn]%f[^%w]", at)
  if last then return last, 0 / 0 end
  _, last = text:find("^[+-]?[Ii][Nn][Ff]%f[^%w]", at)
  if last then return last, text:sub(at, at) == "-" and -math.huge or math.huge end
end

--- The numbers of the text: {value, first, last}, …; a digit that belongs to a word is not one.
function expect.numbers(text)
  local out, at = {}, 1
  while at <= #text do
    local start = text:find("[%d.+%-nNiI]", at)
    if not start then break end
    local before = start > 1 and text:sub(start - 1, start - 1) or " "
    local last, value
    if not before:find "[%w_]" then last, value = number_at(text, start) end
    if value then out[#out + 1] = {value, start, last} end
    at = (value and last or start) + 1
  end
  return out
end

--- |a - b| within the absolute tolerance; NaN equals NaN, infinities only themselves.
function expect.near(a, b, tolerance)
  return a == b or (a ~= a and b ~= b) or math.abs(a - b) <= tolerance
end

-- ---- lines ----

--- Half a unit of the last digit of a number as written.
local function half_digit(written)
  local mantissa, exponent = written:match "^(.-)[eE]([+-]?%d+)$"
  mantissa, exponent = mantissa or written, tonumber(exponent) or 0
  local decimals = mantissa:match "%.(%d+)$"
  return 0.5 * 10 ^ (exponent - (decimals and #decimals or 0))
end

local function tolerance_of(text, written, value)
  if text == "" then return half_digit(written) * (1 + 1e-9) end
  local amount = text:match "^±%s*(.*)$" or text:match "^%+/?%-%s*(.*)$"
  local percent = amount and amount:match "^(.-)%s*%%$"
  local number = tonumber(percent or amount)
  if not number or number ~= number or number < 0 or number == math.huge then return nil end
  return percent and math.abs(value) * number / 100 or number
end

--- {label, value, tolerance} of "loss ~ 0.025 ±1e-3", {text} of anything else.
local function parse(text)
  local label, written, rest = text:match "^(.-)%s*~%s*([+-]?[%d.][%d.,]*[eE]?[+-]?%d*)%s*(.*)$"
  local value = written and tonumber((written:gsub(",", "")))
  local tolerance = value and tolerance_of(rest, written:gsub(",", ""), value)
  if tolerance then return {label = label, value = value, tolerance = tolerance} end
  return {text = text}
end

--- The expectations of a cell, in order, each with its line in the file.
function expect.of(cell)
  local out = {}
  if cell.kind ~= "code" then return out end
  for _, token in ipairs(native.tokens(cell.body)) do
    local text = token.kind == "comment" and token.text:match "^%-%-%s*expect:%s*(.-)%s*$"
    if text then
      local item = parse(text)
      item.line, item.written = cell.line + token.line - 1, text
      out[#out + 1] = item
    end
  end
  return out
end

-- ---- checking ----

--- Does the match text[first, last] end and begin where a word or number does?
local function whole(text, first, last)
  local before2, before = text:sub(first - 2, first - 2), first > 1 and text:sub(first - 1, first - 1) or ""
  local after, after2 = text:sub(last + 1, last + 1), text:sub(last + 2, last + 2)
  if text:find("^[%w_]", first) then
    if before:find "[%w_]" then return false end
    if text:find("^%d", first) and ((before:find "[.,]" and before2:find "%d") or (before == "-" and not before2:find "[%w]")) then
      return false
    end
  end
  if text:find("^[%w_]", last) then
    if after:find "[%w_]" then return false end
    if text:find("^%d", last) and after:find "[.,]" and after2:find "%d" then return false end
  end
  return true
end

local function has_text(output, text)
  local at = 1
  while true do
    local first, last = output:find(text, at, true)
    if not first then return false end
    if whole(output, first, last) then return true end
    at = first + 1
  end
end

local function has_number(output, item)
  local numbers, at = expect.numbers(output), 1
  if item.label == "" then
    for _, n in ipairs(numbers) do
      if expect.near(n[1], item.value, item.tolerance) then return true end
    end
    return false
  end
  while true do
    local first, last = output:find(item.label, at, true)
    if not first then return false end
    for _, n in ipairs(whole(output, first, last) and numbers or {}) do
      if n[2] > last then
        if expect.near(n[1], item.value, item.tolerance) then return true end
        break
      end
    end
    at = first + 1
  end
end

--- The expectations that `output` does not meet.
function expect.unmet(items, output)
  local out = {}
  for _, item in ipairs(items) do
    local met = item.text and item.text ~= "" and has_text(output, item.text) or item.label and has_number(output, item)
    if not met then out[#out + 1] = item end
  end
  return out
end

-- ---- comparing ----

local SAME = {["["] = "{", ["]"] = "}", ["("] = "{", [")"] = "}", ["'"] = '"'}

--- Text between numbers without what Python and Lua write differently: blanks, brackets, quotes, true, nil.
local function plain(text)
  text = text:gsub("%f[%w]True%f[%W]", "true"):gsub("%f[%w]False%f[%W]", "false"):gsub("%f[%w]None%f[%W]", "nil")
  return (text:gsub("%s+", ""):gsub("[%[%]()']", SAME))
end

local function line_at(text, at)
  local first = at
  while first > 1 and text:sub(first - 1, first - 1) ~= "\n" do first = first - 1 end
  local line = text:match("^[^\n]*", first)
  return line ~= "" and line or "(nothing)"
end

--- Is the number that was found at text[first, last] written as a whole one?
local function is_whole(text, n) return not text:sub(n[2], n[3]):find "[.eEnN]" end

--- The first difference of two texts: a line of each; or nothing.  Numbers may differ by `tolerance` of themselves;
--- without one by a millionth, and whole ones not at all.
function expect.difference(a, b, tolerance)
  a, b = trimmed(a), trimmed(b)
  local p, q = expect.numbers(a), expect.numbers(b)
  local at, bt = 1, 1
  local function allowed(x, y)
    if not tolerance and is_whole(a, x) and is_whole(b, y) then return 0 end
    return (tolerance or 1e-6) * math.max(math.abs(x[1]), math.abs(y[1]))
  end
  for i = 1, math.max(#p, #q) do
    local x, y = p[i], q[i]
    local alike = x and y and plain(a:sub(at, x[2] - 1)) == plain(b:sub(bt, y[2] - 1))
    if not alike or not expect.near(x[1], y[1], allowed(x, y)) then
      return line_at(a, x and x[2] or #a + 1), line_at(b, y and y[2] or #b + 1)
    end
    at, bt = x[3] + 1, y[3] + 1
  end
  if plain(a:sub(at)) ~= plain(b:sub(bt)) then return line_at(a, #a + 1), line_at(b, #b + 1) end
end

return expect
