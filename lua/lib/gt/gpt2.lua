--- gpt2.lua: weights of GPT-2 as Hugging Face stores them: model.safetensors, or several files and their index
-- model.safetensors.index.json, with config.json next to them.
--
-- Their matrices are (in, out), ours (out, in); their c_attn holds query, key and value side by side.  Names come
-- with or without "transformer." in front.  Causal masks that old files hold as buffers are skipped.

local keywords = require "base.keywords"
local files = require "native.folder"
local multipliers_of = require "gt.reparam.multipliers".of

local gpt2 = {}

local CONFIG_MOST, INDEX_MOST = 1 << 20, 64 << 20 -- bytes
local OWN = "gptsh.config" -- metadata of weights that gptsh wrote: config.json as it was written with them

local function fail(path, format, ...) keywords.fail("gpt2: '%s': %s", path, format:format(...)) end

-- ---- names ----

--- Their name in block N -> ours; true: a matrix to transpose.
local parts = {
  {"ln_1.weight", "norm1.weight"}, {"ln_1.bias", "norm1.bias"},
  {"attn.c_proj.weight", "attn.proj.weight", true}, {"attn.c_proj.bias", "attn.proj.bias"},
  {"ln_2.weight", "norm2.weight"}, {"ln_2.bias", "norm2.bias"},
  {"mlp.c_fc.weight", "ff.proj_up.weight", true}, {"mlp.c_fc.bias", "ff.proj_up.bias"},
  {"mlp.c_proj.weight", "ff.proj_down.weight", true}, {"mlp.c_proj.bias", "ff.proj_down.bias"},
}
local tops = {
  {"wte.weight", "token_embedding.weight"}, {"wpe.weight", "position_embedding.weight"},
  {"ln_f.weight", "norm_f.weight"}, {"ln_f.bias", "norm_f.bias"},
}
local joined = {"query", "key", "value"} -- the order inside c_attn

--- for theirs, ours, transposed in every tensor but c_attn of a model with that many blocks
local function each_name(n_layers, visit)
  for _, row in ipairs(tops) do visit(row[1], row[2], false) end
  for i = 0, n_layers - 1 do
    for _, row in ipairs(parts) do visit(f"h.{i}.{row[1]}", f"blocks.{i}.{row[2]}", row[3] or false) end
  end
end

-- ---- reading ----

local function is_there(path) return files.kind(path, true) ~= nil end

--- A folder or file -> path of the weights or their index, path of config.json (which need not be there).
local function find(path)
  keywords.string("gpt2", "path", path)
  if require "native.tokens".is_folder(path) then
    local folder = path:gsub("/+$", "")
    for _, name in ipairs {"model.safetensors", "model.safetensors.index.json"} do
      if is_there(folder .. "/" .. name) then return folder .. "/" .. name, folder .. "/config.json" end
    end
    fail(path, "expected model.safetensors, or its index, in this folder, found none")
  end
  return path, (path:match "^(.*/)[^/]*$" or "") .. "config.json"
end

--- The object in a JSON file.
local function read_object(path, most)
  local text, why = files.read(path, most)
  if not text then keywords.fail("gpt2: %s", why) end
  local ok, object = pcall(json.decode, text)
  if not ok or type(object) ~= "table" or object == json.null or not text:find "^%s*{" then
    fail(path, "expected a JSON object, got %s", require "native.data".what(text) or "something else")
  end
  return object
end

--- A value of a file for a message: the file may be another than was meant, so that a few bytes are enough.
local function shown(value, most)
  most = most or 24
  if type(value) == "string" then return "'" .. value:sub(1, most):gsub("[^\32-\126]", "?") .. (#value > most and "…'" or "'") end
  return value == json.null and "null" or keywords.show(value)
end

--- Path of a file -> names of the tensors that an index says are in it.
local function read_index(path)
  local map = read_object(path, INDEX_MOST).weight_map
  if type(map) ~= "table" then fail(path, "expected weight_map, the files of the tensors, found none") end
  local folder, parts_of = path:match "^(.*/)[^/]*$" or "", {}
  for name, file in pairs(map) do
    if type(file) ~= "string" or file == "" or file:find "[/%z]" then
      fail(path, "expected %s in a file of the same folder, got %s", shown(name, 64), shown(file, 64))
    end
    local names = parts_of[folder .. file] or {}
    names[#names + 1], parts_of[folder .. file] = name, names
  end
  return parts_of
end

--- All tensors of a file, or of the files that an index names, and the metadata of a single one.
local function load_tensors(path)
  if not path:find "%.json$" then return torch.load(path) end
  local out = {}
  for file, names in pairs(read_index(path)) do
    local part = torch.load(file)
    for _, name in ipairs(names) do
      if part[name] == nil then fail(path, "expected %s in '%s', which has it not", shown(name, 64), file) end
      out[name] = part[name]
    end
  end
  return out
end

--- Tensors by their names without prefix, masks left out; the metadata of the file.
local function read_tensors(path)
  local out, loaded, metadata = {}, load_tensors(path)
  for name, tensor in pairs(loaded) do
    local short = name:gsub("^module%.", ""):gsub("^transformer%.", "")
    if not short:find "^h%.%d+%.attn%.bias$" and not short:find "^h%.%d+%.attn%.masked_bias$" then out[short] = tensor end
  end
  return out, metadata
end

local function need(path, tensors, name, ndim)
  local t = tensors[name]
  if not t then fail(path, "has no tensor %s; is it a GPT-2?", name) end
  if t:numel() == 0 then fail(path, "expected %s with elements, got %s", name, tostring(t.shape)) end
  if t.ndim ~= ndim then fail(path, "expected %s with %d dimensions, got %s", name, ndim, tostring(t.shape)) end
  return t
end

local activations = {gelu_new = "gelu_tanh", gelu_pytorch_tanh = "gelu_tanh", gelu = "gelu", silu = "silu", swish = "silu"}

local function is_size(value) return math.type(value) == "integer" and value >= 1 and value < 1 << 31 end
local function is_rate(value) return type(value) == "number" and value >= 0 and value < 1 end
local function is_boolean(value) return type(value) == "boolean" end
local function only(wanted) return function(value) return value == wanted end end

-- Fields of config.json that are read, or that must say what our forward does: what is expected, as a text and a check.
local fields = {
  model_type = {"'gpt2'", only "gpt2"}, layer_norm_epsilon = {"1e-05", only(1e-5)},
  scale_attn_weights = {"true", only(true)}, scale_attn_by_inverse_layer_idx = {"false", only(false)},
  activation_function = {"gelu_new, gelu_pytorch_tanh, gelu, silu or swish", function(value) return activations[value] ~= nil end},
  tie_word_embeddings = {"true or false", is_boolean},
}
for _, name in ipairs {"n_layer", "n_head", "n_embd", "n_inner", "n_positions", "n_ctx", "vocab_size"} do
  fields[name] = {"a whole number above 0", is_size}
end
for _, name in ipairs {"attn_pdrop", "embd_pdrop", "resid_pdrop"} do fields[name] = {"a number from 0 to below 1", is_rate} end

--- The fields that config.json has; null means none.
local function check_config(path, object)
  local config = {}
  for name, field in pairs(fields) do
    local value = object[name]
    if value ~= nil and value ~= json.null then
      if not field[2](value) then fail(path, "%s: expected %s, got %s", name, field[1], shown(value)) end
      config[name] = value
    end
  end
  return config
end

--- What config.json says, or what the weights say of it themselves where they are ours: a save that was killed between
-- the two files leaves an old config.json.
local function read_config(path, metadata)
  local own = metadata and metadata[OWN]
  local ok, object = pcall(json.decode, own or "")
  if own and ok and type(object) == "table" then return check_config(path, object) end
  if not is_there(path) then return {} end
  return check_config(path, read_object(path, CONFIG_MOST))
end

--- The sizes that config.json names must be those of the tensors.
local function check_sizes(path, config, sizes)
  for name, size in pairs(sizes) do
    if config[name] and config[name] ~= size then
      fail(path, "%s: expected %d, as the weights have it, got %d", name, size, config[name])
    end
  end
end

--- Heads of the released sizes; others have heads of 64.
local known_heads = {[768] = 12, [1024] = 16, [1280] = 20, [1600] = 25}

--- The GPTConfig of the weights: sizes from the tensors, the rest from config.json.
local function config_of(path, tensors, config, config_path, n_head)
  local table_, positions = need(path, tensors, "wte.weight", 2), need(path, tensors, "wpe.weight", 2)
  local width, layers = table_:size(1), 0
  while tensors[f"h.{layers}.ln_1.weight"] do layers = layers + 1 end
  if layers == 0 then fail(path, "has no tensor h.0.ln_1.weight; is it a GPT-2?") end
  local inner = need(path, tensors, "h.0.mlp.c_fc.weight", 2):size(1)
  if inner % width ~= 0 then fail(path, "expected an MLP of a multiple of %d, got %d", width, inner) end
  check_sizes(config_path, config, {n_layer = layers, n_embd = width, n_inner = inner, n_positions = positions:size(0),
                                    vocab_size = table_:size(0)})
  local heads = n_head or config.n_head or known_heads[width] or (width % 64 == 0 and width // 64)
  if not heads then fail(path, "no config.json says how many heads there are: pass {n_head = …}") end
  if not is_size(heads) or width % heads ~= 0 then
    fail(n_head and path or config_path, "n_head: expected a divisor of %d, got %s", width, shown(heads))
  end
  local head = tensors["lm_head.weight"]
  return {
    hidden_dim = width, n_layers = layers, n_heads = heads, mlp_ratio = inner // width, vocab_size = table_:size(0),
    sequence_len = positions:size(0), norm = "layer", bias = true,
    activation = activations[config.activation_function or "gelu_new"], position = "learned", qk_norm = false, softcap = 0,
    embedding_norm = false, init = "gpt2", tied = head == nil or torch.equal(head, table_),
  }
end

--- Their tensors as a state dict of ours.
local function state_of(path, tensors, n_layers, tied)
  local state, used = {}, {["lm_head.weight"] = true}
  local function take(name, ndim)
    used[name] = true
    return need(path, tensors, name, ndim)
  end
  each_name(n_layers, function(theirs, ours, transposed)
    local t = take(theirs, (transposed or theirs:find "^w[tp]e") and 2 or 1)
    state[ours] = transposed and t:t() or t
  end)
  for i = 0, n_layers - 1 do
    local weight, bias = take(f"h.{i}.attn.c_attn.weight", 2):t(), take(f"h.{i}.attn.c_attn.bias", 1)
    if weight:size(0) % 3 ~= 0 or bias:size(0) ~= weight:size(0) then
      fail(path, "expected h.%d.attn.c_attn of three equal parts, got %s", i, tostring(weight.shape))
    end
    local weights, biases = weight:chunk(3, 0), bias:chunk(3, 0)
    for k, name in ipairs(joined) do
      state[f"blocks.{i}.attn.{name}.weight"], state[f"blocks.{i}.attn.{name}.bias"] = weights[k], biases[k]
    end
  end
  if not tied then state["lm_head.weight"] = tensors["lm_head.weight"] end
  for name in pairs(tensors) do
    if not used[name] then fail(path, "has a tensor that GPT-2 has not: %s", shown(name, 64)) end
  end
  return state
end

--- path -> table of settings, function that gives the state dict for a model with a tied head or not
local function open(path, n_head)
  local weights, folder = find(path)
  local tensors, metadata = read_tensors(weights)
  local config = config_of(weights, tensors, read_config(folder, metadata), folder, n_head)
  return config, state_of(weights, tensors, config.n_layers, config.tied)
end

--- A model of the class GPT with the weights at that path.
function gpt2.load(path, o, GPT)
  local config, state = open(path, o.n_head)
  return GPT(config, {device = o.device, dtype = o.dtype}):load_state_dict(state)
end

--- A model of a parametrization computes something else from the same weights.
local function check_plain(what, model, advice)
  local multipliers = multipliers_of(model)
  if next(multipliers.forward) or next(multipliers.attention) then
    keywords.fail("%s: a GPT-2 has no multipliers in its forward: %s", what, advice)
  end
end

function gpt2.load_into(model, path)
  check_plain("load_gpt2", model, "load into a model without")
  local own = model.config
  local config, state = open(path, own.n_heads)
  for _, key in ipairs {"hidden_dim", "n_layers", "n_heads", "mlp_ratio", "vocab_size", "sequence_len", "norm", "bias",
                        "activation", "position", "qk_norm", "softcap", "embedding_norm", "tied"} do
    if own[key] ~= config[key] then
      keywords.fail("load_gpt2: '%s' needs a model with %s = %s, this one has %s", path, key, tostring(config[key]),
                    tostring(own[key]))
    end
  end
  return model:load_state_dict(state)
end

-- ---- writing ----

--- Settings of a model whose forward is GPT-2's, as config.json holds them.
local function json_config(config)
  local names = {gelu = "gelu", gelu_tanh = "gelu_new", silu = "silu"}
  local wanted = {norm = "layer", bias = true, position = "learned", qk_norm = false, softcap = 0, embedding_norm = false,
                  n_kv_heads = config.n_heads}
  local differs = {}
  for key, value in pairs(wanted) do
    if config[key] ~= value then differs[#differs + 1] = f"{key} = {value} (this model: {config[key]})" end
  end
  if not names[config.activation] then
    differs[#differs + 1] = f"activation = gelu, gelu_tanh or silu (this model: {config.activation})"
  end
  table.sort(differs)
  if #differs > 0 then keywords.fail("save_gpt2: a GPT-2 has %s", table.concat(differs, ", ")) end
  return json.encode({
    architectures = {"GPT2LMHeadModel"}, model_type = "gpt2", activation_function = names[config.activation],
    n_layer = config.n_layers, n_head = config.n_heads, n_embd = config.hidden_dim,
    n_inner = config.hidden_dim * config.mlp_ratio, n_positions = config.sequence_len, n_ctx = config.sequence_len,
    vocab_size = config.vocab_size, layer_norm_epsilon = 1e-5, attn_pdrop = config.dropout,
    embd_pdrop = config.dropout, resid_pdrop = config.dropout, tie_word_embeddings = config.tied,
  }, {indent = 2})
end

function gpt2.save(model, path)
  keywords.ending("save_gpt2", keywords.string("save_gpt2", "path", path), {"safetensors"})
  check_plain("save_gpt2", model, "save reparam.fold(model)")
  local config = model.config
  local text, state, out = json_config(config), model:state_dict(), odict {}
  each_name(config.n_layers, function(theirs, ours, transposed)
    out["transformer." .. theirs] = transposed and state[ours]:t():contiguous() or state[ours]
  end)
  for i = 0, config.n_layers - 1 do
    local weights, biases = {}, {}
    for k, name in ipairs(joined) do
      weights[k], biases[k] = state[f"blocks.{i}.attn.{name}.weight"], state[f"blocks.{i}.attn.{name}.bias"]
    end
    out[f"transformer.h.{i}.attn.c_attn.weight"] = torch.cat(weights, 0):t():contiguous()
    out[f"transformer.h.{i}.attn.c_attn.bias"] = torch.cat(biases, 0)
  end
  if not config.tied then out["lm_head.weight"] = state["lm_head.weight"] end
  local file_path = path
  if not path:find "%.safetensors$" then
    require "native.folder".make(path)
    file_path = path:gsub("/+$", "") .. "/model.safetensors"
  end
  torch.save(file_path, out, {metadata = {[OWN] = text}})
  files.write((file_path:match "^(.*/)[^/]*$" or "") .. "config.json", text .. "\n")
end

return gpt2
