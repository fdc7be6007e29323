--- keep.lua: the variables of a session as a folder: tensors, models, tokens, loaders, optimizers, trainers, plain values.
--
-- manifest.json names objects, each once, however many variables share it; tensors lie in .safetensors next to it.  The
-- folder appears whole or not at all.  Functions, and classes written in Lua, have no form on disk: they are left out, and
-- named; of a model of such a class the weights are kept.  restore.lua reads it.

local folder = require "native.folder"
local json = require "base.json"
local native = require "native"
local optimizers = require "gt.train.optimizers"
local shell = require "native.shell"
local state = require "gt.train.state"

local LOGGED = 100000 -- steps of a trainer's log that are kept; one with a folder has its log there

local keep = {most = 4 << 30, format = 1} -- most: bytes of one folder

local Writer = {}
Writer.__index = Writer

--- Why a value is left out; raised.
local function refuse(reason) error(reason, 0) end

-- ---- files ----

--- Bytes of tensors by name; nil when there are none.
local function bytes_of(tensors)
  local sum
  for _, tensor in pairs(tensors) do sum = (sum or 0) + tensor:nbytes() end
  return sum
end

--- Counts bytes against the limit.
function Writer:take(bytes)
  if self.bytes + bytes > keep.most then
    refuse(("%.1f GiB are too much: %.1f GiB are the limit of a session"):format(bytes / 2 ^ 30, keep.most / 2 ^ 30))
  end
  self.bytes = self.bytes + bytes
end

--- Writes tensors by name; the name of the file, nil for none.
function Writer:tensors(tensors)
  local bytes = bytes_of(tensors)
  if not bytes then return nil end
  self:take(bytes)
  self.files = self.files + 1
  local name = self.files .. ".safetensors"
  torch.save(self.folder .. "/" .. name, tensors)
  return name
end

-- ---- kinds of values ----

--- Numbers, texts and tables of them, as JSON holds them.
local function is_plain(value, depth)
  local kind = type(value)
  if kind == "number" then return value - value == 0 end
  if kind == "string" then return utf8.len(value) ~= nil end
  if kind ~= "table" then return kind == "boolean" end
  if getmetatable(value) or depth > 16 then return false end
  local size, count = #value, 0
  for key, item in next, value do
    local listed = math.type(key) == "integer" and key >= 1 and key <= size
    if not (listed or type(key) == "string" and size == 0 and utf8.len(key)) or not is_plain(item, depth + 1) then
      return false
    end
    count = count + 1
  end
  return size == 0 or count == size
end

local function is_module(value) return type(value) == "userdata" and nn.isinstance(value, nn.Module) end

local function has_name(name)
  return function(value) return type(value) == "table" and native.meta(value, "__name") == name end
end

local function config_of(config)
  local plain = {}
  for key, value in pairs(config) do plain[key] = value end
  return plain
end

--- name, is it one?, what is written of it.  The first that fits counts.
local kinds = {
  {"plain", function(value) return is_plain(value, 0) end, function(_, value) return {value = value} end},
  {"odd", function(value) return type(value) == "number" end, function(_, value) return {text = tostring(value)} end},
  {"trainer", has_name "Trainer"},
  {"optimizer", function(value) return type(value) == "table" and rawget(value, "param_groups") ~= nil end},
  {"module", is_module},
  {"tensor", function(value) return torch.is_tensor(value) end},
  {"tokens", has_name "Tokens"},
  {"tokenizer", function(value) return torch.type(value) == "Tokenizer" end},
  {"loader", has_name "Loader"},
  {"config", has_name "GPTConfig", function(_, value) return {value = config_of(value)} end},
  {"schedule", function(value) return require("gt.schedule").is(value) end},
  {"table", function(value) return type(value) == "table" and not getmetatable(value) end},
}

local write = {}

function write.tensor(self, t)
  if t.device == torch.device "meta" then refuse "it has no data: its device is meta" end
  return {file = self:tensors{tensor = t:detach()}, parameter = torch.type(t) == "nn.Parameter", grad = t.requires_grad}
end

function write.module(self, model)
  local data = state.model_data(model)
  local weights = model:state_dict()
  for _, p in pairs(weights) do
    data.dtype = data.dtype or tostring(p.dtype)
  end
  data.training, data.file = model.training, self:tensors(weights)
  return data
end

function write.tokenizer(self, tok)
  if tok.vocab_size == 256 and not tok.bos and not tok.eos and tok:token(255) == "\255" then return {bytes = true} end
  self.files = self.files + 1
  local name = self.files .. ".json"
  tok:save(self.folder .. "/" .. name)
  return {file = name}
end

function write.tokens(self, tokens)
  self:take(#tokens * (tokens.vocab_size > 65536 and 4 or 2))
  self.files = self.files + 1
  local name = self.files .. ".bin"
  tokens:save(self.folder .. "/" .. name)
  return {file = name, vocab_size = tokens.vocab_size, bos = tokens.bos, source = tokens.source,
          tokenizer = tokens.tokenizer and self:object(tokens.tokenizer)}
end

function write.loader(self, loader)
  return {tokens = self:object(loader.tokens), state = loader:state()}
end

function write.schedule(_, value)
  local plain = state.schedule_data(value)
  return {class = plain.kind, settings = plain.settings}
end

--- The model among the objects that has all parameters of an optimizer, and their names.
local function model_of(self, opt)
  for model, id in pairs(self.models) do
    local names, all = state.names(model), true
    for _, group in ipairs(opt.param_groups) do
      for _, p in ipairs(group.params) do all = all and names[p] ~= nil end
    end
    if all then return id, names end
  end
  return refuse "its parameters belong to no model that is kept"
end

function write.optimizer(self, opt)
  for id, t in pairs(self.trainers) do
    for i, one in ipairs(t.optimizers) do
      if rawequal(one, opt) then return {trainer = id, index = i} end
    end
  end
  local id, names = model_of(self, opt)
  local data, tensors = optimizers.capture({opt}, names)
  return {model = id, data = data, file = self:tensors(tensors)}
end

--- What keeps a trainer from being made anew, where its code did not run before; nil for nothing.
local function lack_of(t, data)
  if #data.functions > 0 then return ("its %s is a function"):format(data.functions[1]) end
  if not has_name "Loader"(t.loader) then return "its loader is your own" end
  for _, opt in ipairs(data.optimizers) do
    if not optim[opt.class] then return "its optimizer is written in Lua" end
  end
end

function write.trainer(self, t)
  if t.unfinished then refuse(("step %d is half done"):format(t.step_count + 1)) end
  if t.folder and t.step_count > 0 and t.saved ~= t.step_count then t:save() end
  local data, tensors = state.gather(t)
  local record = {data = data, lack = lack_of(t, data), model = self:object(t.model), val = t.val and self:object(t.val),
                  target = t.target, on_step = t.on_step and true, progress = t.progress, live = t.live,
                  log = #t.log.step <= LOGGED and t.log or nil}
  if not record.lack then record.loader = self:object(t.loader) end
  if t.folder and t.step_count > 0 then
    record.folder = t.folder:sub(1, 1) == "/" and t.folder or shell.folder() .. "/" .. t.folder
  else
    record.optim, record.ema = self:tensors(tensors.optim), tensors.ema and self:tensors(tensors.ema)
  end
  return record
end

--- A table that holds more than plain values: its items one by one.
function write.table(self, value)
  local items = {}
  for key, item in next, value do
    if not (math.type(key) == "integer" or type(key) == "string" and utf8.len(key)) then refuse "it has odd keys" end
    items[#items + 1] = {key, self:object(item)}
  end
  return {items = items}
end

-- ---- all of them ----

--- The number of the object in the manifest; raises why it cannot be kept.
function Writer:object(value)
  local known = self.ids[value]
  if known then return known end
  for _, kind in ipairs(kinds) do
    if kind[2](value) then
      self.depth = self.depth + 1
      if self.depth > 32 then refuse "it holds itself, or too many tables in tables" end
      local record = (kind[3] or write[kind[1]])(self, value)
      self.depth = self.depth - 1
      record.kind = kind[1]
      local id = #self.objects + 1
      self.objects[id] = record
      if kind[1] ~= "plain" and kind[1] ~= "odd" then self.ids[value] = id end
      if kind[1] == "trainer" then self.trainers[id] = value end
      if kind[1] == "module" then self.models[value] = id end
      return id
    end
  end
  local name = native.meta(value, "__name")
  return refuse("a " .. (type(name) == "string" and name ~= "function" and name or type(value)) .. " has no form on disk")
end

--- Models first, so that optimizers find theirs, then trainers, then the rest.
local function rank(value)
  return is_module(value) and 1 or has_name "Trainer"(value) and 2 or 3
end

--- keep.write(path, variables[, facts]) -> names that were kept, {{name, why}, …} that were left out.
-- variables: {{name, value}, …}; facts: a plain table for the manifest.
function keep.write(path, variables, facts)
  local training = require "native.train"
  local temporary = path .. ".tmp"
  local self = setmetatable({folder = temporary, files = 0, bytes = 0, objects = {}, ids = {}, trainers = {}, models = {}},
                            Writer)
  local names, kept, left = {}, {}, {}
  local order = table.move(variables, 1, #variables, 1, {})
  table.sort(order, function(a, b)
    local x, y = rank(a[2]), rank(b[2])
    return x < y or x == y and a[1] < b[1]
  end)
  training.guard(function() folder.remove(temporary) end, function()
    folder.make(path:match "^(.*)/[^/]*$" or ".")
    folder.renew(temporary)
    for _, item in ipairs(order) do
      self.depth = 0
      local ok, id = pcall(self.object, self, item[2])
      if not ok and tostring(id):find "cannot save '" then error(id, 0) end -- the disk: what was kept before stays
      if ok then
        names[item[1]] = id
        kept[#kept + 1] = item[1]
      else
        left[#left + 1] = {item[1], tostring(id)}
      end
    end
    local seed, stream = training.rng()
    local manifest = {format = keep.format, facts = facts, objects = self.objects, names = names, left = left,
                      rng = {seed = seed, stream = stream}}
    folder.write(temporary .. "/manifest.json", json.encode(manifest) .. "\n")
    folder.publish(temporary, path)
  end)
  return kept, left
end

return keep
