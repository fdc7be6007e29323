-- Monitors: numbers against known singular values and updates done by hand; nothing changes; logs and rewinds.
local test = require "harness"
local json = require "json"
local spectral_norm = require "gt.spectral_norm"
local support = require "train.support"

local F64 = {dtype = torch.float64}

--- A matrix U diag(s) V^T with orthonormal columns in U and V.
local function with_singular_values(rows, columns, s)
  torch.manual_seed(3)
  local u = nn.init.orthogonal_(torch.empty(rows, #s, F64))
  local v = nn.init.orthogonal_(torch.empty(columns, #s, F64))
  return (u * torch.tensor(s, F64)):matmul(v:t())
end

test("the spectral norm is the largest singular value", function()
  for _, s in ipairs {{3, 2.9, 1}, {1e-6, 5e-7}, {7}, {2, 2, 2, 0.5}, {1e8, 1}} do
    test.close((spectral_norm(with_singular_values(20, 13, s))) / s[1], 1, 1e-4)
    test.close((spectral_norm(with_singular_values(13, 20, s):float())) / s[1], 1, 1e-4)
  end
  -- [[1, 1], [0, 1]] has the golden ratio
  test.close((spectral_norm(torch.tensor({{1.0, 1.0}, {0.0, 1.0}}, F64))), (1 + math.sqrt(5)) / 2, 1e-6)
end)

test("of tensors with more dimensions, of halves, of zeros, of what is not finite", function()
  local w = with_singular_values(8, 12, {2, 1})
  test.close((spectral_norm(w:reshape(8, 3, 4))), 2, 1e-4)
  test.close((spectral_norm(w:bfloat16())), 2, 0.02)
  test.equal((spectral_norm(torch.zeros(4, 3))), 0.0)
  local sigma = spectral_norm(torch.full({2, 2}, 0 / 0))
  test.equal(sigma == sigma, false)
end)

test("a random matrix has 2 sqrt(n) to some per cent, and the last vector makes the next look short", function()
  torch.manual_seed(1)
  local w = torch.randn(200, 200)
  local sigma, v = spectral_norm(w)
  test.close(sigma / (2 * math.sqrt(200)), 1, 0.06) -- its largest value's own deviation is 2 %
  local gram = w:t():matmul(w):double() -- squared often enough, the largest value is all that is left of the trace
  local scale = 0.0
  for i = 1, 12 do
    local trace = gram:diagonal():sum():item()
    scale = scale + math.log(trace) / 2 ^ i
    gram = (gram / trace):matmul(gram / trace)
  end
  local exact = math.exp(scale / 1)
  test.close(sigma / exact, 1, 0.01)
  test.close((spectral_norm(w + 1e-4 * torch.randn(200, 200), v)) / exact, 1, 0.01)
end)

test("under muP the first change of hidden matrices has a norm that does not depend on the width", function()
  local function first_change(rule, width)
    torch.manual_seed(3)
    local model = GPT {hidden_dim = width, n_layers = 1, n_heads = width // 16, vocab_size = 64, sequence_len = 16}
    local p = reparam.new(rule, {base = 32})
    p:apply(p:init(model))
    local m, opt = train.monitor(model, {every = 1}), p:optimizers(model, {lr = 2 ^ -7})[1]
    local idx = torch.randint(0, 64, {4, 17})
    model(idx[":, :-1"]:contiguous(), idx[":, 1:"]:contiguous()):backward()
    return m:step(opt)["blocks.0.ff.proj_up.weight"].update_norm
  end
  test.close(first_change("mup", 128) / first_change("mup", 32), 1, 0.3)
  assert(first_change("standard", 128) / first_change("standard", 32) > 2.5)
end)

test("what it says of a step of SGD is what was done", function()
  torch.manual_seed(2)
  local model = nn.Linear(6, 4)
  local opt = optim.SGD(model:parameters(), {lr = 0.5})
  local m = train.monitor(model, {every = 1})
  model(torch.randn(10, 6)):square():mean():backward()
  local w, g = model.weight:detach():clone(), model.weight.grad:clone()
  local found = m:step(opt)
  local function rms(t) return math.sqrt(t:double():square():mean():item()) end
  test.close(found.weight.ratio, 0.5 * rms(g) / rms(w), 1e-6)
  test.close(found.weight.grad_rms, rms(g), 1e-7)
  test.close(found.weight.update_norm, 0.5 * spectral_norm(g), 1e-4)
  test.close(found.weight.weight_norm, (spectral_norm(w - 0.5 * g)), 1e-4)
  test.equal(found.bias.weight_norm, nil) -- vectors have none
  test.equal(m.log.tensors.weight.ratio, {found.weight.ratio})
end)

test("weights of zero and weights without gradient have no ratio", function()
  local model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
  nn.init.zeros_(model[0].weight)
  model[1].bias:requires_grad_(false)
  local m = train.monitor(model, {every = 1})
  model(torch.ones(2, 3)):sum():backward()
  m:step(optim.SGD({model[0].weight, model[1].weight}, {lr = 0.1}))
  test.equal(m.log.tensors["0.weight"].ratio, nil)
  test.equal(m.log.tensors["1.bias"], nil)
  test.equal(m.log.tensors["1.weight"].ratio[1] > 0, true)
  nn.init.zeros_(model[1].weight)
  m:before()
  test.equal(m:after()["1.weight"].ratio, nil)
end)

test("a monitored run has the bits of one without, and looks when it is said", function()
  local plain, watched = support.trainer {autocast = "bf16", ema = 0.9}, support.trainer {autocast = "bf16", ema = 0.9}
  local m = watched:monitor {every = 7}
  plain:run()
  watched:run()
  test.equal(watched:hash(), plain:hash())
  test.equal(m.log.step, {7, 14, 21, 28})
  test.equal(#m.log.tensors["blocks.1.ff.proj_up.weight"].update_norm, 4)
  test.equal(m:cost() > 0 and m:cost() < 1, true)
  watched:monitor(nil)
  test.equal(rawget(watched, "watch"), nil)
end)

test("only what is asked for is measured", function()
  local t = support.trainer {steps = 4}
  local m = t:monitor {every = 2, what = {"grad_rms"}}
  t:run()
  test.equal(m.log.tensors["token_embedding.weight"].ratio, nil)
  test.equal(#m.log.tensors["token_embedding.weight"].grad_rms, 2)
  test.equal(tostring(m):find("|W|2", 1, true), nil)
end)

test("looks are lines of the log, come back with it and go with a rewind", function()
  local folder = support.folder()
  local t = support.trainer {folder = folder, save_every = 10}
  local m = t:monitor {every = 5}
  t:run(20)
  local lines = 0
  for line in io.lines(folder .. "/log.jsonl") do
    local record = json.decode(line)
    if record.monitor then
      lines = lines + 1
      test.equal(record.step, 5 * lines)
      test.equal(record.monitor["lm_head.weight"] or record.monitor["token_embedding.weight"] ~= nil, true)
    end
  end
  test.equal(lines, 4)
  t:rewind(10)
  test.equal(m.log.step, {5, 10})
  t:close()
  local again = support.trainer {folder = folder, resume = true}
  test.equal(#again.log.step, 20)
  again:rewind(10)
  test.equal(#again.log.step, 10) -- steps and looks are told apart
  local kept = again:monitor {every = 5}
  test.equal({kept.log.step, kept.log.tensors}, {m.log.step, m.log.tensors})
  again:run(5)
  test.equal(kept.log.step, {5, 10, 15})
  again:close()
  support.remove(folder)
end)

test("a look that Ctrl-C stops is made when the run goes on", function()
  local t = support.trainer {steps = 6}
  local m = t:monitor {every = 3}
  local after, stopped = m.after, false
  m.after = function(...)
    if not stopped then
      stopped = true
      torch.debug.interrupt()
      torch.zeros(1):add(1)
    end
    return after(...)
  end
  test.raises(function() t:run() end, "interrupted")
  torch.debug.interrupt_clear()
  test.equal({t.step_count, #m.log.step}, {3, 0})
  t:resume()
  test.equal({t.step_count, m.log.step}, {6, {3, 6}})
end)

test("tables and figures", function()
  local t = support.trainer {steps = 6}
  local m = t:monitor {every = 2}
  test.equal(tostring(m), "monitor: every 2 steps; no look yet")
  test.raises(function() m:plot() end, "there is no look with such a number yet")
  t:run()
  local text = tostring(m)
  test.equal(text:match "^monitor: step 6, 3 looks, every 2; looking took [%d.]+ %% of the CPU time\n" ~= nil, true)
  test.equal(text:find("blocks.*.attn.key.weight", 1, true) ~= nil, true)
  for line in text:gmatch "[^\n]+" do
    if utf8.len(line) > 80 then test.fail(line) end
  end
  plot.sink = function() end
  local figure = m:plot {what = "weight_norm"}
  plot.sink = nil
  test.equal(#figure.curves, 7)
end)

local function refuses(name, fn, message)
  test("refuses " .. name, function() test.raises(fn, message) end)
end
refuses("no model", function() train.monitor(3) end, "model expects a module, got 3")
refuses("no steps", function() support.trainer():monitor {every = 0} end, "monitor: every expects an integer >= 1, got 0")
refuses("an unknown number", function() support.trainer():monitor {what = {"ration"}} end,
        "monitor: there is no 'ration' (did you mean 'ratio'?)")
refuses("to look at nothing", function() support.trainer():monitor {what = {}} end, "got an empty list")
refuses("an unknown option", function() support.trainer():monitor {evry = 2} end, "monitor has no argument 'evry'")
