--- why.lua: gptsh why FIGURE: where an image comes from, as it says itself (files.lua wrote that into it).

local folder = require "native.folder"
local json = require "base.json"

local why = {}

local function unescape(text) return (text:gsub("&(%a+);", {amp = "&", lt = "<", gt = ">"})) end

--- The text of the iTXt chunk named gptsh.
local function from_png(image)
  local at = 9
  while at + 11 <= #image do
    local size = string.unpack(">I4", image, at)
    local kind, body = image:sub(at + 4, at + 7), image:sub(at + 8, at + 7 + size)
    if kind == "iTXt" and body:sub(1, 6) == "gptsh\0" then return body:match "^gptsh%z..%z%z(.*)$" end
    at = at + 12 + size
  end
end

--- What an image says of itself, as a table; nil when it says nothing.
function why.read(image)
  local text
  if image:find "^\x89PNG" then
    text = from_png(image)
  elseif image:find "^%%PDF" then
    text = image:match "%% gptsh: ([^\n]*)\n$"
  else
    text = image:match "<metadata>(.-)</metadata>"
    text = text and unescape(text)
  end
  local ok, facts = pcall(json.decode, text or "")
  return ok and type(facts) == "table" and facts.program == "gptsh" and facts or nil
end

local function word(text)
  text = tostring(text)
  return text:find "^[%w_./=+,:-]+$" and text or "'" .. text:gsub("'", "'\\''") .. "'"
end

--- The command that makes it again; nil when it was made at a prompt.
function why.command(facts)
  local words = {"gptsh"}
  if facts.notebook then
    table.move({"nb", "run", word(facts.notebook)}, 1, 3, 2, words)
    local names = {}
    for name in pairs(facts.parameters or {}) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      words[#words + 1] = "-p " .. word(name .. "=" .. tostring(facts.parameters[name]))
    end
  elseif facts.script then
    words[2] = word(facts.script)
    for _, argument in ipairs(facts.arguments or {}) do words[#words + 1] = word(argument) end
  else
    return nil
  end
  return table.concat(words, " ")
end

local function there(path) return folder.kind(path, true) == "file" and path or nil end

--- gptsh why PATH -> exit code
function why.tell(path)
  local image, reason = folder.read(path, 256 << 20)
  if not image then error(reason, 0) end
  local facts = why.read(image)
  if not facts then error(("'%s' has no origin: expected a .svg, .png or .pdf that gptsh wrote"):format(path), 0) end
  local stem = path:match "^(.*)%.%w+$" or path
  local revision = facts.revision and facts.revision .. (facts.dirty and ", with changes" or "")
  for _, row in ipairs{
    {"title", facts.title}, {"notebook", facts.notebook}, {"cell", facts.cell}, {"revision", revision},
    {"seed", facts.seed}, {"made by", facts.version and "gptsh " .. facts.version}, {"again", why.command(facts)},
    {"numbers", there(stem .. ".tsv")}, {"script", there(stem .. ".gp")},
  } do
    -- a text from a file may hold what a terminal obeys
    if row[2] ~= nil then print(("%-9s %s"):format(row[1], (tostring(row[2]):gsub("%c", " ")))) end
  end
  return 0
end

return why
