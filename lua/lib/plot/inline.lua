--- inline.lua: figures as pictures in the terminal, where it can show them: by kitty's protocol, iTerm2's, or sixel.
--
-- Which one is told by plot.inline or the environment: nothing is asked of the terminal, as answers that come late end up
-- in the prompt.  %plot probe asks once.  Pipes, TERM=dumb and NO_COLOR get characters, whatever was set.
-- sw.kovidgoyal.net/kitty/graphics-protocol, iterm2.com/documentation-images.html

local gnuplot = require "plot.gnuplot"
local keywords = require "base.keywords"
local terminal = require "native.terminal"
local visible = require "native".visible

local inline = {}

local CHUNK = 4096 -- bytes of base64 in one of kitty's escapes
local WIDEST, LEAST = 900, 400 -- pixels
local CELL = 9 -- pixels of a column, where the terminal does not tell

-- ---- which way ----

local function is(name, ...)
  local value = os.getenv(name)
  for _, wanted in ipairs{...} do
    if value == wanted then return true end
  end
  return false
end

--- What the environment says about the terminal; multiplexers draw pictures in the wrong place, if at all.
local function from_environment()
  if os.getenv "TMUX" or os.getenv "STY" or (os.getenv "TERM" or ""):find "^screen" then return "text" end
  if os.getenv "KITTY_WINDOW_ID" or is("TERM", "xterm-kitty", "xterm-ghostty") then return "kitty" end
  if is("TERM_PROGRAM", "ghostty") then return "kitty" end
  if is("TERM_PROGRAM", "iTerm.app", "WezTerm") or is("LC_TERMINAL", "iTerm2") then return "iterm" end
  return "text"
end

--- What plot.inline, %set inline or the option inline mean.
function inline.check(what, value)
  if value == true then return "auto" end
  if value == false then return "text" end
  for _, way in ipairs{"auto", "kitty", "iterm", "sixel", "text"} do
    if value == way then return way end
  end
  keywords.fail("%s: expected true, false, 'auto', 'kitty', 'iterm', 'sixel' or 'text', got %s", what, keywords.show(value))
end

--- How a figure is drawn on stdout: "kitty", "iterm", "sixel" or "text".
function inline.way(wanted)
  if not (terminal.is(1) and terminal.colour(1)) or os.getenv "TERM" == "dumb" then return "text" end
  return wanted == "auto" and from_environment() or wanted
end

-- ---- escapes ----

local framed = {}

function framed.kitty(png)
  local text, out = require("native.data").base64(png), {}
  for at = 1, #text, CHUNK do
    local more = at + CHUNK <= #text and 1 or 0
    local keys = at == 1 and "a=T,f=100,q=2," or "" -- transmit and show a PNG; no answer
    out[#out + 1] = ("\x1b_G%sm=%d;%s\x1b\\"):format(keys, more, text:sub(at, at + CHUNK - 1))
  end
  return table.concat(out)
end

function framed.iterm(png)
  return ("\x1b]1337;File=inline=1;size=%d:%s\a"):format(#png, require("native.data").base64(png))
end

function framed.sixel(picture) return picture end

--- Width and height in pixels of a figure that fits into the window.
local function pixels(figure)
  local columns, _, wide = terminal.size(1)
  local width = math.max(LEAST, math.min(WIDEST, (wide > 0 and wide // columns or CELL) * (columns - 1)))
  return {width, width * figure.size[2] // figure.size[1]}
end

--- The figure as bytes for stdout: a picture by the way that `wanted` (see inline.check) and the terminal allow, with the
-- figure's notes below; characters, and why, when gnuplot draws none.
function inline.draw(figure, wanted)
  local way = inline.way(wanted)
  if way == "text" then return figure:text{} end
  local format = way == "sixel" and "sixel" or "png"
  local picture, reason = gnuplot.render(gnuplot.script(figure, format, pixels(figure)), format)
  if not picture then return figure:text{} .. visible(reason) .. "\n" end
  local lines = {framed[way](picture)}
  for _, note in ipairs(figure.notes) do lines[#lines + 1] = visible(note) end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- asking ----

--- Asks the terminal what it can show: one pixel of kitty's protocol, its name, its attributes (4: sixel); nil when
-- no terminal can answer.
function inline.probe()
  local answer = terminal.ask "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[>q\x1b[c"
  if not answer then return nil end
  if answer:find("_Gi=31;OK", 1, true) then return "kitty" end
  if answer:find ">|iTerm2" or answer:find ">|WezTerm" then return "iterm" end
  local attributes = answer:match "\x1b%[%?([%d;]*)c"
  return attributes and (";" .. attributes .. ";"):find(";4;", 1, true) and "sixel" or "text"
end

return inline
