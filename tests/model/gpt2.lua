--- gpt2.lua: GPT-2 weights in Hugging Face's layout: loading, computing, saving (tests/golden/gpt2.py).
local test = require "harness"

local golden = debug.getinfo(1, "S").source:match "^@(.*)/model/[^/]*$" .. "/golden/gpt2"
local expected = torch.load(golden .. "/expected.safetensors")

local function near(a, b)
  -- f32 on both sides, sums in another order
  local off = (a:detach() - b):abs():max():item() / b:abs():max():item()
  if not (off < 2e-5) then error(("off by %.3g of the largest"):format(off), 2) end
end

--- Runs fn(path) with a fresh file name that ends in .safetensors, in a folder of its own.
local function with_file(fn)
  local base = os.tmpname()
  os.remove(base)
  assert(os.execute("mkdir " .. base))
  local ok, message = pcall(fn, base .. "/model.safetensors", base)
  os.execute("rm -r " .. base)
  if not ok then error(message, 0) end
end

--- The golden tensors with changes: fn(names -> tensors) before they are written.
local function changed(path, fn)
  local tensors = torch.load(golden .. "/model.safetensors")
  local out = fn(tensors) or tensors
  torch.save(path, out)
end

test("a folder gives Hugging Face's logits and greedy continuation", function()
  local model = models.gpt2(golden)
  test.equal(tostring(model.config), "GPTConfig(hidden_dim=24, n_layers=2, n_heads=3, mlp_ratio=4, vocab_size=61, " ..
    "sequence_len=32, norm=layer, bias=true, activation=gelu_tanh, position=learned, qk_norm=false, softcap=0.0, " ..
    "embedding_norm=false, init=gpt2)")
  near(model(expected.idx), expected.logits)
  for _, cache in ipairs {true, false} do
    local ids = model:generate(expected.idx, {temperature = 0, max_new_tokens = 20, cache = cache})
    test.equal(ids:tolist(), expected.greedy:tolist())
  end
end)

-- ---- several files ----

local PARTS = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}

local function write_index(folder, map)
  local file <close> = assert(io.open(folder .. "/model.safetensors.index.json", "w"))
  file:write(json.encode {metadata = {total_size = 1}, weight_map = map})
end

--- The golden tensors dealt out to two files, with their index: name -> file.
local function write_parts(folder)
  local parts, map = {odict {}, odict {}}, {}
  for name, tensor in pairs((torch.load(golden .. "/model.safetensors"))) do
    local which = (name:find "^h%.1" or name:find "ln_f") and 2 or 1
    parts[which][name], map[name] = tensor, PARTS[which]
  end
  for i, part in ipairs(parts) do torch.save(folder .. "/" .. PARTS[i], part) end
  write_index(folder, map)
  assert(os.execute(("cp '%s/config.json' '%s'"):format(golden, folder)))
  return map
end

test("weights in several files are found through their index", function()
  with_file(function(_, folder)
    write_parts(folder)
    local whole = models.gpt2(golden)
    for _, path in ipairs {folder, folder .. "/model.safetensors.index.json"} do
      local model = models.gpt2(path)
      assert(torch.equal(model(expected.idx), whole(expected.idx)))
    end
  end)
end)

test("an index that does not fit its files is told", function()
  with_file(function(_, folder)
    local map = write_parts(folder)
    local function refused(message) test.raises(function() models.gpt2(folder) end, message) end
    map["wte.weight"] = PARTS[2]
    write_index(folder, map)
    refused("expected 'wte.weight' in '" .. folder .. "/" .. PARTS[2] .. "', which has it not")
    map["wte.weight"] = "../" .. PARTS[1]
    write_index(folder, map)
    refused("expected 'wte.weight' in a file of the same folder, got '../" .. PARTS[1] .. "'")
    map["wte.weight"] = nil
    write_index(folder, map)
    refused("has no tensor wte.weight")
    map["wte.weight"] = "model-00003-of-00003.safetensors"
    write_index(folder, map)
    refused("model-00003-of-00003.safetensors': No such file or directory")
    write_index(folder, nil)
    refused("expected weight_map, the files of the tensors, found none")
    os.execute(("echo '{' > '%s/model.safetensors.index.json'"):format(folder))
    refused("model.safetensors.index.json': expected a JSON object, got something else")
    os.remove(folder .. "/model.safetensors.index.json")
    refused("expected model.safetensors, or its index, in this folder, found none")
  end)
end)

test("names with a prefix, no masks and a stored head load as well", function()
  with_file(function(path)
    changed(path, function(tensors)
      local out = {}
      for name, t in pairs(tensors) do
        if not name:find "%.attn%.bias" and not name:find "masked" then out["transformer." .. name] = t end
      end
      out["lm_head.weight"] = tensors["wte.weight"]:clone()
      return out
    end)
    local model = models.gpt2(path, {n_head = 3})
    assert(model.config.tied)
    near(model(expected.idx), expected.logits)
  end)
end)

test("an untied head stays apart", function()
  with_file(function(path)
    changed(path, function(tensors) tensors["lm_head.weight"] = tensors["wte.weight"] * 2 end)
    local model = models.gpt2(path, {n_head = 3})
    assert(not model.config.tied)
    near(model(expected.idx), expected.logits * 2)
  end)
end)

test("saved and loaded again it is the same model, under Hugging Face's names", function()
  local model = models.gpt2(golden)
  with_file(function(path, folder)
    model:save_gpt2(path)
    local again = models.gpt2(folder)
    model:save_gpt2(folder .. "/new/")
    assert(torch.equal(models.gpt2(folder .. "/new")(expected.idx), model(expected.idx)))
    assert(torch.equal(again(expected.idx), model(expected.idx)))
    local ours, theirs = torch.load(path), torch.load(golden .. "/model.safetensors")
    for name, t in pairs(theirs) do
      if not name:find "%.attn%.bias" and not name:find "masked" then
        assert(torch.equal(ours["transformer." .. name], t), name)
      end
    end
    local file <close> = assert(io.open(folder .. "/config.json"))
    local config = json.decode(file:read "a")
    test.equal(config.n_head, 3)
    test.equal(config.model_type, "gpt2")
    test.equal(config.activation_function, "gelu_new")
  end)
end)

test("load_gpt2 fills a model of the same settings, and names what differs", function()
  local model = GPT(models.gpt2(golden).config)
  model:load_gpt2(golden)
  near(model(expected.idx), expected.logits)
  local other = models.nanogpt {n_layer = 2, n_head = 3, n_embd = 24, vocab_size = 61, block_size = 32}
  test.raises(function() other:load_gpt2(golden) end, "needs a model with activation = gelu_tanh, this one has gelu")
end)

test("a nanoGPT model can be exported, one that is no GPT-2 says why not", function()
  with_file(function(_, folder)
    local model = models.nanogpt {n_layer = 1, n_head = 2, n_embd = 8, vocab_size = 5, block_size = 4}
    model:save_gpt2(folder)
    local idx = torch.tensor({{1, 2, 3}})
    assert(torch.equal(models.gpt2(folder)(idx), model(idx)))
    test.raises(function() GPT({n_layers = 1, hidden_dim = 8, n_heads = 2, vocab_size = 5}):save_gpt2(folder) end,
                "save_gpt2: a GPT-2 has activation = gelu, gelu_tanh or silu (this model: relu2), bias = true (this model: false), " ..
                  "embedding_norm = false (this model: true), norm = layer (this model: rms), position = learned (this model: " ..
                  "rope), qk_norm = false (this model: true), softcap = 0 (this model: 15.0)")
  end)
end)

test("what is no GPT-2 is refused with its reason", function()
  test.raises(function() models.gpt2 "/nowhere/model.safetensors" end, "/nowhere/model.safetensors")
  test.raises(function() models.gpt2(3) end, "gpt2: path expects a string")
  test.raises(function() models.gpt2(golden, {heads = 3}) end, "gpt2 has no argument 'heads'")
  local function refused(message, fn)
    with_file(function(path)
      changed(path, fn)
      test.raises(function() models.gpt2(path, {n_head = 3}) end, message)
    end)
  end
  refused("has no tensor wpe.weight", function(t) t["wpe.weight"] = nil end)
  refused("has no tensor h.1.mlp.c_fc.bias", function(t) t["h.1.mlp.c_fc.bias"] = nil end)
  refused("has a tensor that GPT-2 has not: 'extra'", function(t) t.extra = torch.zeros(1) end)
  refused("expected h.0.attn.c_attn of three equal parts", function(t) t["h.0.attn.c_attn.bias"] = torch.zeros(7) end)
  refused("of another shape", function(t) t["h.0.ln_1.weight"] = torch.ones(7) end)
  with_file(function(path)
    changed(path, function() end)
    test.raises(function() models.gpt2(path) end, "no config.json says how many heads there are")
    local file <close> = io.open(path:gsub("model.safetensors", "config.json"), "w")
    file:write '{"model_type": "gpt2", "n_head": 3, "layer_norm_epsilon": 0.1}'
    file:flush()
    test.raises(function() models.gpt2(path) end, "layer_norm_epsilon: expected 1e-05, got 0.1")
  end)
end)
