-- make bench-text TEXT=file [PYTHON=… NANOGPT=folder]: training on a text to its validation loss, by two recipes, beside
-- nanoGPT itself (a clone of github.com/karpathy/nanoGPT) with its README's settings for small CPUs.
-- usage: gptsh tests/bench/text.lua GPTSH PYTHON TEXT NANOGPT [STEPS]
-- nanoGPT runs with one and with two threads; the headline ratio is against the faster.  Losses of both are over the whole
-- last tenth of the text, in windows of 64 one after the other, not nanoGPT's own estimate from 20 batches.

local GPTSH, PYTHON, TEXT, NANOGPT = arg[1], arg[2], arg[3], arg[4]
local STEPS = tonumber(arg[5] or 2000)
local here = arg[0]:match "^(.*)/" or "."

local function shell(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function fail(format, ...)
  io.stderr:write("bench-text: ", format:format(...), "\n")
  os.exit(1)
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then fail("cannot read '%s': TEXT=FILE names the text to train on", path) end
  local text = file:read "a"
  file:close()
  return text
end

local function row(name, threads, seconds, loss, ratio)
  print(f"{name:<26} {threads:>7} {seconds:>9.1f} {loss:>9.4f} {ratio and f'{ratio:.2f}x' or '':>9}")
end

-- ---- nanoGPT ----

--- The text as nanoGPT's prepare.py leaves it: ids of its sorted characters as uint16, and their number in meta.pkl.
local function prepare(folder)
  shell(f"mkdir -p {folder}")
  local train_part, val_part = data.text(TEXT, {tokenizer = "chars"}):split(0.9)
  train_part:save(folder .. "/train.bin", {format = "nanogpt"})
  val_part:save(folder .. "/val.bin", {format = "nanogpt"})
  local write = f"import pickle; pickle.dump(dict(vocab_size={train_part.vocab_size}), open('{folder}/meta.pkl', 'wb'))"
  shell(f'{PYTHON} -c "{write}"')
end

local settings = "--device=cpu --compile=False --eval_iters=20 --log_interval=1000 --block_size=64 --batch_size=12 " ..
  "--n_layer=4 --n_head=4 --n_embd=128 --dropout=0.0 --dataset=gptsh_text --eval_interval=" .. STEPS ..
  " --max_iters=" .. STEPS .. " --lr_decay_iters=" .. STEPS .. " --always_save_checkpoint=True"

local function nanogpt(threads)
  local out = os.tmpname()
  local start = torch.perf_counter()
  local text = shell(f"cd {NANOGPT} && env OMP_NUM_THREADS={threads} {PYTHON} train.py config/train_shakespeare_char.py " ..
    f"{settings} --out_dir={out}.d")
  local seconds = torch.perf_counter() - start
  local answer = shell(f"{PYTHON} {here}/nanogpt_loss.py {NANOGPT} {out}.d/ckpt.pt {NANOGPT}/data/gptsh_text/val.bin")
  shell(f"rm -rf {out} {out}.d")
  local loss = tonumber(answer:match "(%S+)%s*$")
  if not loss then fail("nanoGPT said: %s", (text .. answer):sub(-300)) end
  return seconds, loss
end

-- ---- gptsh ----

local function gptsh(recipe, threads)
  local text = shell(f"{GPTSH} --threads {threads} {here}/text_job.lua {recipe} {TEXT} {STEPS}")
  local seconds, _, loss = text:match "(%S+)%s+(%S+)%s+(%S+)%s*$"
  if not tonumber(loss) then fail("gptsh said: %s", text:sub(-300)) end
  return tonumber(seconds), tonumber(loss)
end

read(TEXT)
print(f"{STEPS} steps of 12 x 64 characters of {TEXT}; seconds of the whole process, loss on the last tenth")
print(f"{'recipe':<26} {'threads':>7} {'seconds':>9} {'val loss':>9} {'faster':>9}")
local best
if NANOGPT ~= "" then
  prepare(NANOGPT .. "/data/gptsh_text")
  for threads = 1, 2 do
    local seconds, loss = nanogpt(threads)
    best = math.min(best or seconds, seconds)
    row("nanoGPT", threads, seconds, loss)
  end
end
for _, recipe in ipairs {"nanogpt", "autocast", "scaled", "notebook"} do
  for threads = 1, 2 do
    local seconds, loss = gptsh(recipe, threads)
    row("gptsh, " .. recipe .. " recipe", threads, seconds, loss, best and best / seconds)
  end
end
