--- files.lua: torch.save and torch.load.  (Malformed files byte by byte: tests/core/safetensors.c.)
local test = require "harness"

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local path = folder .. "/file.safetensors"

local function write(bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

local function read()
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  return bytes
end

test("a table of every dtype and shape comes back the same, in file order", function()
  local saved = {}
  for _, dtype in ipairs{"f64", "f32", "bf16", "f16", "i64", "i32", "i16", "i8", "u8", "u16", "bool"} do
    saved["t_" .. dtype] = torch.tensor({{1, 0}, {1, 1}}):to(dtype)
  end
  saved.scalar, saved.empty = torch.tensor(3.5), torch.zeros(0, 3)
  saved.view = torch.arange(6):view(2, 3):transpose(0, 1)
  torch.save(path, saved)
  local loaded, metadata = torch.load(path)
  test.equal(metadata, {format = "pt"})
  local order = list(pairs(loaded))
  test.equal(order, {"t_i64", "view", "t_f64", "empty", "scalar", "t_f32", "t_i32", "t_bf16", "t_f16", "t_u16",
                     "t_i16", "t_i8", "t_u8", "t_bool"})
  for name, tensor in pairs(saved) do
    test.equal(loaded[name], tensor)
    test.equal(loaded[name].dtype == tensor.dtype, true)
    test.equal(tostring(loaded[name].shape), tostring(tensor.shape))
  end
end)

test("the bytes are those of the reference library", function()
  torch.save(path, {x = torch.tensor{1.0, 2.0}})
  test.equal(read(), string.pack("<I8", 0x58) ..
    '{"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   ' ..
    string.pack("<ff", 1, 2))
end)

test("a tied model is saved once per tensor and loads into another", function()
  local config = {hidden_dim = 16, n_layers = 1, n_heads = 2, vocab_size = 11, sequence_len = 8}
  local a, b = GPT(config), GPT(config)
  torch.save(path, a)
  local state, metadata = torch.load(path)
  test.equal(metadata["token_embedding.weight"], "lm_head.weight")
  test.equal(state["token_embedding.weight"] == state["lm_head.weight"], true)
  local names = list(pairs(state))
  test.equal(names[1], "blocks.0.attn.key.weight")
  test.equal(names[#names], "token_embedding.weight")
  b:load_state_dict(state)
  test.equal(b.lm_head.weight, a.lm_head.weight)
  test.equal(b.blocks[0].ff.proj_up.weight, a.blocks[0].ff.proj_up.weight)
  test.equal(b.lm_head.weight == b.token_embedding.weight, true)
  state["token_embedding.weight"] = nil
  b:load_state_dict(state)
end)

test("what load answers goes into load_state_dict as it is", function()
  local file = os.tmpname()
  local function model() return GPT {hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 11, sequence_len = 4} end
  local a, b = model(), model()
  torch.save(file, a) -- tied: the header names the second name of the table
  b:load_state_dict(torch.load(file))
  test.equal(torch.equal(a.token_embedding.weight, b.token_embedding.weight), true)
  torch.save(file, {other = torch.ones(1)}, {metadata = {format = "pt"}})
  test.raises(function() b:load_state_dict(torch.load(file)) end, "other")
  test.raises(function() b:load_state_dict(torch.load(file), {strict = "no"}) end, "strict expects true or false, got 'no'")
  test.raises(function() b:load_state_dict(a:state_dict(), {strct = false}) end, "did you mean 'strict'")
  os.remove(file)
end)

test("metadata goes along; both orders of arguments work", function()
  torch.save(path, {x = torch.zeros(1)}, {metadata = {step = "12", note = "naïve \"text\""}})
  local _, metadata = torch.load(path)
  test.equal(metadata, {format = "pt", step = "12", note = "naïve \"text\""})
  torch.save({y = torch.zeros(1)}, path)
  test.equal(list(pairs(torch.load(path))), {"y"})
end)

test("what cannot be saved is refused, the old file stays", function()
  torch.save(path, {x = torch.ones(1)})
  local before = read()
  test.raises(function() torch.save(path, {x = 3}) end, "expected 'x' to be a tensor, got")
  test.raises(function() torch.save(path, {torch.ones(1)}) end, "expected names to be strings")
  test.raises(function() torch.save(path, 3) end, "expected a table of tensors")
  test.raises(function() torch.save(3, {}) end, "expected path to be a string")
  test.raises(function() torch.save(path, {["a\0b"] = torch.ones(1)}) end, "NUL")
  test.raises(function() torch.save(path, {x = torch.empty(1, {device = "meta"})}) end, "no data")
  test.raises(function() torch.save(path, {}, {meta = {}}) end, "save has no argument 'meta'")
  test.raises(function() torch.save(folder, {}) end, "not a regular file")
  test.raises(function() torch.save("/nowhere/x", {}) end, "cannot save '/nowhere/x': No such file or directory")
  test.equal(read(), before)
end)

test("a table in a table is refused, and what to do instead is said", function()
  torch.save(path, {x = torch.ones(1)})
  local before = read()
  local layer = nn.Linear(2, 2)
  local advice = "; a file holds one level of names: save it in a file of its own, or its tensors under names like "
  test.raises(function() torch.save(path, {model = {bias = torch.ones(1)}}) end,
              "save: expected 'model' to be a tensor, got table" .. advice .. "'model.bias'")
  test.raises(function() torch.save(path, {model = layer:state_dict(), x = torch.ones(1)}) end,
              "save: expected 'model' to be a tensor, got odict" .. advice .. "'model.weight'")
  test.raises(function() torch.save(path, {model = layer}) end,
              "save: expected 'model' to be a tensor, got Linear" .. advice .. "'model.weight'")
  test.raises(function() torch.save(path, {steps = {1, 2}}) end, "got table" .. advice .. "'steps.weight'")
  test.equal(read(), before)
end)

test("errors of load name the file and the reason", function()
  local message = test.raises(function() torch.load(folder .. "/none") end, "No such file or directory")
  test.equal(message:match "files.lua:%d+: " ~= nil, true)
  test.raises(function() torch.load(folder) end, "it is a folder, not a regular file")
  test.raises(function() torch.load() end, "load: path is missing")
  test.raises(function() torch.load(path, {weights_only = true}) end, "load has no argument 'weights_only'")
  test.raises(function() torch.load(path, "cpu") end, "load: expected at most 1 argument")
  write("short")
  test.raises(function() torch.load(path) end, path .. ": offset 0: ")
  write("not a tensor file at all, just text")
  test.raises(function() torch.load(path) end, "not safetensors")
end)

test("pickles are refused and what they would run is named", function()
  write("\x80\x02cposix\nsystem\nq\0X\4\0\0\0echoq\1\x85q\2Rq\3.")
  test.raises(function() torch.load(path) end, "is a Python pickle; loading it would run posix.system")
  write("\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\5posix\x94\x8c\6system\x94\x93\x94.")
  test.raises(function() torch.load(path) end, "loading it would run posix.system")
  write("PK\3\4" .. ("\0"):rep(26) .. "archive/data.pkl" .. "\x80\x02ctorch._utils\n_rebuild_tensor_v2\nq\1.")
  test.raises(function() torch.load(path) end, "a zip archive, as PyTorch's .pt files are")
  test.raises(function() torch.load(path) end, "torch._utils._rebuild_tensor_v2")
  write("\x93NUMPY\1\0v\0{'descr'")
  test.raises(function() torch.load(path) end, "a NumPy array")
end)

test("loading 1000 times leaves nothing, failing allocations included", function()
  torch.save(path, {x = torch.ones(64), y = torch.ones(3)})
  local function live()
    collectgarbage()
    collectgarbage()
    return torch.memory_allocated("cpu")
  end
  local before = live()
  for _ = 1, 1000 do torch.load(path) end
  test.equal(live(), before)
  for n = 0, 100 do
    torch.debug.fail_after(n, true)
    local ok = pcall(torch.load, path)
    torch.debug.fail_after()
    test.equal(live(), before)
    if ok then break end
    assert(n < 100)
  end
end)

os.remove(path)
os.remove(folder)
