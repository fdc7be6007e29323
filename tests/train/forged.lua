-- Forged manifests and logs with the right checksums: one line that names the file and the field, and nothing half done.
local test = require "harness"
local support = require "train.support"
local json = require "json"
local native = require "native.train"

local folder = support.folder()
local _ <close> = setmetatable({}, {__close = function() support.remove(folder) end})

local t = support.trainer {folder = folder, ema = 0.9, val = support.tokens(), eval_every = 10, save_every = 10}
t:monitor {every = 5}
t:run()
t:close()

local path = folder .. "/step-000030/trainer.json"
local good, good_log = support.read(path), support.read(folder .. "/log.jsonl")

--- Writes a manifest with the checksum that belongs to it.
local function forge(manifest)
  manifest.check = nil
  local hash = native.hash()
  hash:bytes(json.encode(manifest))
  manifest.check = hash:text()
  support.write(path, json.encode(manifest))
end

--- One line that holds `part`; the folder and the trainer that tried are as before.
local function refused(part, call, trainer)
  local before = trainer and trainer:hash()
  local ok, why = pcall(call)
  why = tostring(why)
  if ok or why:find "\n" or not why:find(part, 1, true) or why:find("builtin:", 1, true) or why:find "bad argument" then
    test.fail(f"expected one line with '{part}', got: {why}")
  end
  if trainer then test.equal(trainer:hash(), before) end
end

local function open() return train.open(folder, {data = support.options().data, progress = false}) end

--- A manifest with one value changed, at a path of keys.
local function changed(keys, value)
  local manifest = json.decode(good)
  local place = manifest
  for i = 1, #keys - 1 do place = place[keys[i]] end
  place[keys[#keys]] = value
  return manifest
end

local cases = { -- keys, value, the field as the message has it
  {{"rng"}, nil, "'rng' to be a table, got nil"}, {{"rng", "seed"}, "x", "'rng.seed' to be a whole number, got 'x'"},
  {{"rng", "stream"}, 1.5, "'rng.stream' to be a whole number, got 1.5"}, {{"step"}, 1e300, "'step' to be a whole number >= 0"},
  {{"step"}, math.maxinteger, "'step' to be 30, got 9223372036854775807"}, {{"step"}, nil, "'step'"}, {{"step"}, 29, "'step' to be 30"},
  {{"step"}, "30", "'step' to be a whole number >= 0, got '30'"}, {{"tokens"}, -1, "'tokens'"}, {{"elapsed"}, "1", "'elapsed' to be a number"},
  {{"smooth_sum"}, {}, "'smooth_sum' to be a number, got a table"}, {{"loss"}, true, "'loss' to be a number, got true"},
  {{"norm"}, "a", "'norm'"}, {{"rate"}, "a", "'rate'"}, {{"updates"}, 1.5, "'updates'"}, {{"skipped"}, -3, "'skipped'"},
  {{"branch"}, 0, "'branch'"}, {{"branch"}, "1", "'branch'"}, {{"from"}, "0", "'from'"}, {{"log_bytes"}, -5, "'log_bytes'"},
  {{"log_bytes"}, {1}, "'log_bytes'"}, {{"ema"}, 1, "'ema' to be true or false, got 1"}, {{"due"}, 3, "'due'"},
  {{"due"}, {eval = 1}, "'due.eval'"}, {{"hash"}, 3, "'hash'"}, {{"files"}, {}, "'files."},
  {{"files", "model.safetensors", "size"}, "big", "'files.model.safetensors.size'"},
  {{"files", "../../x"}, {size = 1, xxh3 = ""}, "'files' to be model, optim and ema.safetensors, got '../../x'"},
  {{"options"}, 3, "'options'"}, {{"options", "steps"}, "many", "'options.steps' to be an integer >= 1, got 'many'"},
  {{"options", "accumulate"}, 0, "'options.accumulate'"}, {{"options", "clip"}, {}, "'options.clip'"},
  {{"options", "ema"}, 2, "'options.ema'"}, {{"options", "seed"}, "s", "'options.seed'"},
  {{"model"}, "GPT", "'model'"}, {{"model", "class"}, {}, "'model.class'"}, {{"model", "config"}, {hidden_dim = {}}, "'model.config.hidden_dim'"},
  {{"model", "multipliers"}, {forward = 3}, "'model.multipliers.attention'"}, {{"model", "dtype"}, 3, "'model.dtype'"},
  {{"model", "dtype"}, "rubbish", "'model.dtype'"}, {{"optimizers"}, "AdamW", "'optimizers'"}, {{"optimizers", 1, "class"}, 3, "'optimizers.1.class'"},
  {{"optimizers", 1, "groups", 1, "params"}, 3, "'optimizers.1.groups.1.params'"},
  {{"optimizers", 1, "groups", 1, "settings", "lr"}, {{}}, "'optimizers.1.groups.1.settings.lr"},
  {{"optimizers", 1, "state"}, 3, "'optimizers.1.state'"}, {{"schedule_settings", "kind"}, "is", "'schedule_settings.kind'"},
  {{"schedule_settings", "settings"}, {total = -1}, "'schedule_settings.settings' to be those of schedule.cosine"},
  {{"functions"}, {{}}, "'functions.1'"}, {{"made"}, 3, "'made'"}, {{"format"}, "1", "has format '1', expected 1"},
}

test("a field of the wrong kind is named, with its file", function()
  local live = support.trainer {folder = folder, ema = 0.9, resume = true, val = support.tokens(), eval_every = 10}
  for _, case in ipairs(cases) do
    forge(changed(case[1], case[2]))
    refused("step-000030' is damaged: trainer.json", open)
    refused(case[3], open)
    refused(case[3], function() live:rewind(30) end, live)
    refused(case[3], function() support.trainer {folder = folder, ema = 0.9, resume = true} end)
  end
  live:close()
  support.write(path, good)
  open():close()
end)

test("values of the right kind that are not of this state are refused, and nothing is half restored", function()
  local live = support.trainer {folder = folder, ema = 0.9, resume = true}
  live:rewind(10)
  for keys, value in pairs {[{"tokens"}] = 3, [{"rng", "seed"}] = 3, [{"optimizers", 1, "groups", 1, "settings", "lr"}] = "fast",
                            [{"loader", "step"}] = "x", [{"loader"}] = 3} do
    forge(changed(keys, value))
    refused("checkpoint '" .. folder .. "/step-000030', trainer.json: it and the tensors are not of one state", function() live:rewind(30) end, live)
    refused("trainer.json", open)
  end
  live:close()
  for name in pairs(json.decode(good).files) do -- every whole file of another checkpoint
    local manifest = json.decode(good)
    manifest.files[name] = json.decode(support.read(folder .. "/step-000020/trainer.json")).files[name]
    os.execute(("cp '%s/step-000030/%s' '%s/kept'; cp '%s/step-000020/%s' '%s/step-000030/'"):format(folder, name, folder, folder, name, folder))
    forge(manifest)
    refused("step-000030', trainer.json: it and the tensors are not of one state", open)
    os.execute(("cp '%s/kept' '%s/step-000030/%s'"):format(folder, folder, name))
  end
  support.write(path, good)
  open():close()
end)

test("every field that is gone is named, or the run is the same without it", function()
  for key in pairs(json.decode(good)) do
    forge(changed({key}, nil))
    local ok, why = pcall(open)
    if ok then
      why:close()
    elseif why:find "\n" or why:find("builtin:", 1, true) or not why:find("trainer.json", 1, true) then
      test.fail(key .. ": " .. why)
    end
  end
  support.write(path, good)
end)

test("lines of the log that cannot be are named", function()
  for line, part in pairs {
    ['{"step":"3","loss":1}'] = "expected step to be a whole number >= 0, got '3'",
    ['{"loss":1}'] = "expected step to be a whole number >= 0, got nil",
    ['{"step":-1,"loss":1}'] = "expected step to be a whole number",
    ['{"step":3,"loss":"low"}'] = "expected loss to be a number, got 'low'",
    ['{"step":3,"loss":{}}'] = "expected loss to be a number, got a table",
    ['{"step":3,"loss":1,"lr":null}'] = "expected lr to be a number, got a table",
    ['{"step":5,"monitor":3}'] = "expected monitor to be a table, got 3",
    ['{"step":5,"monitor":{"a":3}}'] = "expected monitor.a to be a table, got 3",
    ['{"step":5,"monitor":{"a":{"ratio":"x"}}}'] = "expected monitor.a.ratio to be a number, got 'x'",
    ["[1,2]"] = "expected step", ["3"] = "is damaged", ["{"] = "is damaged",
  } do
    local cut = good_log:find("\n", good_log:find('"step":3,', 1, true), true)
    local from = good_log:sub(1, cut):match "^.*\n()[^\n]*\n$"
    support.write(folder .. "/log.jsonl", good_log:sub(1, from - 1) .. line .. (" "):rep(cut - from - #line) .. good_log:sub(cut))
    refused(part, open)
    refused("log.jsonl'", open)
  end
  local function inf(before, number) return before .. '"inf"' .. (" "):rep(#number - 5) end
  support.write(folder .. "/log.jsonl", (good_log:gsub('(\n[^\n]-"norm":)([^,}]*)', inf, 1)))
  local opened = open()
  test.equal(opened.log.norm[1], math.huge)
  opened:close()
  support.write(folder .. "/log.jsonl", good_log)
end)
