-- mutate.lua: code that runs in the middle of something (hooks, finalizers, callbacks) and takes away what that works on.
-- What must hold: an answer or an error; make test-asan sees reads of freed memory.
local test = require "harness"

local function tiny(options)
  local config = {n_layers = 2, n_heads = 2, hidden_dim = 8, vocab_size = 16, sequence_len = 8}
  for name, value in pairs(options or {}) do config[name] = value end
  local model = GPT(config)
  model:init_weights()
  return model
end

local function garbage()
  collectgarbage()
  collectgarbage()
end

--- Calls fn, which may fail, and lets go of what it left; an error must be one with a text.
local function survives(fn)
  local ok, message = pcall(fn)
  assert(ok or type(message) == "string", message)
  garbage()
end

local ids = torch.tensor {{1, 2, 3}}

test("a hook frees what its module was called with, closes the module and lets go of its parts", function()
  local parts = {"token_embedding", "blocks", "norm_f", "lm_head", "cos", "sin", "blocks.0", "blocks.0.attn", "blocks.0.ff",
    "blocks.0.attn.proj", "blocks.1", "blocks.0.ff.proj_up"}
  for _, at in ipairs {"token_embedding", "blocks.0", "blocks.0.attn", "blocks.0.ff", "blocks.1", "blocks.0.ff.proj_up"} do
    for _, part in ipairs(parts) do
      local model, x, y = tiny {position = "rope"}, ids:clone(), ids:clone()
      local function take()
        local above, name = part:match "^(.*)%.([^.]*)$"
        local owner = above and model:get_submodule(above) or model
        owner[name or part] = nil
        for _, t in ipairs {x, y} do t:free() end
        debug.getmetatable(model).__close(model)
        garbage()
      end
      local ok, module = pcall(model.get_submodule, model, at)
      if ok then
        module:register_forward_pre_hook(take)
        survives(function() return model(x, y) end)
      end
    end
  end
end)

test("a hook lets go of the options of the call it runs in", function()
  local model = tiny()
  local options = {loss_reduction = ("%s"):rep(2):format("su", "m"), cache = nil}
  model.blocks[0]:register_forward_hook(function()
    options.loss_reduction = nil
    garbage()
  end)
  test.equal(model(ids, ids, options).ndim, 0)
  local caching = tiny()
  local cached = {cache = caching:cache {B = 1, T = 4}}
  caching.blocks[0]:register_forward_hook(function()
    cached.cache:free()
    cached.cache = nil
    garbage()
  end)
  survives(function() return caching(ids, cached) end)
end)

test("a hook takes the model apart that summary, clone, state_dict and apply look at", function()
  for _, look in ipairs {
    function(model) summary(model, {input_data = {ids}}) end, function(model) model:apply(function() model.blocks = nil garbage() end) end,
    function(model) model:generate(ids, {max_new_tokens = 2}) end, function(model) plan(model) end,
    function(model) require "native.plan".shadowed(model, function() model.blocks = nil garbage() end) end,
  } do
    local model = tiny()
    local above = model
    model.blocks[0]:register_forward_hook(function()
      above.blocks = nil
      above.token_embedding = nil
      garbage()
    end)
    survives(function() look(model) end)
  end
end)

test("a finalizer frees what an op, a module and an optimizer work on", function()
  collectgarbage("incremental", 100, 400, 6) -- in small steps, without a pause
  local matmul, cat = torch.matmul, torch.cat
  -- Nothing is made but the results, so the collector runs when the arguments have been read.
  for _, work in ipairs {
    function(x, weights) matmul(x, weights) end, function(_, _, list) cat(list) end, function(x, _, _, model) model(x) end,
    function(_, _, _, model, opt) opt:step(model:clone()) end,
  } do
    local x, weights, model = torch.ones(8, 8), torch.ones(8, 8), nn.Linear(8, 8)
    local opt = optim.AdamW(model:parameters())
    model(x):sum():backward()
    local list, done = {x, weights}, false
    garbage()
    collectgarbage "stop"
    for _ = 1, 20 do
      setmetatable({}, {__gc = function()
        done = true
        x:free()
        weights:free()
        debug.getmetatable(model).__close(model)
      end})
    end
    survives(function()
      collectgarbage "restart"
      repeat work(x, weights, list, model, opt) until done
    end)
  end
  collectgarbage("incremental", 200, 100, 13)
end)

test("finalizers and closing by hand, twice and before use", function()
  local native = {}
  for _, name in ipairs {"module", "optim", "tokens", "tokenizer", "train", "folder"} do native[name] = require("native." .. name) end
  local path = os.tmpname()
  local made = {
    torch.ones(1), nn.Linear(1, 1), tiny(), native.optim.new "AdamW", native.tokens.new(4), tokenizer.bytes(), native.tokenizer.trainer "",
    native.train.hash(), native.module.new_cache(1, 1, 1), native.folder.lock_file(path), torch.no_grad(), torch.autocast "cpu",
    torch.autograd.detect_anomaly(), (native.tokens.loader(data.text {text = ("text "):rep(9)}.native, 1, 2, "sequential", 1, -1)),
  }
  for _, object in ipairs(made) do
    local meta = debug.getmetatable(object)
    for _ = 1, 2 do
      for _, name in ipairs {"__gc", "__close"} do
        if meta[name] then meta[name](object) end
      end
    end
    for _, method in next, meta do
      if type(method) == "function" then survives(function() method(object, "x", 1) end) end
    end
    survives(function() return tostring(object) end)
    for _, lib in next, native do
      for _, f in next, lib do
        if type(f) == "function" and f ~= native.tokenizer.methods then survives(function() f(object, 1, 1, 1) end) end
      end
    end
  end
  os.remove(path)
end)

test("objects that come back from the dead", function()
  local saved = {}
  for _ = 1, 20 do
    local t, m = torch.ones(2), tiny()
    local o = optim.SGD(m:parameters(), {lr = 0.1})
    setmetatable({t = t, m = m, o = o, tok = tokenizer.bytes()}, {__gc = function(self) saved[#saved + 1] = self end})
  end
  garbage()
  for _, self in ipairs(saved) do
    survives(function() return self.t + 1 end)
    survives(function() return self.m(ids) end)
    survives(function() self.o:step() end)
    survives(function() return self.tok:encode "abc" end)
  end
end)

test("coroutines that are closed, end and fail in the middle", function()
  for _, inside in ipairs {torch.tidy, torch.no_grad, function(f) return torch.autocast("cpu", f) end, torch.autograd.detect_anomaly,
    function(f) return nn.Linear(1, 1):apply(f) end, function(f) return require "native.train".shielded(f) end} do
    for _, act in ipairs {coroutine.yield, function() error "no" end, function() coroutine.close(coroutine.running()) end, function() return torch.ones(2) end} do
      local co = coroutine.create(function()
        local _ <close> = torch.no_grad()
        local t <close> = torch.ones(3)
        inside(act)
        return t
      end)
      survives(function() assert(coroutine.resume(co)) end)
      survives(function() assert(coroutine.resume(co)) end)
      survives(function() assert(coroutine.close(co)) end)
    end
  end
  test.equal(torch.is_grad_enabled(), true)
  test.equal(torch.is_autocast_enabled(), false)
end)
