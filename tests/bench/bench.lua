-- make bench: every claim as a ratio to PyTorch on this machine in this run, pair by pair; without PyTorch the gptsh column.
-- usage: gptsh tests/bench/bench.lua GPTSH PYTHON [JOB…]
-- PEERS="stock compiled" picks columns, PAIRS=3 sets the number of pairs.
-- LEVEL=v3 runs both sides on that CPU level: gptsh by GPTSH_CPU, PyTorch's libraries by their own variables.
-- A row is won or lost when all its pairs say so, else even.
-- Peers: stock (eager), tuned (jemalloc with huge pages preloaded where installed), compiled (torch.compile); of the sweep
-- a loop on all cores and a process per core.  The headline ratio is against the fastest of them.  Order of runs alternates (ABBA), figures are medians of per-pair ratios.

local GPTSH, PYTHON = arg[1], arg[2]
local here = arg[0]:match "^(.*)/" or "."

local JOBS = {
  {name = "linear-f32",     title = "linear 1024x1024x1024, fp32",  pairs = 5, gate = 1e-4},
  {name = "linear-high",    title = "the same, precision high",     pairs = 5, gate = 1e-4},
  {name = "linear-bf16",    title = "linear 1024x1024x1024, bf16",  pairs = 5, gate = 1e-3},
  {name = "wide-bf16",      title = "linear 1024x3072x1024, bf16",  pairs = 5, gate = 1e-3},
  {name = "tall-bf16",      title = "linear 4096x512x512, bf16",    pairs = 5, gate = 1e-3},
  {name = "attention-f32",  title = "attention 8x1024x128, fp32",   pairs = 5, gate = 1e-4},
  {name = "attention-bf16", title = "attention 8x1024x128, bf16",   pairs = 5, gate = 1e-2},
  {name = "ns-f32",         title = "Newton-Schulz 1024, fp32",     pairs = 5, gate = 1e-3},
  {name = "ns-bf16",        title = "Newton-Schulz 1024, bf16",     pairs = 5, gate = 5e-2},
  {name = "import",    title = "start to first output",              pairs = 5, whole = true},
  {name = "construct", title = "construct + init, 285M",             pairs = 3},
  {name = "forward",   title = "forward (1, 1024), 285M, fp32",      pairs = 3, compile = true, gate = 1e-4},
  {name = "step-f32",  title = "train step, 4x256, NS fp32",         pairs = 5, compile = true, gate = 1e-4},
  {name = "step-bf16", title = "train step, 4x256, NS bf16",         pairs = 5, compile = true, gate = 5e-3},
  {name = "step-auto", title = "train step, 4x256, bf16 autocast",   pairs = 5, compile = true, gate = 1e-2},
  {name = "s4-f32",    title = "train step, 11x512, NS fp32",        pairs = 3, compile = true, gate = 1e-4},
  {name = "s4-auto",   title = "train step, 11x512, bf16 autocast",  pairs = 1, compile = true, gate = 1e-2},
  {name = "s2-f32",    title = "train step, 285M, NS fp32",          pairs = 1, compile = true, gate = 1e-4},
  {name = "s2-auto",   title = "train step, 285M, bf16 autocast",    pairs = 1, compile = true, gate = 1e-2},
  {name = "sweep",     title = "sweep, 24 GPTs 32-128 wide",         pairs = 3, variants = {"loop", "processes"}, gate = 5e-3},
}

-- What makes PyTorch's libraries (oneDNN, MKL, its own kernels) use no more than a CPU level has.
local HELD = {
  v2 = "ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 ATEN_CPU_CAPABILITY=default",
  v3 = "ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2",
  v4 = "ONEDNN_MAX_CPU_ISA=AVX512_CORE MKL_ENABLE_INSTRUCTIONS=AVX512 ATEN_CPU_CAPABILITY=avx512",
  bf16 = "ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 MKL_ENABLE_INSTRUCTIONS=AVX512 ATEN_CPU_CAPABILITY=avx512",
}
local LEVEL = os.getenv "LEVEL"
if LEVEL then
  if not HELD[LEVEL] then error("LEVEL: expected v2, v3, v4 or bf16, got " .. LEVEL, 0) end
  GPTSH, PYTHON = f"env GPTSH_CPU={LEVEL} {GPTSH}", f"env {HELD[LEVEL]} {PYTHON}"
end

local function shell(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function median(values)
  table.sort(values)
  local n = #values
  return n % 2 == 1 and values[(n + 1) // 2] or (values[n // 2] + values[n // 2 + 1]) / 2
end

--- Runs one child; returns seconds, peak bytes, a list of values to check, or nil when it failed.
local function once(command, whole)
  local start = torch.perf_counter()
  local text = shell(command)
  local wall = torch.perf_counter() - start
  local seconds, peak, check = text:match "(%S+) (%S+) (%S+)%s*$"
  if not seconds then return nil end
  local values = {}
  for value in check:gmatch "[^,]+" do values[#values + 1] = tonumber(value) end
  return whole and wall or tonumber(seconds), tonumber(peak), values
end

--- Are two lists of numbers equal to a relative error?
local function agree(a, b, tolerance)
  for i, value in ipairs(b) do
    if not (math.abs((a[i] or 1 / 0) - value) <= tolerance * math.abs(value)) then return false end
  end
  return #a == #b
end

local versions = shell(f"{PYTHON} -c 'import torch; print(torch.__version__)'"):gsub("%s+$", "")

local function peers(job)
  if versions == "" then return {} end
  local list = {}
  for i, variant in ipairs(job.variants or {}) do
    list[i] = {name = variant, command = f"{PYTHON} {here}/job.py {job.name} {variant}"}
  end
  if job.variants then return list end
  list = {{name = "stock", command = f"{PYTHON} {here}/job.py {job.name}"}}
  local jemalloc = shell "ls /usr/lib/*/libjemalloc.so.2":match "%S+"
  if jemalloc then
    local settings = "MALLOC_CONF=thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1"
    list[2] = {name = "tuned", command = f"env LD_PRELOAD={jemalloc} {settings} {PYTHON} {here}/job.py {job.name}"}
  end
  if job.compile then
    list[#list + 1] = {name = "compiled", command = f"{PYTHON} {here}/job.py {job.name} compile"}
  end
  local wanted, picked = os.getenv "PEERS" or "stock tuned compiled", {}
  for _, peer in ipairs(list) do
    if wanted:find(peer.name, 1, true) then picked[#picked + 1] = peer end
  end
  return picked
end

local function compare(job, peer)
  local mine = f"{GPTSH} {here}/job.lua {job.name}"
  local ratios, memory, ours, theirs = {}, {}, {}, {}
  for i = 1, tonumber(os.getenv "PAIRS") or job.pairs do
    local a, a_peak, a_check, b, b_peak, b_check
    if i % 2 == 1 then
      a, a_peak, a_check = once(mine, job.whole)
      b, b_peak, b_check = once(peer.command, job.whole)
    else
      b, b_peak, b_check = once(peer.command, job.whole)
      a, a_peak, a_check = once(mine, job.whole)
    end
    if not a or not b then return nil, (a and peer.name or "gptsh") .. " failed" end
    if job.gate and not agree(a_check, b_check, job.gate) then
      return nil, f"results differ: {table.concat(a_check, ',')} and {table.concat(b_check, ',')}"
    end
    ratios[i], memory[i], ours[i], theirs[i] = b / a, b_peak / a_peak, a, b
  end
  local ratio = median(ratios)
  return {ratio = ratio, low = ratios[1], high = ratios[#ratios], memory = median(memory), ours = median(ours), theirs = median(theirs)}
end

local wanted = {}
for i = 3, #arg do wanted[arg[i]] = true end

local cpu = shell "grep -m1 'model name' /proc/cpuinfo":match ":%s*(.-)%s*$" or "unknown CPU"
local level = shell(f"{GPTSH} -e 'print(torch.backends.cpu.get_cpu_capability())'"):gsub("%s+$", "")
print(f"{cpu}, {torch.get_num_threads()} threads, CPU level {level}; peer: {versions ~= '' and 'PyTorch ' .. versions or 'none found (set PYTHON=)'}")
print(f"{'job':<32} {'peer':<9} {'gptsh s':>9} {'peer s':>9} {'faster':>8} {'spread':>13}  {'':<4} {'memory':>7}")
for _, job in ipairs(JOBS) do
  if not next(wanted) or wanted[job.name] then
    local list = peers(job)
    if #list == 0 then
      local seconds = once(f"{GPTSH} {here}/job.lua {job.name}", job.whole)
      print(f"{job.title:<32} {'-':<9} {seconds:>9.4f}")
    end
    for _, peer in ipairs(list) do
      local r, why = compare(job, peer)
      if r then
        local verdict = r.low > 1 and "won" or r.high < 1 and "lost" or "even"
        print(f"{job.title:<32} {peer.name:<9} {r.ours:>9.4f} {r.theirs:>9.4f} {r.ratio:>7.2f}x {f'{r.low:.2f}-{r.high:.2f}':>13}  {verdict:<4} {r.memory:>6.2f}x")
      else
        print(f"{job.title:<32} {peer.name:<9} void: {why}")
      end
    end
  end
end
