--- generate.lua: the cache of keys and values, sampling, and m:generate on top of them.
local test = require "harness"
local native = require "native.module"

local size = {hidden_dim = 48, n_layers = 2, n_heads = 4, vocab_size = 97, sequence_len = 40}
local variants = {
  notebook = {},
  nanogpt = {norm = "layer", bias = true, activation = "gelu", position = "learned", qk_norm = false, softcap = 0,
    embedding_norm = false},
  llama = {n_kv_heads = 2, activation = "silu", qk_norm = false, softcap = 0, tied = false},
  one_key_head = {n_kv_heads = 1, norm = "layer", position = "learned"},
}

local function make(settings)
  torch.manual_seed(21)
  local config = {}
  for _, part in ipairs {size, settings or {}} do
    for key, value in pairs(part) do config[key] = value end
  end
  local model = GPT(config)
  for name, p in model:named_parameters() do
    nn.init.normal_(p, name:find "norm" and 1 or 0, 0.2)
  end
  return model
end

local function tokens(B, T)
  torch.manual_seed(22)
  return torch.randint(0, 97, {B, T})
end

-- ---- the cache ----

for name, settings in pairs(variants) do
  test(name .. ": logits through a cache are those without, for any cut into chunks", function()
    local model, idx = make(settings), tokens(2, 21)
    local _ <close> = torch.no_grad()
    local whole = model(idx)
    for _, cuts in ipairs {{21}, {20, 1}, {1, 20}, {5, 9, 7}, {1, 1, 1, 18}} do
      local cache, at = model:cache {B = 2, T = 21}, 0
      for _, n in ipairs(cuts) do
        local part = model(idx[{":", {at, at + n}}], {cache = cache})
        -- f32 sums of another order: some units of 1e-7 of logits that are at most 15
        test.close((part - whole[{":", {at, at + n}}]):abs():max():item(), 0, 3e-5)
        at = at + n
      end
      test.equal(cache.position, 21)
    end
  end)

  test(name .. ": greedy with a cache is greedy without, token for token, beyond the context too", function()
    local model = make(settings)
    local prompt = tokens(3, 7)
    for _, length in ipairs {20, 45} do
      local cached = model:generate(prompt, {temperature = 0, max_new_tokens = length})
      local plain = model:generate(prompt, {temperature = 0, max_new_tokens = length, cache = false})
      assert(torch.equal(cached, plain))
      test.equal(cached.shape:tolist(), {3, 7 + length})
      assert(torch.equal(cached[{":", {0, 7}}], prompt))
    end
  end)
end

test("greedy takes the largest logit of the whole sequence every time", function()
  local model, ids = make(), tokens(1, 5)
  local out = model:generate(ids, {temperature = 0, max_new_tokens = 8})
  for _ = 1, 8 do
    local best = model(ids):select(1, -1):argmax(-1)
    ids = torch.cat({ids, best:unsqueeze(1)}, 1)
  end
  assert(torch.equal(out, ids))
end)

test("a cache says when it is full, and with whom it does not work", function()
  local model = make()
  local idx = tokens(1, 6)
  test.raises(function() model(idx, {cache = model:cache {T = 6}}) end, "use torch.no_grad")
  local _ <close> = torch.no_grad()
  local cache = model:cache {T = 6}
  model(idx, {cache = cache})
  test.raises(function() model(idx, {cache = cache}) end, "full: it has room for 6 tokens and holds 6, got 6 more")
  test.raises(function() model(tokens(2, 2), {cache = model:cache()}) end, "expected a model of 2 layers and idx (1, T)")
  test.raises(function() model:cache {T = 0} end, "T expects an integer >= 1, got 0")
  test.raises(function() model:cache {len = 3} end, "cache has no argument 'len'")
  test.raises(function() return cache.size end, "cache has no field 'size'")
  test.equal(#cache:reset(2), 2)
  test.raises(function() cache:reset(5) end, "expected a length in 0 ... 2, got 5")
  test.equal(tostring(cache), "Cache(B=1, T=6, position=2, layers=2)")
  local Plain = nn.class "Plain"
  function Plain:forward(x) return x end
  model.blocks[1].attn = Plain()
  test.raises(function() model(idx, {cache = model:cache()}) end, "layer 1 did not use it")
end)

test("a forward that fails leaves the cache as it was", function()
  local model, idx = make(), tokens(1, 9)
  local _ <close> = torch.no_grad()
  local cache = model:cache()
  model(idx[":, :4"], {cache = cache})
  torch.debug.interrupt()
  test.raises(function() model(idx[":, 4:"], {cache = cache}) end, "interrupted")
  torch.debug.interrupt_clear()
  test.equal(cache.position, 4)
  local rest = model(idx[":, 4:"], {cache = cache})
  test.close((rest - model(idx)[":, 4:"]):abs():max():item(), 0, 3e-5)
end)

-- ---- sampling ----

local function sample(logits, o)
  local ids = torch.zeros({1, (o.position or 0) + 1}, {dtype = torch.int64})
  return native.sample(torch.tensor({logits}, {dtype = torch.float32}), ids, o.position or 0, o.temperature or 1, o.top_k or 0, o.top_p or 1,
                       o.seed or 1)[1]
end

local function shares(logits, o, n)
  local counts = {}
  for i = 1, #logits do counts[i] = 0 end
  for position = 0, n - 1 do
    o.position = position
    local id = sample(logits, o)
    counts[id + 1] = counts[id + 1] + 1 / n
  end
  return counts
end

test("tokens come with the probabilities of the softmax at that temperature", function()
  local logits, n = {0.3, -1, 1.5, 0}, 4000
  for _, temperature in ipairs {0.5, 1, 2} do
    local p = torch.softmax(torch.tensor(logits, {dtype = torch.float64}) / temperature, 0):tolist()
    -- 4000 draws: four standard deviations of a share are at most 0.032
    test.close(shares(logits, {temperature = temperature}, n), p, 0.032)
  end
end)

test("top_k keeps exactly k tokens, the smaller ones among equals", function()
  local counts = shares({1, 1, 1, 1, 0}, {top_k = 2}, 300)
  assert(counts[1] > 0.3 and counts[2] > 0.3)
  test.equal({counts[3], counts[4], counts[5]}, {0, 0, 0})
  test.equal(sample({0, 5, 5, 1}, {top_k = 1}), 1)
  test.equal(sample({0, 5, 5, 1}, {temperature = 0}), 1)
end)

test("top_p keeps the fewest tokens that hold the probability, after top_k", function()
  local function log(p) return math.log(p) end
  local logits = {log(0.1), log(0.5), log(0.15), log(0.25)}
  test.close(shares(logits, {top_p = 0.7}, 4000), {0, 2 / 3, 0, 1 / 3}, 0.032)
  test.close(shares(logits, {top_p = 0.4}, 50), {0, 1, 0, 0}, 1e-12)
  test.close(shares(logits, {top_p = 0.6, top_k = 2}, 50), {0, 1, 0, 0}, 1e-12) -- 0.5 is two thirds of the two
end)

test("top_k and top_p agree with sorting, on many random rows", function()
  torch.manual_seed(3)
  for round = 1, 40 do
    local row = (torch.randn(200) * 3):round():tolist() -- many equal logits
    local order = {}
    for i = 1, 200 do order[i] = i - 1 end
    table.sort(order, function(a, b)
      if row[a + 1] ~= row[b + 1] then return row[a + 1] > row[b + 1] end
      return a < b
    end)
    local k, allowed = 1 + round * 3 % 190, {}
    for i = 1, k do allowed[order[i]] = true end
    for position = 0, 20 do assert(allowed[sample(row, {top_k = k, position = position, seed = round})]) end
  end
end)

test("logits that are no numbers are refused", function()
  test.raises(function() sample({0, 0 / 0}, {}) end, "sample: expected finite logits, got nan for token 1")
  test.raises(function() sample({math.huge, 0}, {}) end, "got inf for token 0")
  test.raises(function() sample({-math.huge, -math.huge}, {}) end, "expected a logit above -inf")
  test.equal(sample({-math.huge, 0}, {}), 1)
end)

-- ---- generate ----

test("a seed repeats the choice, with and without cache, for any number of threads", function()
  local model, prompt = make(), tokens(2, 4)
  local function run(o)
    o.max_new_tokens, o.temperature, o.top_k = 25, 0.8, 20
    return model:generate(prompt, o)
  end
  local first = run {seed = 5}
  assert(torch.equal(run {seed = 5}, first))
  assert(torch.equal(run {seed = 5, cache = false}, first))
  assert(not torch.equal(run {seed = 6}, first))
  local threads = torch.get_num_threads()
  torch.set_num_threads(threads == 1 and 2 or 1)
  assert(torch.equal(run {seed = 5}, first))
  torch.set_num_threads(threads)
  assert(not torch.equal(first[0], first[1]))
  torch.manual_seed(9)
  local a = run {}
  assert(not torch.equal(run {}, a))
  torch.manual_seed(9)
  assert(torch.equal(run {}, a))
end)

test("prompts may be text, lists and tensors, and come back in their form", function()
  local model = make {vocab_size = 256}
  local ids, text = model:generate("ab", {temperature = 0, max_new_tokens = 3})
  test.equal(ids.shape:tolist(), {5})
  test.equal(text:sub(1, 2), "ab")
  local listed = model:generate({97, 98}, {temperature = 0, max_new_tokens = 3})
  assert(torch.equal(listed, ids))
  assert(torch.equal(model:generate(torch.tensor({97, 98}), {temperature = 0, max_new_tokens = 3}), ids))
  test.equal(model:generate({1}, {max_new_tokens = 0}):tolist(), {1})
end)

test("a stop token ends a sequence and is kept", function()
  local model = make()
  local prompt = tokens(1, 4)
  local all = model:generate(prompt, {temperature = 0, max_new_tokens = 12})
  local stop = all[{0, 7}]:item()
  local short = model:generate(prompt, {temperature = 0, max_new_tokens = 12, stop = {stop, 96}})
  local first = 4
  while all[{0, first}]:item() ~= stop do first = first + 1 end
  assert(torch.equal(short, all[{":", {0, first + 1}}]))
  local both = torch.cat({prompt, tokens(1, 9)[":, 5:"]}, 0)
  local rows = model:generate(both, {temperature = 0, max_new_tokens = 12, stop = stop})
  for at = first, rows:size(1) - 1 do test.equal(rows[{0, at}]:item(), stop) end
end)

test("stream hands out text as it becomes valid UTF-8, token by token", function()
  local split = require "gt.generate".split_text
  test.equal({split("a\xC3")}, {"a", "\xC3"})
  test.equal({split("\xE2\x82")}, {"", "\xE2\x82"})
  test.equal({split("\xE2\x82\xACx")}, {"€x", ""})
  test.equal({split("\xF0\x9F\x98\x80\xF0\x9F")}, {"😀", "\xF0\x9F"})
  test.equal({split("\xFFa\xC3(")}, {"\u{FFFD}a\u{FFFD}(", ""})
  test.equal({split("\xE2\x82", true)}, {"\u{FFFD}\u{FFFD}", ""})
  test.equal(require "native".visible("a\27[2J\n\tb\127\u{9b}é"), "a\\x1b[2J\n\tb\\x7f\\u{9b}é")
  local model, pieces, ids = make {vocab_size = 256}, {}, {}
  local out = model:generate("x", {max_new_tokens = 30, seed = 1, stream = function(text, id)
    pieces[#pieces + 1] = text
    ids[#ids + 1] = id
  end})
  assert(utf8.len(table.concat(pieces)))
  test.equal(ids, out["1:"]:tolist())
end)

test("Ctrl-C between tokens returns what there is, and the model is as before", function()
  local model, heard = make(), 0
  model.blocks[1]:eval()
  local out = model:generate({1, 2}, {max_new_tokens = 30, seed = 1, stream = function()
    heard = heard + 1
    if heard == 5 then torch.debug.interrupt() end
  end})
  torch.debug.interrupt_clear()
  test.equal(out.shape:tolist(), {7})
  assert(model.training and not model.blocks[1].training and model.blocks[0].training)
  assert(torch.is_grad_enabled())
  assert(torch.equal(out, model:generate({1, 2}, {max_new_tokens = 5, seed = 1})))
end)

test("dropout is off while generating", function()
  local model = make {dropout = 0.5}
  assert(torch.equal(model:generate({1, 2}, {temperature = 0}), model:generate({1, 2}, {temperature = 0, cache = false})))
  assert(model.training)
end)

test("a model with parts in Lua generates without a cache", function()
  local model = make()
  local before = model:generate({3, 4}, {temperature = 0, max_new_tokens = 10})
  local calls = 0
  model.blocks[0]:register_forward_hook(function() calls = calls + 1 end)
  assert(torch.equal(model:generate({3, 4}, {temperature = 0, max_new_tokens = 10}), before))
  test.equal(calls, 10)
  test.raises(function() model:generate({3, 4}, {cache = true}) end, "cannot use a cache")
end)

test("wrong arguments are refused by name", function()
  local model = make()
  local function refused(message, prompt, options)
    test.raises(function() model:generate(prompt, options) end, message)
  end
  refused("generate: expected text, a list of ids or a tensor, got nil")
  refused("expected a tokenizer for text, {tokenizer = …}: the model has only 97 tokens", "abc")
  refused("expected ids in 0 ... 96, got 97", {1, 97})
  refused("expected a prompt of at least one token", torch.zeros({1, 0}, {dtype = torch.int64}))
  refused("expected ids, got torch.float32", torch.zeros(3))
  refused("generate has no argument 'temprature' (did you mean 'temperature'?)", {1}, {temprature = 1})
  refused("expected temperature >= 0, got -1", {1}, {temperature = -1})
  refused("top_k expects an integer >= 1, got 0", {1}, {top_k = 0})
  refused("expected top_p in (0, 1], got 0", {1}, {top_p = 0})
  refused("max_new_tokens expects an integer >= 0, got -3", {1}, {max_new_tokens = -3})
  refused("expected context 1 ... 400, got 500", {1}, {context = 500})
  refused("stop expects an integer >= 0 or a list, got 'x'", {1}, {stop = "x"})
  refused("stream expects true or false or a function, got 3", {1}, {stream = 3})
  refused("expected one sequence to stream, got 2", {{1}, {2}}, {stream = true})
end)

test("caches and generation leave no memory behind", function()
  local model = make()
  local function live()
    collectgarbage()
    collectgarbage()
    return torch.memory_allocated "cpu"
  end
  model:generate({1}, {max_new_tokens = 3})
  local before = live()
  for i = 1, 3 do model:generate({1, 2, 3}, {max_new_tokens = 5, seed = i, cache = i ~= 2}) end
  pcall(model.generate, model, {1, 2, 3}, {stream = function() error "stop" end})
  test.equal(live(), before)
end)
