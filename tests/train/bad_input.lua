-- Bad data and bad settings: one clear line each, and nothing is half applied.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local folder = support.folder()
os.execute("mkdir -p " .. folder .. "/empty")
local _ <close> = setmetatable({}, {__close = function() support.remove(folder) end})

local function shard(magic, ...)
  local count = select("#", ...)
  return string.pack("<I4I4I4", magic, 1, count) .. ("\0"):rep(1012) .. string.pack(("<" .. ("I2"):rep(count)), ...)
end
local files = {
  ["short.bin"] = shard(20240520, 1, 2, 3):sub(1, -3), ["header.bin"] = shard(20240520, 1, 2, 3):sub(1, 500),
  ["magic.bin"] = shard(20240521, 1, 2, 3), ["large.bin"] = shard(20240520, 1, 300, 3), ["empty.bin"] = "",
  ["odd.bin"] = "\0\1\2", ["nul.txt"] = "ab\0c", ["latin.txt"] = "caf\xe9", ["empty.txt"] = "", ["short.txt"] = "short",
}
for name, bytes in pairs(files) do support.write(folder .. "/" .. name, bytes) end

-- code -> what its one line must hold; D: the folder, S: tests/train/support.lua
local cases = {
  {"data.open(D .. 'short.bin')", "short.bin: truncated: expected 1030 bytes for 3 tokens, got 1028"},
  {"data.open(D .. 'header.bin')", "header.bin: truncated: expected a header of 1024 bytes, got 500"},
  {"data.open(D .. 'magic.bin')", "magic.bin: offset 0: expected magic 20240520 or 20240801, got 20240521"},
  {"data.tokens(D .. 'large.bin', {vocab_size = 256})", "large.bin: offset 1026: expected ids below 256, got 300"},
  {"train.new(S.options {data = data.open(D .. 'large.bin'), B = 1, T = 2})",
   "train.new: expected ids below 256, the vocab_size of the model, got 300 in data"},
  {"train.new(S.options {val = data.open(D .. 'large.bin')})",
   "train.new: expected ids below 256, the vocab_size of the model, got 300 in val"},
  {"data.tokens(D .. 'empty.bin')", "empty.bin: file is empty"},
  {"data.open(D .. 'odd.bin')", "odd.bin: expected ids of 2 bytes each, got 3 bytes"},
  {"data.open(D .. 'none.bin')", "none.bin': No such file or directory"},
  {"data.open(D .. 'nul.txt')", "nul.txt: offset 2: a NUL byte: this is not text"},
  {"data.text(D .. 'latin.txt')", "latin.txt: offset 3: invalid UTF-8; {utf8 = false} takes the bytes as they are"},
  {"data.open(D .. 'latin.txt')", "latin.txt: offset 3: invalid UTF-8"},
  {"data.text(D .. 'empty.txt')", "empty.txt: no text: it is empty"},
  {"data.text(D .. 'empty')", "empty: expected text files in this folder, found none"},
  {"data.text {text = ''}", "data.text: no text: it is empty"},
  {"train.new(S.options {optim = {lr = 0}})", "train.new: expected a learning rate > 0 for group 1 of AdamW, got 0.0"},
  {"train.new(S.options {optim = {lr = -1}})", "AdamW: lr expects a number >= 0 and finite, got -1"},
  {"train.new(S.options {optim = {lr = 0/0}})", "AdamW: lr expects a number >= 0 and finite, got nan"},
  {"train.new(S.options {optim = {lr = 'fast'}})", "AdamW: lr expects a number >= 0 and finite, got 'fast'"},
  {"train.new(S.options {schedule = function() return 0/0 end}):step()", "expected the schedule at step 0 to be a number >= 0, got nan"},
  {"data.text(D .. 'short.txt'):loader {B = 4, T = 16}", "loader: expected at least B * T + 1 = 65 tokens for a batch, got 5"},
  {"train.new(S.options {data = data.text(D .. 'short.txt'), B = 100})", "loader: expected at least B * T + 1 = 1601 tokens for a batch, got 5"},
  {"train.new(S.options {data = S.tokens(), B = 0})", "train.new: B expects an integer >= 1, got 0"},
}

test("bad data and settings are told in one line each", function()
  local setup = ("package.path = 'tests/?.lua;' .. package.path; S, D = require 'train.support', '%s/'; "):format(folder)
  for _, case in ipairs(cases) do
    local file = folder .. "/case.lua"
    support.write(file, setup .. case[1])
    local out, code = support.shell(("'%s' -e \"$(cat %s)\" 2>&1"):format(GPTSH, file))
    if code ~= 1 or select(2, out:gsub("\n", "")) ~= 1 or not out:find(case[2], 1, true) then
      test.fail(f"{case[1]}: exit status {code}: {out}")
    end
  end
end)

test("a bad setting in the middle of a run changes nothing", function()
  local straight = support.trainer()
  straight:run(6)
  local t = support.trainer()
  t:run(3)
  local before = t:hash()
  local group = t.optimizers[1].param_groups[1]
  for _, bad in ipairs {0 / 0, -1, 1 / 0, "fast", true} do
    test.equal(pcall(function() t.lr = bad end), false)
    test.equal(pcall(function() group.lr = bad end), false)
    t.schedule = function() return bad end
    test.raises(function() t:step() end, "expected the schedule at step 3 to be a number >= 0")
    t.schedule = straight.schedule
    test.equal(t:hash(), before)
    test.equal(t.step_count, 3)
  end
  t:run(3)
  test.equal(t:hash(), straight:hash())
end)

test("ids are looked at only where the model could not know them, and small ones pass", function()
  local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 128, sequence_len = 8}
  model:init_weights()
  local t = support.trainer {model = model, data = data.text {text = ("plain "):rep(20)}, B = 1, T = 8}
  t:step()
  test.raises(function() support.trainer {model = model, data = data.text {text = ("caf\u{e9} "):rep(20)}, B = 1, T = 8} end,
              "expected ids below 128, the vocab_size of the model, got 195 in data")
end)

test("a field that is set while the trainer lives is checked as an option is, before anything is updated", function()
  for _, row in ipairs {
    {"steps", "x", "steps expects an integer >= 1, got 'x'"}, {"clip", 0, "clip expects a number > 0 or false, got 0"},
    {"accumulate", 0, "accumulate expects an integer >= 1, got 0"}, {"accumulate", nil, "accumulate is missing"},
    {"log_every", nil, "log_every is missing"}, {"save_every", 0, "save_every expects an integer >= 1, got 0"},
    {"schedule", 3, "schedule expects a function, got 3"}, {"on_step", 3, "on_step expects a function, got 3"},
    {"autocast", "fp8", [[autocast expects "bf16" or "f16", got 'fp8']]}, {"seed", "x", "seed expects an integer, got 'x'"},
    {"val", "x", "expected val to be tokens, got 'x'"}, {"model", 3, "model expects a module, got 3"},
    {"progress", 1, "progress expects true or false, got 1"},
  } do
    local t = support.trainer()
    local before, old = t:hash(), t[row[1]]
    t[row[1]] = row[2]
    test.raises(function() t:run(2) end, "train: " .. row[3])
    test.raises(function() t:step() end, "train: " .. row[3])
    t[row[1]] = old
    test.equal(t.step_count, 0)
    test.equal(t:hash(), before)
  end
  local t = support.trainer {on_step = function(t) t.clip = -1 end}
  test.raises(function() t:run(3) end, "train: clip expects a number > 0 or false, got -1")
  test.equal(t.step_count, 1)
end)

test("a function for optim that answers nothing is refused by what it answers", function()
  test.raises(function() support.trainer {optim = function() end} end,
              "train.new: expected the function optim to answer an optimizer or a list of them, got nothing")
end)
