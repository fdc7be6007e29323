-- make bench: every claim as a ratio to PyTorch on this machine in this run, pair by pair; without PyTorch the gptsh column.
-- usage: gptsh tests/bench/bench.lua GPTSH PYTHON [JOB…]
-- PEERS="stock compiled" picks columns, PAIRS=3 sets the number of pairs.
-- Peers: stock (eager), tuned (jemalloc with huge pages preloaded where installed), compiled (torch.compile); of the sweep
-- a loop on all cores and a process per core.  The headline ratio is against the fastest of them.  Order of runs alternates (ABBA), figures are medians of per-pair ratios.

local GPTSH, PYTHON = arg[1], arg[2]
local here = arg[0]:match "^(.*)/" or "."

local JOBS = {
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

print(f"peer: {versions ~= '' and 'PyTorch ' .. versions or 'none found (set PYTHON=)'}, {torch.get_num_threads()} threads, CPU level {torch.backends.cpu.get_cpu_capability()}")
print(f"{'job':<32} {'peer':<9} {'gptsh s':>9} {'peer s':>9} {'faster':>8} {'spread':>15} {'memory':>8}")
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
        print(f"{job.title:<32} {peer.name:<9} {r.ours:>9.4f} {r.theirs:>9.4f} {r.ratio:>7.2f}x {f'{r.low:.2f}-{r.high:.2f}':>15} {r.memory:>7.2f}x")
      else
        print(f"{job.title:<32} {peer.name:<9} void: {why}")
      end
    end
  end
end
