--- gnuplot.lua: the script of a figure and the process that draws it.
-- gnuplot reads its script from a pipe and answers on another: it is never given a file name, texts are in single
-- quotes, data are numbers in named blocks, so no title and no path can become a command.

local keywords = require "base.keywords"

local gnuplot = {seconds = 5} -- that a picture may take

-- Okabe & Ito's colours (jfly.uni-koeln.de/color), told apart by colour-blind readers; black comes last.
local COLOURS = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F", "#000000"}
local GREY = "#B8B8B8"
local BROAD = 28 -- bytes of a name from which on the legend is below: next to the plot it would take its place
local BLOCK_END = "END_OF_GPTSH_DATA_7f3a"
local CELLS = 800 -- rows and columns of a heat map that are drawn; a picture has no room for more

local TERMINALS = {
  svg = "svg size %d,%d dynamic noenhanced background '#ffffff' font 'Helvetica,14'",
  png = "pngcairo size %d,%d noenhanced background '#ffffff' font 'Helvetica,11'",
  pdf = "pdfcairo size %.2fin,%.2fin noenhanced background '#ffffff' font 'Helvetica,11'",
  sixel = "sixelgd size %d,%d noenhanced",
}
local SIGNATURES = {svg = "^<%?xml", png = "^\x89PNG", pdf = "^%%PDF", sixel = "^\x1bP"}

--- A text between single quotes: controls become blanks, and quotes typographic ones.  Doubled quotes are not a way to write
-- them: gnuplot 5.4 ends a text at two of them in a row.
local function quoted(text) return "'" .. text:gsub("[%c\x7f]", " "):gsub("'", "’") .. "'" end

local GREATEST = 0x1p+1023 -- from which on gnuplot takes a number for none
local LIMIT = 64 << 20 -- bytes of a picture

--- A number by the shortest text that reads back equal; what is not finite is a gap.
local function number(value)
  if value - value ~= 0 then return "NaN" end
  if math.abs(value) >= GREATEST then
    keywords.fail("save: gnuplot draws numbers below %.3g, got %s; .txt, .tsv and the terminal take it", GREATEST, value)
  end
  return math.type(math.tointeger(value)) and ("%d"):format(value) or tostring(value)
end

local function ticks(name, ax, most)
  local list = {}
  for i, tick in ipairs(ax:ticks(most)) do list[i] = quoted(tick.label) .. " " .. number(tick.value) end
  return ("set %stics (%s)"):format(name, table.concat(list, ", "))
end

local function axis_lines(out, name, ax, label)
  if ax.kind ~= "linear" then
    out[#out + 1] = ("set logscale %s %d"):format(name, ax.kind == "log2" and 2 or 10)
    out[#out + 1] = ("unset m%stics"):format(name)
  end
  local first, last = ax.low, ax.high
  if ax.reversed then first, last = last, first end
  out[#out + 1] = ("set %srange [%s:%s]"):format(name, number(first), number(last))
  out[#out + 1] = ticks(name, ax, 8)
  if label then out[#out + 1] = ("set %slabel %s noenhanced"):format(name, quoted(label)) end
end

local function block(out, index, curve)
  out[#out + 1] = ("$d%d << %s"):format(index, BLOCK_END)
  for i = 1, #curve.x do
    local line = number(curve.x[i]) .. " " .. number(curve.y[i])
    if curve.error then line = line .. " " .. (curve.error[i] - curve.error[i] == 0 and number(curve.error[i]) or "0") end
    out[#out + 1] = line
  end
  out[#out + 1] = BLOCK_END
end

local BARS = {lines = "yerrorlines lw 2 ps 0.9", linespoints = "yerrorlines lw 2 ps 0.9",
              boxes = "boxerrorbars fs solid 0.6 noborder"}

--- One clause of the plot command.  Every curve has its own point shape, so that colour is not all that differs.
local function clause(index, curve, colour)
  local look = ({
    lines = "with lines lw 2",
    points = "with points ps 0.8",
    linespoints = "with linespoints lw 2 ps 0.9",
    steps = "with histeps lw 2",
    boxes = "with boxes fs solid 0.6 noborder",
    crosses = "with points ps 1.2",
    stars = "with points ps 1.8 lw 2",
    dots = "with points ps 0.3",
  })[curve.style]
  local bars = curve.error and curve.style ~= "steps"
  if bars then look = BARS[curve.style] and "with " .. BARS[curve.style] or look:gsub("points", "yerrorbars") end
  local shape = ""
  if curve.style == "crosses" or curve.style == "stars" then
    shape = curve.style == "stars" and " pt 3" or " pt 2"
  elseif curve.style == "dots" then
    shape = " pt 7"
  elseif curve.style ~= "boxes" and curve.style ~= "steps" and (curve.style ~= "lines" or bars) then
    shape = (" pt %d"):format(({7, 5, 9, 11, 13, 15, 4, 6})[(index - 1) % 8 + 1])
  end
  local title = curve.title and "title " .. quoted(curve.title) .. " noenhanced" or "notitle"
  local text = ("$d%d using %s %s%s lc rgb '%s' %s"):format(index, bars and "1:2:3" or "1:2", look, shape, colour, title)
  if not curve.error or bars then return text end
  return text .. (", $d%d using 1:2:3 with yerrorbars lw 2 ps 0 lc rgb '%s' notitle"):format(index, colour)
end

--- Colours go by turns to the curves; dots, which lie under one, are grey.
local function curves(out, figure)
  local clauses, longest, turn = {}, 0, 0
  for i, curve in ipairs(figure:drawn()) do
    block(out, i, curve)
    local colour = curve.colour or curve.style == "dots" and GREY
    if not colour then
      turn = turn + 1
      colour = COLOURS[(turn - 1) % #COLOURS + 1]
    end
    clauses[i] = clause(i, curve, colour)
    longest = math.max(longest, #(curve.title or ""))
  end
  out[#out + 1] = longest == 0 and "unset key"
    or ("set key outside %s Left reverse samplen 2 spacing 1.2 noenhanced"):format(longest > BROAD and "below left" or "right top")
  out[#out + 1] = "plot " .. table.concat(clauses, ", \\\n     ")
end

--- The stride at which `count` rows or columns are drawn.
local function stride(count) return (count + CELLS - 1) // CELLS end

local function heat(out, figure)
  local cells = figure.cells
  local down, across = stride(#cells), stride(#cells[1])
  out[#out + 1] = ("$d1 << %s"):format(BLOCK_END)
  for r = 1, #cells, down do
    local row, line = cells[r], {}
    for c = 1, #row, across do line[#line + 1] = number(row[c]) end
    out[#out + 1] = table.concat(line, " ")
  end
  out[#out + 1] = BLOCK_END
  out[#out + 1] = "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 '#5ec962', 1 '#fde725')" -- viridis
  out[#out + 1] = ("set cbrange [%s:%s]"):format(number(figure.shades.low), number(figure.shades.high))
  out[#out + 1] = "unset key"
  out[#out + 1] = ("plot $d1 matrix using (%d*$1+%g):(%d*$2+%g):3 with image"):format(
    across, (across - 1) / 2, down, (down - 1) / 2)
end

--- The script that draws `figure` as svg, png, pdf or sixel, {width, height} pixels or the figure's size large.
function gnuplot.script(figure, format, size)
  local template = TERMINALS[format]
  if not template then keywords.fail("script: expected 'svg', 'png', 'pdf' or 'sixel', got %s", keywords.show(format)) end
  local width, height = table.unpack(size or figure.size)
  if format == "pdf" then width, height = width / 120, height / 120 end
  local out = {
    "set encoding utf8",
    "set terminal " .. template:format(width, height),
    "set border 3 lc rgb '#444444'",
    "set tics nomirror out",
    "set grid lt 1 lc rgb '#e4e4e4' lw 1",
    "set clip two", -- lines between points that are both outside, too
  }
  if figure.title then out[#out + 1] = "set title " .. quoted(figure.title) .. " noenhanced" end
  axis_lines(out, "x", figure.x, figure.xlabel)
  axis_lines(out, "y", figure.y, figure.ylabel);
  (figure.cells and heat or curves)(out, figure)
  return table.concat(out, "\n") .. "\n"
end

local function why(how, code, errors)
  local line = errors:match "line %d+: ([^\n]+)" or errors:match "%S[^\n]*"
  local said = line and ": " .. line:sub(1, 300):gsub("[%c]", " ") or ""
  if how == "late" then return ("gave no answer in %g seconds%s"):format(gnuplot.seconds, said) end
  if how == "killed" then return ("died of signal %d%s"):format(code, said) end
  return (code == 0 and "drew nothing" or ("ended with code %d"):format(code)) .. said
end

local COMMAND = {"gnuplot", "-d", "/dev/stdin"}
local MISSING = "gnuplot not found (Debian: apt install gnuplot-nox)"

local function settings(script)
  return {input = script, seconds = gnuplot.seconds, limit = LIMIT,
          environment = {GNUTERM = false, GNUPLOT_LIB = false, LC_ALL = "C.UTF-8"}}
end

--- What a gnuplot that has ended made of a script for `format`: the image's bytes, or nil and the reason.
function gnuplot.result(format, how, code, image, errors)
  if how == "failed" then return nil, MISSING end
  if how == "exited" and #image >= LIMIT then return nil, ("gnuplot drew more than %d MiB"):format(LIMIT >> 20) end
  if how ~= "exited" or code ~= 0 or not image:find(SIGNATURES[format]) then
    return nil, "gnuplot " .. why(how, code, errors)
  end
  return image
end

--- Runs gnuplot on a script for `format`; returns the image's bytes, or nil and the reason.
function gnuplot.render(script, format)
  return gnuplot.result(format, require("native.child").run(COMMAND, settings(script)))
end

--- The same in the background: a process to look() at, whose end gnuplot.result reads; or nil and the reason.
function gnuplot.start(script)
  local process = require("native.child").start(COMMAND, settings(script))
  if not process then return nil, MISSING end
  return process
end

return gnuplot
