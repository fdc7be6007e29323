--- document.lua: a notebook as its cells: read from a .lua file in the percent format, written back.
--
-- A cell has number (of its marker, 0 for what is before the first), line (of its marker), kind ("code",
-- "markdown", "raw"), title, keys = {{name, value}, …} in order, body, code (what runs of it), and the reserved keys as
-- fields.  A title that a marker's words cannot say, "[raw] x" or "a=1", is written as the key title.

local json = require "base.json"
local native = require "native.notebook"
local source = require "nb.source"
local texts = require "nb.texts"

local document = {}

local MOST_BYTES, MOST_CELLS = 256 << 20, 10000

local Document = {}
Document.__index = Document

-- ---- keys ----

local function is_tags(value)
  if type(value) ~= "table" then return false end
  for key, tag in pairs(value) do
    if math.type(key) ~= "integer" or type(tag) ~= "string" or tag:find "," then return false end
  end
  return true
end

local function is_boolean(value) return type(value) == "boolean" end

local reserved = {
  id = {"1 to 64 letters, digits, _ and -", function(value)
    return type(value) == "string" and #value <= 64 and value:find "^[%w_-]+$" ~= nil
  end},
  tags = {"a list of texts without commas", is_tags},
  skip = {"true or false", is_boolean},
  cache = {"true or false", is_boolean},
  allow_error = {"true or false", is_boolean},
  timeout = {"seconds above 0", function(value) return type(value) == "number" and value > 0 end},
  hide = {'"code" or "output"', function(value) return value == "code" or value == "output" end},
  lang = {"the name of a language", function(value) return type(value) == "string" end},
}
document.reserved = reserved

--- Gives the cell its keys from {name, text or true, …}; problems are told to complain(line, text).
local function read_keys(cell, list, complain)
  cell.keys = {}
  for i = 1, #list, 2 do
    local name, value, fine = list[i], list[i + 1], true
    if value ~= true then fine, value = pcall(json.decode, value) end
    local rule = reserved[name]
    if not fine then
      complain(cell.line, ("key '%s' has no JSON value: %s"):format(name, list[i + 1]))
    elseif name == "title" and cell.title == "" then
      if type(value) ~= "string" then complain(cell.line, "key 'title' must be a text") end
      cell.title = type(value) == "string" and value:gsub("%c", " ") or ""
    elseif rule and not rule[2](value) then
      complain(cell.line, ("key '%s' must be %s"):format(name, rule[1]))
    else
      cell.keys[#cell.keys + 1] = {name, value}
      if rule then cell[name] = value end
    end
  end
end

--- Has the cell this tag?
function document.tagged(cell, tag)
  for _, name in ipairs(cell.tags or {}) do
    if name == tag then return true end
  end
  return false
end

-- ---- names of cells ----

--- A title as an identifier: "LR sweep (2)" -> "lr-sweep-2".
function document.slug(title)
  local slug = title:lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", ""):gsub("%-+$", ""):sub(1, 40):gsub("%-+$", "")
  return slug
end

--- Gives every cell an id of its own: its key id, else one made of its title or kind.  The same file gives the same ids.
local function name_cells(self, complain)
  local taken = {}
  for _, cell in ipairs(self.cells) do
    if cell.id and taken[cell.id] then complain(cell.line, ("id '%s' is taken by the cell in line %d"):format(cell.id, taken[cell.id])) end
    if cell.id then taken[cell.id] = taken[cell.id] or cell.line end
  end
  for _, cell in ipairs(self.cells) do
    if cell.id then
      cell.name = cell.id
    else
      local base, n = document.slug(cell.title), 1
      if base == "" then base = cell.number == 0 and "top" or cell.kind end
      local name = base
      while taken[name] do
        n = n + 1
        name = base .. "-" .. n
      end
      taken[name], cell.name = cell.line, name
    end
  end
end

-- ---- reading ----

--- Is there anything to run in the cell?
local function runnable(cell)
  if cell.kind ~= "code" or cell.skip or (cell.lang and cell.lang ~= "lua") then return false end
  return #source.code(cell.code) > 0
end

--- Code in a text cell would run under plain Lua, and not here.
local function check_text(cell, complain)
  local first = source.code(cell.body)[1]
  if first then complain(cell.line + first.line - 1, "code in a text cell") end
end

local function header_of(top)
  local header = top:match "^%s*(%-%- %-%-%-[ \t\r]*\n.-\n%-%- %-%-%-)[ \t\r]*\n" or
    top:match "^%s*(%-%- %-%-%-[ \t\r]*\n.-\n%-%- %-%-%-)[ \t\r]*$"
  if not header then return nil end
  for line in (header .. "\n"):gmatch "(.-)\r?\n" do
    if not line:find "^%-%-" then return nil end
  end
  return header
end

--- The cells of `text`; self.problems = {{line, text}, …} says what is wrong with them.
function document.parse(path, text)
  local self = setmetatable({path = path, text = text, problems = {}}, Document)
  local function complain(line, message) self.problems[#self.problems + 1] = {line, message} end
  if #text > MOST_BYTES then complain(1, ("more than %d MiB"):format(MOST_BYTES >> 20)) end
  local zero = text:find("\0", 1, true)
  if zero then
    local _, lines = text:sub(1, zero):gsub("\n", "")
    complain(lines + 1, "NUL byte")
  end
  self.newline = text:find "\r\n" and "\r\n" or "\n"
  if #self.problems > 0 then
    self.cells = {}
    return self
  end
  local cells, preamble = native.split(text)
  self.preamble = text:sub(1, preamble):gsub("^\xEF\xBB\xBF", "")
  self.plain = #cells == 0
  if self.plain then -- one cell that runs as a script
    local skip = text:sub(preamble + 1)
    cells = {{number = 0, line = 1, kind = "code", title = "", keys = {}, body = skip}}
  end
  if #cells > MOST_CELLS then
    complain(1, ("more than %d cells"):format(MOST_CELLS))
    cells = {cells[1]}
  end
  self.cells = cells
  self.header = not self.plain and header_of(cells[1].body) or nil
  for _, cell in ipairs(cells) do
    read_keys(cell, cell.keys, complain)
    if cell.kind ~= "code" then check_text(cell, complain) end
    cell.code = self.plain and cell.body or source.with_commands(cell.body) -- what runs
    cell.runs = runnable(cell)
  end
  if not self.plain and not cells[1].runs and cells[1].body:find "^%s*$" then table.remove(cells, 1) end
  name_cells(self, complain)
  return self
end

--- A notebook of cells with number, kind, title, keys and body, to be written.
function document.of(cells, preamble)
  return setmetatable({cells = cells, preamble = preamble, newline = "\n"}, Document)
end

--- The whole of a file; or nil, the reason, and whether there is none of that name.
function document.bytes(path) return require("native.folder").read(path, MOST_BYTES) end

-- ---- texts of cells ----

--- The lines of a text cell without their "--" and one blank.  One long comment around all of them is accepted.
function document.text_of(cell)
  local body = cell.body:gsub("\r\n", "\n")
  local level, inside = body:match "^%s*%-%-%[(=*)%[(.*)$"
  if level then
    local close = "]" .. level .. "]"
    local first, last = inside:find(close, 1, true)
    if first and inside:find("^%s*$", last + 1) then return texts.trimmed((inside:sub(1, first - 1):gsub("^\n", ""))) end
  end
  local lines, first, last = {}, nil, 0 -- blank lines at the ends separate cells and are not text
  for line in (body:gsub("^[^\n]*\n", "", 1) .. "\n"):gmatch "(.-)\n" do
    local percents = line:match "^%s*%-%-%- ?(%s*%%%%.*)$" -- not a marker, see document.comment
    lines[#lines + 1] = percents or (line:gsub("^%s*%-%- ?", ""))
    if line:find "%S" then first, last = first or #lines, #lines end
  end
  return table.concat(lines, "\n", first or 1, last)
end

--- The code of a cell without blank lines at its ends, and the number of lines cut off in front.
function document.code_of(cell)
  local body = texts.trimmed((cell.body:gsub("\r\n", "\n")))
  local front, lines = body:match "^[ \t]*\n([ \t\n]*\n)" or "", 0
  for _ in front:gmatch "\n" do lines = lines + 1 end
  return (body:gsub("^[ \t]*\n", ""):gsub("^[ \t\n]*\n", "")), lines
end

--- What a value of a key is written as.
local function key_text(name, value)
  if value == true then return name .. "=true" end
  if type(value) ~= "table" or value == json.null then return name .. "=" .. json.encode(value) end
  local items = {}
  for i, item in ipairs(value) do items[i] = json.encode(item) end
  return name .. "=[" .. table.concat(items, ", ") .. "]"
end

--- Does the marker say what the cell is, and nothing else?
local function says(marker, cell)
  local read = native.split(marker)[2]
  return read and read.title == cell.title and read.kind == cell.kind and #read.keys == 2 * #cell.keys
end

--- "-- %% title [type] key=value"
function document.marker(cell)
  local parts = {"-- %%"}
  if cell.title ~= "" then parts[2] = cell.title end
  if cell.kind ~= "code" then parts[#parts + 1] = "[" .. cell.kind .. "]" end
  for _, key in ipairs(cell.keys) do parts[#parts + 1] = key_text(key[1], key[2]) end
  local marker = table.concat(parts, " ")
  if cell.title == "" or says(marker, cell) then return marker end
  table.remove(parts, 2)
  table.insert(parts, cell.kind ~= "code" and 3 or 2, key_text("title", texts.utf8(cell.title)))
  return table.concat(parts, " ")
end

--- Text as line comments.  A third dash keeps a line that begins with percent signs from being a marker.
function document.comment(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = line == "" and "--" or (line:find "^%s*%%%%" and "--- " or "-- ") .. line
  end
  return table.concat(lines, "\n")
end

--- The cell in canonical form, without a line break at its end.
local function cell_text(cell)
  local body
  if cell.kind == "code" then
    body = document.code_of(cell)
  else
    body = document.text_of(cell)
    if body ~= "" then body = document.comment(body) end
  end
  if cell.number == 0 then return body end
  return document.marker(cell) .. (body ~= "" and "\n" .. body or "")
end

--- The notebook in canonical form: no byte order mark, one blank line between cells, a final line break.
function Document:write()
  local parts = {}
  for _, cell in ipairs(self.cells) do
    local text = cell_text(cell)
    if text ~= "" then parts[#parts + 1] = text end
  end
  local text = table.concat(parts, "\n\n") .. "\n"
  if self.preamble == "" and text:find "^#" then text = "\n" .. text end -- a first line with it would be a preamble
  if self.preamble ~= "" then text = self.preamble:gsub("\r$", "") .. "\n" .. text end
  return (text:gsub("\n", self.newline))
end

-- ---- addressing ----

local function by_title(cells, word)
  local title, n = word:match "^(.-)~(%d+)$"
  title, n = title or word, tonumber(n) or 1
  for _, cell in ipairs(cells) do
    if cell.title == title then
      n = n - 1
      if n == 0 then return cell end
    end
  end
end

--- The cell that `word` names: its number, title ("train~2" for the second of that title), id or "@line"; or nil and
--- what is wrong.
function Document:find(word)
  local number, line = tonumber(word:match "^%d+$"), tonumber(word:match "^@(%d+)$")
  for _, cell in ipairs(self.cells) do
    if number and cell.number == number then return cell end
  end
  local found
  for _, cell in ipairs(self.cells) do
    if line and cell.line <= line then found = cell end
    if not line and cell.name == word then found = found or cell end
  end
  found = by_title(self.cells, word) or found
  if found then return found end
  local names = {}
  for _, cell in ipairs(self.cells) do names[#names + 1] = cell.title ~= "" and cell.title or cell.name end
  return nil, ("%s has no cell '%s'%s"):format(self.path, word, require("native").suggest(word, names))
end

return document
