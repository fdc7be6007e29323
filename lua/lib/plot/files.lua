--- files.lua: figures as files.  The ending says which kind; the bytes are made whole in memory and put in place at once.

local gnuplot = require "plot.gnuplot"
local json = require "base.json"
local keywords = require "base.keywords"
local put = require("native.folder").write

local files = {}

--- May this file be written?  A check of a notebook changes none.
function files.wanted() return true end

local function write(path, bytes)
  if files.wanted(path) then put(path, bytes) end
end

--- What a figure says about where it comes from; the notebook runner adds notebook and cell.
files.origin = {}

--- The value with question marks for bytes that are not UTF-8, as file names and arguments may have them.
local function readable(value)
  if type(value) == "string" and not utf8.len(value) then return (value:gsub("[\x80-\xff]", "?")) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[readable(key)] = readable(item) end
  return out
end

--- gptsh why reads it.
local function provenance(figure)
  local facts = {program = "gptsh", version = require("native.train").version():match "[%d.]+", seed = torch.initial_seed(),
                 title = figure.title}
  if arg and arg[-1] then facts.script, facts.arguments = arg[0], table.move(arg, 1, #arg, 1, {}) end
  for key, value in pairs(files.origin) do facts[key] = value end
  return json.encode(readable(facts))
end

-- ---- provenance inside images ----

local crc_table

--- CRC-32 of ISO 3309, as PNG chunks carry it.
local function crc32(text)
  if not crc_table then
    crc_table = {}
    for n = 0, 255 do
      local c = n
      for _ = 1, 8 do c = c & 1 == 1 and 0xEDB88320 ~ (c >> 1) or c >> 1 end
      crc_table[n] = c
    end
  end
  local c = 0xFFFFFFFF
  for i = 1, #text do c = crc_table[(c ~ text:byte(i)) & 0xFF] ~ (c >> 8) end
  return c ~ 0xFFFFFFFF
end

local function escape(text)
  return (text:gsub("[&<>]", {["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;"}))
end

local mark = {}

--- gnuplot's texts may hold "]]>", which XML does not take, and browsers blur the cells of its heat maps.
function mark.svg(image, facts)
  local first, last = image:find("<svg.->")
  if not first then return image end
  local rest = image:sub(last + 1):gsub("]]>", "]]&gt;"):gsub("<image ", "<image style='image-rendering: pixelated' ")
  return image:sub(1, last) .. "\n<metadata>" .. escape(facts) .. "</metadata>" .. rest
end

--- After the signature (8 bytes) and the chunk IHDR (25 bytes).
function mark.png(image, facts)
  local body = "iTXtgptsh\0\0\0\0\0" .. facts
  return image:sub(1, 33) .. string.pack(">I4", #body - 4) .. body .. string.pack(">I4", crc32(body)) .. image:sub(34)
end

function mark.pdf(image, facts) return image .. "% gptsh: " .. facts .. "\n" end

-- ---- saving ----

local kinds = {
  txt = function(figure) return figure:text{columns = 100, rows = 28, colour = false} end,
  tsv = function(figure) return figure:data() end,
  gp = function(figure) return figure:script "svg" end,
}

--- What a path's ending asks for and the path without it.
local function kind_of(path)
  local stem, ending = path:match "^(.+)%.(%w+)$"
  ending = ending and ending:lower()
  return (kinds[ending] or mark[ending]) and ending, stem
end

--- Is this the name of an image: svg, png or pdf?
function files.is_image(path) return type(path) == "string" and mark[kind_of(path)] ~= nil end

--- Writes an image that gnuplot drew, with what it says about where it comes from.
function files.write(path, figure, image) write(path, mark[kind_of(path)](image, provenance(figure))) end

--- Writes the figure to `path`; images bring their numbers (.tsv) and script (.gp) along, first.
function files.save(figure, path)
  keywords.string("save", "the path", path)
  local ending, stem = kind_of(path)
  if not ending then
    keywords.fail("save: expected a name ending in .svg, .png, .pdf, .txt, .tsv or .gp, got '%s'", path)
  end
  if kinds[ending] then return write(path, kinds[ending](figure)) end
  local script = gnuplot.script(figure, ending)
  write(stem .. ".tsv", figure:data())
  write(stem .. ".gp", script)
  local image, reason = gnuplot.render(script, ending)
  if not image then keywords.fail("%s; data written to %s.tsv", reason, stem) end
  files.write(path, figure, image)
end

return files
