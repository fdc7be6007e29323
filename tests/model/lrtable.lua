--- lrtable.lua: the table of learning rates: one rule or two, steps against half an ulp, and how it fits a terminal.
local test = require "harness"
local aligned = require "base.aligned"

local function gpt(width, options)
  local config = {hidden_dim = width, n_layers = 2, n_heads = width // 16, vocab_size = 96, sequence_len = 16}
  for key, value in pairs(options or {}) do config[key] = value end
  return GPT(config)
end

test("lrtable lists every tensor, folds equal layers, and sets two rules side by side", function()
  local model = gpt(64, {tied = false})
  local t = lrtable(model, "mup", {base = 16, lr = 2 ^ -7, weight_decay = 0.1})
  local text = tostring(t)
  assert(text:find("blocks.0%-1.attn.key.weight +%(64, 64%) +hidden +0.125 +1 +0.00195312 +0.4"), text)
  test.equal(#t.rows, 14 + 6)
  assert(tostring(lrtable(model, "mup", {base = 16, all = true})):find("blocks.1.attn.key.weight", 1, true))
  local two = tostring(lrtable(model, {"standard", "mup"}, {base = 16}))
  assert(two:find("lm_head.weight +%(96, 64%) +output +0.125 +0.25 +1 +0.25 +0.001 +0.001 +1\n"), two)
  assert(tostring(lrtable(model, "fan_out/fan_in/64")):find("made for sgd, not for adam", 1, true))
  test.raises(function() lrtable(model, "mup", {base = 16, lr = -1}) end, "lrtable: lr expects a number >= 0 and finite, got -1")
  test.raises(function() lrtable(model, "mup", {bas = 16}) end, "did you mean 'base'")
end)

test("lrtable shows the steps that bf16 loses, as the 350M model has them", function()
  local Layer = nn.class "Layer"
  function Layer:init() self.o_proj = nn.Linear(1024, 1024, {bias = false, dtype = "bf16"}) end
  local row = lrtable(Layer(), "fan_out/fan_in/64", {lr = 1e-3, roles = {o_proj = "hidden"}}).rows[1]
  test.equal(row.lr, 1.5625e-05)
  test.close({row.half_ulps, row.lost}, {0.128, 0.80}, 3e-3)
end)

test("a rule of one's own stands beside one of the table, and layers that it treats apart are lines of their own", function()
  local function mine(role, fan_in, _, _, _, site)
    if role == "hidden" then return 1 / math.sqrt(fan_in), 1, site.name:find "blocks%.0" and 1 or 0.5 end
    return 1, 1, 1
  end
  local t = lrtable(gpt(64), {"standard", mine}, {lr = 1})
  local text = tostring(t)
  assert(text:find "^standard, adam, lr 1; ' is rule\n", text)
  assert(text:find("blocks.0.attn.key.weight +%(64, 64%) +hidden +0.125 +0.125 +1 +1 +1 +1 +1\n"), text)
  assert(text:find("blocks.1.attn.key.weight +%(64, 64%) +hidden +0.125 +0.125 +1 +1 +1 +0.5 +0.5\n"), text)
  test.equal({#t.rows, #t.other}, {20, 20})
end)

test("places that only one of two parametrizations was told of do not shift the lines of the other", function()
  local model = gpt(64)
  local p = reparam.new("standard", {residual = {"%.ff$"}})
  local text = tostring(p:table(model, {against = reparam.new "umup"}))
  assert(text:find "lm_head +unembed +1 +0.015625\n", text)
  assert(text:find "blocks.0%-1.attn +attention +1 +0.25\n", text)
  assert(text:find "blocks.0%-1.ff +residual +1 +0.707107$", text)
  text = tostring(reparam.new "umup":table(model, {against = p}))
  assert(text:find "blocks.0%-1.attn +residual +0.707107 +1\n", text)
end)

test("what makes no table is refused", function()
  local model = gpt(32)
  test.raises(function() lrtable(model, "standard", {weight_decay = 0 / 0}) end, "lrtable: weight_decay expects a number >= 0 and finite")
  test.raises(function() lrtable(model, {"standard"}) end, "expected a rule, a function or one of")
  test.raises(function() lrtable(model, {"standard", "mup"}) end, "pass base")
  test.raises(function() lrtable(nil, "standard") end, "model is missing")
  test.raises(function() reparam.new "standard":table(model, {against = "mup"}) end,
              "lrtable: expected against, what reparam.new made, got 'mup'")
end)

-- ---- fitting a terminal ----

local CELLS = {{"name", "shape", "rate"}, {"blocks.0.weight", "(64, 64)", "0.5"}, {"norm", "(64)", "0.25"}}

test("a table wider than the terminal goes on in blocks that begin with the names", function()
  test.equal(aligned(CELLS, {true, true}, 100), "name             shape     rate\nblocks.0.weight  (64, 64)   0.5\nnorm             (64)      0.25")
  test.equal(aligned(CELLS, {true, true}, 26),
             "name             shape\nblocks.0.weight  (64, 64)\nnorm             (64)\n\nname             rate\nblocks.0.weight   0.5\nnorm             0.25")
end)

test("a line that has nothing in a block is left out of it", function()
  local cells = {{"name", "shape", "rate"}, {"weight", "(64)", "0.5"}, {"place", "x", ""}}
  test.equal(aligned(cells, {true, true}, 14), "name    shape\nweight  (64)\nplace   x\n\nname    rate\nweight   0.5")
end)

test("names too long for a narrow terminal lose their beginning", function()
  test.equal(aligned({{"modell.größe", "1"}, {"b", "22222"}}, {true}, 16), "…ll.größe      1\nb          22222")
  for columns = 1, 60 do
    for line in (aligned(CELLS, {true, true}, columns) .. "\n"):gmatch "(.-)\n" do
      assert(utf8.len(line) <= math.max(columns, 18), line)
    end
  end
end)

test("files and pipes get whole lines", function()
  local model = gpt(64)
  local widest = 0
  for line in tostring(lrtable(model, "standard")):gmatch "[^\n]+" do widest = math.max(widest, #line) end
  assert(widest > 100)
end)

test("errors of a rule name what was called", function()
  local model = GPT {n_layers = 1, hidden_dim = 32, n_heads = 2, vocab_size = 61}
  test.raises(function() lrtable(model, "mup") end, "lrtable: rule mup8 compares with a base width: pass base = …")
  test.raises(function() lrtable(model, "nosuch") end, "lrtable: expected a rule")
  test.raises(function() lrtable(model, "sp", {optimizer = "lion"}) end, "lrtable: expected optimizer adam, sgd or muon")
  test.raises(function() coord({n_layers = 1, head_dim = 16}, {rule = "sp", std = -1}) end, "coord: std expects a number > 0")
end)
