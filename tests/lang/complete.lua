--- complete.lua: what Tab offers, for objects of every kind, and how long that takes.
local test = require "harness"
local complete = require "shell.complete"

local function offered(word, before, variables)
  return " " .. table.concat(complete(before or "", word, variables or {}), " ") .. " "
end

local function has(text, ...)
  for _, part in ipairs {...} do
    if not text:find(" " .. part .. " ", 1, true) then test.fail(part .. " is not in" .. text) end
  end
end

local layers = 24
local model = GPT{n_layers = layers, hidden_dim = 32, n_heads = 2, vocab_size = 256, sequence_len = 16}
local objects = {
  model = model, config = model.config, tok = tokenizer.bytes(), t = torch.ones(2),
  opt = optim.AdamW(model:parameters()), od = {inner = {leaf = 1}},
}

test("fields of models, configurations and tables", function()
  has(offered("model.", nil, objects), "model.blocks", "model.config", "model.generate(", "model.state_dict(")
  has(offered("model.config.n_", nil, objects), "model.config.n_layers", "model.config.n_heads")
  has(offered("config.", nil, objects), "config.hidden_dim", "config.count(")
  has(offered("od.inner.", nil, objects), "od.inner.leaf")
end)

test("fields of tensors and of what has them in C", function()
  local x = torch.ones(2, 3):requires_grad_()
  x:sum():backward()
  local v = {x = x, dtype = torch.float32, device = torch.device "cpu", linear = nn.Linear(2, 3), tok = tokenizer.bytes(),
             tokens = data.text{text = "a text"}, model = model}
  test.equal(offered("x.sh", nil, v), " x.shape ")
  has(offered("x.", nil, v), "x.shape", "x.ndim", "x.dtype", "x.device", "x.requires_grad", "x.grad", "x.grad_fn", "x.is_leaf",
      "x.data", "x.T", "x.sum(", "x.size(")
  test.equal(offered("x:sh", nil, v), "  ")
  has(offered("x.grad.", nil, v), "x.grad.shape", "x.grad.norm(")
  has(offered("linear.", nil, v), "linear.in_features", "linear.out_features", "linear.training", "linear.weight")
  has(offered("model.tr", nil, v), "model.training", "model.train(")
  has(offered("dtype.", nil, v), "dtype.name", "dtype.itemsize", "dtype.is_floating_point")
  has(offered("device.", nil, v), "device.type", "device.index")
  has(offered("x.shape:", nil, v), "x.shape:numel(", "x.shape:unpack(")
  has(offered("tok.", nil, v), "tok.vocab_size", "tok.bos", "tok.specials", "tok.encode(")
  has(offered("tokens.", nil, v), "tokens.vocab_size", "tokens.bos", "tokens.text(")
end)

test("after a colon methods only", function()
  local text = offered("model:", nil, objects)
  has(text, "model:generate(")
  test.equal(text:find("model:config", 1, true), nil)
  has(offered("tok:", nil, objects), "tok:encode(", "tok:decode(")
  has(offered("t:", nil, objects), "t:sum(", "t:softmax(")
  has(offered("opt:", nil, objects), "opt:step(", "opt:zero_grad(")
end)

test("methods and settings of a trainer", function()
  local t = train.new{model = model, data = require("train.support").tokens(), B = 1, steps = 1, progress = false}
  has(offered("t.", nil, {t = t}), "t.lr", "t.loss", "t.step_count", "t.resume(", "t.eval_every", "t.clip", "t.progress")
  has(offered("t:", nil, {t = t}), "t:run(", "t:resume(", "t:pause_if(")
end)

test("names of the library and of calls' keys", function()
  has(offered("torch.soft"), "torch.softmax(", "torch.softcap(")
  has(offered("", "nn.Linear(4, 8, {"), "bias = ")
  has(offered("", "GPT{"), "n_layers = ", "vocab_size = ")
  has(offered("", "plot.hist(x, {"), "bins = ", "logy = ", "save = ")
  has(offered("", "tok:encode('x', {bos = true, ", objects), "specials = ", "eos = ")
  test.equal(complete("plot.hist(x, {", "bi", {}), {"bins = "})
  has(offered("aut", "%"), "autoreload")
end)

test("the words of a choice, in quotes and before them", function()
  test.equal(complete("GPT{norm = ", "", {}), {'"layer"', '"rms"'})
  test.equal(complete('GPT{norm = "', "", {}), {'layer"', 'rms"'})
  test.equal(complete("GPTConfig{bias = true, activation = '", "gelu", {}), {"gelu'", "gelu_tanh'"})
  test.equal(complete('tok:save("x", {format = "', "t", objects), {'tiktoken"'})
  test.equal(complete('schedule.wsd{tail = "', "s", {}), {'sqrt"'})
  test.equal(complete('torch.zeros(2, {device = "', "", {}), {'cpu"', 'cuda"', 'meta"'})
  test.equal(complete("torch.zeros(2, {device = 'cpu', dtype = '", "float", {}), {"float16'", "float32'", "float64'"})
  test.equal(complete('torch.device("', "c", {}), {'cpu"', 'cuda"'})
  test.equal(complete('torch.cuda.fallback("', "", {}), {'error"', 'warn"'})
  test.equal(complete('train.new{model = m, optim = {name = "', "", {}), {'AdamW"', 'Muon"', 'SGD"'})
  test.equal(complete('sweep(make, {lr = {1, 2}, optim = {lr = 1e-3, name = "', "M", {}), {'Muon"'})
  has(offered("", "train.new{model = m, optim = {"), "name = ", "lr = ", "weight_decay = ")
  test.equal(complete('lrtable(model, "', "completep", objects), {'completep"', 'completep_half"'})
  test.equal(complete('lrtable(model, "mup8", {against = "', "1/", objects), {'1/fan_in"'})
  test.equal(complete('reparam.new("', "sqrt(fan", objects), {'sqrt(fan_out/fan_in)"'})
  test.equal(complete('coord(f, {rule = "', "um", objects), {'umup"'})
  test.equal(complete('t:cumsum(0, {reduction = "', "", {t = torch.ones(2)}), {})
  test.equal(complete('print("', "GP", {}), {}) -- names of files are the shell's
  test.equal(complete("io.open('tests/shell/", "pt", {}), {})
end)

-- The promise is 50 ms; by CPU time, with slack for slow machines and sanitizers.
test("no offer takes long with a model of 24 layers", function()
  for _, case in ipairs {{"", ""}, {"", "model."}, {"", "model:"}, {"", "torch."}, {"", "mod"}, {"nn.Linear(4, {", ""},
                         {"GPT{", ""}, {"train.new{", ""}, {"sweep{", ""}, {"%", ""}} do
    local before = os.clock()
    complete(case[1], case[2], objects)
    local took = (os.clock() - before) * 1e3
    if took > 500 then test.fail(("'%s%s' took %.0f ms"):format(case[1], case[2], took)) end
  end
end)

test("no public name is a word of Lua, which could not be written", function()
  local doc = require "shell.doc"
  for _, section in ipairs(doc.sections()) do
    for _, name in ipairs(doc.names(section[2])) do
      if not load("return t." .. name) then test.fail(section[1] .. name .. " cannot be written") end
    end
  end
  for _, word in ipairs {"torch.rep", "t:rep", "F.rep", "torch.ops.rep"} do
    for name in offered(word, nil, objects):gmatch "%S+" do
      if not load("return " .. name:gsub("[(:]", {["("] = "", [":"] = "."})) then test.fail(name .. " is offered") end
    end
  end
  has(offered("torch.ti", nil, objects), "torch.tile(")
end)

test("no offer runs code of the user's, nor looks long at what has no end", function()
  local ran = false
  local function trap() ran = true return nil end
  local events = {}
  for event in ("__index __newindex __pairs __len __eq __lt __call __tostring __concat __close __name lazy methods __fields"):gmatch "%S+" do
    events[event] = trap
  end
  local own, huge = {}, {}
  for event in pairs(events) do own[event] = setmetatable({}, events) end
  for i = 1, 3000000 do huge["key" .. i] = i end
  local chain = {}
  for _ = 1, 100000 do chain = setmetatable({}, {__index = chain}) end
  local cases = {setmetatable({}, events), setmetatable({}, own), setmetatable({}, setmetatable({}, events)), huge,
                 setmetatable({}, {__index = huge}), setmetatable({}, {__metatable = false, __index = trap}), chain}
  for i, object in ipairs(cases) do
    local variables = {x = object, inner = {x = object}}
    for _, case in ipairs {{"", "x."}, {"", "x:"}, {"", "inner.x."}, {"", "x.y.z"}, {"x{", ""}, {"inner.x(1, {", "k"}, {"", "inn"}} do
      local before = os.clock()
      complete(case[1], case[2], variables)
      local took = (os.clock() - before) * 1e3
      if took > 500 then test.fail(("object %d, '%s%s' took %.0f ms"):format(i, case[1], case[2], took)) end
      test.equal({ran, i}, {false, i})
    end
  end
end)
