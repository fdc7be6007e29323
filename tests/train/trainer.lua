-- The trainer: steps that are whole or not at all, the same bits whatever stops it, clear errors.
local test = require "harness"
local support = require "train.support"

local straight = support.straight
local want, losses = straight()

test("the same seed gives the same bits", function()
  local hash, again = straight()
  test.equal(hash, want)
  test.equal(again, losses)
  test.equal(#losses, 30)
  assert(losses[30] < 0.7 * losses[1], "the loss falls")
  assert(straight {seed = 12} ~= want, "another seed gives other bits")
end)

test("one thread and two give the same bits", function()
  local threads = torch.get_num_threads()
  torch.set_num_threads(threads == 1 and 2 or 1)
  local hash = straight()
  torch.set_num_threads(threads)
  test.equal(hash, want)
end)

test("a step leaves no gradients for the collector of garbage", function()
  local t = support.trainer()
  for _ = 1, 3 do t:step() end
  local weights = 0
  for p in t.model:parameters() do weights = weights + 4 * p:numel() end
  collectgarbage()
  collectgarbage "stop"
  local before = torch.memory_allocated()
  for _ = 1, 4 do t:step() end
  local left = torch.memory_allocated() - before
  collectgarbage "restart"
  assert(left < weights, f"{left} bytes are left by 4 steps of a model of {weights} bytes")
end)

test("steps by hand, runs in parts and pauses give the same bits", function()
  local t = support.trainer()
  for _ = 1, 7 do t:step() end
  t:run(5)
  t.on_step = function(self)
    if self.step_count == 20 then self:pause() end
  end
  t:run()
  test.equal(t.step_count, 20)
  t:resume()
  test.equal(t.step_count, 30)
  test.equal(t:hash(), want)
end)

test("evaluating and forking in between change nothing", function()
  local tokens = support.tokens()
  local t = support.trainer {val = tokens, eval_every = 10}
  local fork
  t.on_step = function(self)
    if self.step_count == 13 then fork = self:fork {on_step = function() end} end
  end
  t:run()
  test.equal(t:hash(), want)
  test.equal(t.log.val_step, {10, 20, 30})
  assert(t.model.training)
  test.equal(fork.step_count, 13)
  fork:run()
  test.equal(fork:hash(), want)
  test.equal(fork.log.loss, losses)
end)

--- Runs t to its end, interrupted as Ctrl-C does at the n-th call of `fn` of the object, once for each n.
local function interrupted_run(t, object, name, calls)
  local original, count, hits = object[name], 0, 0
  rawset(object, name, function(...)
    count = count + 1
    if calls[count] then torch.debug.interrupt() end
    return original(...)
  end)
  while t.step_count < t.steps do
    local ok, message = pcall(t.resume, t)
    torch.debug.interrupt_clear()
    if not ok then
      hits = hits + 1
      assert(tostring(message):find "interrupted", message)
      for p in t.model:parameters() do assert(p.grad == nil, "gradients are dropped") end
    end
  end
  rawset(object, name, original)
  return hits
end

test("interrupted while a batch is loaded and computed, resume gives the same bits", function()
  local t = support.trainer {accumulate = 2}
  local hits = interrupted_run(t, t.loader, "next", {[1] = true, [2] = true, [9] = true, [10] = true, [40] = true})
  test.equal(hits, 5)
  test.equal(t:hash(), (straight {accumulate = 2}))
end)

test("interrupted in forward and backward, resume gives the same bits", function()
  local t = support.trainer()
  local calls = 0
  t.model.blocks[1]:register_forward_hook(function()
    calls = calls + 1
    if calls % 7 == 3 then torch.debug.interrupt() end
  end)
  local hits = 0
  while t.step_count < 30 do
    if not pcall(t.resume, t) then hits = hits + 1 end
    torch.debug.interrupt_clear()
  end
  assert(hits >= 4, hits)
  test.equal(t:hash(), want)
end)

test("an interrupt during the update waits until the step is whole", function()
  local t = support.trainer()
  local opt, stepped = t.optimizers[1], 0
  local original = opt.step
  rawset(opt, "step", function(self)
    stepped = stepped + 1
    if stepped == 4 then torch.debug.interrupt() end
    return original(self)
  end)
  local ok = pcall(t.run, t)
  torch.debug.interrupt_clear()
  assert(not ok)
  test.equal(t.step_count, 4)
  t:resume()
  test.equal(t:hash(), want)
end)

test("an error in a step takes the step back", function()
  local t = support.trainer()
  t:run(3)
  local before = t:hash()
  local handle = t.model.blocks[0]:register_forward_hook(function() error "hook broke" end)
  test.raises(function() t:step() end, "hook broke")
  handle:remove()
  test.equal(t:hash(), before)
  t:run()
  test.equal(t:hash(), want)
end)

test("lack of memory at any allocation of a step leaves it whole or not done", function()
  local t = support.trainer {optim = {name = "SGD", lr = 0.1, momentum = 0.9}}
  local u = support.trainer {optim = {name = "SGD", lr = 0.1, momentum = 0.9}}
  u:run(1)
  local done, failures = u:hash(), 0
  for n = 0, 100000, 97 do
    local before = t:hash()
    torch.debug.fail_after(n, true)
    local ok = pcall(t.step, t)
    torch.debug.fail_after(nil)
    if ok then break end
    failures = failures + 1
    if t.unfinished then break end
    test.equal(t:hash(), before)
  end
  assert(failures > 3, failures)
  if t.step_count == 0 then t:step() end
  test.equal(t:hash(), done)
end)

test("accumulated micro-batches are one large batch", function()
  -- Sequential windows: two batches of 2 rows are one of 4.  Sums in another order: f32 rounding only.
  local tokens = support.tokens()
  local function weights(B, accumulate)
    local t = support.trainer {data = tokens:loader {B = B, T = 16}, accumulate = accumulate, steps = 5,
                               optim = {name = "SGD", lr = 0.1}}
    t:run()
    return t.model.blocks[0].ff.proj_up.weight:detach():tolist(), t.log.loss
  end
  local a, loss_a = weights(4, 1)
  local b, loss_b = weights(2, 2)
  test.close(b, a, 1e-5)
  test.close(loss_b, loss_a, 1e-5)
end)

test("the schedule multiplies every group's own peak rate", function()
  local model = support.model()
  local opt = optim.AdamW({{params = {model.token_embedding.weight}, lr = 0.4},
                           {params = list(model.blocks:parameters()), lr = 0.1}})
  local seen = {}
  local t = support.trainer {model = model, optim = opt, schedule = function(step) return 1 / (step + 1) end,
    on_step = function(self)
      seen[#seen + 1] = {opt.param_groups[1].lr, opt.param_groups[2].lr, self.rate}
    end}
  t:run(2)
  test.equal(seen, {{0.4, 0.1, 0.4}, {0.2, 0.05, 0.2}})
  test.equal(t.lr, 0.4)
  t.lr = 0.8
  test.equal({opt.param_groups[1].initial_lr, opt.param_groups[2].initial_lr}, {0.8, 0.2})
  test.raises(function() t.lr = -1 end, "expected lr > 0, got -1")
end)

test("the momentum schedule reaches optimizers that have one", function()
  local t = support.trainer {steps = 3, momentum = schedule.momentum {from = 0.5, to = 0.9, steps = 2}}
  local values = {}
  t.on_step = function(self) values[#values + 1] = self.optimizers[1].param_groups[1].momentum or 0 end
  t:run()
  test.equal(values, {0, 0, 0}) -- AdamW has none
  local muon = support.trainer {optim = function() return nil end, steps = 3}
  test.equal(#muon.optimizers, 2)
  muon.momentum = schedule.momentum {from = 0.5, to = 0.9, steps = 2}
  values = {}
  muon.on_step = function(self) values[#values + 1] = self.optimizers[2].param_groups[1].momentum end
  muon:run()
  test.close(values, {0.5, 0.7, 0.9}, 1e-15)
end)

test("the average of the weights follows every step", function()
  local t = support.trainer {ema = 0.5, steps = 3}
  local name = "blocks.0.attn.query.weight"
  local p = t.model:get_parameter(name)
  local expected = p:detach():clone()
  t.on_step = function() expected = expected + 0.5 * (p:detach() - expected) end
  t:run()
  test.close(t.ema:state_dict()[name]:tolist(), expected:tolist(), 1e-6)
  local tokens = support.tokens()
  local plain, averaged = t:eval(tokens), t:eval(tokens, {ema = true})
  assert(plain ~= averaged)
  test.equal((t:eval(tokens)), plain)
end)

test("reduce sees all gradients before they are clipped", function()
  local t = support.trainer {steps = 1, clip = 1e-3}
  local norm
  t.reduce = function(gradients)
    local sum = 0.0
    for _, g in ipairs(gradients) do sum = sum + g:double():square():sum():item() end
    norm = math.sqrt(sum)
  end
  t:run()
  test.close(t.norm, norm, 1e-12)
end)

-- ---- what is not finite ----

test("a loss that is not finite stops before the update and names the op and module it came from", function()
  local t = support.trainer()
  t:run(5)
  local before = t:hash()
  local handle = t.model.blocks[1].attn:register_forward_hook(function(_, _, out) return out:detach():abs():neg():log() end)
  local ok, message = pcall(t.step, t)
  handle:remove()
  assert(not ok)
  assert(message:find("the loss of step 6 is nan: log gave nan; its inputs: x (4, 16, 32) from -", 1, true), message)
  assert(message:find("; in GPT.blocks.1.attn; nothing was updated", 1, true), message)
  test.equal(t:hash(), before)
  t:run()
  test.equal(t:hash(), want)
end)

test("a weight that is not finite is named", function()
  local t = support.trainer()
  t:run(2)
  do
    local _ <close> = torch.no_grad()
    t.model.blocks[0].attn.key.weight:fill_(1 / 0)
  end
  test.raises(function() t:step() end, "weight blocks.0.attn.key.weight is not finite")
  test.equal(t.step_count, 2)
end)

test("a gradient that is not finite names the op whose backward made it, in any micro-batch", function()
  local calls = 0
  local t = support.trainer {accumulate = 2, objective = function(model, x, y)
    calls = calls + 1
    local loss = model(x, y)
    return calls % 2 == 0 and loss + (loss - loss):sqrt() or loss -- sqrt'(0) is infinite
  end}
  local before = t:hash()
  local ok, message = pcall(t.step, t)
  assert(not ok)
  assert(message:find "gradient of [%w_.]+ is not finite in step 1 %(norm nan%): the backward of sqrt gave inf as gradient of x",
         message)
  assert(message:find(", its result () from 0.0 to 0.0", 1, true), message)
  test.equal(t:hash(), before)
end)

test("a gradient that is not finite is named", function()
  local t = support.trainer()
  t:run(2)
  local before = t:hash()
  t.reduce = function(gradients) gradients[3]:fill_(1 / 0) end
  test.raises(function() t:step() end, "is not finite in step 3 (norm inf): no op of the model made it; nothing was")
  t.reduce = nil
  test.equal(t:hash(), before)
end)

-- ---- a step that cannot be taken back ----

test("an optimizer written in Lua that fails leaves the step to be completed", function()
  local Fails = optim.class "Fails"
  function Fails:init(params) self:setup({{params = params, lr = 0.1}}) end
  function Fails:step()
    if self.broken then error "no luck" end
    self.calls = (self.calls or 0) + 1
  end
  local model = support.model()
  local first = optim.SGD({model.token_embedding.weight}, {lr = 0.1})
  local second = Fails(list(model.blocks:parameters()))
  local t = support.trainer {model = model, optim = {first, second}}
  second.broken = true
  test.raises(function() t:step() end, "step 1 is half done, the next step() continues it")
  test.raises(function() t:save() end, "needs train.new{folder")
  local moved = model.token_embedding.weight:detach():tolist()
  second.broken = false
  t:step()
  test.equal(t.step_count, 1)
  test.equal(second.calls, 1)
  test.equal(model.token_embedding.weight:detach():tolist(), moved) -- the first one was not run again
end)

-- ---- bad settings ----

local function refuses(name, more, message)
  test("refused: " .. name, function() test.raises(function() support.trainer(more) end, message) end)
end

refuses("an unknown option", {shedule = 3}, "has no argument 'shedule' (did you mean 'schedule'?)")
refuses("a rate of 0", {optim = {lr = 0}}, "expected a learning rate > 0 for group 1 of AdamW, got 0")
refuses("a negative rate", {optim = {lr = -1}}, "AdamW: lr expects a number >= 0 and finite, got -1")
refuses("a rate of nan", {optim = {lr = 0 / 0}}, "AdamW: lr expects a number >= 0 and finite, got nan")
refuses("no steps", {steps = 0}, "steps expects an integer >= 1, got 0")
refuses("half a step", {steps = 2.5}, "steps expects a whole number, got 2.5")
refuses("a limit of 0", {clip = 0}, "clip expects a number > 0 or false, got 0")
refuses("an average with decay 1", {ema = 1}, "ema expects a number in [0, 1), got 1")
refuses("data of another kind", {data = 3}, "expected data to be tokens or a loader, got 3")
refuses("a path as data", {data = "a.txt"}, "got 'a.txt' (data.open('a.txt') reads a text, a folder or token shards)")
refuses("a batch larger than the data", {data = support.tokens(), B = 1000, T = 16}, "tokens")
refuses("a batch size beside a loader", {B = 4}, "B and T belong to tokens")
refuses("evaluation without tokens", {eval_every = 5}, "eval_every needs val")
refuses("saving without a folder", {save_every = 5}, "save_every needs folder")
refuses("an optimizer of something else", {optim = 3}, "expected optim to be an optimizer")
refuses("another optimizer's name", {optim = {name = "Adam"}}, "'AdamW', 'Muon' or 'SGD'")
refuses("another model's weights", {optim = optim.SGD({nn.Parameter(torch.ones(2))}, {lr = 0.1})},
  "parameter 1 of the optimizers is not one of the model")
refuses("a model that is none", {model = 3}, "model expects a module, got 3")
refuses("a schedule that is a number", {schedule = 3}, "schedule expects a function, got 3")

test("refused: a model left out, and runs without an end", function()
  test.raises(function() train.new {} end, "expected a model")
  local o = support.options()
  o.steps = nil
  local t = train.new(o)
  test.raises(function() t:run() end, "expected a number of steps")
  test.raises(function() t:resume() end, "no run to continue")
  test.raises(function() t:run(0) end, "expected a whole number of steps >= 1, got 0")
  test.raises(function() t:eval() end, "expected tokens, got nil")
  test.raises(function() t:rewind(3) end, "needs train.new{folder")
  test.raises(function() return t.lsos end, "Trainer has no field or method 'lsos' (did you mean 'loss'?)")
  test.raises(function() t.stepps = 3 end, "did you mean 'steps'")
end)

test("a schedule that answers nonsense is named, and the step not made", function()
  local t = support.trainer {schedule = function() return 0 / 0 end}
  test.raises(function() t:step() end, "expected the schedule at step 0 to be a number >= 0, got nan")
  test.equal(t.step_count, 0)
end)

-- ---- with the rest of the library ----

test("autocast computes the forward in bf16 and keeps the weights in f32", function()
  local t = support.trainer {autocast = "bf16"}
  local dtype
  t.model.blocks[0].attn.query:register_forward_hook(function(_, _, out) dtype = out.dtype end)
  t:run()
  test.equal(dtype, torch.bfloat16)
  test.equal(t.model.blocks[0].attn.query.weight.dtype, torch.float32)
  assert(t.loss < 0.8 * losses[1], t.loss)
  test.equal(support.trainer {autocast = "bf16"}:run(), t.loss)
end)

test("a sample changes nothing, and the same seed writes the same text", function()
  local t = support.trainer()
  t:run(10)
  local before = t:hash()
  local _, text = t:sample("the ", {max_new_tokens = 8, seed = 3})
  local _, again = t:sample("the ", {max_new_tokens = 8, seed = 3})
  test.equal(again, text)
  test.equal(#text, 12)
  t:sample("the ", {max_new_tokens = 4})
  test.equal(t:hash(), before)
  t:run()
  test.equal(t:hash(), want)
end)

test("names from elsewhere are told what they are here", function()
  test.raises(function() support.trainer {lr = 1} end, "has no argument 'lr' (did you mean optim = {lr = …}?)")
  test.raises(function() support.trainer {batch_size = 1} end, "has no argument 'batch_size' (did you mean 'B'?)")
  test.raises(function() support.trainer {block_size = 1} end, "has no argument 'block_size' (did you mean 'T'?)")
  test.raises(function() plan({n_layers = 1}, {B = 4}) end, "has no argument 'B' (did you mean 'batch'?)")
  test.raises(function() GPT {n_embd = 8} end, "no field 'n_embd' (did you mean 'hidden_dim'?)")
  test.raises(function() sweep {widths = {8}} end, "no argument 'widths' (did you mean 'width'?)")
  test.raises(function() torch.ones(2):sum {axis = 0} end, "no argument 'axis' (did you mean 'dim'?)")
  test.raises(function() schedule.cosine {max_iters = 3} end, "no argument 'max_iters' (did you mean 'total'?)")
  test.raises(function() train.new {support.model()} end, "train.new: every option has a name, {model = …}, got a module without one")
  test.raises(function() lr_find(support.model()) end, "options go in a table, {model = …}, got a module")
  test.raises(function() support.trainer():sample("a", 60) end, "t:sample: options go in a table, {max_new_tokens = …}, got 60")
end)

test("a value where options go is named", function()
  local t = support.trainer()
  test.raises(function() lr_find(t) end, "lr_find: options go in a table, {model = …}, got a Trainer")
end)

test("a step while gradients are off says so", function()
  local t = support.trainer()
  local _ <close> = torch.no_grad()
  test.raises(function() t:step() end, "gradients are off, by torch.no_grad()")
end)

test("a model written in Lua without generate writes samples, and its run opens with the B and T it had", function()
  local Bigram = nn.class "Bigram"
  function Bigram:init() self.logits = nn.Embedding(256, 256) end
  function Bigram:forward(x, y)
    local z = self.logits(x)
    return y and F.cross_entropy(z:reshape(-1, 256), y:reshape(-1)) or z
  end
  local folder, text = support.folder(), support.tokens()
  local t = train.new {model = Bigram(), data = text, B = 3, T = 5, optim = {lr = 0.1}, steps = 40, folder = folder, progress = false}
  t:run()
  local _, written = t:sample("the", {max_new_tokens = 20, top_k = 1})
  assert(#written == 23 and written:find "^the[%l ]+$", written) -- what the text has: small letters and blanks
  local hash = t:hash()
  local again = train.open(folder, {model = Bigram(), data = text, progress = false})
  test.equal({again.loader.B, again.loader.T, again:hash()}, {3, 5, hash})
  support.remove(folder)
end)

test("the log is a plain table, of which the prompt shows a summary", function()
  local display = require "base.show".display
  local t = support.trainer {val = support.tokens(), eval_every = 15}
  assert(display(t.log):find("^log of no steps yet\n"), display(t.log))
  t:run()
  test.equal(getmetatable(t.log), nil)
  local text = display(t.log)
  local least = math.min(table.unpack(t.log.loss))
  assert(text:find "^log of 30 steps, 1 to 30\n", text)
  assert(text:find(("  loss      first %.4g, last %.4g, least %.4g (step "):format(losses[1], losses[30], least), 1, true), text)
  assert(text:find "\n  val_loss  first .* %(step 30%)\n", text)
  for line in text:gmatch "[^\n]+" do assert(#line < 80, line) end
  assert(show(t.log):find "^{elapsed = {", "show() writes all of it")
  t.log.loss = nil
  assert(display(t.log):find "^{elapsed = {", "what is no log any more is shown as any table")
end)

test("a run that has nothing left to do says so, whatever began it", function()
  local script = 'package.path = "tests/?.lua;" .. package.path; local s = require "train.support"; local t = s.trainer(); '
    .. "t:run(5) t.progress = true %s"
  local function told(code)
    local out = support.shell(("'%s' -e '%s' 2>&1"):format(os.getenv "GPTSH" or "./gptsh", script:format(code)))
    return (out:gsub("step %d+/%d+ loss [^\n]*\n", ""))
  end
  test.equal(told "t:run(100)", "")
  test.equal(told "t:resume()", "train: no run to resume, the last one made its steps and ended at step 5; t:run() continues to step 30\n")
  test.equal(told "t:run() t:run(3)", "train: all 30 steps are done; t.steps = 60 allows more\n")
  test.equal(told "t:run() t.steps = 31 t:run() print(t.step_count)", "31\n")
  test.equal(told "t.progress = false t:run() t:run()", "")
  test.equal(told "t.progress = false t:resume() print(t.step_count)", told "t:resume()" .. "5\n")
end)

test("a fork may have optimizers of its own, which begin anew", function()
  local t = support.trainer()
  t:run(10)
  local before = t:hash()
  local function make(model) return optim.AdamW(model:parameters(), {lr = 0.002}) end
  for _, given in ipairs {{name = "SGD", lr = 0.002}, make} do
    local fork = t:fork {optim = given}
    test.equal({fork.step_count, fork.lr, next(fork.optimizers[1].state)}, {10, 0.002, nil})
    test.equal(#fork.log.loss, 10)
    fork:run()
    test.equal(fork.step_count, 30)
  end
  test.equal(t:fork({lr = 0.002}).lr, 0.002)
  test.equal(t:hash(), before)
  test.raises(function() t:fork {optim = make(t.model)} end, "t:fork: parameter 1 of the optimizers is not one of the model, which is a copy")
end)

test("a fork may have other data, or another batch of the same", function()
  local t = support.trainer()
  t:run(10)
  local more = t:fork {data = support.tokens()}
  test.equal({more.loader.B, more.loader.T, more.loader.step, more.step_count}, {4, 16, 0, 10})
  local wide = t:fork {B = 2}
  test.equal({wide.loader.B, wide.loader.T, wide.loader.tokens == t.loader.tokens}, {2, 16, true})
  wide:run(1)
  test.equal(t:fork():run(1), t:run(1))
end)

test("without optim a GPT trains as it should at small batches", function()
  local function run(make)
    local t = support.trainer {optim = make, schedule = schedule.constant()}
    return t:run(), t.lr
  end
  local own, lr = run(function() return nil end)
  test.close(lr, 0.01 * math.sqrt(768 / 32), 1e-12)
  local notebook = run(function(m)
    local adamw, muon = require "gt.optim".recipe(m, 0.2)
    return {adamw, muon}
  end)
  assert(own < 0.8 * notebook, own .. " " .. notebook)
end)

test("t.val_loss is what the last evaluation found, also after going back", function()
  local folder = support.folder()
  local t = support.trainer {val = support.tokens(), eval_every = 10, save_every = 10, folder = folder}
  test.equal(t.val_loss, nil)
  t:run(20)
  test.equal(t.val_loss, t:eval())
  t:run()
  t:rewind(10)
  test.equal(t.val_loss, t:eval())
  t:close()
  support.remove(folder)
end)

test("what stops a run behind a step finds the step in the log", function()
  local step = require "gt.train.step"
  local attempt = step.attempt
  local t = support.trainer()
  step.attempt = function(self)
    attempt(self)
    if self.step_count == 5 then error "stopped here" end
  end
  test.raises(function() t:run() end, "stopped here")
  step.attempt = attempt
  test.equal(#t.log.step, 5)
  t:resume()
  test.equal(t.log.loss, losses)
  test.equal(t:hash(), want)
end)

test("several steps are no argument of t:step", function()
  local t = support.trainer()
  test.raises(function() t:step(5) end, "t:step: is one step; t:run(n) does n of them, got 5")
  test.equal(t.step_count, 0)
end)

test("a save with a path is refused: it would not go there", function()
  test.raises(function() support.trainer():save "model.safetensors" end, "t:save: takes no path")
end)

test("a trainer shows the batches that it makes of tokens", function()
  test.equal(tostring(support.trainer()):match "step.*$", "step 0/30, batches 4 x 16)")
end)
