--- plot.lua: figures: what they refuse, what the script and the text say, gnuplot in good and bad shape.
local test = require "harness"
local child = require "native.child"
local axis = require "plot.axis"
local series = require "plot.series"

local folder = os.getenv "TMPDIR" or "/tmp"
folder = io.popen("mktemp -d " .. folder .. "/gptsh-plot-XXXXXX"):read "l"
local executable = io.popen("readlink /proc/" .. io.open("/proc/self/stat"):read("n") .. "/exe"):read("l")

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- A figure that is not shown.
local function quiet(...)
  plot.sink = function() end
  local figure = plot(...)
  plot.sink = nil
  return figure
end

test("powers of two are the ticks of a log2 axis", function()
  local labels = {}
  for i, tick in ipairs(axis.new("log2", 2.0 ^ -14, 2.0 ^ -4):ticks(8)) do labels[i] = tick.label end
  test.equal(labels, {"2^-14", "2^-12", "2^-10", "2^-8", "2^-6", "2^-4"})
  labels = {}
  for i, tick in ipairs(axis.new("log2", 128, 1024):ticks(8)) do labels[i] = tick.label end
  test.equal(labels, {"128", "256", "512", "1024"})
end)

test("ticks of a linear axis are round and inside", function()
  local ax = axis.new("linear", 0, 400)
  local labels = {}
  for i, tick in ipairs(ax:ticks(8)) do
    labels[i] = tick.label
    test.equal(tick.value >= ax.low and tick.value <= ax.high, true)
  end
  test.equal(labels, {"0", "100", "200", "300", "400"})
end)

test("what is counted has ticks at whole numbers", function()
  plot.sink = function() end
  local figures = {plot{{1, 2, 4}}, plot.heat{{1, 2, 3}, {4, 5, 6}}, plot{{1, 2}, x = {0.5, 1}}}
  plot.sink = nil
  for i, figure in ipairs(figures) do test.equal(figure.x:ticks(12)[2].value % 1 == 0, i < 3) end
end)

test("a decade axis has short labels", function()
  local labels = {}
  for i, tick in ipairs(axis.new("log10", 1e-6, 1e-1):ticks(8)) do labels[i] = tick.label end
  test.equal(labels, {"1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1"})
end)

local function picked(list, places)
  local out = {}
  for k, i in ipairs(places) do out[k] = list[i] end
  return out
end

test("thinning keeps first, last, least and greatest", function()
  local x, y = {}, {}
  for i = 1, 100000 do x[i], y[i] = i + 0.0, math.sin(i) end
  y[54321], y[65432] = 50.0, -50.0
  local places = series.thin(x, y, 2000, axis.new("linear", 1, 100000))
  test.equal(#places <= 2000, true)
  test.equal({places[1], places[#places]}, {1, 100000})
  local low, high = series.range{picked(y, places)}
  test.equal({low, high}, {-50.0, 50.0})
end)

test("columns of thinning are those of the axis: the first decade of a logarithmic one stays", function()
  local x, y = {}, {}
  for i = 1, 100000 do x[i], y[i] = i + 0.0, 0.0 end
  local places = series.thin(x, y, 2000, axis.new("log10", 1, 100000, true))
  for i = 1, 10 do test.equal(places[i], i) end
end)

test("thinning passes over what is not finite and keeps gaps", function()
  local x, y, nan = {}, {}, 0 / 0
  for i = 1, 100000 do
    x[i], y[i] = i + 0.0, i % 2 == 1 and nan or 1.0
    if i > 40000 and i <= 60000 then y[i] = nan end
  end
  y[10001], y[80001] = 7.0, math.huge
  local gap, low, high = 0, series.range{picked(y, series.thin(x, y, 2000, axis.new("linear", 1, 100000)))}
  for _, i in ipairs(series.thin(x, y, 2000, axis.new("linear", 1, 100000))) do
    if y[i] ~= y[i] then gap = gap + (x[i] > 40000 and x[i] <= 60200 and 1 or 1e9) end
  end
  test.equal({low, high}, {1.0, 7.0})
  test.equal(gap > 50 and gap < 200, true)
end)

test("the moving average has no bias at its start", function()
  test.close(series.smooth({3.0, 3.0, 3.0}, 0.9), {3.0, 3.0, 3.0}, 1e-12)
  test.close(series.smooth({1.0, 0 / 0, 2.0}, 0.5), {1.0, 1.0, (0.25 * 1 + 0.5 * 2) / 0.75}, 1e-12)
end)

test("what cannot be drawn is refused in one line", function()
  test.raises(function() plot{} end, "nothing to draw")
  test.raises(function() plot{{}} end, "nothing to draw: no values")
  test.raises(function() plot{{1, 2}, labels = "a"} end, "labels expects a list, got 'a'")
  test.raises(function() plot{{1, 2}, size = {900}} end, "expected size to be {width, height}")
  test.raises(function() plot{{1, 2}, title = ("x"):rep(5000)} end, "expected title to have at most 4096 bytes, got 5000")
  test.raises(function() plot.heat({{1, 2}}, {title = 5}) end, "title expects a string, got 5")
  test.raises(function() plot{{0 / 0, 0 / 0}} end, "no y value is a finite number")
  test.raises(function() plot{{1, "a"}} end, "curve 1: expected numbers, got 'a' at place 2")
  test.raises(function() plot{{1, 2}, x = {1}} end, "curve 1: expected as many x as y values, got 1 and 2")
  test.raises(function() plot{{1, 2}, tilte = "x"} end, "no argument 'tilte' (did you mean 'title'?)")
  test.raises(function() plot{{1, 2}, style = "dashes"} end, "style expects \"lines\"")
  test.raises(function() plot{{y = {1, 2}, colour = "red"}} end, "expected colour to be '#rrggbb', got 'red'")
  test.raises(function() plot{{-1, -2}, logy = true} end, "2 points at or below 0 left out")
  test.raises(function() plot{{1, 2}, xlim = {3, 1}} end, "expected xlim to be")
  test.raises(function() plot(torch.ones(2, 2)) end, "got a tensor of shape")
  test.raises(function() plot{{1, 2}, save = "x.bmp"} end, "ending in .svg, .png, .pdf, .txt, .tsv or .gp")
  test.raises(function() plot.hist{} end, "no value is a finite number")
  test.raises(function() plot.heat(torch.ones(3)) end, "two dimensions")
end)

test("options may stand in a table of their own, and are honoured there", function()
  for name, curves in pairs{list = {1, 2, 3}, tensor = torch.tensor{1, 2, 3}, series = {{1, 2, 3}}, curve = {y = {1, 2, 3}}} do
    local path = folder .. "/apart-" .. name .. ".tsv"
    local figure = quiet(curves, {save = path, title = "T", logy = true})
    test.equal({figure.title, figure.logy, #figure.curves}, {"T", "log10", 1})
    test.equal(read(path), "curve\tx\ty\terror\n1\t0.0\t1.0\t\n1\t1.0\t2.0\t\n1\t2.0\t3.0\t\n")
  end
  test.equal(quiet({{1, 2}, {2, 1}, labels = {"a", "b"}}, {title = "T"}).curves[2].title, "b")
end)

test("what a call says and a function does not take is refused, and nothing is written", function()
  local path, numbers, t = folder .. "/never.tsv", {1, 2, 3}, torch.tensor{1, 2, 3}
  local save = {save = path}
  local function refuses(message, ...)
    local arguments = table.pack(...)
    plot.sink = function() end
    local ok, why = pcall(function() return arguments[1](table.unpack(arguments, 2, arguments.n)) end)
    plot.sink = nil
    if ok then test.fail("taken: " .. message) end
    if not why:find(message, 1, true) then test.fail(("expected %q, got %q"):format(message, why)) end
    test.equal(select(2, why:gsub("\n", "")), 0)
    test.equal(read(path), nil)
  end
  refuses("plot has no argument 'svae' (did you mean 'save'?)", plot, numbers, {svae = path})
  refuses("plot has no argument 'tilte' (did you mean 'title'?)", plot, t, {tilte = "x", save = path})
  refuses("y over x is plot{y, x = x}, two curves are plot{a, b}", plot, numbers, numbers, save)
  refuses("y over x is plot{y, x = x}, two curves are plot{a, b}", plot, t, t)
  refuses("options go in a table, {x = …}, got 'r-'", plot, numbers, "r-")
  refuses("plot: expected plot(curves[, {title = …}]), got more arguments", plot, numbers, {}, save)
  refuses("plot: save is given twice", plot, {numbers, save = path}, save)
  refuses("plot: 2 labels for 1 curve", plot, {numbers, labels = {"a", "b"}, save = path})
  refuses("curve 2: expected a list of numbers, got nil", plot, {numbers, nil, numbers, save = path})
  refuses("expected numbers, got nil at place 2", plot, {{1, nil, 3}, save = path})
  refuses("got one with a field 'save'; options go in a table of their own", plot, {{1, 2, save = path}})
  refuses("got one with a field 'bins'; options go in a table of their own", plot.hist, {1, 2, 3, bins = 3})
  refuses("plot.hist: expected at most 1 argument (values: any, {", plot.hist, numbers, save, 3)
  refuses("plot.hist: options go in a table, {bins = …}, got 5", plot.hist, numbers, 5)
  refuses("plot.heat: expected rows of numbers, got a field 'save'", plot.heat, {{1, 2}, save = path})
  refuses("plot.heat: expected at most 1 argument (matrix: any, {", plot.heat, {{1, 2}}, {}, save)
  refuses("plot.heat has no argument 'sav' (did you mean 'save'?)", plot.heat, {{1, 2}}, {sav = path})
  refuses("plot.coord: expected at most 1 argument (check: any, {", plot.coord, {}, {}, save)
  refuses("plot.sweep: expected at most 1 argument (result: any, {", plot.sweep, {}, {}, save)
  for _, run in ipairs{{4, 2, save = path}, {loss = {4, 2}, save = path}, {a = {4, 2}, save = path}} do
    refuses("plot.loss: options go in a table of their own after the runs", plot.loss, run)
  end
  refuses("plot.loss: expected a trainer, a list of losses or the path of a log, got nil", plot.loss, numbers, nil, numbers)
  refuses("plot.loss: expected a trainer, a list of losses or the path of a log, got nil", plot.loss)
  refuses("plot.loss: options go in a table of their own after the runs", plot.loss, numbers, save, {title = "x"})
end)

test("points that a log axis cannot show are counted", function()
  local figure = quiet{{1, 2, 3}, x = {0, 1, 2}, logx = 2}
  test.equal(figure.notes, {"1 point at or below 0 left out: the axis is logarithmic"})
end)

test("one point, a constant and huge numbers have a range", function()
  for _, y in ipairs{{5}, {2, 2, 2}, {1e300, -1e300}, {1e-300, 2e-300}} do
    test.equal(type(quiet{y}:text{columns = 60, rows = 10}), "string")
  end
end)

test("labels of ticks say where they stand, far from zero and close together", function()
  for _, range in ipairs{{1e9, 1e9 + 1}, {1, 1 + 1e-9}, {1.7e9, 1.7e9 + 20}, {-1e308, 1e308}, {1e308, 1e308}, {0, 5e-324}, {1, 1 + 0x1p-52},
                         {5e-324, 5e-324}, {0x1p53, 0x1p53 + 2}, {1e-310, 2e-310}, {-1.7e308, 1.7e308}, {0.3, 0.31}} do
    for _, exact in ipairs{false, true} do
      local ax, before = axis.new("linear", range[1] + 0.0, range[2] + 0.0, exact), -math.huge
      test.equal(ax.low <= range[1] and ax.high >= range[2] and ax.low < ax.high, true)
      local ticks = ax:ticks(8)
      test.equal(#ticks >= 1 and #ticks <= 9, true)
      for _, tick in ipairs(ticks) do
        test.equal(tonumber(tick.label) + 0.0, tick.value)
        test.equal(tick.value > before and ax:place(tick.value) >= -1e-6 and ax:place(tick.value) <= 1 + 1e-6, true)
        before = tick.value
      end
    end
  end
  for _, kind in ipairs{"log2", "log10"} do
    for _, range in ipairs{{5e-324, 1.79e308}, {1e-320, 1e308}, {5e-324, 5e-324}, {3.0, 3.0}, {1e-310, 1e-309}} do
      local ax = axis.new(kind, range[1], range[2])
      test.equal(ax.low > 0 and ax.high < math.huge and ax.low < ax.high, true)
      if range[2] > 5e-324 then test.equal(#ax:ticks(8) >= 1, true) end
      for _, tick in ipairs(ax:ticks(8)) do
        test.equal(tonumber(tick.label) == nil or tonumber(tick.label) + 0.0 == tick.value, true)
      end
    end
  end
end)

test("numbers of any size are drawn in characters, or refused in one line", function()
  local nan, huge = 0 / 0, math.huge
  for _, y in ipairs{{1e308, -1e308}, {1.7e308}, {5e-324}, {5e-324, 0}, {1, 1 + 1e-9}, {nan, 1}, {huge, 1}, {7, 7, 7}, {-1e300, 1e300}, {1e17, 1e17}} do
    test.equal(type(quiet{y}:text{columns = 60, rows = 10}), "string")
    plot.sink = function() end
    local hist, heat = plot.hist(y, {bins = 3}), plot.heat{y}
    plot.sink = nil
    local count, finite = 0, 0
    for _, n in ipairs(hist.curves[1].y) do count = count + n end
    for _, v in ipairs(y) do finite = finite + (v - v == 0 and 1 or 0) end
    test.equal(count, finite + 0.0)
    for _, figure in ipairs{hist, heat} do test.equal(type(figure:text{columns = 50, rows = 10}), "string") end
  end
  plot.sink = function() end
  local heat = plot.heat{{1e9, 1e9 + 1}}
  plot.sink = nil
  test.equal(heat.cells, {{1e9, 1e9 + 1}}) -- no cell of a list is rounded
end)

--- The dots of a drawing of one curve over 40 columns, row by row.
local function dots(options)
  options.title = nil
  local rows = {}
  for line in quiet(options):text{columns = 46, rows = 12, colour = false, ascii = true}:gmatch "[^\n]+" do
    local inside = line:match "|(.*)$"
    if inside then rows[#rows + 1] = inside end
  end
  return rows
end

test("a line that leaves the frame keeps its slope", function()
  local rows = dots{{0, 100}, x = {0, 1}, xlim = {0, 1}, ylim = {0, 10}}
  for _, row in ipairs(rows) do test.equal(#row <= 6, true) end
  rows = dots{{-100, 100}, x = {0, 1}, xlim = {0, 1}, ylim = {-1, 1}} -- both ends are outside
  local drawn = 0
  for _, row in ipairs(rows) do drawn = drawn + (row:find "%S" and 1 or 0) end
  test.equal(drawn, #rows)
end)

test("steps are steps and errors have bars, in characters too", function()
  local rows = dots{{0, 10}, style = "steps"}
  local longest = 0
  for _, row in ipairs(rows) do longest = math.max(longest, #row:gsub("%s", "")) end
  test.equal(longest > 10, true)
  rows = dots{{y = {5, 5}, error = {5, 0 / 0}, style = "points"}, ylim = {0, 10}}
  local drawn = 0
  for _, row in ipairs(rows) do drawn = drawn + (row:find "%S" and 1 or 0) end
  test.equal(drawn, #rows)
end)

test("the text fits its columns and rows", function()
  local figure = quiet{{1, 4, 2}, title = ("long "):rep(40), xlabel = "step"}
  local terminal, rows = require "native.terminal", 0
  for line in figure:text{columns = 60, rows = 12}:gmatch "[^\n]+" do
    rows = rows + 1
    test.equal(terminal.width(line) <= 60, true)
  end
  test.equal(rows <= 13, true)
end)

test("without colour and Braille, curves differ by their marks", function()
  local picture = quiet{{1, 2, 3}, {3, 2, 1}, labels = {"up", "down"}}:text{columns = 50, rows = 12, colour = false, ascii = true}
  test.equal(picture:find("o up   + down", 1, true) ~= nil, true)
  test.equal(picture:find "[\x80-\xff\x1b]", nil)
end)

test("crosses and stars have signs of their own, boxes their width, and long legends lines of their own", function()
  local picture = quiet{{1, 2, 3}, {y = {3, 2}, style = "crosses", title = "lost"}, {y = {1, 3}, style = "stars", title = "best"},
                        ylabel = "loss"}:text{columns = 60, rows = 14, colour = false, ascii = true}
  for _, part in ipairs{"x lost   * best   y: loss", "x ", "*"} do test.equal(picture:find(part, 1, true) ~= nil, true) end
  picture = quiet{{1, 1, 1}, style = "boxes"}:text{columns = 60, rows = 10, ascii = true}
  test.equal(picture:find(("o"):rep(30), 1, true) ~= nil, true) -- no gaps between boxes of equal distance
  local rows = 0
  for line in quiet{{1, 2}, {2, 1}, {3, 1}, labels = {("a"):rep(30), ("b"):rep(30), ("c"):rep(90)}}:text{columns = 60, rows = 14}:gmatch "[^\n]+" do
    rows = rows + 1
    test.equal(require "native.terminal".width((line:gsub("\27%[%d*m", ""))) <= 60, true)
  end
  test.equal(rows <= 15, true)
end)

test("texts stand in single quotes, on one line, in the script", function()
  local evil = "a'b`id`\"\n!touch /tmp/x\n$(id) <cat @x \\ { } ^ _ \27]0;x\7"
  local script = quiet{{y = {1, 2}, title = evil}, title = evil, xlabel = evil}:script()
  test.equal(script:find("'a’b`id`\" !touch /tmp/x $(id) <cat @x \\ { } ^ _  ]0;x '", 1, true) ~= nil, true)
  for line in script:gmatch "[^\n]+" do test.equal(line:find "^%s*!" == nil, true) end
  test.equal(script:find "\27", nil)
end)

local has_gnuplot = child.run({"gnuplot", "--version"}, {}) == "exited"
test("gnuplot is installed (make deps)", function() test.equal(has_gnuplot, true) end)

test("images carry their signature, provenance, numbers and script", function()
  local figure = quiet{{1, 3, 2}, x = {2.0 ^ -10, 2.0 ^ -9, 2.0 ^ -8}, logx = 2, title = "a <b> & c"}
  for ending, signature in pairs{svg = "^<%?xml", png = "^\x89PNG", pdf = "^%%PDF"} do
    figure:save(folder .. "/figure." .. ending)
    local image = read(folder .. "/figure." .. ending)
    test.equal(image:find(signature), 1)
    test.equal(image:find("gptsh", 1, true) ~= nil, true)
  end
  test.equal(read(folder .. "/figure.svg"):find("2^-9", 1, true) ~= nil, true)
  test.equal(read(folder .. "/figure.tsv"), "curve\tx\ty\terror\n1\t0.0009765625\t1.0\t\n1\t0.001953125\t3.0\t\n1\t0.00390625\t2.0\t\n")
  test.equal(read(folder .. "/figure.gp"):find("set logscale x 2", 1, true) ~= nil, true)
end)

test("every kind of image tells where it comes from, and no control of it reaches the terminal", function()
  local why = require "plot.why"
  for _, ending in ipairs{"svg", "png", "pdf"} do
    local facts = why.read(read(folder .. "/figure." .. ending))
    test.equal({facts.title, facts.seed, facts.version ~= nil}, {"a <b> & c", torch.initial_seed(), true})
  end
  test.equal(why.command{script = "a b.lua", arguments = {"1", "it's"}}, "gptsh 'a b.lua' 1 'it'\\''s'")
  test.equal(why.command{notebook = "n.lua", parameters = {steps = 3, lr = "x y"}}, "gptsh nb run n.lua -p 'lr=x y' -p steps=3")
  for _, image in ipairs{"", "\x89PNG\r\n\26\n", "\x89PNG\r\n\26\n\0\0\xff\xffiTXtgptsh\0", "%PDF", "<svg><metadata>{</metadata>",
                         '<metadata>{"program": "other"}</metadata>'} do
    test.equal(why.read(image), nil)
  end
  local evil = folder .. "/evil.svg"
  local file = io.open(evil, "w")
  file:write('<?xml?><svg><metadata>{"program": "gptsh", "title": "a\\u001b]0;b\\u0007"}</metadata></svg>')
  file:close()
  local _, _, out = child.run({executable, "why", evil}, {})
  test.equal(out, "title     a ]0;b \n")
end)

--- The numbers that a script sets in its first block of data, line by line.
local function block_of(script)
  local rows = {}
  for line in script:match "<< END_OF_GPTSH_DATA_7f3a\n(.-)\nEND_OF":gmatch "[^\n]+" do
    local row = {}
    for word in line:gmatch "%S+" do row[#row + 1] = word == "NaN" and 0 / 0 or tonumber(word) + 0.0 end
    rows[#rows + 1] = row
  end
  return rows
end

test("script, .tsv and axes have every digit of a number, and gnuplot draws where they say", function()
  local path = folder .. "/digits"
  for _, case in ipairs{
    {x = {1.7e9, 1.7e9 + 1, 1.7e9 + 20}, y = {1, 2, 3}}, {x = {1, 2}, y = {1, 1 + 1e-9}}, {x = {1e9, 1e9 + 1}, y = {0.1, 1 / 3}},
    {x = {1, 2, 3}, y = {5e-324, 1e-310, 0}}, {x = {1, 2}, y = {0x1p53, 0x1p53 + 2}}, {x = {1}, y = {3}}, {x = {1, 2}, y = {7, 7}},
    {x = {1, 2, 3, 4}, y = {-1e300, 0 / 0, math.huge, 1e300}}, {x = {1, 2}, y = {1e-320, 1e300}, logy = true},
  } do
    local figure = quiet({{x = case.x, y = case.y}}, {logy = case.logy})
    figure:save(path .. ".svg")
    local rows, k = block_of(read(path .. ".gp")), 0
    for line in read(path .. ".tsv"):gmatch "\n1\t([^\n]*)" do
      k = k + 1
      local x, y = line:match "^(%S+)\t(%S+)"
      test.equal(tonumber(x) + 0.0, case.x[k] + 0.0)
      test.equal(rows[k][1], case.x[k] + 0.0)
      if case.y[k] - case.y[k] == 0 then
        test.equal(rows[k][2], case.y[k] + 0.0)
        test.equal(tonumber(y) + 0.0, case.y[k] + 0.0)
      else
        test.equal(rows[k][2] ~= rows[k][2], true)
      end
    end
    test.equal(k, #case.x)
  end
  -- the labelled ticks of Unix times stand at their places: the line ends at those of its first and last point
  quiet({{1, 2, 3}, x = {1.7e9, 1.7e9 + 10, 1.7e9 + 20}}, {save = path .. ".svg"})
  local svg = read(path .. ".svg")
  local first, last = svg:match "gnuplot_plot_1.-<path[^>]- d='M([%d.]+),[%d.]+ L[%d.]+,[%d.]+ L([%d.]+),"
  for label, place in pairs{["1700000000"] = first, ["1700000020"] = last} do
    local at = svg:match("translate%(([%d.]+),[%d.]+%)\"[^>]*>%s*<text>" .. label)
    test.close(tonumber(at), tonumber(place), 0.02)
  end
  for _, y in ipairs{{1e308, -1e308}, {1, 1.7e308}} do
    local why = test.raises(function() quiet({y}, {save = path .. "-huge.svg"}) end, "gnuplot draws numbers below 8.99e+307, got ")
    test.equal({select(2, why:gsub("\n", "")), read(path .. "-huge.svg")}, {0})
  end
end)

test("a style stays what it is when errors are given; an error that is none has no bar", function()
  for style, look in pairs{points = "yerrorbars", stars = "yerrorbars", boxes = "boxerrorbars", lines = "yerrorlines", steps = "histeps"} do
    local figure = quiet{{y = {1, 2, 3}, error = {1, 0 / 0, 1}, style = style}}
    test.equal(figure:script():find("with " .. look, 1, true) ~= nil, true)
    test.equal(block_of(figure:script())[2], {1.0, 2.0, 0.0})
    figure:save(folder .. "/bars.svg")
  end
end)

test("curves that do not rise keep their outline when they are thinned", function()
  local x, y = {}, {}
  for i = 1, 100000 do x[i], y[i] = -i + 0.0, math.sin(i) end
  y[54321], x[65432] = 50.0, 1e9
  local places = series.thin(x, y, 2000, axis.new("linear", -100000, 1e9))
  test.equal(#places <= 2000, true)
  test.equal({select(2, series.range{picked(y, places)}), select(2, series.range{picked(x, places)})}, {50.0, 1e9})
end)

test("a PNG with provenance still has right checksums", function()
  local python = io.popen("pngcheck -q " .. folder .. "/figure.png 2>&1; echo $?"):read "a"
  local image, at, kinds = read(folder .. "/figure.png"), 9, {}
  while at < #image do -- every chunk: length, name, body, CRC
    local size = string.unpack(">I4", image, at)
    kinds[#kinds + 1] = image:sub(at + 4, at + 7)
    at = at + 12 + size
  end
  test.equal({kinds[1], kinds[2], kinds[#kinds], at}, {"IHDR", "iTXt", "IEND", #image + 1})
  test.equal(python:find "error" == nil, true)
end)

--- Runs code in a process of its own whose gnuplot is the shell script `fake`; "" for none at all.
local function with_gnuplot(fake, code)
  local bin = folder .. "/bin" .. #fake
  os.execute("mkdir -p " .. bin)
  if fake ~= "" then
    local file = io.open(bin .. "/gnuplot", "w")
    file:write("#!/bin/sh\n", fake, "\n")
    file:close()
    os.execute("chmod +x " .. bin .. "/gnuplot")
  end
  local path = fake == "" and bin or bin .. ":" .. os.getenv "PATH"
  local how, status, out, errors = child.run({executable, "-e", code}, {environment = {PATH = path}})
  test.equal(how, "exited")
  return status, out, errors
end

test("a gnuplot that hangs has 5 s, and of one that floods the first line is told", function()
  test.equal(require "plot.gnuplot".seconds, 5)
  local code = "require 'plot.gnuplot'.seconds = 0.5; print((select(2, pcall(plot, {{1, 2}, save = '" .. folder .. "/flood.svg'})))) " ..
    "for line in io.lines '/proc/self/status' do if line:find 'VmHWM' then print(tonumber(line:match '%d+') < 600 * 1024) end end"
  local _, out = with_gnuplot("echo first >&2; yes >&2", code)
  test.equal(out:match "gnuplot gave no answer in 0.5 seconds: first; data written" ~= nil, true)
  test.equal(out:match "true\n$" ~= nil, true)
end)

test("a missing or failing gnuplot is one clear error and leaves the numbers", function()
  local target = folder .. "/bad.svg"
  local code = ("require 'plot.gnuplot'.seconds = %%g; local ok, why = pcall(plot, {{1, 2}, save = '%s'}) print(why) print(1 + 1)")
    :format(target)
  for fake, message in pairs{
    [""] = "gnuplot not found (Debian: apt install gnuplot-nox)",
    ["exit 1"] = "gnuplot ended with code 1",
    ["kill -SEGV $$"] = "gnuplot died of signal 11",
    ["exit 0"] = "gnuplot drew nothing",
    ["echo junk"] = "gnuplot drew nothing",
    ["echo 'line 3: bad thing' >&2; exit 1"] = "gnuplot ended with code 1: bad thing",
    ["printf 'bad \\033]0;title\\007' >&2; exit 1"] = "gnuplot ended with code 1: bad  ]0;title ",
    ["sleep 1000"] = "gnuplot gave no answer in 0.3 seconds",
    ["yes"] = "gnuplot gave no answer in 0.3 seconds",
    ["exec <&-; sleep 1000"] = "gnuplot gave no answer in 0.3 seconds",
  } do
    os.remove(folder .. "/bad.tsv")
    local status, out, errors = with_gnuplot(fake, code:format(message:find "answer" and 0.3 or 20))
    test.equal({status, errors}, {0, ""})
    test.equal(out, ("(command line):1: %s; data written to %s/bad.tsv\n2\n"):format(message, folder))
    test.equal(read(target), nil)
    test.equal(read(folder .. "/bad.tsv") ~= nil, true)
  end
end)

test("labels of any bytes start no other program, and come out as they are or without their controls", function()
  local canary, seed = folder .. "/fuzz", 7
  local pieces = {"`touch " .. canary .. "`", "$(touch " .. canary .. ")", "'", '"', "\\", "|touch " .. canary, "<touch " .. canary,
                  "!touch " .. canary, "@x", "{", "}", "^", "_", "\n", "\27[2J", "%s", "system('touch " .. canary .. "')", "µ",
                  "\nEND_OF_GPTSH_DATA_7f3a\n", "\xff", "#", ";", "&amp;", "]]>", "\0", "$d1", " -- ", "loss"}
  local function label()
    local out = {}
    for i = 1, 12 do
      seed = (seed * 1103515245 + 12345) % (1 << 31)
      out[i] = pieces[1 + (seed >> 8) % #pieces]
    end
    return "a" .. table.concat(out) .. "b"
  end
  for _ = 1, 8 do
    local figure = quiet{{y = {1, 2}, title = label()}, {y = {2, 1}, title = label()}, title = label(), xlabel = label(), ylabel = label()}
    figure:save(folder .. "/fuzz.svg")
    local svg = read(folder .. "/fuzz.svg"):gsub("<metadata>.-</metadata>", ""):gsub("&(%a+);", {lt = "<", gt = ">", amp = "&"})
    test.equal(utf8.len(svg) ~= nil, true)
    for _, text in ipairs{figure.title, figure.xlabel, figure.ylabel, figure.curves[1].title, figure.curves[2].title} do
      test.equal(text:find "[%c\xff]", nil)
      if not svg:find(text:gsub("'", "’"), 1, true) then test.fail("not drawn as it is: " .. text) end
    end
    test.equal(figure:text{columns = 80, rows = 20, colour = false}:gsub("\n", ""):find "%c", nil)
    test.equal(read(canary), nil)
  end
end)

test("a pipe never gets a picture", function()
  for _, variables in ipairs{{TERM = "xterm-kitty"}, {TERM_PROGRAM = "iTerm.app", CLICOLOR_FORCE = "1"}} do
    local _, _, out = child.run({executable, "-e", "plot.inline = 'kitty' plot{{1, 2}, inline = 'sixel'}"},
                                {environment = variables})
    test.equal(out, "")
  end
end)

test("hostile labels start no other program and come out as they are", function()
  local canary = folder .. "/canary"
  local labels = {"`touch " .. canary .. "`", "'; system('touch " .. canary .. "') #", "a''; system(\"touch " .. canary .. "\") #", "$(touch " .. canary .. ")",
                  "<touch " .. canary, "\n!touch " .. canary .. "\n", "x'\nset output '" .. canary .. "'\n"}
  for i, label in ipairs(labels) do
    local target = folder .. "/label" .. i .. ".svg"
    quiet{{y = {1, 2}, title = label}, title = label, xlabel = label, ylabel = label}:save(target)
    test.equal(read(target) ~= nil, true)
    test.equal(read(canary), nil)
  end
end)

-- The promise is 2 s on the clock, gnuplot included, on an idle machine; sanitizers are many times slower.
local slow = (os.getenv "GPTSH_BUILD" or ""):find "san" and 20 or 1

test("a million points, of a tensor or a table, are drawn and saved within 2 s of the CPU", function()
  local x, list = torch.arange(1000000), {}
  local y = (x / 5e4):sin()
  for i = 1, 1000000 do list[i] = math.sin(i / 5e4) end
  for _, curve in ipairs{{x = x, y = y}, {y = list}} do
    local began = os.clock()
    local figure = quiet{curve}
    figure:save(folder .. "/million.svg")
    figure:text{columns = 80, rows = 24}
    local spent = os.clock() - began
    if spent > 2 * slow then test.fail(f"it took {spent:.2f} s") end
    test.equal(#figure:script() < 100000, true)
  end
  local rows = 0
  for _ in io.lines(folder .. "/million.tsv") do rows = rows + 1 end
  test.equal(rows, 1000001) -- the numbers are all there
end)

test("a heat map with more cells than dots is drawn from some of them", function()
  plot.sink = function() end
  local figure = plot.heat(torch.arange(2000):reshape(1, 2000))
  plot.sink = nil
  local script = figure:script "png"
  test.equal(script:find("\n0 3 6 9 ", 1, true) ~= nil, true)
  test.equal(script:find("using (3*$1+1):(1*$2+0):3", 1, true) ~= nil, true)
  test.equal(figure:data():sub(1, 12), "0.0\t1.0\t2.0\t")
end)

test("a histogram counts every finite value", function()
  plot.sink = function() end
  local figure = plot.hist({0, 1, 1, 2, 0 / 0}, {bins = 3})
  plot.sink = nil
  test.equal(figure.curves[1].y, {1.0, 2.0, 1.0})
  test.equal(figure.notes, {"1 values are not finite"})
end)

test("a heat map has row 0 on top", function()
  plot.sink = function() end
  local figure = plot.heat(torch.tensor{{0, 0}, {1, 1}})
  plot.sink = nil
  local lines = {}
  for line in figure:text{columns = 30, rows = 10, ascii = true}:gmatch "[^\n]+" do lines[#lines + 1] = line end
  test.equal(lines[1]:find "#" == nil and lines[7]:find "#" ~= nil, true)
  test.equal(lines[#lines]:find("blank: 0, full: 1", 1, true) ~= nil, true)
end)

test("plot.loss reads lists, logs and trainers alike", function()
  local path = folder .. "/log.jsonl"
  local file = io.open(path, "w")
  file:write('{"config": {}}\n{"step": 1, "loss": 4}\n{"step": 2, "loss": 2, "val_loss": 3}\n{"step": 3, "loss": null}\n')
  file:close()
  plot.sink = function() end
  local a, b = plot.loss(path, {smooth = 0}), plot.loss({4, 2}, {smooth = 0})
  plot.sink = nil
  test.equal(a.curves[1].y, {4.0, 2.0})
  test.equal(a.curves[2].y, {3.0})
  test.equal(b.curves[1].y, {4.0, 2.0})
  plot.sink = function() end
  local named = plot.loss({second = path, first = {4, 2}}, {smooth = 0.5, title = "two runs"})
  local one = plot.loss({4, 2})
  plot.sink = nil
  local titles = {}
  for i, curve in ipairs(named.curves) do titles[i] = curve.title end
  test.equal(titles, {"first train", "second train", "second validation"})
  test.equal({named.title, one.curves[1].style, #one.curves}, {"two runs", "dots", 2}) -- the losses behind their mean
  test.raises(function() plot.loss({4, 2}, {tilte = "x"}) end, "did you mean 'title'?")
  test.raises(function() plot.loss(folder .. "/none.jsonl") end, "cannot open")
end)

os.execute("rm -rf " .. folder)

test("cells are written of lists only", function()
  local cells = require "native.series".cells
  test.equal(cells {{1, 2.5}, {3, 4}}, "1.0\t2.5\n3.0\t4.0\n")
  test.raises(function() cells {{1}, 3} end, "cells: expected a list of lists, got an integer as item 2")
  test.raises(function() cells {"text"} end, "got a string as item 1")
end)

test("plot of a trainer, or of its log, is plot.loss of it", function()
  plot.sink = function() end
  local t = {log = {step = {1, 2}, loss = {4, 2}, val_step = {2}, val_loss = {3}}}
  local ok, a, b = pcall(function() return plot(t, {title = "run"}), plot(t.log) end)
  plot.sink = nil
  assert(ok, a)
  test.equal({a.title, a.xlabel, #a.curves, #b.curves}, {"run", "step", 3, 3})
end)
