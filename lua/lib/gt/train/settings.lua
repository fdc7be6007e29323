--- settings.lua: the options of train.new, checked before anything starts.

local keywords = require "base.keywords"

local settings = {}

-- ---- the options ----

--- Every option of train.new: its name, its type as signatures write it, what else holds of it, its default.
--   field     it becomes t.NAME, which is checked before every run
--   needed    ... and cannot be nil
--   kept      a checkpoint has it for train.open
--   forked    t:fork takes it over
--   code      it is code of the user's, which no checkpoint can hold
--   schedule  it is a schedule, which a checkpoint holds when it is one of the library's
--   inside    it means something only with a folder
local rows = {
  {"model", "module", "field"},
  {"data", "any", ""},
  {"val", "any", "field forked"},
  {"optim", "any", ""},
  {"schedule", "function", "field forked schedule"},
  {"momentum", "function", "field forked schedule"},
  {"steps", "integer[1,]", "field kept forked"},
  {"accumulate", "integer[1,]", "field needed kept forked", 1},
  {"clip", "number(0,]|false", "field kept forked"},
  {"autocast", '"bf16"|"f16"', "field kept forked"},
  {"ema", "number[0,1)", ""},
  {"seed", "integer", "field kept"},
  {"folder", "string", "field"},
  {"save_every", "integer[1,]", "field kept inside"},
  {"eval_every", "integer[1,]", "field kept forked"},
  {"keep", "integer[1,]", "field kept inside"},
  {"log_every", "integer[1,]", "field needed kept forked", 1},
  {"progress", "boolean", "field forked", true},
  {"live", "boolean|string", "field"},
  {"on_step", "function", "field forked"},
  {"objective", "function", "field forked code"},
  {"reduce", "function", "field forked code"},
  {"tokenizer", "any", "field forked"},
  {"B", "integer[1,]", ""},
  {"T", "integer[1,]", ""},
  {"resume", "boolean", "inside"},
  {"overwrite", "boolean", "inside"},
}

local types, with = {}, {} -- name -> type; word -> names of the options of which it holds
settings.names, settings.defaults = {}, {}
for i, row in ipairs(rows) do
  local name, kind, words, default = table.unpack(row)
  settings.names[i], settings.defaults[name], types[name] = name, default, kind
  for word in words:gmatch "%a+" do
    with[word] = with[word] or {}
    table.insert(with[word], name)
  end
end

--- The names of the options of which a word holds.
function settings.with(word) return with[word] end

--- The options of these names, as a signature has them in braces; what is left out is nil, or its default.
function settings.text(names, with_defaults)
  local out = {}
  for i, name in ipairs(names) do
    local default = with_defaults and settings.defaults[name] or nil
    out[i] = name .. ": " .. types[name] .. " = " .. tostring(default)
  end
  return table.concat(out, ", ")
end

local read_any = keywords.options("train({" .. settings.text(settings.names) .. "})")

--- What an option must be that it is not; nil where it is right.
function settings.fault(key, value)
  if value == nil or not types[key] then return nil end
  local ok, why = pcall(function() settings.check("train", read_any {[key] = value}) end)
  return not ok and (why:match "expects (.*), got" or why:match "to be (.*), got") or nil
end

--- Checks of options what their types do not say; returns them.
function settings.check(what, o)
  if o.folder and (o.folder == "" or o.folder:find "\0") then
    keywords.fail("%s: expected folder to be the name of a folder, got %s", what, keywords.show(o.folder))
  end
  if type(o.live) == "string" and not require("plot.files").is_image(o.live) then
    keywords.fail("%s: expected live to be true, false or the name of an .svg, .png or .pdf, got '%s'", what, o.live)
  end
  return o
end

local needed = {}
for _, name in ipairs(with.needed) do needed[name] = true end
local fields = settings.text(with.field):gsub("(%a[%w_]*)(: %S+) = nil", function(name, kind)
  return needed[name] and name .. kind or nil
end)
local read_fields = keywords.options("train({" .. fields .. "})")

--- Checks what was set in the fields of a trainer as train.new checks its options.
function settings.check_fields(t)
  local set = {}
  for _, key in ipairs(with.field) do set[key] = t[key] end
  settings.check("train", read_fields(set))
  if t.val ~= nil and not settings.is_tokens(t.val) then
    keywords.fail("train: expected val to be tokens, got %s%s", keywords.show(t.val), settings.reader_hint(t.val))
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
