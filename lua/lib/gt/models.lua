--- models.lua: the GPT of the founding notebook, native: its classes.

local native = require "native.module"
local keywords = require "base.keywords"
local configuration = require "gt.config"
local core = require "nn.class"
local generate = require "gt.generate"
require "nn.layers" -- the classes of what a GPT is made of

local models = {}

models.GPTConfig = configuration.GPTConfig

local function as_config(name, value)
  if native.is_module(value) and native.gpt_config(value) then value = native.gpt_config(value) end
  if value ~= nil and type(value) ~= "table" then
    keywords.fail("%s: expected a GPTConfig or a table, got %s", name, keywords.show(value))
  end
  return configuration.GPTConfig(value)
end

-- ---- classes ----

local INIT = "(self, config: table|module = nil, {device: device = nil, dtype: dtype = nil})"

--- X(config[, {device, dtype}]) for the four classes below.
local function native_model(name, which)
  local class = core.native_class(name)
  core.built_in[class] = true
  models[name] = class
  function class:init(config, o)
    config = as_config(name, config)
    native.init_gpt(self, which, configuration.settings(config), o.device)
    if o.dtype ~= nil then self:to {dtype = o.dtype} end
  end
  class.init = keywords.signature(name .. INIT, class.init)
  return class
end

local MultiHeadAttention = native_model("MultiHeadAttention", "attention")

--- m:attention_scale([s]): queries times keys are multiplied by s, 1/sqrt(head_dim) unless set -> the factor in force.
function MultiHeadAttention:attention_scale(s)
  local scale = require "native.reparam".attention_scale(self, s)
  return scale ~= 0 and scale or 1 / math.sqrt(self.head_dim)
end

native_model("FeedForward", "feed_forward")
native_model("TransformerBlock", "block")

--- GPT(config) or GPT{…}: m(idx) gives logits after the softcap, m(idx, targets[, {loss_reduction =
-- "mean"|"sum"|"none"}]) the loss; targets of -1 are ignored.
local GPT = native_model("GPT", "gpt")
local init = GPT.init
function GPT:init(config, options)
  init(self, config, options)
  self.config = configuration.GPTConfig(native.gpt_config(self))
end
GPT.init = keywords.signature("GPT" .. INIT, GPT.init)

--- m:init_weights(): fresh weights by the initializer config.init: "spectral", the notebook's, where the
-- tied table ends with the initializer of the head; or "gpt2", normal with std 0.02.
function GPT:init_weights() native.gpt_init_weights(self) end

--- m:setup_optimizers{embedding_lr = 0.2, matrix_lr = 0.02, weight_decay = 0}: Muon for the matrices of
-- the blocks, AdamW for everything else; prints how the first learning rate is scaled.
function GPT:setup_optimizers(o)
  local adamw, muon, note = require "gt.optim".recipe(self, o.embedding_lr, o.matrix_lr, o.weight_decay)
  print(note)
  return adamw, muon
end

--- m:cache{B = 1, T = config.sequence_len}: keys and values of up to T tokens of B sequences, for calls
-- m(idx, {cache = c}) that give only what is new: c.position counts the tokens seen, c:reset([n]) keeps
-- the first n.  Without gradients only.
function GPT:cache(options)
  return native.new_cache(#self.blocks, options.B, options.T or self.config.sequence_len)
end

--- m:generate(prompt, {max_new_tokens = 100, temperature = 1, top_k =, top_p =, seed =, stream =, stop =,
-- cache = true, context =, tokenizer =}) -> ids, text.
-- prompt: text, a list of ids, or a tensor (T) or (B, T); ids are those of the prompt and the new ones.
-- temperature   logits are divided by it; 0 takes the likeliest token
-- top_k         samples among exactly that many of the likeliest tokens
-- top_p         samples among the fewest tokens that hold this probability together
-- seed          makes the choice repeatable: the same with and without cache, for any number of threads
-- stream        true writes the text as it comes; or a function(text, id), called for every token
-- stop          an id, or a list of them, that ends a sequence; it is kept
-- context       how many tokens the model sees at once; config.sequence_len if not given
-- tokenizer     of text; m.tokenizer, or bytes, if not given
-- Ctrl-C returns what there is.
function GPT:generate(prompt, options) return generate.generate(self, prompt, options) end

-- ---- the GPT that nanoGPT trains ----

local nanogpt = {
  n_layers = 12, n_heads = 12, hidden_dim = 768, mlp_ratio = 4, sequence_len = 1024, vocab_size = 50304, bias = true,
  norm = "layer", activation = "gelu", position = "learned", qk_norm = false, softcap = 0, embedding_norm = false,
  init = "gpt2",
}
local nanogpt_names = {n_layer = "n_layers", n_head = "n_heads", n_embd = "hidden_dim", block_size = "sequence_len"}

--- models.nanogpt{n_layer = 12, n_head = 12, n_embd = 768, block_size = 1024, vocab_size = 50304, bias = true,
-- dropout = 0}: the GPT that nanoGPT trains, freshly initialised; also under the names of GPTConfig.
function models.nanogpt(settings)
  local own = {}
  for key, value in pairs(nanogpt) do own[key] = value end
  for key, value in pairs(settings or {}) do own[nanogpt_names[key] or key] = value end
  local model = GPT(own)
  model:init_weights()
  return model
end

-- ---- GPT-2 ----

--- models.gpt2(path[, {n_head =, device =, dtype =}]): a GPT with the weights of GPT-2 as Hugging Face stores them.
-- path: the folder of model.safetensors and config.json, or the .safetensors file; of weights in several files, the
-- folder or its model.safetensors.index.json.  Without config.json the settings come from the shapes, and n_head where
-- these do not tell.
function models.gpt2(path, options) return require "gt.gpt2".load(path, options, GPT) end

--- m:load_gpt2(path): loads such weights into a model of the same settings.
function GPT:load_gpt2(path) return require "gt.gpt2".load_into(self, path) end

--- m:save_gpt2(path): writes model.safetensors and config.json into the folder `path`, made if needed, for
-- Hugging Face's GPT2LMHeadModel; or the file path, when it ends in .safetensors, and config.json next to it.  The weights
-- keep a copy of config.json, which models.gpt2 goes by: a save that is killed between the files leaves a whole model.
function GPT:save_gpt2(path) require "gt.gpt2".save(self, path) end

keywords.sign(MultiHeadAttention, "attention_scale(self: module, s: number = nil)")
keywords.sign(GPT, ([[
  init_weights(self: module)
  setup_optimizers(self: module, {embedding_lr: number = nil, matrix_lr: number = nil, weight_decay: number = nil})
  cache(self: module, {B: integer[1,] = 1, T: integer[1,] = nil})
  generate(self: module, prompt: string|list|tensor = nil, {GENERATE})
  load_gpt2(self: module, path: string)
  save_gpt2(self: module, path: string)
]]):gsub("GENERATE", generate.OPTIONS))
keywords.sign(models, [[
  nanogpt(settings: table = nil)
  gpt2(path: string, {n_head: integer[1,] = nil, device: device = nil, dtype: dtype = nil})
]])

return models
