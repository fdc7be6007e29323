--- monitor.lua: what training does to every weight: its size and that of its change, and how much both stretch a vector.
--
--   w = monitor(model)
--   t:run(100)
--   w:look()            -- changes since the last look
--
-- The norm of a matrix W (out, in) is its largest singular value by sqrt(out / in): what it makes of the root mean square of
-- its input at most.  Under a right parametrization the norms of W and of its changes do not depend on the width (the
-- spectral condition, arXiv 2310.17813).  Tables that are looked up and vectors have no such norm.

local module = require "native.module"
local aligned = require "gt.aligned"
local keywords = require "gt.keywords"
local spectral_norm = require "gt.spectral_norm"

-- ---- numbers ----

--- Numbers of 16 bits as f32.
local function wide(t) return t and t.dtype ~= torch.float64 and t:float() or t end

local function rms(t) return math.sqrt(t:square():mean():item()) end

-- ---- rows ----

local function shape_text(w)
  local sizes = {}
  for i = 1, w.ndim do sizes[i] = w:size(i - 1) end
  return "(" .. table.concat(sizes, ", ") .. ")"
end

--- Names of tables that modules look up.
local function lookups(model)
  local found = {}
  for path, m in model:named_modules() do
    if nn.isinstance(m, nn.Embedding) then found[path == "" and "weight" or path .. ".weight"] = true end
  end
  return found
end

--- Norm of a matrix by sqrt(out / in); `kept` holds the vector of the last look under `key`.
local function norm_of(w, kept, key)
  local flat = w:reshape(w:size(0), -1)
  local size
  size, kept[key] = spectral_norm(flat, kept[key])
  return size * math.sqrt(flat:size(1) / flat:size(0)), size
end

--- What is known of one weight: its values now, and before when there was a look.
local function row_of(name, w, before, kept)
  local row = {name = name, shape = shape_text(w), rms = rms(w)}
  local change = before and before.shape == w.shape and w - before or nil
  if change then
    row.change = rms(change)
    row.ratio = row.rms > 0 and row.change / row.rms or nil
  end
  if not kept then return row end
  local size
  row.norm, size = norm_of(w, kept, "weight")
  row.stable_rank = size > 0 and w:square():sum():item() / size ^ 2 or nil
  if change then row.change_norm = norm_of(change, kept, "change") end
  return row
end

-- ---- looks ----

local COLUMNS = {"rms", "change", "ratio", "norm", "change_norm", "stable_rank"}
local LABELS = {rms = "rms", change = "rms of change", ratio = "change / rms", norm = "norm", change_norm = "norm of change",
                stable_rank = "stable rank"}
local Look = {__name = "look at weights"}

function Look.__tostring(self)
  local cells = {{"name", "shape"}}
  for _, column in ipairs(COLUMNS) do table.insert(cells[1], LABELS[column]) end
  for i, row in ipairs(self) do
    local line = {row.name, row.shape}
    for k, column in ipairs(COLUMNS) do line[k + 2] = row[column] and ("%.4g"):format(row[column]) or "-" end
    cells[i + 1] = line
  end
  return aligned(cells, {true, true})
end

local Monitor = {__name = "monitor"}
Monitor.__index = Monitor

--- w:look([x]) -> rows {name, shape, rms, change, ratio, norm, change_norm, stable_rank}, change being that since the last look;
-- its text is a table.  x: where it stands in plots, the step (1, 2, … when left out).
function Monitor:look(x)
  local grad <close> = torch.set_grad_enabled(false) -- luacheck: no unused
  local out, tables = {x = x or #self.looks + 1}, lookups(self.model)
  if type(out.x) ~= "number" then keywords.fail("look: expected a number, got %s", keywords.show(x)) end
  for name, p in self.model:named_parameters() do
    if not self.names or name:find(self.names) then
      local w = p:detach()
      local vectors = self.norms and p.ndim >= 2 and not tables[name] and (self.vectors[name] or {}) or nil
      out[#out + 1] = row_of(name, wide(w), wide(self.before[name]), vectors)
      self.before[name], self.vectors[name] = w:clone(), vectors
    end
  end
  self.looks[#self.looks + 1] = setmetatable(out, Look)
  return out
end

--- w:plot([what = "ratio"[, {title =, save =}]]): one number of every weight by look: "rms", "change", "ratio", "norm", "change_norm",
-- "stable_rank".
function Monitor:plot(what, options)
  what = what or "ratio"
  local o, curves, made = keywords.read("monitor: plot", options, {"title", "save"}), {}, {}
  if not LABELS[what] then
    keywords.fail("monitor: expected one of %s, got %s", table.concat(COLUMNS, ", "), keywords.show(what))
  end
  for _, look in ipairs(self.looks) do
    for _, row in ipairs(look) do
      local curve = curves[row.name]
      if row[what] and not curve then
        curve = {x = {}, y = {}, title = row.name}
        curves[row.name], made[#made + 1] = curve, curve
      end
      if row[what] then curve.x[#curve.x + 1], curve.y[#curve.y + 1] = look.x, row[what] end
    end
  end
  if #made == 0 then keywords.fail("monitor: nothing to draw: no look has a %s", what) end
  made.xlabel, made.ylabel, made.logy, made.style = "look", LABELS[what], true, "linespoints"
  made.title, made.save = o.title, o.save
  return plot(made)
end

function Monitor:__tostring() return ("monitor: %d looks"):format(#self.looks) end

--- monitor(model[, {names = pattern, norms = true}]) -> w: watches what training does to the weights.  It keeps a copy of them
-- to tell changes, and draws from no random stream.
-- w:look([step]) -> per weight: root mean square, that of its change since the last look, their ratio, spectral norms of
-- both by sqrt(out / in), stable rank; w:plot(what); w.looks.  Looks may be any number of steps apart; t:monitor{every = 50} of a
-- trainer and train.monitor look at single updates.
local function monitor(model, options)
  local o = keywords.read("monitor", options, {"names", "norms"})
  if not module.is_module(model) then keywords.fail("monitor: expected a model, got %s", keywords.show(model)) end
  if o.names ~= nil then keywords.pattern("monitor", "names", o.names) end
  if o.norms ~= nil and type(o.norms) ~= "boolean" then
    keywords.fail("monitor: expected norms, true or false, got %s", keywords.show(o.norms))
  end
  local self = setmetatable({model = model, names = o.names, norms = o.norms ~= false, before = {}, vectors = {}, looks = {}},
                            Monitor)
  self:look(0)
  if #self.looks[1] == 0 then
    keywords.fail(o.names and "monitor: no weight fits '%s'" or "monitor: the model has no parameters", o.names)
  end
  return self
end

return {monitor = monitor}
