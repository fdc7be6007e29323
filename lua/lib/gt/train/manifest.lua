--- manifest.lua: what the fields of a checkpoint's trainer.json must be: a file with the right checksum may be forged, or be
-- written by another version.

local keywords = require "base.keywords"
local schedule = require "gt.schedule"
local settings = require "gt.train.settings"

-- ---- kinds of values ----

-- A kind is a function of a value and its place: nil when the value is right, else the place, what it must be, what it is.

local function of(what, test)
  return function(value, place)
    if not test(value) then return place, what, value end
  end
end

local function whole(min)
  return of(f"a whole number >= {min}", function(x) return math.type(x) == "integer" and x >= min end)
end

local integer = of("a whole number", function(x) return math.type(x) == "integer" end)
local number = of("a number", function(x) return math.type(x) ~= nil and x - x == 0 end)
local text = of("a text", function(x) return type(x) == "string" end)
local flag = of("true or false", function(x) return type(x) == "boolean" end)
local plain = of("a number, a text, true or false", function(x)
  return type(x) == "string" or type(x) == "boolean" or math.type(x) ~= nil and x - x == 0
end)
local floats = {float32 = true, float64 = true, float16 = true, bfloat16 = true}
local dtype = of("a float dtype", function(x) return floats[x] end)
local name = of("a name", function(x) return type(x) == "string" and x ~= "" end)

local function optional(kind)
  return function(value, place)
    if value ~= nil then return kind(value, place) end
  end
end

local function table_of(keys, items, what)
  return function(value, place)
    if type(value) ~= "table" or getmetatable(value) then return place, what, value end
    for key, item in pairs(value) do
      local at = f"{place}.{key}"
      if not keys(key) then return at, what, item end
      local where, must, got = items(item, at)
      if where then return where, must, got end
    end
  end
end

local function list(items) return table_of(function(key) return math.type(key) == "integer" end, items, "a list") end
local function map(items) return table_of(function(key) return type(key) == "string" end, items, "a table by name") end

--- A number or text, or a list of them.
local function setting(value, place)
  if type(value) == "table" then return list(plain)(value, place) end
  return plain(value, place)
end

local function fields(kinds)
  local names = {}
  for key in pairs(kinds) do names[#names + 1] = key end
  table.sort(names)
  return function(value, place)
    if type(value) ~= "table" or getmetatable(value) then return place, "a table", value end
    for _, key in ipairs(names) do
      local where, must, got = kinds[key](value[key], place == "" and key or f"{place}.{key}")
      if where then return where, must, got end
    end
  end
end

-- ---- the fields ----

local function is_schedule(value, place)
  local where, must, got = fields {kind = name, settings = map(plain)}(value, place)
  if where then return where, must, got end
  local make = value.kind ~= "is" and schedule[value.kind]
  if not make then return place .. ".kind", "the name of a schedule", value.kind end
  if not pcall(make, value.settings) then return place .. ".settings", f"those of schedule.{value.kind}", value.settings end
end

local function options(value, place)
  if type(value) ~= "table" then return place, "a table", value end
  for key, option in pairs(value) do
    local must = settings.fault(key, option)
    if must then return f"{place}.{key}", must, option end
  end
end

local file = fields {size = whole(0), xxh3 = text}
local group = fields {settings = map(setting), params = list(name)}
local group_settings = list(list(map(setting)))

local manifest = fields {
  format = integer, check = text, hash = text, files = map(file), step = whole(0), tokens = whole(0), elapsed = number,
  smooth_sum = number, loss = optional(number), norm = optional(number), rate = optional(number),
  momentum_now = optional(number), updates = optional(whole(0)), skipped = optional(whole(0)),
  skipped_now = optional(whole(1)), empty = optional(flag), branch = optional(whole(1)),
  from = optional(whole(-1)), log_bytes = optional(whole(0)), ema = flag, due = map(flag), options = options,
  rng = fields {seed = integer, stream = integer}, functions = optional(list(name)), made = optional(group_settings),
  model = fields {class = name, config = optional(map(plain)), dtype = optional(dtype),
    multipliers = optional(fields {forward = map(number), attention = map(number)})},
  optimizers = list(fields {class = name, groups = list(group), state = map(map(setting))}),
  schedule_settings = optional(is_schedule), momentum_settings = optional(is_schedule),
}

local files = {["model.safetensors"] = "model", ["optim.safetensors"] = "optim", ["ema.safetensors"] = "ema"}

--- What is wrong with the fields of a manifest of that step, "expected 'rng.seed' to be a whole number, got nil"; nil where
-- all are as they must be.
return function(value, step)
  local where, must, got = manifest(value, "")
  if not where and value.step ~= step then where, must, got = "step", tostring(step), value.step end
  for key in pairs(where and {} or value.files) do
    if not files[key] then where, must, got = "files", "model, optim and ema.safetensors", key end
  end
  for key, what in pairs(where and {} or files) do
    if (what ~= "ema" or value.ema) and not value.files[key] then where, must, got = "files." .. key, "a file", nil end
  end
  if not where then return nil end
  return ("expected '%s' to be %s, got %s"):format(where, must, keywords.show(got))
end
