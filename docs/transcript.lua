--- transcript.lua: what a terminal showed, as Markdown: gptsh docs/transcript.lua write|compare FOLDER TARGET
-- FOLDER/raw holds what tests/shell/newcomer.c saw, with texts between the bytes 30 and 31; the figure and the page
-- that the session made lie next to it.  "write" makes TARGET/session.md and its pictures; "compare" fails when
-- TARGET/session.md differs in more than numbers.

local read = require("nb.document").bytes
local write = require("native.folder").write

-- ---- a terminal ----

local Screen = {}
Screen.__index = Screen

--- A screen that never scrolls: rows of characters, the cursor's row and column.
local function screen() return setmetatable({rows = {{}}, row = 1, column = 1, done = 0}, Screen) end

function Screen:put(char)
  local cells = self.rows[self.row]
  for i = #cells + 1, self.column - 1 do cells[i] = " " end
  cells[self.column] = char
  self.column = self.column + 1
end

function Screen:down()
  self.row = self.row + 1
  self.rows[self.row] = self.rows[self.row] or {}
end

--- What readline and the progress line use of the control sequences: moving, erasing, inserting, deleting.
local control = {
  A = function(self, n) self.row = math.max(self.done + 1, self.row - n) end,
  B = function(self, n) for _ = 1, n do self:down() end end,
  C = function(self, n) self.column = self.column + n end,
  D = function(self, n) self.column = math.max(1, self.column - n) end,
  G = function(self, n) self.column = n end,
  K = function(self)
    local cells = self.rows[self.row]
    for i = self.column, #cells do cells[i] = nil end
  end,
  J = function(self)
    for row = self.row + 1, #self.rows do self.rows[row] = {} end
    local cells = self.rows[self.row]
    for i = self.column, #cells do cells[i] = nil end
  end,
  P = function(self, n)
    for _ = 1, n do
      if self.rows[self.row][self.column] then table.remove(self.rows[self.row], self.column) end
    end
  end,
  ["@"] = function(self, n)
    for _ = 1, n do table.insert(self.rows[self.row], self.column, " ") end
  end,
}

--- Shows bytes.
function Screen:feed(bytes)
  local at = 1
  while at <= #bytes do
    local number, letter = bytes:match("^\27%[%??([%d;]*)([%a@])", at)
    local char = bytes:match("^" .. utf8.charpattern, at)
    if letter then
      local act = control[letter]
      if act then act(self, math.tointeger(tonumber(number)) or 1) end
      at = at + #bytes:match("^\27%[%??[%d;]*[%a@]", at)
    else
      if char == "\n" then
        self:down()
      elseif char == "\r" then
        self.column = 1
      elseif char == "\b" then
        self.column = math.max(1, self.column - 1)
      elseif char:byte() >= 32 then
        self:put(char)
      end
      at = at + #char
    end
  end
end

--- The rows above the cursor that were not taken before.
function Screen:take()
  local lines = {}
  for row = self.done + 1, self.row - 1 do lines[#lines + 1] = (table.concat(self.rows[row]):gsub("%s+$", "")) end
  self.done = math.max(self.done, self.row - 1)
  return table.concat(lines, "\n")
end

-- ---- the page ----

local head = [[
# A first session

Typed into a terminal by a test (`tests/shell/newcomer.c`) and written down by `make session`; `make test` types it again.]]

local function markdown(raw)
  local parts, shown = {head}, screen()
  for text, bytes in raw:gmatch "\30([^\31]*)\31([^\30]*)" do
    if text ~= "" then parts[#parts + 1] = text end
    shown:feed(bytes)
    local lines = shown:take()
    if lines ~= "" then parts[#parts + 1] = "```text\n" .. lines .. "\n```" end
  end
  return table.concat(parts, "\n\n") .. "\n"
end

--- The text without what differs from run to run: numbers, the progress line, a figure drawn with characters.
local function settled(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    line = line:gsub("^train .*", "train"):gsub("%d[%d.,]*e?[-+]?%d*", "#"):gsub("%s+", " ")
    local drawn = line:find "\u{2500}" or line:find "\u{2502}" or line:find "\u{2524}" or line:find "^[# ]+$"
    if not drawn then lines[#lines + 1] = line end
  end
  return lines
end

local function compare(text, path)
  local committed = assert(read(path))
  local now, then_ = settled(text), settled(committed)
  for i = 1, math.max(#now, #then_) do
    if now[i] ~= then_[i] then
      error(f"{path} is not what happens (make session writes it):\n  written  {then_[i]}\n  happens  {now[i]}", 0)
    end
  end
end

--- A picture of the page, where there is a browser.
local function photograph(page, target)
  local ok = os.execute(f"browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) && " ..
    f"\"$browser\" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir='{page}.profile' " ..
    f"--window-size=900,1900 --screenshot='{target}' 'file://{page}' 2>'{page}.log'")
  if not ok then print(f"no browser: {target} is left as it was") end
end

local what, folder, target = table.unpack(arg)
local text = markdown(assert(read(folder .. "/raw")))
if what == "compare" then return compare(text, target .. "/session.md") end
write(target .. "/session.md", text)
write(target .. "/session-loss.svg", assert(read(folder .. "/loss.svg")))
photograph(folder .. "/study.html", target .. "/session.png")
