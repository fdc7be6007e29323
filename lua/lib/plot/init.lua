--- init.lua: plot{…} and its relatives.  Each makes a figure, shows it and returns it.
-- At a terminal the figure is a picture where that can be shown, else drawn in characters; with save = "name.svg" (png,
-- pdf, txt, tsv, gp) it becomes a file.

local axis = require "plot.axis"
local Figure = require "plot.figure"
local inline = require "plot.inline"
local keywords = require "base.keywords"
local native = require "native"
local series = require "plot.series"
local terminal = require "native.terminal"

local plot = {}

--- Called with every figure in place of showing it here; the notebook runner sets it.
plot.sink = nil

--- plot.inline: how figures are shown in a terminal: "auto" (pictures where the environment tells that they can be
-- shown: kitty, Ghostty, iTerm2, WezTerm; not in tmux), "kitty", "iterm", "sixel" (by gnuplot's sixelgd) or "text".
-- The option inline of one plot goes before it: true is "auto", false "text".  %set inline and %plot probe set it.
plot.inline = "auto"

--- Shows a figure by the options save and inline.
local function show(figure, options)
  local save, wanted = options.save, options.inline
  if wanted == nil then wanted = plot.inline end
  wanted = inline.check("plot: inline", wanted)
  if save ~= nil then figure:save(save) end
  if plot.sink then
    plot.sink(figure, save)
  elseif terminal.is(1) then
    terminal.write(1, inline.draw(figure, wanted))
  else
    if save then io.write("wrote ", save, "\n") end
    for _, note in ipairs(figure.notes) do io.write(note, "\n") end
  end
  return figure
end

--- Is it a trainer, or the log of one?
local function is_run(value)
  if type(value) ~= "table" then return false end
  local log = rawget(value, "log") or value
  return type(log) == "table" and type(rawget(log, "loss")) == "table" and type(rawget(log, "step")) == "table"
end

--- plot{y, …, x =, title =, xlabel =, ylabel =, logx =, logy =, xlim =, ylim =, style =, labels =, save =, inline =}
-- Curves: lists of numbers, 1-d tensors, or {x =, y =, title =, style =, error =, colour =}.  logx, logy: true (10) or 2.
-- error: half the length of bars; colour: "#rrggbb", in files.
-- style: "lines", "points", "linespoints", "steps", "boxes", "crosses", "stars", "dots".  inline: see plot.inline.
-- The options may be in a table of their own, plot(y, {title = …}), plot({y, …}, {title = …}).
-- plot(t), a trainer, is plot.loss(t).
local function draw(_, curves, options, ...)
  if is_run(curves) then return plot.loss(curves, options, ...) end
  local all = Figure.options(curves, options)
  if select("#", ...) > 0 then keywords.fail "plot: expected plot(curves[, {title = …}]), got more arguments" end
  return show(Figure.new(all), all)
end

-- ---- curves of training ----

local function read_log(path)
  local json = require "base.json"
  local text, reason = require "native.folder".read(path, 4 << 30)
  if not text then keywords.fail("plot.loss: %s", reason) end
  local log = {step = {}, loss = {}, val_step = {}, val_loss = {}}
  for line in text:gmatch "[^\n]+" do
    local ok, record = pcall(json.decode, line)
    if ok and type(record) == "table" and type(record.step) == "number" then
      if type(record.loss) == "number" then
        log.step[#log.step + 1], log.loss[#log.loss + 1] = record.step, record.loss
      end
      if type(record.val_loss) == "number" then
        log.val_step[#log.val_step + 1], log.val_loss[#log.val_loss + 1] = record.step, record.val_loss
      end
    end
  end
  if #log.loss == 0 then keywords.fail("plot.loss: %s holds no records with step and loss", path) end
  return log
end

local WANTED = "plot.loss: expected a trainer, a list of losses or the path of a log, got %s"
local read_loss = keywords.options("plot.loss({smooth: number[0,1) = 0.9, logx: boolean|integer = nil, " ..
  "logy: boolean|integer = nil, title: string = nil, xlim: list = nil, ylim: list = nil, " .. Figure.SHOWN .. "})")
local LOSS_OPTIONS, IS_LOSS_OPTION = {}, {}
for i, row in ipairs(native.parameters_of(read_loss)) do
  LOSS_OPTIONS[i], IS_LOSS_OPTION[row.name] = row.name, true
end

local function has_option(value)
  for name in pairs(IS_LOSS_OPTION) do
    if rawget(value, name) ~= nil then return true end
  end
  return false
end

local function options_apart()
  keywords.fail "plot.loss: options go in a table of their own after the runs, plot.loss(run, {save = …})"
end

--- Is the table one of options of plot.loss, perhaps misspelt, and not one of runs by name?
local function is_options(value)
  if type(value) ~= "table" or getmetatable(value) then return false end
  for key in pairs(value) do
    if type(key) == "string" and (IS_LOSS_OPTION[key] or keywords.suggest(key, LOSS_OPTIONS) ~= "") then return true end
  end
  return false
end

--- Curves of one run: the losses as dots under their moving average when `dots`, the validation points.
local function run_curves(name, run, decay, dots)
  local log = run
  if type(run) == "string" then
    log = read_log(run)
  elseif type(run) == "table" and not run.log and has_option(run) then
    options_apart()
  elseif type(run) ~= "table" or not (run.log or run.loss or type(run[1]) == "number") then
    keywords.fail(WANTED, keywords.show(run))
  elseif type(run.log) == "table" then
    log = run.log
  elseif type(run[1]) == "number" then
    log = {loss = run}
  end
  local y = series.numbers("plot.loss: loss", log.loss)
  local x = log.step and series.numbers("plot.loss: step", log.step) or nil
  local curves = {{x = x, y = series.smooth(y, decay), title = name .. "train"}}
  if dots and decay > 0 then table.insert(curves, 1, {x = x, y = y, style = "dots"}) end
  if log.val_loss and #log.val_loss > 0 then
    curves[#curves + 1] = {x = log.val_step, y = log.val_loss, title = name .. "validation", style = "linespoints"}
  end
  return curves
end

--- The runs as {{name, run}, …}; those of a table {name = run} in the order of their names.
local function named_runs(runs)
  local out = {}
  for i, run in ipairs(runs) do
    local plain = type(run) == "table" and not getmetatable(run) and run[1] == nil and not run.log and not run.loss
    if plain then
      local names = {}
      for name in pairs(run) do names[#names + 1] = tostring(name) end
      table.sort(names)
      for _, name in ipairs(names) do out[#out + 1] = {name .. " ", run[name]} end
      if has_option(run) then options_apart() end
    else
      out[#out + 1] = {#runs > 1 and (type(run) == "string" and run .. " " or i .. " ") or "", run}
    end
  end
  return out
end

--- plot.loss(run, …[, {smooth = 0.9, logx =, logy =, title =, save =}]): training and validation loss by step.
-- A run is a trainer, a log.jsonl, a list of losses; or {name = run, …}.  Smoothed by an unbiased moving average; of a single
-- run the losses themselves are under it.
function plot.loss(...)
  local runs, options = table.pack(...), {}
  while runs.n > 0 and runs[runs.n] == nil do runs.n = runs.n - 1 end
  for i = 1, math.max(runs.n, 1) do
    if runs[i] == nil then keywords.fail(WANTED, "nil") end
  end
  if #runs > 1 and is_options(runs[#runs]) then options = table.remove(runs) end
  options = read_loss(options)
  local made = {xlabel = "step", ylabel = "loss", title = options.title, logx = options.logx, logy = options.logy,
                xlim = options.xlim, ylim = options.ylim, save = options.save, inline = options.inline}
  runs = named_runs(runs)
  for _, run in ipairs(runs) do
    for _, curve in ipairs(run_curves(run[1], run[2], options.smooth, #runs == 1)) do made[#made + 1] = curve end
  end
  return draw(nil, made)
end

--- plot.coord(check[, {t = last, change = false, save =, …}]): what coord measured: a curve per module, mean |h| by width at
-- step t, or with change = true that of its change since t = 1; both axes in powers of two.  Flat is right.
function plot.coord(check, options)
  if type(check) ~= "table" or not (check.lines and check.widths) then
    keywords.fail("plot.coord: expected what coord(…) made, got %s", keywords.show(check))
  end
  local t, kind = options.t or check.steps, options.change and "change" or "h"
  if t > check.steps then
    keywords.fail("plot.coord: expected t in 1 … %d, got %s", check.steps, keywords.show(t))
  end
  local made = {xlabel = "width", ylabel = options.change and "mean |change of h|" or "mean |h|", logx = 2, logy = 2,
                title = options.title or ("%s %s, t = %d"):format(check.rule, check.optimizer, t), save = options.save,
                inline = options.inline}
  for _, line in ipairs(check.lines) do
    local y = line.average[kind][t]
    if y[1] > 0 then made[#made + 1] = {x = check.widths, y = y, title = line.module, style = "linespoints"} end
  end
  return draw(nil, made)
end

--- plot.sweep(result[, {title =, save =}]): what sweep measured: loss by learning rate, a curve per width with the standard
-- error over seeds, the best learning rates marked, diverged ones as crosses at the top edge; the table below.
function plot.sweep(result, options)
  if type(result) ~= "table" or not (result.curves and result.points) then
    keywords.fail("plot.sweep: expected what sweep{…} made, got %s", keywords.show(result))
  end
  return show(require "plot.sweep".figure(result, options), options)
end

-- ---- distributions and maps ----

--- plot.hist(values[, {bins = 50, title =, xlabel =, logy =, save =}]): how often values fall into equal intervals.
-- values: a tensor of any shape or a list; what is not finite is counted apart and said.
function plot.hist(values, options)
  if torch.is_tensor(values) then values = values:reshape(-1) end
  local list = series.numbers("plot.hist", values)
  local bins = options.bins
  local low, high = series.range{list}
  if not low then keywords.fail("plot.hist: no value is a finite number (%d given)", #list) end
  local range = axis.new("linear", low, high, true)
  local counts, middles, left = {}, {}, 0
  for i = 1, bins do
    local part = (i - 0.5) / bins
    counts[i], middles[i] = 0, range.low * (1 - part) + range.high * part
  end
  for _, v in ipairs(list) do
    if series.finite(v) then
      local bin = math.min(bins, math.floor(range:place(v) * bins) + 1)
      counts[bin] = counts[bin] + 1
    else
      left = left + 1
    end
  end
  local figure = Figure.new{{x = middles, y = counts, style = "boxes"}, title = options.title, xlabel = options.xlabel,
                            ylabel = options.ylabel or "count", logy = options.logy}
  if left > 0 then figure.notes[#figure.notes + 1] = ("%d values are not finite"):format(left) end
  return show(figure, options)
end

--- plot.heat(matrix[, {title =, xlabel =, ylabel =, save =}]): a 2-d tensor as colours, row 0 on top.
function plot.heat(matrix, options)
  if type(matrix) == "table" then
    for key in pairs(matrix) do
      if math.type(key) ~= "integer" then
        keywords.fail("plot.heat: expected rows of numbers, got a field %s; options go in a table of their own",
                      keywords.show(key))
      end
    end
    matrix = torch.tensor(matrix, {dtype = torch.float64})
  end
  if not torch.is_tensor(matrix) or matrix:dim() ~= 2 or matrix:numel() == 0 then
    keywords.fail("plot.heat: expected a tensor of two dimensions, got %s",
                  torch.is_tensor(matrix) and tostring(matrix:size()) or keywords.show(matrix))
  end
  local rows, columns = matrix:size(0), matrix:size(1)
  if rows * columns > 4000000 then keywords.fail("plot.heat: %d x %d is more than four million cells", rows, columns) end
  local cells = matrix:detach():to(torch.float64):tolist()
  local least, greatest = series.range(cells)
  if not least then keywords.fail("plot.heat: no value is a finite number") end
  local figure = setmetatable({
    cells = cells, shades = axis.new("linear", least, greatest, true), curves = {}, notes = {},
    x = axis.new("linear", -0.5, columns - 0.5, true):counting(),
    y = axis.new("linear", -0.5, rows - 0.5, true):counting(),
  }, Figure)
  figure.y.reversed = true
  figure:read_look(options, {720, 600})
  return show(figure, options)
end

keywords.sign(plot, ([[
  loss(run: any, ...)
  coord(check: any, {t: integer[1,] = nil, change: boolean = false, title: string = nil, SHOWN})
  sweep(result: any, {title: string = nil, SHOWN})
  hist(values: any, {bins: integer[1,10000] = 50, LABELS, logy: boolean|integer = nil, SHOWN})
  heat(matrix: any, {LABELS, size: list = nil, SHOWN})
]]):gsub("%u%u+", {SHOWN = Figure.SHOWN, LABELS = "title: string = nil, xlabel: string = nil, ylabel: string = nil"}), "plot.")

local call = native.signature("plot(self: any, curves: any, options: any = nil, ...)", draw)

return {plot = setmetatable(plot, {__call = call, __name = "function"})}
