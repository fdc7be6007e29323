--- table.lua: lrtable: what one or two parametrizations say of every tensor, as aligned text.

local native = require "native.reparam"
local keywords = require "gt.keywords"

local M = {}

-- ---- text ----

--- Aligned columns; left[i]: column i goes to the left.
function M.rows(cells, left)
  local width, out = {}, {}
  for _, row in ipairs(cells) do
    for i, cell in ipairs(row) do width[i] = math.max(width[i] or 0, utf8.len(cell) or #cell) end
  end
  for r, row in ipairs(cells) do
    local line = {}
    for i, cell in ipairs(row) do
      local pad = (" "):rep(width[i] - (utf8.len(cell) or #cell))
      line[i] = left[i] and cell .. pad or pad .. cell
    end
    out[r] = table.concat(line, "  "):gsub("%s+$", "")
  end
  return table.concat(out, "\n")
end

local function number(value) return ("%.6g"):format(value) end

-- ---- rows ----

--- Size of one step of this tensor where the optimizer's kind tells it: the rate, times the entries of what is added.
local function step_of(site, lr)
  if site.family == "sgd" then return nil end
  if site.family == "adam" then return lr end
  return lr / math.sqrt(math.max(site.fan_in, site.fan_out))
end

--- One site as data.
local function row_of(site, lr, decay, dtype)
  local s = site.scales
  local row = {name = site.name, role = site.role, shape = site.shape, fan_in = site.fan_in, fan_out = site.fan_out, m = site.m,
               multiplier = s.multiplier}
  if not site.tensor then return row end
  row.std, row.lr, row.eps_scale = s.std, lr * s.lr, s.eps
  row.weight_decay, row.dtype = decay * s.weight_decay, dtype or site.tensor.dtype
  local size, step = site.role == "gain" and 1 or s.std, step_of(site, row.lr)
  if step and size > 0 then
    row.half_ulps = step / native.half_ulp(row.dtype, size)
    row.lost = native.share_lost(row.dtype, size, step)
  end
  return row
end

--- Rows of a list of sites that differ in nothing but the number of their layer become one.
local function collapse(rows)
  local out, known = {}, {}
  for _, row in ipairs(rows) do
    local pattern, layer = row.name:gsub("%f[^.\0]%d+%f[.\0]", "*", 1), row.name:match "%f[^.\0]%d+%f[.\0]"
    local shape = row.shape and table.concat(row.shape, ",") or ""
    local key = table.concat({pattern, row.role, shape, tostring(row.std), tostring(row.lr), row.multiplier,
                              tostring(row.weight_decay)}, "\0")
    if layer and known[key] then
      known[key].count = known[key].count + 1
      known[key].last = layer
    else
      local entry = {row = row, count = 1, first = layer, last = layer, pattern = pattern}
      known[key] = entry
      out[#out + 1] = entry
    end
  end
  return out
end

local function label(entry)
  if entry.count == 1 then return entry.row.name end
  return (entry.pattern:gsub("%*", entry.first .. "-" .. entry.last, 1))
end

-- ---- cells ----

local function shape_cell(row)
  if not row.shape then return "" end
  return "(" .. table.concat(row.shape, ", ") .. ")"
end

local function std_cell(row)
  if row.role == "gain" or row.role == "scalar" then return "-" end
  return number(row.std)
end

local function scale_cells(row)
  if not row.lr then return {"", number(row.multiplier), "", "", "", ""} end
  local share = row.lost and row.lost > 0 and ("%.0f %%"):format(100 * row.lost) or row.lost and "0" or "-"
  return {std_cell(row), number(row.multiplier), number(row.lr), number(row.weight_decay),
          row.half_ulps and ("%.3g"):format(row.half_ulps) or "-", share}
end

local SCALE_TITLES = {"std", "multiplier", "lr", "weight decay", "half ulps", "lost"}

local function append(list, items)
  for _, item in ipairs(items) do list[#list + 1] = item end
  return list
end

local function one_rule(entries)
  local cells = {append({"name", "shape", "role"}, SCALE_TITLES)}
  for _, entry in ipairs(entries) do
    cells[#cells + 1] = append({label(entry), shape_cell(entry.row), entry.row.role}, scale_cells(entry.row))
  end
  return M.rows(cells, {true, true, true})
end

local function two_rules(entries, others)
  local cells = {{"name", "shape", "role", "std", "std'", "multiplier", "multiplier'", "lr", "lr'", "lr' / lr"}}
  for i, entry in ipairs(entries) do
    local a, b = entry.row, others[i]
    local line = {label(entry), shape_cell(a), a.role, "", "", number(a.multiplier), number(b.multiplier), "", "", ""}
    if a.lr then
      line[4], line[5], line[8], line[9] = std_cell(a), std_cell(b), number(a.lr), number(b.lr)
      line[10] = a.lr ~= 0 and number(b.lr / a.lr) or "-"
    end
    cells[#cells + 1] = line
  end
  return M.rows(cells, {true, true, true})
end

-- ---- tables ----

local Table = {__name = "table of learning rates"}
function Table.__tostring(self) return self.text end

local OPTIONS = {"lr", "weight_decay", "all", "dtype", "against"}

local function note_of(p)
  if p.rule.home[p.optimizer] then return "" end
  local homes = {}
  for family in pairs(p.rule.home) do
    if p.rule.home[family] then homes[#homes + 1] = family end
  end
  table.sort(homes)
  return (" (made for %s, not for %s)"):format(table.concat(homes, " and "), p.optimizer)
end

local function rows_of(p, model, o)
  local dtype = o.dtype and torch.empty(1, {dtype = o.dtype}).dtype
  local lr = o.lr == nil and 1e-3 or keywords.number("lrtable", "lr", o.lr)
  local decay = o.weight_decay == nil and 0 or keywords.number("lrtable", "weight_decay", o.weight_decay)
  if not (lr >= 0 and lr < math.huge) then keywords.fail("lrtable: expected lr >= 0 and finite, got %s", lr) end
  local rows = {}
  for i, site in ipairs((p:sites(model))) do rows[i] = row_of(site, lr, decay, dtype) end
  return rows, lr
end

--- The table of parametrization p, beside that of o.against when there is one.
function M.make(p, model, options)
  local o = keywords.read("lrtable", options, OPTIONS)
  local rows, lr = rows_of(p, model, o)
  local entries = {}
  for i, row in ipairs(rows) do entries[i] = {row = row, count = 1} end
  local other = o.against and rows_of(o.against, model, o)
  for i, row in ipairs(other or {}) do -- a line of two rules is collapsed where both agree on it
    rows[i].twin = row
  end
  if not o.all then entries = collapse(rows) end
  local title = ("%s, %s, lr %s%s"):format(p.rule.name, p.optimizer, number(lr), note_of(p))
  local body
  if other then
    local twins = {}
    for i, entry in ipairs(entries) do twins[i] = entry.row.twin end
    title = title .. "; ' is " .. o.against.rule.name .. note_of(o.against)
    body = two_rules(entries, twins)
  else
    body = one_rule(entries)
  end
  for _, row in ipairs(rows) do row.twin = nil end
  return setmetatable({rows = rows, other = other, text = title .. "\n" .. body}, Table)
end

local NEW = {"base", "optimizer", "std", "zero", "roles", "residual", "scale_eps"}

function M.lrtable(model, which, options)
  local reparam = require "gt.reparam"
  local allowed = append(append({}, OPTIONS), NEW)
  local o, own, made = keywords.read("lrtable", options, allowed), {}, {}
  for _, key in ipairs(OPTIONS) do own[key] = o[key] end
  for _, key in ipairs(NEW) do made[key] = o[key] end
  local function as_parametrization(value) return reparam.is(value) and value or reparam.new(value, made) end
  if type(which) == "table" and not reparam.is(which) and #which == 2 then
    own.against = which[2]
    which = which[1]
  end
  if own.against ~= nil then own.against = as_parametrization(own.against) end
  return M.make(as_parametrization(which), model, own)
end

return M
