--- monitor.lua: every so many steps, how large the update of every weight is compared with the weight, and the spectral norms of
-- both.  It looks and changes nothing: training has the same bits with and without it.

local native = require "native.train"
local aligned = require "base.aligned"
local keywords = require "base.keywords"
local spectral_norm = require "gt.spectral_norm"

local WHAT = {"ratio", "grad_rms", "weight_norm", "update_norm"}

local Monitor, methods = {__name = "monitor"}, {}
Monitor.__index = methods

-- ---- options ----

local function read_what(list)
  local what = {}
  for _, name in ipairs(keywords.list("monitor: what", list or WHAT)) do
    local known = false
    for _, one in ipairs(WHAT) do known = known or one == name end
    if not known then
      local hint = type(name) == "string" and keywords.suggest(name, WHAT) or ""
      keywords.fail("monitor: there is no %s%s; what may hold %s", keywords.show(name), hint, table.concat(WHAT, ", "))
    end
    what[name] = true
  end
  if not next(what) then keywords.fail("monitor: expected what to hold some of %s, got an empty list", table.concat(WHAT, ", ")) end
  return what
end

local function new(model, options)
  local m = {every = options.every, what = read_what(options.what),
             model = model, seen = 0, spent = 0.0, since = os.clock(), vectors = {}, log = {step = {}, tensors = {}}}
  return setmetatable(m, Monitor)
end

-- ---- looking ----

local function rms(t) return t:numel() > 0 and native.length(t) / math.sqrt(t:numel()) or 0.0 end

--- Numbers that mean nothing are left out.
local function finite(x) return x < math.huge and x or nil end

--- Spectral norm of a matrix, with the vector of the last look to begin with; nil for vectors.
local function norm_of(m, kind, name, t)
  if t.ndim < 2 or t:numel() == 0 then return nil end
  local key = kind .. " " .. name
  local sigma
  sigma, m.vectors[key] = spectral_norm(t, m.vectors[key])
  return finite(sigma)
end

--- m:before([step]): before the weights change.  Where a look is due, it takes the size of the gradients and copies the weights.
function methods.before(m, step)
  m.seen = step or m.seen + 1
  m.pending = nil
  if m.seen % m.every ~= 0 then return end
  local started = os.clock()
  local _ <close> = torch.no_grad()
  local changes = m.what.ratio or m.what.update_norm
  local pending = {}
  for name, p in m.model:named_parameters() do
    local norm, count = native.norm {p} -- of its gradient, if there is one
    if count > 0 then
      pending[#pending + 1] = {name = name, weight = p, old = changes and p:detach():clone() or nil,
                               grad_rms = m.what.grad_rms and finite(norm / math.sqrt(p:numel())) or nil}
    end
  end
  m.pending = pending
  m.spent = m.spent + os.clock() - started
end

local function look(m, one)
  local found = {grad_rms = one.grad_rms}
  if m.what.weight_norm then found.weight_norm = norm_of(m, "weight", one.name, one.weight) end
  if not one.old then return found end
  local change = one.weight:detach() - one.old
  if m.what.ratio then found.ratio = finite(rms(change) / rms(one.old)) end
  if m.what.update_norm then found.update_norm = norm_of(m, "update", one.name, change) end
  change:free()
  return found
end

--- m:add(step, found): a look into the log.
function methods.add(m, step, found)
  local row = #m.log.step + 1
  m.log.step[row] = step
  for name, values in pairs(found) do
    local own = m.log.tensors[name] or {}
    m.log.tensors[name] = own
    for what, value in pairs(values) do
      own[what] = own[what] or {}
      own[what][row] = value
    end
  end
end

--- m:after() -> after the weights have changed: what was found, {name = {ratio =, …}}; nil where no look was due.
function methods.after(m)
  if not m.pending then return nil end
  local started = os.clock()
  local _ <close> = torch.no_grad()
  local found = {}
  for _, one in ipairs(m.pending) do found[one.name] = look(m, one) end
  for _, one in ipairs(m.pending) do
    if one.old then one.old:free() end
  end
  m.pending = nil
  m.spent = m.spent + os.clock() - started
  m:add(m.seen, found)
  return found
end

--- m:step(optimizer, …) -> as m:after(): their steps, with the monitor around them, for loops written by hand.
function methods.step(m, ...)
  m:before()
  for _, opt in ipairs {...} do opt:step() end
  return m:after()
end

--- m:cut(step): forgets looks after that step.
function methods.cut(m, step)
  local rows = #m.log.step
  while rows > 0 and m.log.step[rows] > step do
    m.log.step[rows] = nil
    for _, own in pairs(m.log.tensors) do
      for _, values in pairs(own) do values[rows] = nil end
    end
    rows = rows - 1
  end
  m.seen, m.pending = step, nil
end

-- ---- showing ----

--- m:cost() -> share of the CPU time since the monitor was made that looking took.
function methods.cost(m) return m.spent / math.max(os.clock() - m.since, 1e-9) end

--- Names with "*" for the number of a layer, sorted -> their names.
local function patterns(m)
  local list, members = {}, {}
  for name in pairs(m.log.tensors) do
    local pattern = ("." .. name):gsub("%.%d+%f[.\0]", ".*"):sub(2)
    if not members[pattern] then
      members[pattern] = {}
      list[#list + 1] = pattern
    end
    table.insert(members[pattern], name)
  end
  table.sort(list)
  return list, members
end

--- Geometric mean over tensors of one number of a look; nil where none has it.
local function mean(m, names, what, row)
  local sum, n = 0, 0
  for _, name in ipairs(names) do
    local value = (m.log.tensors[name][what] or {})[row]
    if value then sum, n = sum + math.log(value), n + 1 end
  end
  return n > 0 and math.exp(sum / n) or nil
end

local TITLES = {ratio = "|ΔW|/|W| rms", grad_rms = "gradient rms", weight_norm = "|W|2", update_norm = "|ΔW|2"}

--- The last look as a table; layers under one name have their geometric means.
function Monitor.__tostring(m)
  local row = #m.log.step
  if row == 0 then return ("monitor: every %d steps; no look yet"):format(m.every) end
  local list, members = patterns(m)
  local head, rows = {"tensor"}, {}
  for _, what in ipairs(WHAT) do
    if m.what[what] then head[#head + 1] = TITLES[what] end
  end
  rows[1] = head
  for _, pattern in ipairs(list) do
    local cells = {pattern}
    for _, what in ipairs(WHAT) do
      if m.what[what] then
        local value = mean(m, members[pattern], what, row)
        cells[#cells + 1] = value and ("%.3g"):format(value) or "-"
      end
    end
    rows[#rows + 1] = cells
  end
  return ("monitor: step %d, %d look%s, every %d; looking took %.1f %% of the CPU time\n%s"):format(m.log.step[row], row,
    row == 1 and "" or "s", m.every, 100 * m:cost(), aligned(rows, {true}))
end

--- m:plot{what = "ratio", title =, save =}: a curve for every name, layers by their geometric mean.
function methods.plot(m, o)
  local what = o.what
  for _, name in ipairs(WHAT) do
    if not what and m.what[name] then what = name end
  end
  if not m.what[what] then keywords.fail("monitor: plot: expected what it looks at, got %s", keywords.show(what)) end
  local list, members = patterns(m)
  local made = {xlabel = "step", ylabel = TITLES[what], logy = true, title = o.title, save = o.save}
  for _, pattern in ipairs(list) do
    local curve = {x = {}, y = {}, title = pattern, style = "linespoints"}
    for row, step in ipairs(m.log.step) do
      local value = mean(m, members[pattern], what, row)
      if value and value > 0 then curve.x[#curve.x + 1], curve.y[#curve.y + 1] = step, value end
    end
    if #curve.x > 0 then made[#made + 1] = curve end
  end
  if #made == 0 then keywords.fail "monitor: plot: there is no look with such a number yet" end
  return plot(made)
end

--- train.monitor(model[, {every = 50, what = {"ratio", "grad_rms", "weight_norm", "update_norm"}}]) -> monitor m, for loops
-- written by hand: m:step(optimizer, …) in place of their step(); t:monitor{…} does it for a trainer.
-- ratio         rms of a weight's update / rms of the weight
-- grad_rms      rms of its gradient, clipped where that is done
-- weight_norm   largest singular value of a matrix, by power iteration from that of the last look; update_norm: of its update
-- m.log.step; m.log.tensors[name].ratio[i], …; print(m): the last look; m:plot{what =, save =}; m:cost(): share of the CPU time.
-- A look copies the weights for the time of the update; nothing is done between looks.
local public = {monitor = new, WHAT = WHAT}
keywords.sign(public, "monitor(model: module, {every: integer[1,] = 50, what: list = nil})", "train.")
keywords.sign(methods, [[
  before(self: monitor, step: integer = nil)
  after(self: monitor)
  step(self: monitor, ...)
  plot(self: monitor, {what: string = nil, title: string = nil, save: string = nil})
]], "monitor:")
return public
