-- Checkpoints: whole or not there, exact to the bit, and a clear word about what is damaged.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"

local straight = support.straight
local want, losses = straight()

--- Runs fn with a folder of its own, removed afterwards.
local function with_folder(fn)
  local folder = support.folder()
  local ok, message = pcall(fn, folder)
  support.remove(folder)
  if not ok then error(message, 0) end
end

local function names_in(folder)
  local names = {}
  for name in support.shell("ls -A '" .. folder .. "'"):gmatch "[^\n]+" do names[#names + 1] = name end
  return table.concat(names, " ")
end

test("a run that is saved, dropped and opened again ends with the same bits and the same log", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, ema = 0.9}
    t:run(12)
    t:save()
    local hash = t:hash()
    t:run(3) -- lost: it was not saved
    local o = support.options()
    local again = train.open(folder, {data = o.data, progress = false})
    test.equal(again:hash(), hash)
    test.equal(again.step_count, 12)
    test.equal(tostring(again.schedule), tostring(o.schedule))
    again:run()
    test.equal(again.log.loss, losses)
    test.equal(again:hash(), (straight {ema = 0.9}))
    test.equal(names_in(folder), ".lock log.jsonl step-000012 step-000030")
  end)
end)

test("resume = true begins a run, and goes on with one that is there", function()
  with_folder(function(folder)
    local o = {folder = folder, resume = true, save_every = 10}
    local t = support.trainer(o)
    t:run(17)
    t = support.trainer(o)
    test.equal(t.step_count, 10)
    t:run()
    test.equal(t:hash(), want)
    test.equal(t.log.loss, losses)
  end)
end)

test("resume with other optimizers or another batch says what the run was saved with", function()
  with_folder(function(folder)
    support.trainer({folder = folder, save_every = 10}):run(10)
    local function refused(message, more)
      more.folder, more.resume = folder, true
      test.raises(function() support.trainer(more) end, message)
    end
    local function two(model)
      local weights = list(model:parameters())
      return {optim.AdamW {table.remove(weights)}, optim.Muon(weights)}
    end
    refused("expected the optimizers it was saved with, AdamW; got AdamW and Muon", {optim = two})
    refused("saved with B = 4, this loader has 2", {data = support.tokens(), B = 2, T = 16})
  end)
end)

test("a folder with a run is not written over without being told", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder}
    t:run()
    test.raises(function() support.trainer {folder = folder} end, "holds a run, up to step 30: resume = true continues it, overwrite = true")
    local fresh = support.trainer {folder = folder, overwrite = true, steps = 3}
    test.equal(fresh.step_count, 0)
    test.equal(names_in(folder), ".lock log.jsonl step-000030")
    fresh:run()
    test.equal(names_in(folder), ".lock log.jsonl step-000003")
  end)
end)

test("keep = 2 leaves the last two", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 5, keep = 2}
    t:run()
    test.equal(names_in(folder), ".lock log.jsonl step-000025 step-000030")
  end)
end)

test("rewind goes back to a checkpoint and forgets what came after it", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 10}
    t:run()
    t:rewind(10)
    test.equal(t.step_count, 10)
    test.equal(#t.log.step, 10)
    test.equal(names_in(folder), ".lock log.jsonl step-000010 step-000020 step-000030")
    t:run()
    test.equal(t:hash(), want)
    test.equal(names_in(folder), ".lock log.jsonl step-000010 step-000020 step-000030")
    test.raises(function() t:rewind(15) end, "no checkpoint of step 15 in")
  end)
end)

test("another process cannot write into a folder in use", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder}
    local script = ([[package.path = "tests/?.lua;" .. package.path
      require("train.support").trainer {folder = "%s", overwrite = true}]]):format(folder)
    local out, code = support.shell(("'%s' -e '%s' 2>&1"):format(GPTSH, script))
    local pid = assert(io.open "/proc/self/stat"):read "n"
    assert(out:find(("another process, %d, trains in '"):format(pid), 1, true), out)
    test.equal(code, 1)
    test.raises(function() support.trainer {folder = folder .. "/"} end, "another trainer of this session trains, under another name")
    t:run(1)
  end)
end)

test("a lock that only garbage holds is no other process, and who is refused takes no folder away", function()
  with_folder(function(folder)
    os.execute("mkdir -p " .. folder)
    require "native.folder".lock(folder)
    local t = support.trainer {folder = folder}
    t:run(2)
    t:save()
    test.raises(function() support.trainer {folder = folder} end, "holds a run, up to step 2")
    t:run(1)
    t:save()
    test.equal(names_in(folder), ".lock log.jsonl step-000002 step-000003")
  end)
end)

-- ---- damage ----

local function damaged(name, damage, message)
  test("damaged: " .. name, function()
    with_folder(function(folder)
      local t = support.trainer {folder = folder, save_every = 10}
      t:run()
      local data = support.options().data
      damage(folder .. "/step-000030", folder .. "/step-000020")
      local ok, why = pcall(train.open, folder, {data = data})
      assert(not ok)
      assert(tostring(why):find(message, 1, true), why)
      assert(tostring(why):find("step-000030' is damaged", 1, true), why)
      assert(tostring(why):find(("the one before is whole: train.open('%s', {step = 20})"):format(folder), 1, true), why)
      local before = train.open(folder, {data = data, step = 20, progress = false})
      test.equal(before.step_count, 20)
      before:run()
      test.equal(before:hash(), want)
    end)
  end)
end

local function change(path, fn) support.write(path, fn(support.read(path))) end
local function flip(text) return text:sub(1, -9) .. string.char(text:byte(-8) ~ 1) .. text:sub(-7) end

damaged("a file is gone", function(last) os.remove(last .. "/optim.safetensors") end, "optim.safetensors is missing")
damaged("a file is cut", function(last)
  change(last .. "/model.safetensors", function(s) return s:sub(1, -100) end)
end, "model.safetensors has ")
damaged("a bit is flipped", function(last) change(last .. "/model.safetensors", flip) end,
  "model.safetensors was changed after it was written")
damaged("a file of another step", function(last, before)
  support.write(last .. "/optim.safetensors", support.read(before .. "/optim.safetensors"))
end, "optim.safetensors was changed after it was written")
damaged("a number of the manifest", function(last)
  change(last .. "/trainer.json", function(s) return (s:gsub('"initial_lr": 0.01', '"initial_lr": 0.02', 1)) end)
end, "trainer.json was changed after it was written")
damaged("a manifest that is no JSON", function(last)
  change(last .. "/trainer.json", function(s) return s:sub(1, -20) end)
end, "trainer.json cannot be read as JSON")
damaged("no manifest", function(last) os.remove(last .. "/trainer.json") end, "trainer.json")

test("what a killed save leaves is no checkpoint, and is swept away", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder, save_every = 10}
    t:run(10)
    os.execute(("cp -r '%s/step-000010' '%s/.step-000020.tmp'"):format(folder, folder))
    local again = train.open(folder, {data = support.options().data, progress = false})
    test.equal(again.step_count, 10)
    test.equal(names_in(folder), ".lock log.jsonl step-000010")
  end)
end)

test("opening needs what only code can make", function()
  with_folder(function(folder)
    test.raises(function() train.open(folder, {}) end, "no checkpoint in")
    local t = support.trainer {folder = folder}
    t:run()
    test.raises(function() train.open(folder, {}) end, "expected the data to continue with, tokens or a loader: train.open('")
    test.raises(function() train.open(folder, {data = support.tokens(), B = 8, T = 16}) end, "saved with B = 4")
    test.raises(function() train.open(folder, {dta = 3}) end, "did you mean 'data'")
    test.raises(function() train.open(3) end, "path expects a string, got 3")
  end)
end)

-- ---- the weights, read by nobody's library ----

local scalars = {F32 = {4, function(bytes, at) return (string.unpack("<f", bytes, at)) end},
                 BF16 = {2, function(bytes, at) return (string.unpack("<f", "\0\0" .. bytes:sub(at, at + 1))) end}}

--- name -> {dtype, shape as text, numbers} of a safetensors file, byte by byte.
local function read_weights(path)
  local bytes = support.read(path)
  local length = string.unpack("<I8", bytes)
  local header, out, entries = bytes:sub(9, 8 + length), {}, {}
  test.equal(length % 8, 0)
  for name, dtype, shape, from, to in
    header:gmatch '"([^"]+)":{"dtype":"(%w+)","shape":%[([%d,]*)%],"data_offsets":%[(%d+),(%d+)%]}' do
    local size, number = table.unpack(scalars[dtype])
    local values = {}
    for at = tonumber(from), tonumber(to) - 1, size do values[#values + 1] = number(bytes, 9 + length + at) end
    out[name] = {dtype, shape, values}
    entries[#entries + 1] = {tonumber(from), tonumber(to)}
  end
  table.sort(entries, function(a, b) return a[1] < b[1] end)
  local at = 0
  for _, entry in ipairs(entries) do -- one after the other, from the first byte to the last
    test.equal(entry[1], at)
    at = entry[2]
  end
  test.equal(at, #bytes - 8 - length)
  return out
end

for _, dtype in ipairs {"F32", "BF16"} do
  test(f"model.safetensors holds the {dtype} weights, byte for byte", function()
    with_folder(function(folder)
      local model = support.model()
      if dtype == "BF16" then model:to(torch.bfloat16) end
      local t = support.trainer {model = model, folder = folder, steps = 3}
      t:run()
      local found, count = read_weights(folder .. "/step-000003/model.safetensors"), 0
      for name, p in t.model:named_parameters() do
        local kept = name == "token_embedding.weight" and "lm_head.weight" or name -- tied: written once
        local got, shape = found[kept], {}
        for i = 0, p:dim() - 1 do shape[i + 1] = p:size(i) end
        test.equal({got[1], got[2]}, {dtype, table.concat(shape, ",")})
        test.equal(got[3], p:detach():reshape(-1):tolist())
        count = count + 1
      end
      for _ in pairs(found) do count = count - 1 end
      test.equal(count, 0)
    end)
  end)
end

-- ---- a full disk ----

--- Runs a script with files limited to `blocks` of 512 bytes.
local function limited(blocks, script)
  return support.shell(("sh -c 'ulimit -f %d; exec \"%s\" -e \"$0\"' '%s' 2>&1"):format(blocks, GPTSH, script))
end

test("a disk that fills up during a save leaves the last checkpoint and no litter", function()
  with_folder(function(folder)
    local t = support.trainer {folder = folder}
    t:run(10)
    t:save()
    local hash = t:hash()
    t:close()
    local script = ([[package.path = "tests/?.lua;" .. package.path
      local support = require "train.support"
      local t = train.open("%s", {data = support.options().data, progress = false})
      t:step()
      print(pcall(t.save, t))
      t:step() print("steps", t.step_count)]]):format(folder)
    -- model.safetensors takes 130 kB, the log far less
    local out = limited(100, script)
    assert(out:find("File too large", 1, true), out)
    assert(out:find("steps\t12", 1, true), out)
    assert(not names_in(folder):find "tmp", names_in(folder))
    local again = train.open(folder, {data = support.options().data, progress = false})
    test.equal(again:hash(), hash)
    again:run()
    test.equal(again:hash(), want)
  end)
end)

-- ---- kill -9 ----

local script = [[
package.path = "tests/?.lua;" .. package.path
local support = require "train.support"
local t = support.trainer {folder = "%s", resume = true, save_every = 3, keep = 2, steps = 400, ema = 0.9,
  schedule = schedule.cosine {total = 400}, val = support.tokens(), eval_every = 50}
t:run()
print(t:hash())]]

test("killed again and again, a run ends with the same bits and the same log", function()
  with_folder(function(folder)
    os.execute("mkdir -p " .. folder)
    local a, b, file = folder .. "/a", folder .. "/b", folder .. "/run.lua"
    support.write(file, script:format(a))
    local hash = support.shell(("'%s' %s 2>&1"):format(GPTSH, file))
    assert(#hash == 33, hash)
    support.write(file, script:format(b))
    local out, code, kills = "", nil, 0
    math.randomseed(7)
    for _ = 1, 60 do
      local seconds = kills < 12 and 0.03 + 0.3 * math.random() or 60
      out, code = support.shell(("timeout -s KILL %.2f '%s' %s 2>&1"):format(seconds, GPTSH, file))
      if code == 0 then break end
      kills = kills + 1
    end
    test.equal(code, 0)
    assert(kills >= 3, "killed only " .. kills .. " times")
    test.equal(out, hash)
    test.equal(support.log(b), support.log(a))
  end)
end)

test("asked to end, a run saves where it is and says 143", function()
  with_folder(function(folder)
    os.execute("mkdir -p " .. folder)
    local file = folder .. "/run.lua"
    support.write(file, (script:format(folder .. "/a"):gsub("steps = 400", "steps = 1000000")
      :gsub("save_every = 3, keep = 2, ", "")))
    -- The signal is sent once the log has a record.
    local out = support.shell(([["%s" %s 2>&1 & p=$!
      while kill -0 $p 2>/dev/null && ! grep -q '"step":5,' %s/a/log.jsonl 2>/dev/null; do :; done
      kill -TERM $p; wait $p; echo rc $?]]):format(GPTSH, file, folder))
    assert(out:find "rc 143", out)
    local steps = names_in(folder .. "/a"):match "step%-(%d+)"
    assert(steps, out)
    local _, records = support.read(folder .. "/a/log.jsonl"):gsub('"loss"', "")
    test.equal(records, math.tointeger(steps))
  end)
end)

test("in a session that is run again, a folder with a run is gone on with", function()
  local folder = support.folder()
  local t = support.trainer {folder = folder, save_every = 5}
  t:run(5)
  local hash = t:hash()
  t:close()
  local session = require "gt.train.session"
  session.replaying = true
  local again = support.trainer {folder = folder, save_every = 5}
  session.replaying = false
  test.equal(again.step_count, 5)
  test.equal(again:hash(), hash)
  again:close()
  support.remove(folder)
end)
