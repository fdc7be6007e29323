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

local function whole(min)
  return {f"a whole number >= {min}", function(x) return type(x) == "number" and math.tointeger(x) ~= nil and x >= min end}
end

local a_module = {"a module", modules.is_module}
local a_schedule = {"a schedule or a function of the step", is_callable}
local a_function = {"a function", is_function}
local a_flag = {"true or false", function(x) return type(x) == "boolean" end}
local a_limit = {"a number > 0, or false", function(x)
  return x == false or (type(x) == "number" and x > 0 and x == x)
end}
local a_decay = {"a decay with 0 <= ema < 1", function(x) return type(x) == "number" and x >= 0 and x < 1 end}
local a_low_dtype = {"'bf16' or 'f16'", function(x) return x == "bf16" or x == "f16" end}
local a_folder = {"the name of a folder", function(x) return type(x) == "string" and x ~= "" and not x:find "\0" end}
local a_picture = {"true, false or the name of an .svg, .png or .pdf", function(x)
  return type(x) == "boolean" or require("plot.files").is_image(x)
end}

--- Every option of train.new: its name, what it must be (false: seen to where it is used), what else holds of it, its
-- default.
--   field     it becomes t.NAME
--   settable  t.NAME may be set while the trainer lives; it is checked before the next run
--   needed    ... and cannot be nil
--   kept      a checkpoint has it for train.open
--   forked    t:fork takes it over
--   code      it is code of the user's, which no checkpoint can hold
--   schedule  it is a schedule, which a checkpoint holds when it is one of the library's
--   inside    it means something only with a folder
local rows = {
  {"model", a_module, "field"},
  {"data", false, ""},
  {"val", false, "field forked"},
  {"optim", false, ""},
  {"schedule", a_schedule, "field settable forked schedule"},
  {"momentum", a_schedule, "field settable forked schedule"},
  {"steps", whole(1), "field settable kept forked"},
  {"accumulate", whole(1), "field settable needed kept forked", 1},
  {"clip", a_limit, "field settable kept forked"},
  {"autocast", a_low_dtype, "field settable kept forked"},
  {"ema", a_decay, ""},
  {"seed", whole(math.mininteger), "field kept"},
  {"folder", a_folder, "field"},
  {"save_every", whole(1), "field settable kept inside"},
  {"eval_every", whole(1), "field settable kept forked"},
  {"keep", whole(1), "field settable kept inside"},
  {"log_every", whole(1), "field settable needed kept forked", 1},
  {"progress", a_flag, "field forked", true},
  {"live", a_picture, "field"},
  {"on_step", a_function, "field settable forked"},
  {"objective", a_function, "field settable forked code"},
  {"reduce", a_function, "field settable forked code"},
  {"tokenizer", false, "field forked"},
  {"B", whole(1), ""},
  {"T", whole(1), ""},
  {"resume", a_flag, "inside"},
  {"overwrite", a_flag, "inside"},
}

local rules, with = {}, {} -- name -> {what it must be, test}; word -> names of the options of which it holds
settings.names, settings.defaults = {}, {}
for i, row in ipairs(rows) do
  local name, rule, words, default = table.unpack(row)
  settings.names[i], settings.defaults[name], rules[name] = name, default, rule or nil
  for word in words:gmatch "%a+" do
    with[word] = with[word] or {}
    table.insert(with[word], name)
  end
end

--- The names of the options of which a word holds.
function settings.with(word) return with[word] end

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

--- Checks what was set in the fields of a trainer as train.new checks its options.
function settings.check_fields(t)
  for _, key in ipairs(with.settable) do check("train", key, t[key]) end
  for _, key in ipairs(with.needed) do
    if t[key] == nil then keywords.fail("train: expected %s to be %s, got nil", key, rules[key][1]) end
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
