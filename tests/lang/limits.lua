-- limits.lua: sizes that nothing can hold are refused at once, with one line, before memory is taken; building and walking
-- large models is heard by Ctrl-C and by requests to end.
local test = require "harness"
local child = require "native.child"
local worker = require "native.worker"

local exe = io.popen("readlink /proc/" .. io.open("/proc/self/stat"):read("n") .. "/exe"):read("l")
torch.set_num_threads(1)

local function peak()
  local file <close> = io.open "/proc/self/status"
  return tonumber(file:read("a"):match "VmHWM:%s*(%d+)") // 1024
end

--- Runs the code in a copy: it must fail with the text, in a few seconds of its own time and a few megabytes.
local function refused(code, expected)
  local fn = assert(load("local _ = " .. code))
  local copy = worker.start(function(send)
    local time, memory = os.clock(), peak()
    local ok, message = pcall(fn)
    send(("%s\n%.2f\n%d\n%s"):format(ok, os.clock() - time, peak() - memory, message))
  end)
  local said = ""
  while true do
    worker.wait({copy}, 60)
    local text = copy:read()
    if not text then break end
    said = said .. text
  end
  test.equal({copy:finish()}, {"exited", 0})
  local ok, seconds, megabytes, message = said:match "^(%l+)\n(%S+)\n(%S+)\n(.*)$"
  if ok ~= "false" or not message:find(expected, 1, true) or message:find "\n" then
    test.fail(("%s: expected an error with %q, got %s %s"):format(code, expected, ok, message))
  end
  assert(tonumber(seconds) < 5 and tonumber(megabytes) < 100, f"{code}: {seconds} s, {megabytes} MB")
end

test("models", function()
  refused("GPT{n_layers = 1e9}", "GPTConfig: expected 1 <= n_layers <= 10000, got 1000000000")
  refused("GPT(GPTConfig{n_layers = 1e5}, {device = 'meta'})", "expected 1 <= n_layers <= 10000")
  refused("plan{n_layers = 1e9}", "expected 1 <= n_layers <= 10000")
  refused("models.nanogpt{n_layer = 1e9}", "expected 1 <= n_layers <= 10000")
  refused("GPT{n_layers = 10000}", "GPT: out of memory on cpu: expected at most")
  refused("GPT{hidden_dim = 1 << 20}", "GPT: out of memory on cpu")
  refused("GPT{hidden_dim = 1 << 40}", "expected 1 <= hidden_dim <= 2147483647")
  refused("GPT{vocab_size = 1e12}", "expected 1 <= vocab_size <= 2147483647")
  refused("GPT{vocab_size = 2e9}", "GPT: out of memory on cpu")
  refused("GPT{mlp_ratio = 1e6}", "GPT: out of memory on cpu")
  refused("GPT{sequence_len = 2e9, position = 'learned'}", "GPT: out of memory on cpu")
  refused("models.FeedForward(GPTConfig{hidden_dim = 1 << 24, n_heads = 1})", "out of memory")
  refused("nn.Linear(1e9, 1e9)", "out of memory")
  refused("nn.Linear(1 << 62, 2)", "Linear: expected a size that memory can hold")
  refused("nn.Embedding(1e12, 1e6)", "out of memory")
  refused("nn.Embedding(1e18, 1e18, {device = 'meta'})", "Embedding: expected a size that memory can hold, got (1000000000000000000, 1000000000000000000)")
  GPT(GPTConfig {n_layers = 500}, {device = "meta"}) -- what no machine here holds still can be looked at
end)

test("tensors", function()
  for _, code in ipairs {"empty(1e18)", "zeros(1e15)", "ones(1e15)", "rand(1e15)", "full({1e15}, 1)", "randint(0, 5, {1e15})", "arange(0, 1e15)",
    "randperm(1e15)", "eye(1e9)", "linspace(0, 1, 1e15)", "one_hot(torch.arange(3), 1e15)", "repeat_interleave(torch.ones(3), 1e15)",
    "ones(3):expand(1e15, 3):clone()", "outer(torch.ones(1 << 20), torch.ones(1 << 22))"} do refused("torch." .. code, "out of memory") end
  refused("torch.empty(1 << 62, 1 << 62)", "empty: expected a size that memory can hold")
  refused("torch.ones(1):expand(1 << 40, 1 << 40)", "expand: expected a size that memory can hold")
  local function meta(shape) return ("torch.ones(%s, {device = 'meta'})"):format(shape) end
  refused(meta "1 << 40, 1" .. "*" .. meta "1, 1 << 40", "mul: expected a size that memory can hold")
  refused("torch.arange(0, 1, 1e-300)", "expected at most")
  refused("torch.ones(3):expand(1e15, 3):tolist()", "tolist: expected at most 268435456 elements, got 3000000000000000")
  refused("torch.ones(3):expand(1e15, 3):split(1)", "split: expected at most 4194304 pieces, got 1000000000000000")
  refused("torch.ones(3):expand(1e15, 3):unbind()", "unbind: expected at most 4194304 pieces")
  refused("torch.ones(3):expand(1e15, 3):chunk(1e15)", "split: expected at most 4194304 pieces")
  refused("torch.Size(1 << 40, 1 << 40):numel()", "numel: expected sizes whose product is below 2^63, got torch.Size([1099511627776, 1099511627776])")
end)

test("lists, settings and batches", function()
  refused("schedule.cosine{total = 10}:values(1e9)", "values: expected at most 1048576 items, got 1000000000")
  refused("reparam.tau(1e9)", "reparam.tau: expected at most 1048576 items, got 1000000000")
  refused("pow2(0, 1, 1e-300)", "pow2: expected at most 1048576 items")
  refused("nn.ModuleList(function() return 1 end)", "expected an iterator of at most 1048576 items")
  refused("plot.hist({1, 2}, {bins = 1e9})", "bins expects an integer in [1, 10000]")
  refused("torch.set_num_threads(1e9)", "set_num_threads: expected 1 … 256")
  refused("torch.set_printoptions{precision = 1e9}", "precision expects an integer in [0, 100]")
  refused("torch.set_printoptions{linewidth = 0}", "linewidth expects an integer in [1, 2147483647]")
  refused("tokenizer.train('some text', {vocab_size = 1e9})", "expected vocab_size of 256 … 1048576")
  refused("data.text{text = 'some text'}:loader{B = 1e9, T = 1}", "expected at least B * T + 1 = 1000000001 tokens")
  refused("data.text{text = 'some text'}:loader{B = 1e9, T = 1e9}", "loader: expected B and T above 0, B * T below 2^40")
end)

test("what ulimit -v leaves is what there is", function()
  local how, code, _, errors = child.run({"sh", "-c", 'ulimit -v 900000 && exec "$0" -e "GPT{}"', exe}, {})
  if exe:find "/asan/" or exe:find "/tsan/" then return end -- the sanitizers reserve more than that
  test.equal({how, code}, {"exited", 1})
  assert(errors:find "GPT: out of memory on cpu: expected at most %d+%.%d MB of weights, got 1140.9 MB", errors)
end)

test("what builds, fills, copies and looks at models stops for Ctrl-C within", function()
  local model = GPT(GPTConfig {n_layers = 3, hidden_dim = 8, n_heads = 1, vocab_size = 8}, {device = "meta"})
  local works = {
    GPT = function() return GPT(model.config, {device = "meta"}) end, ["nn.Linear"] = function() return nn.Linear(1, 1, {device = "meta"}) end,
    clone = function() return model:clone() end, state_dict = function() return model:state_dict() end,
    init_weights = function() return model:init_weights() end, parameters = function() return model:parameters() end,
    summary = function() return summary(model) end, plan = function() return plan {n_layers = 3} end,
    modules = function() return model:modules() end,
  }
  for name, work in pairs(works) do
    torch.debug.interrupt()
    local ok, message = pcall(work)
    torch.debug.interrupt_clear()
    test.equal({name, ok, tostring(message):match "interrupted.?$"}, {name, false, "interrupted"})
    work()
  end
end)

test("and for the signals themselves", function()
  for signal, number in pairs {INT = 2, TERM = 15} do
    local code = 'io.stdout:write "begun" io.stdout:flush() while true do plan{n_layers = 3000} end'
    local script = [["$0" -e "$1" > "$2" & pid=$!; while [ ! -s "$2" ]; do :; done; kill -]] .. signal .. " $pid; wait $pid"
    local path = os.tmpname()
    local how, status = child.run({"sh", "-c", script, exe, code, path}, {seconds = 100})
    os.remove(path)
    test.equal({how, status}, {"exited", 128 + number})
  end
end)
