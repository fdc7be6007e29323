-- One benchmark job, the peer of job.py.  Prints: seconds peak_bytes check.
local job = arg[1]

local FULL = {hidden_dim = 1024, n_layers = 24, n_heads = 8, vocab_size = 32768, sequence_len = 1024}
local S4 = {hidden_dim = 512, n_layers = 11, n_heads = 8, n_kv_heads = 4, vocab_size = 1024, sequence_len = 1024}
local SWEEP = {n_layers = 2, vocab_size = 256, sequence_len = 32}
local SMALL = {hidden_dim = 256, n_layers = 4, n_heads = 2, vocab_size = 1024, sequence_len = 1024}

local function tokens(vocab, length, shift)
  return ((torch.arange(length) * 7919 + shift) % vocab):unsqueeze(0)
end

local function timed(run, warm, count)
  for _ = 1, warm do run() end
  local seconds = {}
  for i = 1, count do
    local start = torch.perf_counter()
    run()
    seconds[i] = torch.perf_counter() - start
  end
  table.sort(seconds)
  return seconds[(count + 1) // 2]
end

--- The same weights on both sides: see fill in job.py.
local function fill(model)
  local _ <close> = torch.no_grad()
  local n = 0
  for _, p in model:named_parameters() do
    local flat, scale, step = p:view(-1), 3.4641 / p:size(1) ^ 0.5, 1 << 20
    for start = 0, #flat - 1, step do
      local stop = math.min(start + step, #flat)
      torch.tidy(function() -- frees what it makes at once, as Python's counting does
        local i = torch.arange(start, stop)
        flat:slice(0, start, stop):copy_((((i * 40503 + n * 9973) % 65536) / 65536 - 0.5) * scale)
      end)
    end
    n = n + 1
  end
end

local function construct()
  local start = torch.perf_counter()
  GPT(GPTConfig(FULL)):init_weights()
  return torch.perf_counter() - start, 0.0
end

local function forward()
  local model, idx = GPT(GPTConfig(FULL)), tokens(FULL.vocab_size, FULL.sequence_len, 1)
  fill(model)
  local _ <close> = torch.no_grad()
  local check = model(idx)["0, -1"]:abs():mean():item()
  return timed(function() model(idx) end, 1, 3), check
end

--- Steps of a GPT on one sequence: `warm` untimed ones, then `count`.
local function step(config, ns_dtype, warm, count, autocast)
  local model = GPT(GPTConfig(config))
  fill(model)
  local idx, targets = tokens(config.vocab_size, config.sequence_len, 1), tokens(config.vocab_size, config.sequence_len, 7920)
  local function evaluate() return model(idx, targets) end
  local adamw = optim.AdamW({model.token_embedding.weight}, {lr = 0.02, betas = {0.8, 0.95}, eps = 1e-10, weight_decay = 0.0})
  local muon = optim.Muon(list(model.blocks:parameters()), {lr = 0.02, ns_dtype = ns_dtype})
  local losses = {}
  local seconds = timed(function()
    local loss = autocast and torch.autocast("bf16", evaluate) or evaluate()
    loss:backward()
    adamw:step()
    muon:step()
    model:zero_grad()
    losses[#losses + 1] = loss:item()
  end, warm, count)
  return seconds, losses[3]
end

--- Single calls, which take a hundredth of a second and less: the median of many.
local function pattern(n, ...)
  local i = torch.arange(n)
  return (((i * 40503 % 65536) / 65536 - 0.5) * 2):view(...)
end

local function calls(make)
  local run, check = make()
  return timed(function() torch.tidy(run) end, 5, 41), check:to(torch.float32):abs():mean():item()
end

local function linear_job(M, N, K, dtype)
  return function()
    local _ <close> = torch.no_grad()
    local x, w = pattern(M * K, M, K):to(dtype), pattern(N * K, N, K):to(dtype)
    return function() F.linear(x, w) end, F.linear(x, w)
  end
end

local function attention_job(dtype)
  return function()
    local _ <close> = torch.no_grad()
    local x = pattern(8 * 1024 * 128, 1, 8, 1024, 128):to(dtype)
    local function run() return F.scaled_dot_product_attention(x, x, x, {is_causal = true}) end
    return run, run()
  end
end

local function newton_schulz_job(dtype)
  return function()
    local _ <close> = torch.no_grad()
    local g = pattern(1024 * 1024, 1024, 1024)
    local function run() return torch.newton_schulz(g, {dtype = dtype}) end
    return run, run()
  end
end

--- Batches of 8 rows as a loader, the same on both sides: squares, a quarter of them replaced by noise.
local function batches(steps)
  local xs, ys = {}, {}
  for s = 1, steps do
    local i = torch.arange(8 * 33) + s * 4099
    local rows = torch.where((i * 40503 % 65536):lt(16384), i * 7919 % 256, (i % 97) * (i % 97) % 251):view(8, 33)
    xs[s], ys[s] = rows[":, :-1"]:contiguous(), rows[":, 1:"]:contiguous()
  end
  local at = 0
  return {
    next = function()
      at = at + 1
      return xs[at], ys[at]
    end,
    state = function() return at end,
    load_state = function(_, place) at = place end,
  }
end

--- A sweep of 8 rates at 3 widths with AdamW, a point's score the mean of its last losses.
local function sweep_job()
  local steps = 80
  local data, start = batches(steps), torch.perf_counter()
  local r = sweep {
    lr = pow2(-11, -4), width = {32, 64, 128}, data = data, steps = steps, limit = 1e9, progress = false,
    schedule = function(done) return math.min(1, (done + 1) / 8, (steps - done) / 32) end,
    optim = {name = "AdamW", betas = {0.9, 0.95}, weight_decay = 0.0},
    model = function(point)
      local config = {hidden_dim = point.width, n_heads = point.width // 32}
      for key, value in pairs(SWEEP) do config[key] = value end
      local model = GPT(GPTConfig(config))
      fill(model)
      return model
    end,
  }
  local losses = {}
  for i, point in ipairs(r.points) do losses[i] = f"{point.loss:.6f}" end
  return torch.perf_counter() - start, table.concat(losses, ",")
end

local bf16 = torch.bfloat16
local jobs = {
  ["linear-f32"] = function() return calls(linear_job(1024, 1024, 1024, torch.float32)) end,
  ["linear-high"] = function()
    torch.set_float32_matmul_precision("high")
    return calls(linear_job(1024, 1024, 1024, torch.float32))
  end,
  ["linear-bf16"] = function() return calls(linear_job(1024, 1024, 1024, bf16)) end,
  ["wide-bf16"] = function() return calls(linear_job(1024, 3072, 1024, bf16)) end,
  ["tall-bf16"] = function() return calls(linear_job(4096, 512, 512, bf16)) end,
  ["attention-f32"] = function() return calls(attention_job(torch.float32)) end,
  ["attention-bf16"] = function() return calls(attention_job(bf16)) end,
  ["ns-f32"] = function() return calls(newton_schulz_job(torch.float32)) end,
  ["ns-bf16"] = function() return calls(newton_schulz_job(bf16)) end,
  sweep = sweep_job,
  construct = construct,
  forward = forward,
  ["step-f32"] = function() return step(SMALL, "f32", 3, 9) end,
  ["step-bf16"] = function() return step(SMALL, "bf16", 3, 9) end,
  ["step-auto"] = function() return step(SMALL, "bf16", 3, 9, true) end,
  ["s4-f32"] = function() return step(S4, "f32", 1, 4) end,
  ["s4-auto"] = function() return step(S4, "bf16", 1, 4, true) end,
  ["s2-f32"] = function() return step(FULL, "f32", 1, 2) end,
  ["s2-auto"] = function() return step(FULL, "bf16", 1, 2, true) end,
  import = function() return 0.0, 0.0 end,
}
local run = assert(jobs[job], "usage: job.lua JOB, one of those of bench.lua")
local seconds, check = run()
local peak = 0
for line in io.lines "/proc/self/status" do
  local kb = line:match "^VmHWM:%s+(%d+)"
  if kb then peak = tonumber(kb) * 1024 end
end
print(f"{seconds} {peak} {check}")
