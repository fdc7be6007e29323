--- gpt2.lua: weights of GPT-2 as Hugging Face stores them: model.safetensors, or several files and their index
-- model.safetensors.index.json, with config.json beside them.
--
-- Their matrices are (in, out), ours (out, in); their c_attn holds query, key and value side by side.  Names come
-- with or without "transformer." in front.  Causal masks that old files hold as buffers are passed over.

local keywords = require "gt.keywords"

local gpt2 = {}

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

local function is_file(path)
  local file = io.open(path, "rb")
  return file ~= nil and file:close() and not require "native.tokens".is_folder(path)
end

--- A folder or file -> path of the weights or their index, path of config.json (which need not be there).
local function find(path)
  keywords.string("gpt2", "path", path)
  if require "native.tokens".is_folder(path) then
    local folder = path:gsub("/+$", "")
    for _, name in ipairs {"model.safetensors", "model.safetensors.index.json"} do
      if is_file(folder .. "/" .. name) then return folder .. "/" .. name, folder .. "/config.json" end
    end
    fail(path, "expected model.safetensors, or its index, in this folder, found none")
  end
  return path, (path:match "^(.*/)[^/]*$" or "") .. "config.json"
end

--- The object in a JSON file.
local function read_object(path)
  local file <close> = io.open(path, "rb")
  if not file then fail(path, "cannot be read") end
  local ok, object = pcall(json.decode, file:read "a" or "")
  if not ok or type(object) ~= "table" then fail(path, "is no JSON object") end
  return object
end

--- Path of a file -> names of the tensors that an index says are in it.
local function read_index(path)
  local map = read_object(path).weight_map
  if type(map) ~= "table" then fail(path, "expected weight_map, the files of the tensors, found none") end
  local folder, files = path:match "^(.*/)[^/]*$" or "", {}
  for name, file in pairs(map) do
    if type(file) ~= "string" or file == "" or file:find "[/%z]" then
      fail(path, "expected %s in a file of the same folder, got %s", name, keywords.show(file))
    end
    local names = files[folder .. file] or {}
    names[#names + 1], files[folder .. file] = name, names
  end
  return files
end

--- All tensors of a file, or of the files that an index names.
local function load_tensors(path)
  if not path:find "%.json$" then return (torch.load(path)) end
  local out = {}
  for file, names in pairs(read_index(path)) do
    local part = torch.load(file)
    for _, name in ipairs(names) do
      if part[name] == nil then fail(path, "expected %s in '%s', which has it not", name, file) end
      out[name] = part[name]
    end
  end
  return out
end

--- Tensors by their names without prefix; masks left out.
local function read_tensors(path)
  local out = {}
  for name, tensor in pairs(load_tensors(path)) do
    local short = name:gsub("^module%.", ""):gsub("^transformer%.", "")
    if not short:find "^h%.%d+%.attn%.bias$" and not short:find "^h%.%d+%.attn%.masked_bias$" then out[short] = tensor end
  end
  return out
end

local function need(path, tensors, name, ndim)
  local t = tensors[name]
  if not t then fail(path, "has no tensor %s; is it a GPT-2?", name) end
  if t.ndim ~= ndim then fail(path, "expected %s with %d dimensions, got %s", name, ndim, tostring(t.shape)) end
  return t
end

local activations = {gelu_new = "gelu_tanh", gelu_pytorch_tanh = "gelu_tanh", gelu = "gelu", silu = "silu", swish = "silu"}

--- What config.json must say for our forward to be theirs.
local function check_config(path, config)
  local function expect(key, wanted)
    local value = config[key]
    if value == nil or value == json.null or value == wanted then return end
    fail(path, "expected %s %s, got %s", key, tostring(wanted), keywords.show(value))
  end
  expect("model_type", "gpt2")
  expect("layer_norm_epsilon", 1e-5)
  expect("scale_attn_weights", true)
  expect("scale_attn_by_inverse_layer_idx", false)
end

local function read_config(path)
  if not is_file(path) then return {} end
  local config = read_object(path)
  check_config(path, config)
  return config
end

--- Heads of the released sizes; others have heads of 64.
local known_heads = {[768] = 12, [1024] = 16, [1280] = 20, [1600] = 25}

--- The GPTConfig of the weights: sizes from the tensors, the rest from config.json.
local function config_of(path, tensors, config, n_head)
  local table_ = need(path, tensors, "wte.weight", 2)
  local width, layers = table_:size(1), 0
  while tensors[f"h.{layers}.ln_1.weight"] do layers = layers + 1 end
  if layers == 0 then fail(path, "has no tensor h.0.ln_1.weight; is it a GPT-2?") end
  local inner = need(path, tensors, "h.0.mlp.c_fc.weight", 2):size(1)
  if inner % width ~= 0 then fail(path, "expected an MLP of a multiple of %d, got %d", width, inner) end
  local heads = n_head or config.n_head or known_heads[width] or (width % 64 == 0 and width // 64)
  if not heads then fail(path, "no config.json says how many heads there are: pass {n_head = …}") end
  local activation = config.activation_function or "gelu_new"
  if not activations[activation] then fail(path, "activation %s is not supported", keywords.show(activation)) end
  local head = tensors["lm_head.weight"]
  return {
    hidden_dim = width, n_layers = layers, n_heads = heads, mlp_ratio = inner // width, vocab_size = table_:size(0),
    sequence_len = need(path, tensors, "wpe.weight", 2):size(0), norm = "layer", bias = true,
    activation = activations[activation], position = "learned", qk_norm = false, softcap = 0, embedding_norm = false,
    init = "gpt2", tied = head == nil or torch.equal(head, table_),
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
    if not used[name] then fail(path, "has a tensor that GPT-2 has not: %s", name) end
  end
  return state
end

--- path -> table of settings, function that gives the state dict for a model with a tied head or not
local function open(path, options)
  local o = keywords.read("gpt2", options, {"n_head", "device", "dtype"})
  local weights, beside = find(path)
  local tensors = read_tensors(weights)
  local config = config_of(weights, tensors, read_config(beside), o.n_head)
  return config, state_of(weights, tensors, config.n_layers, config.tied), o
end

function gpt2.load(path, options)
  local config, state, o = open(path, options)
  local model = require "gt.models".GPT(config, {device = o.device, dtype = o.dtype})
  return model:load_state_dict(state)
end

--- A model of a parametrization computes something else from the same weights.
local function check_plain(what, model, advice)
  local multipliers = require "gt.reparam".multipliers(model)
  if next(multipliers.forward) or next(multipliers.attention) then
    keywords.fail("%s: a GPT-2 has no multipliers in its forward: %s", what, advice)
  end
end

function gpt2.load_into(model, path)
  check_plain("load_gpt2", model, "load into a model without")
  local own = model.config
  local config, state = open(path, {n_head = own.n_heads})
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
  keywords.string("save_gpt2", "path", path)
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
  torch.save(file_path, out)
  local config_path = (file_path:match "^(.*/)[^/]*$" or "") .. "config.json"
  local file <close> = io.open(config_path, "w")
  if not file or not file:write(text, "\n") then keywords.fail("save_gpt2: cannot write '%s'", config_path) end
end

return gpt2
