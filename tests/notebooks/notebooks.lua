-- The notebooks, run as a user runs them.  Under the sanitizers the big ones run short.
local test = require "harness"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local slow = (os.getenv "GPTSH_BUILD" or ""):find "asan" ~= nil
local layers = slow and 2 or 24

--- Runs a notebook; returns what it printed, its errors included, and whether it ended well: with all its expectations
--- met unless it runs short.
local function run(name, options)
  local pipe = assert(io.popen(f"'{GPTSH}' nb run {options or '--check'} notebooks/{name}.lua 2>&1"))
  local text = pipe:read "a"
  return text, pipe:close() == true
end

--- The part of `text` from the first line that begins with `first`, `count` lines long.
local function lines(text, first, count)
  local start = text:find("\n" .. first, 1, true)
  if not start then error(f"no line begins with {first}", 2) end
  local stop = start
  for _ = 1, count do stop = text:find("\n", stop + 1, true) or #text + 1 end
  return text:sub(start + 1, stop - 1) .. "\n"
end

local function sha256(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen("sha256sum " .. path))
  local sum = pipe:read(64)
  pipe:close()
  os.remove(path)
  return sum
end

local function number(text, pattern)
  return assert(tonumber(text:match(pattern)), f"no number matches {pattern}")
end

do
  local text, ok = run "spectral_lr"
  test("spectral_lr runs to its end", function() assert(ok, text:sub(-500)) end)
  -- The hashes are those of the founding notebook's cells, run in Python.
  test("the learning-rate grid has the founding notebook's bytes", function()
    test.equal(sha256(lines(text, "###### 9.5367431640625e-07 ######", 228)),
      "277a887cf6eded079bb794f221c88bca9194030a91cf670712e1c3c2117ea8f0")
  end)
  test("the table at 0.001 has the founding notebook's bytes", function()
    test.equal(sha256(lines(text, "token_embedding.weight: 0.016", 11)),
      "8e4eb574ba7bac1a54ed020d3de66016af482f76438c92c182ba17a7168f95f1")
  end)
  test("the live model's table names its weights", function()
    assert(text:find("blocks.1.ff.proj_down.weight     768      256", 1, true))
  end)
end

for _, name in ipairs{"reparam", "coord_check"} do
  local text, ok = run(name)
  test(f"{name} runs to its end", function() assert(ok, text:sub(-500)) end)
end

do
  local text, ok = run("gpt_from_scratch", slow and f"-p n_layers={layers}")
  test("gpt_from_scratch runs to its end", function() assert(ok, text:sub(-500)) end)
  if not slow then
    -- torchinfo 1.8.0's own table of the PyTorch model, and the dtype table.
    test("the summary has torchinfo's bytes", function()
      local row = text:find "\nGPT +%[1, 1024, 32768%]"
      local first = text:sub(1, row):match ".*()\n=+\nLayer[^\n]*\n=+\n$"
      test.equal(sha256(lines(text:sub(first), "===", 90)),
        "b86886873036eeb67a07ce37ccbdd054bd3ba3f1933c0c09ce7842c763cc9839")
    end)
    test("the dtype table has the founding notebook's bytes", function()
      test.equal(sha256(lines(text, "Layer Name", 149)),
        "dd7580bc6671c86b6ad5b03ba23a21bf2f9c05e0bd357506ad5313026280916b")
    end)
    test("the model has 285,212,672 unique parameters", function()
      assert(text:find("Actual unique parameters: 285,212,672\n", 1, true))
    end)
  end
  -- Windows of 200 simulated initial states: the tied table ends with std 1/32.
  test("the largest logit is that of the doubly initialised table", function()
    local logit = number(text, "Max logit: ([%d.]+)")
    assert(logit >= 14.40 and logit <= 14.75, logit)
    assert(text:find("Predicted token ID: 1\n", 1, true))
  end)
  test("the losses are those of an identity model", function()
    local same = number(text, "loss when taget = input: ([%d.]+)")
    local other = number(text, "loss when target != input: ([%d.]+)")
    assert(same >= 0.021 and same <= 0.030, same)
    assert(other >= 10.5 and other <= 18.7, other)
  end)
  test("the native model agrees with the one written in Lua", function()
    assert(text:find("largest logit difference below 2e-4: true\nsame predictions: true\n", 1, true))
    assert(text:find("same loss: true, same gradients: true\n", 1, true))
  end)
end

do
  local text, ok = run("quickstart", slow and "--no-save -p steps=10" or "--check -p steps=60")
  test("quickstart runs to its end", function() assert(ok, text:sub(-500)) end)
  test("quickstart learns", function()
    local first, last = text:match "loss fell from ([%d.]+) to ([%d.]+)"
    -- 60 steps reach about 2.45 nats per byte (2.5 is what the frequencies of pairs give), all 300 about 1.8; under
    -- the sanitizers it only has to fall
    assert(tonumber(last) < (slow and tonumber(first) or 2.7), last)
  end)
end

do
  local folder = os.tmpname()
  os.remove(folder)
  local text, ok = run("train_text", f"--check -p steps=8 -p source=README.md -p folder={folder}")
  test("train_text runs to its end, and again from its last checkpoint", function()
    assert(ok, text:sub(-500))
    local sample = text:match "\nThe .*\nthe fork ends at"
    assert(sample, text:sub(-500))
    local again, fine = run("train_text", f"--check -p steps=8 -p source=README.md -p folder={folder}")
    assert(fine, again:sub(-500))
    test.equal(again:match "\nThe .*\nthe fork ends at", sample)
  end)
  os.execute("rm -rf " .. folder)
end

--- Runs a notebook whose last cell draws one figure; returns that also as a script for gnuplot.
local function run_and_draw(name, options)
  local folder = os.tmpname()
  os.remove(folder)
  local text, ok = run(name, f"--check --out {folder} {options}")
  local pipe <close> = assert(io.popen(f"cat {folder}/*.gp"))
  local script = pipe:read "a"
  os.execute("rm -rf " .. folder)
  return text, ok, script
end

do
  local text, ok, script = run_and_draw("lr_sweep", "-p steps=4 -p seeds=1 -p widths=32 -p from=-8 -p to=-6")
  test("lr_sweep runs to its end", function() assert(ok, text:sub(-500)) end)
  test("lr_sweep ends in a table and a figure of the losses by rate", function()
    assert(text:find("\nsweep: 1 width, 3 learning rates, 1 seed; ", 1, true), text:sub(-500))
    assert(script:find("set logscale x 2", 1, true))
  end)
end

if not slow then
  local text, ok, script = run_and_draw("mup_transfer", "-p quick=true")
  test("mup_transfer: the best rate moves under the standard parametrization and stands still under muP", function()
    assert(ok, text:sub(-500))
    for _, title in ipairs{"width 32, both", "width 128, standard", "width 128, muP"} do
      assert(script:find("with yerrorlines[^\n]*'" .. title .. "'"), title)
    end
  end)
end
