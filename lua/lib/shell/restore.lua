--- restore.lua: variables from the folder that keep.lua wrote.
--
-- What has no form on disk must be there already, as the inputs that made it were run again: a model of a class written in
-- Lua gets its weights, a trainer with a function of the user's its state.

local json = require "base.json"
local keep = require "shell.keep"
local checkpoint = require "gt.train.checkpoint"
local log = require "gt.train.log"
local optimizers = require "gt.train.optimizers"
local shell = require "native.shell"
local state = require "gt.train.state"

local restore = {}

local Reader = {}
Reader.__index = Reader

local function refuse(reason) error(reason, 0) end

function Reader:tensors(file) return file and torch.load(self.folder .. "/" .. file) or {} end

-- ---- kinds: (reader, record, what the variable holds now) -> value ----

local read = {}

function read.plain(_, record) return record.value end
function read.odd(_, record) return ({inf = math.huge, ["-inf"] = -math.huge})[record.text] or 0 / 0 end
function read.config(_, record) return require "gt.config".GPTConfig(record.value) end

function read.schedule(_, record) return require "gt.schedule"[record.class](record.settings) end

function read.table(self, record)
  local out = {}
  for _, item in ipairs(record.items) do out[item[1]] = self:object(item[2]) end
  return out
end

function read.tensor(self, record)
  local t = self:tensors(record.file).tensor
  if record.parameter then t = nn.Parameter(t) end
  if record.grad then t:requires_grad_(true) end
  return t
end

local function is_module(value) return type(value) == "userdata" and nn.isinstance(value, nn.Module) end

function read.module(self, record, present)
  local model = is_module(present) and torch.type(present) == record.class and present or nil
  if not model then
    if not record.config then
      refuse(("only your code can make a %s; its weights are in '%s/%s'"):format(record.class, self.folder, record.file))
    end
    model = require "gt.models".GPT(record.config):to(torch[record.dtype:match "[%w_]+$"])
  end
  model:load_state_dict(self:tensors(record.file))
  if record.multipliers then require "gt.reparam.multipliers".set(model, record.multipliers) end
  model:train(record.training)
  return model
end

function read.tokenizer(self, record)
  return record.bytes and tokenizer.bytes() or tokenizer.load(self.folder .. "/" .. record.file)
end

function read.tokens(self, record)
  local tokens = data.tokens(self.folder .. "/" .. record.file, {vocab_size = record.vocab_size, bos = record.bos,
                                                                 tokenizer = record.tokenizer and self:object(record.tokenizer)})
  tokens.source = record.source
  return tokens
end

function read.loader(self, record)
  local options = {}
  for _, name in ipairs{"B", "T", "shuffle", "random", "seed", "align"} do options[name] = record.state[name] end
  local loader = self:object(record.tokens):loader(options)
  loader:load_state(record.state)
  return loader
end

function read.optimizer(self, record)
  if record.trainer then return self:object(record.trainer).optimizers[record.index] end
  local names, by_name = state.names(self:object(record.model))
  local list = optimizers.rebuild(record.data, by_name)
  optimizers.check_saved(list, record.data, names)
  optimizers.restore(list, record.data, self:tensors(record.file))
  return list[1]
end

--- Options of the trainer that a record describes.
local function options_of(self, record)
  if record.lack then refuse(record.lack .. ": run its inputs again before") end
  local o = {model = self:object(record.model), data = self:object(record.loader),
             val = record.val and self:object(record.val), progress = record.progress, live = record.live}
  for key, value in pairs(record.data.options) do o[key] = value end
  for _, option in ipairs(require "gt.train.settings".with "schedule") do
    local saved = record.data[option .. "_settings"]
    o[option] = saved and require "gt.schedule"[saved.kind](saved.settings) or nil
  end
  return o
end

function read.trainer(self, record, present)
  local trainer, t = require "gt.train.trainer", nil
  if require("native").meta(present, "__name") == "Trainer" then t = present end
  if not t and record.folder then
    local o, step = options_of(self, record), record.data.step
    for _, kept in ipairs(checkpoint.steps(record.folder)) do
      if kept == step then o.step = step end -- it need not be the last one
    end
    t = train.open(record.folder, o)
  elseif not t then
    local o = options_of(self, record)
    o.save_every, o.keep = nil, nil
    o.optim = optimizers.rebuild(record.data.optimizers, select(2, state.names(o.model)))
    t = trainer.make(o)
  end
  if not record.folder then
    self.ids[record.model] = t.model
    read.module(self, self.objects[record.model], t.model)
    state.restore(t, record.data, {model = t.model:state_dict(), optim = self:tensors(record.optim),
                                   ema = record.ema and self:tensors(record.ema)})
    t.log = record.log and log.summarised(record.log) or t.log
  end
  t.target = record.target
  if t.target and t.step_count < t.target then require "gt.train.session".stopped[1] = t end
  if record.on_step and not t.on_step then self:note "it has no on_step any more" end
  return t
end

-- ---- all of them ----

function Reader:note(text) self.notes[#self.notes + 1] = text end

--- The object of that number; `present`: what the variable holds now.
function Reader:object(id, present)
  local known = self.ids[id]
  if known == nil then
    local record = self.objects[id]
    known = read[record.kind](self, record, present)
    self.ids[id] = known
  end
  return known
end

--- The manifest of a folder; nil and the reason when there is none that can be read.
function restore.manifest(path)
  local text, reason = require "native.folder".read(path .. "/manifest.json", 256 << 20)
  if not text then return nil, reason end
  local ok, manifest = pcall(json.decode, text)
  if not ok then return nil, manifest end
  if manifest.format ~= keep.format then return nil, ("format %s is not known"):format(manifest.format) end
  return manifest
end

--- Restoring order: models, trainers, the rest; by name.
local ranks = {module = 1, trainer = 2}

--- restore.read(path, variables) -> names that were restored, {{name, note}, …} about what was not, or not wholly.
-- variables: name -> what it holds now.  Random streams are put back too.
function restore.read(path, variables)
  local manifest, reason = restore.manifest(path)
  if not manifest then refuse(("cannot read '%s': %s"):format(path, reason)) end
  local self = setmetatable({folder = path, objects = manifest.objects, ids = {}}, Reader)
  local order, done, notes = {}, {}, {}
  for name in pairs(manifest.names) do order[#order + 1] = name end
  local function rank(name) return ranks[manifest.objects[manifest.names[name]].kind] or 3 end
  table.sort(order, function(a, b) return rank(a) < rank(b) or rank(a) == rank(b) and a < b end)
  for _, name in ipairs(order) do
    self.notes = {}
    local ok, value = pcall(self.object, self, manifest.names[name], variables[name])
    if ok then
      shell.variables()[name] = value
      done[#done + 1] = name
    else
      self:note(tostring(value))
    end
    for _, note in ipairs(self.notes) do notes[#notes + 1] = {name, note} end
  end
  require("native.train").set_rng(manifest.rng.seed, manifest.rng.stream)
  return done, notes
end

return restore
