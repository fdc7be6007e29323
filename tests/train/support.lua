--- support.lua: a small model, text and folders for the tests of the trainer.

local support = {}

local text = ("the quick brown fox jumps over the lazy dog. "):rep(60)

--- A GPT whose weights depend on nothing but the seed.
function support.model(seed)
  torch.manual_seed(seed or 1)
  local model = GPT {hidden_dim = 32, n_layers = 2, n_heads = 2, vocab_size = 256, sequence_len = 16}
  model:init_weights()
  return model
end

function support.tokens() return data.text {text = text} end

--- Options of a small run; `more` goes before them.
function support.options(more)
  local o = {
    model = support.model(), data = support.tokens():loader {B = 4, T = 16, shuffle = true, seed = 5}, steps = 30,
    optim = {lr = 0.01, betas = {0.9, 0.95}, weight_decay = 0.1}, clip = 1.0, progress = false, seed = 11,
    schedule = schedule.cosine {total = 30, warmup = 3, final = 0.1},
  }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

function support.trainer(more) return train.new(support.options(more)) end

--- Hash and losses of the run that nothing disturbs.
function support.straight(more)
  local t = support.trainer(more)
  t:run()
  return t:hash(), t.log.loss
end

--- Options of a small sweep; `more` goes before them.
function support.sweep_options(more)
  local o = {
    lr = pow2(-8, -4), seeds = 2, steps = 12, data = support.tokens(), B = 2, T = 8, progress = false,
    width = {16, 32}, model = {n_layers = 1, head_dim = 16, vocab_size = 256, sequence_len = 8},
  }
  for key, value in pairs(more or {}) do o[key] = value end
  return o
end

--- The name of a folder that is not there yet.
function support.folder()
  local name = os.tmpname()
  os.remove(name)
  return name
end

--- What a shell command prints, and its exit status.
function support.shell(command)
  local pipe = assert(io.popen(command))
  local out = pipe:read "a"
  local _, _, code = pipe:close()
  return out, code
end

function support.remove(folder) os.execute("rm -rf '" .. folder .. "'") end

function support.read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read "a"
  file:close()
  return content
end

function support.write(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

--- The log of a run without what depends on the clock.
function support.log(folder)
  local lines = support.read(folder .. "/log.jsonl")
  return (lines:gsub('"elapsed":[^,}]*', ""):gsub('"started":"[^"]*"', ""):gsub('"threads":%d+', ""))
end

--- Options of a short run of a tiny model that saves after every fourth step and keeps one checkpoint; it continues one
-- that is there.  `more` goes before them.
function support.saving_options(folder, more)
  torch.manual_seed(1)
  local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 256, sequence_len = 8}
  model:init_weights()
  local tokens, val = data.text {text = text:sub(1, 200)}, data.text {text = text:sub(1, 200)}
  local o = {model = model, data = tokens:loader {B = 2, T = 8, shuffle = true, seed = 5}, val = val,
    eval_every = 3, folder = folder, resume = folder and true, save_every = folder and 4, keep = folder and 1,
    steps = 8, ema = 0.9, schedule = schedule.cosine {total = 8}}
  for key, value in pairs(more or {}) do o[key] = value end
  return support.options(o)
end

function support.saving_run(folder, more) return train.new(support.saving_options(folder, more)) end

return support
