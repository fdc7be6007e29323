--- formats.lua: a file that is not what was meant is named for what it is; nothing is written under the name of another
-- format; little of a file is quoted.
local test = require "harness"
local support = require "train.support"

local base = support.folder()
support.shell("mkdir " .. base)
local _ <close> = setmetatable({}, {__close = function() support.remove(base) end})

local function clear() support.shell(f"rm -rf {base}/*") end

local function write(name, bytes)
  local path = base .. "/" .. name
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  return path
end

--- One line, not too long, and no byte that a terminal obeys.
local function refused(fn, text)
  local message = test.raises(fn, text)
  test.equal(message:find "[\0-\8\11-\31\127]" == nil or message, true)
  return message
end

local LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" .. ("4"):rep(64) .. "\nsize 548105171\n"
local others = {
  {"a Git LFS pointer", LFS}, {"an HTML page", "\n<!DOCTYPE html>\n<html><head>" .. (" "):rep(99)},
  {"an HTML page", "<HTML>\n" .. ("x"):rep(99)}, {"a gzip archive", "\x1f\x8b\8\0" .. ("\0\xff"):rep(60)},
  {"a zip archive", "PK\3\4" .. ("\0\xff"):rep(60)}, {"a zstd archive", "\x28\xb5\x2f\xfd" .. ("\0\xff"):rep(60)},
  {"an xz archive", "\xfd7zXZ\0" .. ("\0\xff"):rep(60)}, {"an HDF5 file", "\x89HDF\r\n\x1a\n" .. ("\0\xff"):rep(60)},
  {"a GGUF model", "GGUF\3\0\0\0" .. ("\0\xff"):rep(60)}, {"a NumPy array", "\x93NUMPY\1\0v\0" .. ("\0\xff"):rep(60)},
  {"a PDF document", "%PDF-1.7\n" .. ("\0\xff"):rep(60)},
}

for _, other in ipairs(others) do
  test(other[1] .. " is told wherever another file is meant", function()
    local path = write("file", other[2])
    refused(function() torch.load(path) end, other[1])
    refused(function() models.gpt2(path) end, other[1])
    refused(function() tokenizer.load(path) end, other[1])
    refused(function() data.tokens(path) end, other[1])
    if other[1] ~= "an HTML page" then refused(function() data.text(path) end, other[1]) end -- that is text
    os.remove(path)
    write("config.json", other[2])
    support.shell(f"cp tests/golden/gpt2/model.safetensors {base}")
    refused(function() models.gpt2(base) end, "config.json': expected a JSON object, got " .. other[1])
    clear()
  end)
end

test("a pointer of Git LFS is no text to train on", function()
  local path = write("train.txt", LFS)
  for _, fn in ipairs {
    function() data.text(path) end, function() data.text(path, {utf8 = false}) end, function() data.open(path) end,
    function() tokenizer.train({path = path}, {vocab_size = 300}) end,
  } do refused(fn, "expected text, got a Git LFS pointer") end
  test.equal(#data.text(write("about.txt", LFS .. ("more of a text about such pointers\n"):rep(40))) > 1000, true)
end)

-- ---- names ----

local foreign = {"pt", "pth", "bin", "ckpt", "pkl", "npy", "npz", "gguf", "h5", "onnx", "json", "txt", "zip", "PT", "Npy", "svg", "lua"}

local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 4, norm = "layer", bias = true,
                   position = "learned", qk_norm = false, softcap = 0, activation = "gelu_tanh", embedding_norm = false}
local tokens, tok = data.text {text = "some text"}, tokenizer.bytes()

for _, writer in ipairs {
  {"torch.save", function(path) torch.save(path, {w = torch.ones(2)}) end, "safetensors", {}},
  {"model:save_gpt2", function(path) model:save_gpt2(path) end, "safetensors", {}},
  {"tokens:save", function(path) tokens:save(path) end, "bin", {bin = true}},
  {"tok:save", function(path) tok:save(path) end, "json", {json = true}},
} do
  local name, save, own, fine = table.unpack(writer)
  test(name .. " refuses the names of other formats and says the right one", function()
    for _, ending in ipairs(foreign) do
      if not fine[ending] then
        refused(function() save(f"{base}/m.{ending}") end, f"m.{ending}'")
        refused(function() save(f"{base}/m.{ending}") end, f"write '{base}/m.{own}'")
        test.equal(io.open(f"{base}/m.{ending}"), nil)
      end
    end
    save(f"{base}/m.{own}")
    save(f"{base}/name.v2")
    clear()
  end)
end

test("a tokenizer's ending goes with its format", function()
  local bpe = tokenizer.train({text = ("some text "):rep(30)}, {vocab_size = 260, progress = false})
  refused(function() bpe:save(base .. "/t.json", {format = "tiktoken"}) end, "ending in .tiktoken")
  refused(function() bpe:save(base .. "/t.tiktoken", {format = "json"}) end, "ending in .json")
  refused(function() bpe:save(base .. "/t.json", {format = "minbpe"}) end, "ending in .model")
end)

test("the notebook commands write no other format's name either", function()
  clear()
  local nb = require "nb"
  local path = write("n.lua", "-- %% a\nprint(1)\n")
  test.equal(nb.main("export", {path, base .. "/n.html"}, {{"format", "md"}}), 2)
  test.equal(nb.main("export", {path, base .. "/n.docx"}, {}), 2)
  test.equal(support.shell("ls " .. base), "n.lua\n")
  os.remove(path)
end)

-- ---- a path where a text goes ----

test("the name of a file is not taken for its text", function()
  local path = write("input.txt", "what is meant")
  refused(function() tokenizer.chars(path) end, "its name would be the text; data.text('" .. path .. "', {tokenizer = 'chars'})")
  test.equal(data.text(path, {tokenizer = "chars"}).tokenizer.vocab_size, 10)
  refused(function() data.text {text = path} end, "its name would be the text; data.text('" .. path .. "') reads it")
  refused(function() data.text {text = base} end, "is a folder")
  refused(function() tokenizer.train(path) end, "is a path")
  test.equal(tokenizer.chars("no such file.txt").vocab_size, 14)
  test.equal(#data.text {text = path .. "\n"}, #path + 1)
end)

-- ---- dtypes ----

local function tensors(dtype, shape, bytes)
  local header = json.encode(odict {
    {"a", {dtype = "F32", shape = json.array {2}, data_offsets = {0, 8}}},
    {"odd", {dtype = dtype, shape = json.array(shape), data_offsets = {8, 8 + bytes}}},
    {"z", {dtype = "I64", shape = json.array {1}, data_offsets = {8 + bytes, 16 + bytes}}},
  })
  return write("odd.safetensors", string.pack("<s8", header) .. string.pack("<ff", 1, 2) .. ("\1"):rep(bytes) .. string.pack("<i8", 7))
end

test("a tensor of a dtype that is not supported hinders no other and is named when it is used", function()
  for _, case in ipairs {{"U64", {2}, 16}, {"U32", {3}, 12}, {"C64", {1}, 8}, {"F8_E4M3", {5}, 5}, {"F8_E5M2", {2, 2}, 4},
                         {"F8_E8M0", {1}, 1}, {"F4", {4}, 2}, {"F6_E2M3", {4}, 3}} do
    local path = tensors(table.unpack(case))
    local state = torch.load(path)
    test.equal(state.a, torch.tensor {1., 2.})
    test.equal(state.z, torch.tensor {7})
    local names = {}
    for name in pairs(state) do names[#names + 1] = name end
    test.equal(names, {"a", "odd", "z"})
    test.equal(tostring(state.odd), f"<{case[1]} tensor, not supported>")
    local message = f"load: tensor 'odd' of '{path}' is of dtype {case[1]}, which is not supported"
    refused(function() return state.odd:sum() end, message)
    refused(function() return state.odd.shape end, message)
    test.raises(function() return torch.ones(2) + state.odd end, case[1])
    refused(function() torch.save(base .. "/again.safetensors", state) end, f"expected 'odd' to be a tensor, got {case[1]} tensor")
    refused(function() nn.Linear(2, 1):load_state_dict {weight = state.odd, bias = torch.ones(1)} end, case[1])
  end
  refused(function() torch.load(tensors("U64", {2}, 8)) end, "disagree about the size")
  refused(function() torch.load(tensors("F4", {3}, 2)) end, "disagree about the size")
  refused(function() torch.load(tensors("Q4", {3}, 2)) end, "unknown dtype 'Q4'")
end)

-- ---- what messages show of a file ----

test("a refusal quotes at most a few bytes of a file", function()
  local secret = "root:$6$verysecretsalt$0123456789abcdef"
  for _, case in ipairs {
    {"merges.txt", secret .. "\n"}, {"merges.txt", secret .. " " .. secret .. "\n"}, {"merges.txt", "#version\n" .. secret .. "\n"},
    {"merges.txt", "\27]0;" .. secret .. "\n"},
    {"vocab.json", '{"a": ' .. secret .. "}"}, {"vocab.json", '{"a": "' .. secret .. '"}'},
    {"x.model", "minbpe v1\n\n" .. secret .. "\n"}, {"x.model", "minbpe v1\n\n0\n" .. secret .. "\n"},
    {"x.model", "minbpe v1\n\n1\n" .. secret .. "\n"}, {"x.tiktoken", secret .. " 5\n"}, {"x.tiktoken", "YQ== 5\n" .. secret .. "\n"},
  } do
    write("vocab.json", json.encode {a = 0, b = 1})
    write("merges.txt", "")
    if case[1] == "merges.txt" then
      local vocab = {}
      local next_code = 256
      for i = 0, 255 do
        local plain = i >= 33 and i <= 126 or i >= 161 and i <= 172 or i >= 174
        vocab[utf8.char(plain and i or next_code)] = i
        if not plain then next_code = next_code + 1 end
      end
      write("vocab.json", json.encode(vocab))
    end
    local path = write(case[1], case[2])
    local message = refused(function() tokenizer.load(case[1] == "merges.txt" and base .. "/vocab.json" or path) end, "")
    test.equal(message:find("verysecret", 1, true) == nil or message, true)
    clear()
  end
  write("config.json", json.encode {model_type = secret})
  support.shell(f"cp tests/golden/gpt2/model.safetensors {base}")
  local message = refused(function() models.gpt2(base) end, "model_type: expected 'gpt2'")
  test.equal(message:find("0123456789", 1, true), nil)
end)

-- ---- config.json ----

test("every field of a GPT-2's config.json is checked: one line with file and field", function()
  clear()
  support.shell(f"cp tests/golden/gpt2/* {base}")
  local config = json.decode(io.open(base .. "/config.json"):read "a")
  local function with(field, value)
    local changed = {}
    for key, old in pairs(config) do changed[key] = old end
    changed[field] = value
    write("config.json", json.encode(changed))
  end
  for _, field in ipairs {"n_layer", "n_head", "n_embd", "n_inner", "n_positions", "vocab_size"} do
    for _, value in ipairs {0, -1, 1.5, "12", true, {}, 1 << 40, 1e300} do
      with(field, value)
      refused(function() models.gpt2(base) end, f"config.json': {field}: expected a whole number above 0, got ")
    end
    with(field, field == "n_head" and 5 or 17)
    refused(function() models.gpt2(base) end, f"config.json': {field}: expected ")
  end
  for field, values in pairs {
    activation_function = {"relu6", 3, {}}, model_type = {"bert", 1}, layer_norm_epsilon = {"x", 1e-6, {}},
    attn_pdrop = {1, -0.5, "0"}, resid_pdrop = {2, {}}, embd_pdrop = {true}, scale_attn_weights = {false, 1},
    tie_word_embeddings = {1, "yes"}, n_ctx = {0, "x"},
  } do
    for _, value in ipairs(values) do
      with(field, value)
      refused(function() models.gpt2(base) end, f"config.json': {field}: expected ")
    end
  end
  with("n_inner", json.null)
  models.gpt2(base)
  for _, text in ipairs {"[]", "null", "3", '"x"', "", "{", "[1, 2]"} do
    write("config.json", text)
    refused(function() models.gpt2(base) end, "config.json': expected a JSON object, got something else")
  end
end)

test("weights without elements are refused with their name", function()
  for _, shape in ipairs {{61, 0}, {0, 24}} do
    local state = torch.load "tests/golden/gpt2/model.safetensors"
    for name in pairs(state) do
      if name:find "wte.weight$" then state[name] = torch.zeros(table.unpack(shape)) end
    end
    torch.save(base .. "/model.safetensors", state)
    os.remove(base .. "/config.json")
    refused(function() models.gpt2(base) end, "expected wte.weight with elements, got ")
  end
end)

-- ---- bytes ----

test("a SentencePiece model without a piece for a space does not count bytes", function()
  local function piece(text, kind) return "\n" .. string.pack("<s1", "\n" .. string.pack("<s1", text) .. "\x18" .. string.char(kind)) end
  local bytes = {}
  for i = 0, 255 do bytes[#bytes + 1] = piece(("<0x%02X>"):format(i), 6) end
  local function load(extra) return tokenizer.load(write("sp.model", piece("<unk>", 2) .. table.concat(bytes) .. extra)) end
  test.raises(function() load(piece("▁a", 1)):byte_lengths() end, 'has no piece "▁"')
  test.equal(load(piece("▁a", 1) .. piece("▁", 1)):byte_lengths():sum():item(), 257)
end)
