--- settings.lua: the options of train.new, checked before anything starts.

local modules = require "native.module"
local keywords = require "base.keywords"

local settings = {}

-- ---- what a value must be ----

local function is_function(x) return type(x) == "function" end

local function is_callable(x)
  local meta = getmetatable(x)
  return type(x) == "function" or (type(meta) == "table" and meta.__call ~= nil)
end

local function whole(least)
  return f"a whole number >= {least}", function(x)
    return type(x) == "number" and math.tointeger(x) ~= nil and x >= least
  end
end

--- name -> {what it must be, test}
local rules = {
  model = {"a module", modules.is_module},
  schedule = {"a schedule or a function of the step", is_callable},
  momentum = {"a schedule or a function of the step", is_callable},
  steps = {whole(1)}, accumulate = {whole(1)}, save_every = {whole(1)}, eval_every = {whole(1)}, keep = {whole(1)},
  log_every = {whole(1)}, B = {whole(1)}, T = {whole(1)},
  seed = {whole(math.mininteger)},
  clip = {"a number > 0, or false", function(x)
    return x == false or (type(x) == "number" and x > 0 and x == x)
  end},
  ema = {"a decay with 0 <= ema < 1", function(x) return type(x) == "number" and x >= 0 and x < 1 end},
  autocast = {"'bf16' or 'f16'", function(x) return x == "bf16" or x == "f16" end},
  folder = {"the name of a folder", function(x) return type(x) == "string" and x ~= "" and not x:find "\0" end},
  progress = {"true or false", function(x) return type(x) == "boolean" end},
  live = {"true, false or the name of an .svg, .png or .pdf", function(x)
    return type(x) == "boolean" or require("plot.files").is_image(x)
  end},
  resume = {"true or false", function(x) return type(x) == "boolean" end},
  overwrite = {"true or false", function(x) return type(x) == "boolean" end},
  on_step = {"a function", is_function}, objective = {"a function", is_function}, reduce = {"a function", is_function},
}

settings.names = {
  "model", "data", "val", "optim", "schedule", "momentum", "steps", "accumulate", "clip", "autocast", "ema", "seed",
  "folder", "save_every", "eval_every", "keep", "log_every", "progress", "live", "on_step", "objective", "reduce",
  "tokenizer", "B", "T", "resume", "overwrite",
}

--- What an option must be that it is not; nil where it is right.
function settings.fault(key, value)
  local rule = rules[key]
  return value ~= nil and rule and not rule[2](value) and rule[1] or nil
end

local function check(name, key, value)
  local must = settings.fault(key, value)
  if must then keywords.fail("%s: expected %s to be %s, got %s", name, key, must, keywords.show(value)) end
end

--- Checks the options of train.new or a method that takes some of them; answers a copy.
function settings.read(name, options, names)
  local o = {}
  for key, value in pairs(keywords.read(name, options, names or settings.names)) do
    check(name, key, value)
    o[key] = value
  end
  return o
end

-- Fields of a trainer that may be set while it lives, and those of them that must have a value.
local live_fields = {
  "steps", "accumulate", "clip", "autocast", "save_every", "eval_every", "keep", "log_every", "schedule", "momentum",
  "on_step", "objective", "reduce",
}
local needed = {accumulate = true, log_every = true}

--- Checks what was set in the fields of a trainer as train.new checks its options.
function settings.check_fields(t)
  for _, key in ipairs(live_fields) do
    local value = t[key]
    check("train", key, value)
    if value == nil and needed[key] then keywords.fail("train: expected %s to be %s, got nil", key, rules[key][1]) end
  end
end

-- ---- data ----

local function has(value, ...)
  if type(value) ~= "table" and type(value) ~= "userdata" then return false end
  for _, method in ipairs {...} do
    local ok, found = pcall(function() return value[method] end)
    if not ok or found == nil then return false end
  end
  return true
end

--- Something with next(), state() and load_state()?
function settings.is_loader(value) return has(value, "next", "state", "load_state") end

--- Something that windows for evaluation can be cut from?
function settings.is_tokens(value) return has(value, "windows") end

--- The longest sequence a model takes, where it says so.
function settings.sequence_len(model)
  return model:has "config" and type(model.config) == "table" and model.config.sequence_len or nil
end

--- Of a path, or of ids, where tokens are wanted: what makes tokens of them.
function settings.reader_hint(value)
  if type(value) == "string" then return f" (data.open({keywords.show(value)}) reads a text, a folder or token shards)" end
  if torch.is_tensor(value) then return " (data.tokens(ids, {vocab_size = …}) makes tokens of a tensor of ids)" end
  if type(value) == "table" and math.type(value[1]) then
    return " (data.tokens(torch.tensor(ids), {vocab_size = …}) makes tokens of ids)"
  end
  return ""
end

--- A value for a message, a tensor by its kind and shape.
local function shown(value)
  return torch.is_tensor(value) and f"a tensor {value.shape} of {value.dtype}" or keywords.show(value)
end

--- data as a loader: a loader as it is, tokens cut into (B, T).
function settings.loader(o, what)
  if settings.is_loader(o.data) then
    if o.B or o.T then keywords.fail("%s: B and T belong to tokens; this loader has its own", what) end
    return o.data
  end
  if not has(o.data, "loader") then
    keywords.fail("%s: expected data to be tokens or a loader, got %s%s", what,
                  o.data == nil and "nothing" or shown(o.data), settings.reader_hint(o.data))
  end
  return o.data:loader {B = o.B, T = o.T or settings.sequence_len(o.model), seed = o.seed}
end

return settings
