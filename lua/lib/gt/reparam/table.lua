--- table.lua: lrtable: what one or two parametrizations say of every tensor, as aligned text.

local native = require "native.reparam"
local aligned = require "base.aligned"
local keywords = require "base.keywords"

local M = {}

local function number(value) return ("%.6g"):format(value) end

-- ---- rows ----

--- Size of one step of this tensor where the optimizer's kind tells it: the learning rate, times the entries of what is added.
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

--- What a row says but for its name, as a key.
local function content(row)
  if not row then return "" end
  local shape = row.shape and table.concat(row.shape, ",") or ""
  return table.concat({row.role, shape, tostring(row.std), tostring(row.lr), row.multiplier, tostring(row.weight_decay)}, "\0")
end

--- A tensor has one row, a module one per place in it.
local function place(row) return row.name .. "\0" .. (row.shape and "" or row.role) end

--- Lines of rows, and of what another rule says of the same places: {row =, twin =, count =}.  Those that differ in nothing but
-- the number of their layer become one, unless all.
local function lines_of(rows, others, all)
  local out, known, twins = {}, {}, {}
  for _, row in ipairs(others or {}) do twins[place(row)] = row end
  for _, row in ipairs(rows) do
    local twin = twins[place(row)]
    local layer = row.name:match "%f[^.\0]%d+%f[.\0]"
    local pattern = row.name:gsub("%f[^.\0]%d+%f[.\0]", "*", 1)
    local key = table.concat({pattern, content(row), content(twin)}, "\0")
    if layer and known[key] and not all then
      known[key].count = known[key].count + 1
      known[key].last = layer
    else
      known[key] = {row = row, twin = twin, count = 1, first = layer, last = layer, pattern = pattern}
      out[#out + 1] = known[key]
    end
  end
  return out
end

local function label(line)
  if line.count == 1 then return line.row.name end
  return (line.pattern:gsub("%*", line.first .. "-" .. line.last, 1))
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

local function one_rule(lines)
  local cells = {append({"name", "shape", "role"}, SCALE_TITLES)}
  for _, line in ipairs(lines) do
    cells[#cells + 1] = append({label(line), shape_cell(line.row), line.row.role}, scale_cells(line.row))
  end
  return cells
end

local function two_rules(lines)
  local cells = {{"name", "shape", "role", "std", "std'", "multiplier", "multiplier'", "lr", "lr'", "lr' / lr"}}
  for _, line in ipairs(lines) do
    local a, b = line.row, line.twin or {multiplier = 1} -- a branch that only one of the rules was told of
    local out = {label(line), shape_cell(a), a.role, "", "", number(a.multiplier), number(b.multiplier), "", "", ""}
    if a.lr then
      out[4], out[5], out[8], out[9] = std_cell(a), std_cell(b), number(a.lr), number(b.lr)
      out[10] = a.lr ~= 0 and number(b.lr / a.lr) or "-"
    end
    cells[#cells + 1] = out
  end
  return cells
end

-- ---- tables ----

local Table = {__name = "table of learning rates"}
function Table.__tostring(self) return self.title .. "\n" .. aligned(self.cells, {true, true, true}) end

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
  local rows = {}
  for i, site in ipairs((p:sites(model))) do rows[i] = row_of(site, o.lr, o.weight_decay, dtype) end
  return rows
end

--- The table of parametrization p, next to that of o.against if there is one.
function M.make(p, model, o)
  local rows = rows_of(p, model, o)
  local title, other = ("%s, %s, lr %s%s"):format(p.rule.name, p.optimizer, number(o.lr), note_of(p)), nil
  if o.against ~= nil then
    if getmetatable(o.against) ~= getmetatable(p) then
      keywords.fail("lrtable: expected against, what reparam.new made, got %s", keywords.show(o.against))
    end
    other = rows_of(o.against, model, o)
    title = title .. "; ' is " .. o.against.rule.name .. note_of(o.against)
  end
  local lines = lines_of(rows, other, o.all)
  return setmetatable({rows = rows, other = other, title = title, cells = (other and two_rules or one_rule)(lines)}, Table)
end

return M
