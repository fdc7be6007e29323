--- headers.lua: the C headers as documentation: the comment each opens with, then what it declares, in groups.  A
-- comment is about the declarations that follow it up to the next blank line; one after a declaration is about that.
--
-- It reads the house style, not C: comments are /* … */, declarations begin at the left margin.

local headers = {}

--- The text of a comment without its marks, line by line.
local function comment_lines(text)
  local lines = {}
  for line in (text:match "^/%*(.-)%*/$" .. "\n"):gmatch "(.-)\n" do
    lines[#lines + 1] = (line:gsub("^%s*%* ?", ""):gsub("^ ", #lines == 0 and "" or " "):gsub("%s+$", ""))
  end
  while lines[#lines] == "" do lines[#lines] = nil end
  return lines
end

--- Where the preprocessor line at `at` ends, lines that a backslash continues included.
local function directive_end(text, at)
  repeat
    local stop = text:find("\n", at, true) or #text
    local goes_on = text:sub(stop - 1, stop - 1) == "\\"
    at = stop + 1
  until not goes_on
  return at
end

--- Where the declaration at `at` ends: after its semicolon, or the braces of a function's body.
local function declaration_end(text, at)
  while true do
    local stop = text:find("[;{]", at)
    if not stop then return #text + 1 end
    if text:sub(stop, stop) == ";" then return stop + 1 end
    local _, close = text:find("%b{}", stop)
    if not close then return #text + 1 end
    if text:sub(at, stop):find "%)%s*{$" then return close + 1 end -- the body of a function
    at = close + 1
  end
end

--- The name that a declaration declares, and what it is: "function", "type" or "data".
local function name_of(code)
  local plain = code:gsub("/%*.-%*/", " "):gsub("__attribute__%b()", "")
  plain = plain:gsub("%f[%w_]T(%b())", function(name) return name:sub(2, -2) end) -- one of typed.h's names
  plain = plain:gsub("%b()%s*{.*$", "();")
  local pointer = plain:match "^typedef[^{]*%(%*([%w_]+)%)%s*%("
  if pointer then return pointer, "type" end
  if plain:find "^%s*typedef" then return plain:match "([%w_]+)%s*;%s*$" or plain:match "([%w_]+)%s*[%[(]", "type" end
  local kind, tag = plain:match "^%s*(%l+)%s+([%w_]+)%s*{"
  if kind == "struct" or kind == "enum" or kind == "union" then return tag, "type" end
  local name = plain:match "([%w_]+)%s*%("
  if name and not plain:match "^[^(]*=" then return name, "function" end
  return plain:match "([%w_]+)%s*%b[]%s*[;=]" or plain:match "([%w_]+)%s*[;=]", "data"
end

--- What a declaration says without a function's body.
local function shown(code, kind)
  if kind == "function" then code = code:gsub("%)%s*{.*$", ");") end
  return (code:gsub("%s+$", ""))
end

local Reader = {}
Reader.__index = Reader

function Reader:close_group()
  if #self.group.items > 0 then self.header.groups[#self.header.groups + 1] = self.group end
  self.group = {comment = {}, items = {}}
end

function Reader:comment(text, begins_line)
  local lines = comment_lines(text)
  local last = self.group.items[#self.group.items]
  if not begins_line and last then
    table.move(lines, 1, #lines, #last.comment + 1, last.comment)
  elseif not self.header.about then
    self.header.about = lines
  else
    self:close_group()
    self.group.comment = lines
  end
end

function Reader:declaration(code, line)
  local name, kind = name_of(code)
  if name and not code:find "^extern \"C\"" then
    table.insert(self.group.items, {name = name, kind = kind, code = shown(code, kind), comment = {}, line = line})
  end
end

--- The header's text as {path, about = lines, groups = {{comment = lines, items = {{name, kind, code, comment, line}, …}}, …}}.
function headers.read(path, text)
  local self = setmetatable({header = {path = path, groups = {}}, group = {comment = {}, items = {}}}, Reader)
  local at, line = 1, 1
  while at <= #text do
    local blank = text:match("^%s+", at)
    local stop
    if blank then
      stop = at + #blank
      if blank:find "\n%s*\n" then self:close_group() end
    elseif text:find("^/%*", at) then
      stop = select(2, text:find("*/", at, true)) + 1
      self:comment(text:sub(at, stop - 1), at == 1 or text:sub(1, at - 1):find "\n[ \t]*$" ~= nil)
    elseif text:find("^#", at) then
      stop = directive_end(text, at)
    elseif text:find('^extern "C" {', at) or text:find("^}", at) then
      stop = text:find("\n", at, true) or #text + 1
    else
      stop = declaration_end(text, at)
      self:declaration(text:sub(at, stop - 1), line)
    end
    local _, breaks = text:sub(at, stop - 1):gsub("\n", "")
    line, at = line + breaks, stop
  end
  self:close_group()
  self.header.about = self.header.about or {}
  return self.header
end

return headers
