--- keep.lua: variables on disk and back: every kind of value, shared ones, what is left out, limits and faults.
local test = require "harness"
local keep = require "shell.keep"
local restore = require "shell.restore"
local support = dofile "tests/train/support.lua"

local folder = support.folder()
os.execute("mkdir " .. folder)
local path = folder .. "/state"

--- The variables after a way through the disk, and what was told.
local function through(variables, present)
  local list = {}
  for name, value in pairs(variables) do list[#list + 1] = {name, value} end
  local kept, left = keep.write(path, list, {inputs = 1})
  table.sort(kept)
  local set = {}
  local shell = require "native.shell"
  local variables_of = shell.variables
  shell.variables = function() return set end
  local ok, done, notes = pcall(restore.read, path, present or {})
  shell.variables = variables_of
  assert(ok, done)
  return set, kept, left, notes
end

test("plain values come back as they were", function()
  local v = through{i = 3, x = 0.1, whole = 2.0, s = "a\n\"µ", yes = true, no = false, big = math.huge, low = -math.huge,
                    nan = 0 / 0, list = {1, {2.5, "x"}}, map = {a = {b = {}}}, none = {}}
  test.equal({v.i, v.x, v.whole, v.s, v.yes, v.no, v.big, v.low}, {3, 0.1, 2.0, "a\n\"µ", true, false, math.huge, -math.huge})
  test.equal(v.nan ~= v.nan, true)
  test.equal({v.list, v.map, v.none}, {{1, {2.5, "x"}}, {a = {b = {}}}, {}})
end)

test("tensors keep dtype, shape and bits, parameters what they are, and what is shared stays shared", function()
  local x = torch.randn(3, 4):to(torch.bfloat16)
  local v = through{x = x, view = x:t(), same = x, p = nn.Parameter(torch.ones(2)), ids = torch.arange(5),
                    pair = {x, {1, x}}, g = torch.ones(1):requires_grad_(true)}
  test.equal(tostring(v.x.dtype), tostring(x.dtype))
  test.equal(torch.equal(v.x, x) and torch.equal(v.view, x:t()) and torch.equal(v.ids, torch.arange(5)), true)
  test.equal({rawequal(v.x, v.same), rawequal(v.pair[1], v.x), rawequal(v.pair[2][2], v.x)}, {true, true, true})
  test.equal({torch.type(v.p), v.p.requires_grad, v.g.requires_grad, v.x.requires_grad},
             {"nn.Parameter", true, true, false})
end)

test("a trainer goes on with the same bits, and its parts are the variables they were", function()
  local t = support.trainer {ema = 0.9, val = support.tokens(), accumulate = 2}
  t:run(10)
  local v, _, left = through{t = t, model = t.model, opt = t.optimizers[1], loader = t.loader, val = t.val}
  test.equal(left, {})
  test.equal(v.t:hash(), t:hash())
  test.equal({rawequal(v.t.model, v.model), rawequal(v.t.optimizers[1], v.opt), rawequal(v.t.loader, v.loader),
              rawequal(v.t.val, v.val)}, {true, true, true, true})
  test.equal(v.t.log.loss, t.log.loss)
  test.equal(require "base.show".display(v.t.log), require "base.show".display(t.log))
  local seed, stream = require("native.train").rng()
  t:resume()
  t:run()
  require("native.train").set_rng(seed, stream)
  v.t:resume()
  v.t:run()
  test.equal({v.t.step_count, v.t:hash()}, {30, t:hash()})
  test.equal(v.t:eval(), t:eval())
end)

test("a trainer with a folder goes on from its checkpoint there", function()
  local t = support.trainer {folder = folder .. "/run"}
  t:run(7)
  local list = {{"t", t}}
  keep.write(path, list, {inputs = 1})
  local hash = t:hash()
  t:close()
  local manifest = restore.manifest(path)
  test.equal(manifest.objects[manifest.names.t].folder, folder .. "/run")
  t = train.open(folder .. "/run", {data = support.options().data})
  test.equal(t:hash(), hash)
  t:close()
end)

test("optimizers, schedules, configurations and tokenizers come back", function()
  local model = support.model()
  local opt = optim.SGD(model:parameters(), {lr = 0.1, momentum = 0.9})
  local x = torch.randint(0, 256, {2, 16})
  model(x, x):backward()
  opt:step()
  local v = through{model = model, opt = opt, s = schedule.cosine {total = 30, warmup = 3}, config = model.config,
                    tok = tokenizer.chars "abc", bytes = tokenizer.bytes()}
  model:zero_grad()
  for _, pair in ipairs{{model, opt}, {v.model, v.opt}} do
    pair[1](x, x):backward()
    pair[2]:step()
  end
  test.equal(torch.equal(v.model.lm_head.weight, model.lm_head.weight), true) -- the momentum came along
  test.equal(tostring(v.s), tostring(schedule.cosine {total = 30, warmup = 3}))
  test.equal({torch.type(v.config), v.config:count()}, {"GPTConfig", model.config:count()})
  test.equal({v.tok:encode("cab"):tolist(), v.bytes.vocab_size}, {tokenizer.chars("abc"):encode("cab"):tolist(), 256})
end)

test("what has no form on disk is named; a model of your own class gets its weights when it is there", function()
  local Own = nn.class "Own"
  function Own:init() self.linear = nn.Linear(2, 3) end
  function Own:forward(x) return self.linear(x) end
  local own, loop = Own(), {}
  loop.again = loop
  local _, kept, left, notes = through{own = own, f = print, loop = loop, x = 1, meta = torch.ones(2, {device = "meta"})}
  test.equal(kept, {"own", "x"})
  table.sort(left, function(a, b) return a[1] < b[1] end)
  test.equal({left[1], left[2][1], left[3][1]}, {{"f", "a function has no form on disk"}, "loop", "meta"})
  test.equal(notes[1][1], "own")
  assert(notes[1][2]:find("only your code can make a Own; its weights are in '" .. path, 1, true))
  local other = Own()
  through({own = own}, {own = other})
  test.equal(torch.equal(other.linear.weight, own.linear.weight), true)
end)

test("a trainer that went back is where it was, and what comes after that in its folder stays", function()
  local run = folder .. "/back"
  local t = support.trainer {folder = run, save_every = 10}
  t:run()
  t:rewind(10)
  local v = through{t = t}
  test.equal({v.t.step_count, #v.t.log.step}, {10, 10})
  test.equal(support.shell("ls " .. run), "log.jsonl\nstep-000010\nstep-000020\nstep-000030\n")
  v.t:close()
  support.remove(run)
end)

test("a trainer whose objective is a function gets its state when its inputs ran again", function()
  local function objective(model, x, y) return model(x, y) end
  local t = support.trainer {objective = objective}
  t:run(5)
  local _, _, _, notes = through{t = t}
  test.equal(notes, {{"t", "its objective is a function: run its inputs again before"}})
  local again = support.trainer {objective = objective}
  local v
  v, _, _, notes = through({t = t}, {t = again})
  test.equal(notes, {})
  test.equal({rawequal(v.t, again), again:hash()}, {true, t:hash()})
end)

test("what is too big is left out, and says so", function()
  local most = keep.most
  keep.most = 1000
  local v, _, left = through{small = torch.ones(10), large = torch.ones(1000), after = torch.ones(20)}
  keep.most = most
  test.equal({v.small:numel(), v.after:numel(), v.large}, {10, 20, nil})
  test.equal(left[1][1], "large")
  assert(left[1][2]:find "are too much: .* GiB are the limit of a session")
end)

test("a save that fails leaves the one before, and nothing else", function()
  through{x = 1}
  local broken = setmetatable({}, {__name = "Trainer", __index = function() error "broken" end})
  local _, left = keep.write(path, {{"x", 2}, {"t", broken}}, {inputs = 2})
  test.equal(left[1][1], "t")
  test.raises(function() keep.write(folder .. "/missing\0", {{"x", 3}}, {}) end, "NUL")
  test.raises(function() keep.write(path, {{"x", 4}}, {inputs = print}) end)
  test.equal(restore.manifest(path).facts.inputs, 2)
  test.equal(io.popen("ls -A " .. folder):read "a", "run\nstate\n")
end)

test("a folder that is no state is refused", function()
  test.raises(function() restore.read(folder .. "/none", {}) end, "cannot read")
  support.write(path .. "/manifest.json", "{")
  test.raises(function() restore.read(path, {}) end, "cannot read")
  support.write(path .. "/manifest.json", '{"format": 9}')
  test.raises(function() restore.read(path, {}) end, "format 9 is not known")
end)

support.remove(folder)
