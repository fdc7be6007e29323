--- reparam_tables.lua: the numbers of parametrizations: Levanter's classes, worked tables of a 350M model and of GPTs of
-- four widths, depth, and how a rule is asked.
local test = require "harness"
local native = require "native.reparam"

local function scales(rule, role, family, q) return native.scales(rule, role, family, q) end

-- ---- the six classes ----

test("the classes have the numbers of reparam.py", function()
  -- init_scale, active_scale, lr_scale of a layer 1024 -> 4096
  local expected = {
    LinearStandardParam = {0.03125, 1.0, 1.0}, InputLinearMup = {1.0, 1.0, 1.0},
    HiddenLinearMup = {0.03125, 1.0, 1 / 1024}, OutputLinearMup = {1.0, 1 / 1024, 1.0},
  }
  for name, numbers in pairs(expected) do
    local class = reparam[name]
    local layer = class(1024, 4096)
    test.equal({class.init_scale(1024, 4096), layer.active_scale, layer.lr_scale}, numbers)
  end
end)

test("the embedding classes scale by the width of the embedding, whatever the vocabulary", function()
  for _, vocab in ipairs {7, 50257} do
    test.equal(reparam.EmbeddingStandardParam.init_scale(vocab, 1024), 1 / 1024)
    test.equal(reparam.EmbeddingMup.init_scale(vocab, 1024), 1.0)
    local standard, mup = reparam.EmbeddingStandardParam(1024, vocab), reparam.EmbeddingMup(1024, vocab)
    test.equal({standard.active_scale, standard.lr_scale, standard.unembed_active_scale}, {1.0, 1.0, 1.0})
    test.equal({mup.active_scale, mup.lr_scale, mup.unembed_active_scale}, {1.0, 1.0, 1 / 1024})
  end
end)

test("several axes count as their product, and init_scale has the bits of 1 / sqrt(In)", function()
  test.equal(reparam.HiddenLinearMup({12, 64}, {3, 256}).lr_scale, 1 / 768)
  for _, n in ipairs {3, 100, 768, 11008} do
    test.equal(reparam.LinearStandardParam.init_scale(n, 5), 1 / math.sqrt(n))
  end
  test.equal(reparam.OutputLinearMup{In = 50, Out = 7}.active_scale, 1 / 50)
end)

test("the classes refuse what is no size", function()
  test.raises(function() reparam.HiddenLinearMup(0, 4) end, "HiddenLinearMup: expected In, a size or a list of sizes, got 0")
  test.raises(function() reparam.EmbeddingMup.init_scale(5) end, "Out is missing")
  test.raises(function() reparam.InputLinearMup({4, 2.5}, 1) end, "got 2.5")
end)

-- ---- worked tables ----

--- Six digits are given.
local function close(got, expected)
  if type(got) ~= "table" then got, expected = {got}, {expected} end
  for i, value in ipairs(expected) do test.close(got[i] / value, 1, 6e-6) end
end

--- name: fans, then standard and spectral deviation; LR factors: spectral for SGD, for Adam, muP Adam and SGD (base 256),
-- Levanter's std, active, lr; Muon: its author's, sqrt(fo/fi), 0.2 sqrt(max); u-muP.
test("scales of the tensors of the 350M model", function()
  local rows = {
    {"embedding", 1, 1024, 1, 1, 1024, 1, 1, 4, 1, 1, 1, nil, nil, nil, 0.03125},
    {"hidden", 1024, 2048, 0.03125, 0.03125, 2, 0.000976562, 0.25, 1, 0.03125, 1, 0.000976562, 1.41421, 1.41421, 9.05097, 0.03125},
    {"hidden", 1024, 1024, 0.03125, 0.03125, 1, 0.000976562, 0.25, 1, 0.03125, 1, 0.000976562, 1, 1, 6.4, 0.03125},
    {"hidden", 1024, 8192, 0.03125, 0.03125, 8, 0.000976562, 0.25, 1, 0.03125, 1, 0.000976562, 2.82843, 2.82843, 18.1019, 0.03125},
    {"hidden", 4096, 1024, 0.015625, 0.0078125, 0.25, 0.000244141, 0.25, 1, 0.015625, 1, 0.000244141, 1, 0.5, 12.8, 0.015625},
    {"output", 1024, 49152, 0.03125, 0.03125, 48, 0.000976562, 1, 4, 1, 0.000976562, 1, nil, nil, nil, 1},
  }
  for _, row in ipairs(rows) do
    local role, fi, fo = row[1], row[2], row[3]
    local q = {fan_in = fi, fan_out = fo, m_in = role == "embedding" and 1 or 4, m_out = role == "output" and 1 or 4, m = 4}
    local function ask(rule, family, column) return scales(rule, role, family, q)[column] end
    close(ask("standard", "adam", "std"), row[4])
    close(ask("fan_out/fan_in", "sgd", "std"), row[5])
    close(ask("fan_out/fan_in", "sgd", "lr"), row[6])
    close(ask("1/fan_in", "adam", "lr"), row[7])
    close(ask("mup8", "adam", "lr"), row[8])
    close(ask("mup8", "sgd", "lr"), row[9])
    close({ask("levanter_mup", "adam", "std"), ask("levanter_mup", "adam", "multiplier"), ask("levanter_mup", "adam", "lr")},
          {row[10], row[11], row[12]})
    if row[13] then
      close({ask("sqrt(max(1,fan_out/fan_in))", "muon", "lr"), ask("sqrt(fan_out/fan_in)", "muon", "lr"),
             ask("0.2*sqrt(max(fan_in,fan_out))", "muon", "lr")}, {row[13], row[14], row[15]})
      close(ask("sqrt(max(fan_in,fan_out))", "muon", "lr"), row[15] / 0.2)
    end
    close(ask("umup", "adam", "lr"), row[16])
  end
end)

test("the embedding of the 350M model in Levanter's standard class, and its biases under the notebook's rule", function()
  close(scales("levanter_standard", "embedding", "adam", {fan_out = 1024}).std, 0.000976562)
  for fan_out, rate in pairs {[2048] = 0.032, [1024] = 0.016, [8192] = 0.128} do -- a bias is a matrix of fan_in 1
    close(1e-3 * scales("fan_out/fan_in/64", "bias", "sgd", {fan_out = fan_out}).lr, rate)
  end
end)

--- Expected norm of a normal matrix, and that over sqrt(fan_out / fan_in).
local function norms(std, fi, fo)
  local norm = std * (math.sqrt(fi) + math.sqrt(fo))
  return norm, norm * math.sqrt(fi / fo)
end

test("norms that spectral deviations lead to: the 350M model and GPTs of four widths", function()
  local function check(role, fi, fo, standard, spectral, norm, ratio)
    close(scales("standard", role, "adam", {fan_in = fi, fan_out = fo}).std, standard)
    local std = scales("1/fan_in", role, "adam", {fan_in = fi, fan_out = fo}).std
    close(std, spectral)
    close({norms(std, fi, fo)}, {norm, ratio})
  end
  for _, row in ipairs { -- fan_in, fan_out, standard and spectral deviation, norm, norm by sqrt(fan_out / fan_in)
    {1, 1024, 1, 1, 33, 1.03125}, {1024, 2048, 0.03125, 0.03125, 2.41421, 1.70711}, {1024, 1024, 0.03125, 0.03125, 2, 2},
    {1024, 8192, 0.03125, 0.03125, 3.82843, 1.35355}, {4096, 1024, 0.015625, 0.0078125, 0.75, 1.5},
    {1024, 49152, 0.03125, 0.03125, 7.9282, 1.14434},
  } do check(row[1] == 1 and "embedding" or "hidden", table.unpack(row)) end
  for _, row in ipairs { -- width, deviation of q, k, v, o and up, of down standard and spectral, of the head its norm and ratio
    {256, 0.0625, 0.0360844, 0.0208333, 12.3137, 1.08839}, {512, 0.0441942, 0.0255155, 0.0147314, 9, 1.125},
    {1024, 0.03125, 0.0180422, 0.0104167, 6.65685, 1.17678}, {2048, 0.0220971, 0.0127578, 0.00736570, 5, 1.25},
  } do
    local d, std, down, spectral_down, head_norm, head_ratio = table.unpack(row)
    check("hidden", d, d, std, std, 2, 2)
    check("hidden", d, 3 * d, std, std, 2.73205, 1.57735)
    check("hidden", 3 * d, d, down, spectral_down, 0.910684, 1.57735)
    check("output", d, 32768, std, std, head_norm, head_ratio)
  end
end)

--- Largest singular value by power iteration.
local function norm_of(w)
  local v, size = torch.ones(w:size(1)), 0
  for _ = 1, 60 do
    local u = w:mv(v)
    size = u:square():sum():sqrt():item()
    v = w:t():mv(u / size)
    v = v / v:square():sum():sqrt()
  end
  return size
end

test("matrices drawn by the spectral rule have these norms", function()
  torch.manual_seed(2)
  local Pair = nn.class "Pair"
  function Pair:init()
    self.square, self.up = nn.Linear(256, 256, {bias = false}), nn.Linear(256, 768, {bias = false})
    self.down = nn.Linear(768, 256, {bias = false})
  end
  local model = Pair()
  local p = reparam.new("1/fan_in", {roles = function(_, w) return w.ndim == 2 and "hidden" or nil end})
  p:init(model)
  for _, w in model:named_parameters() do
    local fo, fi = w:size(0), w:size(1)
    -- the largest value of a finite matrix lies a little below its limit: 1 % at 256; power iteration loses as much again
    test.close(norm_of(w:detach()) * math.sqrt(fi / fo) / (1 + math.min(fo / fi, fi / fo) ^ 0.5), 0.985, 0.02)
  end
end)

--- {width, then of q k v o, up, down, embedding, head: the rates}
test("scales of GPTs of four widths", function()
  for _, d in ipairs {256, 512, 1024, 2048} do
    local m = d / 256
    local function rates(role, fi, fo, rule, family)
      return scales(rule, role, family or "adam", {
        fan_in = fi, fan_out = fo, m = m, m_in = fi == 1 and 1 or m, m_out = role == "output" and 1 or m}).lr
    end
    local tensors = {{"hidden", d, d}, {"hidden", d, 3 * d}, {"hidden", 3 * d, d}, {"embedding", 1, d}, {"output", d, 32768}}
    local function column(rule, family, count)
      local out = {}
      for i = 1, count or 5 do out[i] = rates(tensors[i][1], tensors[i][2], tensors[i][3], rule, family) end
      return out
    end
    close(column "fan_out/fan_in/64", {0.015625, 0.046875, 0.00520833, d / 64, 32768 / d / 64})
    close(column("fan_out/fan_in", "sgd"), {1, 3, 1 / 3, d, 32768 / d})
    close(column "1/fan_in", {1 / d, 1 / d, 1 / (3 * d), 1, 1 / d})
    close(column "mup8", {1 / m, 1 / m, 1 / m, 1, 1})
    close(column("mup8", "sgd"), {1, 1, 1, m, m})
    close(column("sqrt(max(1,fan_out/fan_in))", "muon", 3), {1, 1.73205, 1})
    close(column("sqrt(fan_out/fan_in)", "muon", 3), {1, 1.73205, 0.57735})
    close(column("0.2*sqrt(max(fan_in,fan_out))", "muon", 3), {0.2 * d ^ 0.5, 0.2 * (3 * d) ^ 0.5, 0.2 * (3 * d) ^ 0.5})
    close(column "levanter_mup", {1 / d, 1 / d, 1 / (3 * d), 1, 1})
    close(column "umup", {d ^ -0.5, d ^ -0.5, (3 * d) ^ -0.5, d ^ -0.5, 1})
    close(scales("mup8", "hidden", "adam", {fan_in = 3 * d, fan_out = d, m = m, m_in = m, m_out = m}).std, (3 * d) ^ -0.5)
    close(scales("fan_out/fan_in", "hidden", "sgd", {fan_in = 3 * d, fan_out = d}).std, (3 * d) ^ -0.5 * 3 ^ -0.5)
  end
end)

test("factors of the width itself: deviations, readout, tied head, scores", function()
  for _, row in ipairs {{256, 1, 1, 0.00390625, 0.176777, 0.03125}, {512, 0.707107, 0.5, 0.00195312, 0.125, 0.015625},
                        {1024, 0.5, 0.25, 0.000976562, 0.0883883, 0.0078125}, {2048, 0.353553, 0.125, 0.000488281, 0.0625, 0.00390625}} do
    local d, std, readout, unembed, standard_scale, scale = table.unpack(row)
    local m, head = d / 256, d // 8
    local hidden = scales("mup8", "hidden", "adam", {fan_in = d, fan_out = d, m = m, m_in = m, m_out = m})
    close(hidden.std * math.sqrt(256), std)
    close(scales("mup8", "output", "adam", {fan_in = d, fan_out = 8, m = m, m_in = m}).multiplier, readout)
    close(scales("mup8", "unembed", "adam", {fan_in = d, fan_out = d, m = m, m_in = m}).multiplier, readout)
    close(scales("levanter_mup", "unembed", "adam", {fan_in = d, fan_out = d}).multiplier, unembed)
    local function of_scores(rule) return scales(rule, "attention", "adam", {fan_in = head, fan_out = head, m_in = m}).multiplier / math.sqrt(head) end
    close({of_scores "standard", of_scores "1/fan_in", of_scores "umup"}, {standard_scale, scale, scale})
    close(of_scores "mup8", standard_scale / math.sqrt(m)) -- 1 / head, and at the base what it was
  end
end)

test("Tables 3, 8 and 9 say what the paper says, for Adam and for gradient descent", function()
  local m = 4
  local input = {fan_in = 16, fan_out = 256, m = m, m_out = m}
  local hidden = {fan_in = 256, fan_out = 256, m = m, m_in = m, m_out = m}
  local output = {fan_in = 256, fan_out = 8, m = m, m_in = m}
  local b = 0.25 -- 1 / sqrt(16); the base output has 1 / sqrt(64)
  local expected = { -- rows: {std, multiplier, lr} of input, hidden, output
    mup3 = {adam = {{b, 1, 1}, {0.0625, 1, 1 / m}, {0.125 / m, 1, 1 / m}},
            sgd = {{b, 1, m}, {0.0625, 1, 1}, {0.125 / m, 1, 1 / m}}},
    mup8 = {adam = {{b, 1, 1}, {0.0625, 1, 1 / m}, {0.125, 1 / m, 1}},
            sgd = {{b, 1, m}, {0.0625, 1, 1}, {0.125, 1 / m, m}}},
    mup9 = {adam = {{b / 2, 2, 1 / 2}, {0.0625, 1, 1 / m}, {0.125 / 2, 1 / 2, 1 / 2}},
            sgd = {{b / 2, 2, 1}, {0.0625, 1, 1}, {0.125 / 2, 1 / 2, 1}}},
  }
  for rule, families in pairs(expected) do
    for family, rows in pairs(families) do
      for i, case in ipairs {{"input", input}, {"hidden", hidden}, {"output", output}} do
        local s = scales(rule, case[1], family, case[2])
        close({s.std, s.multiplier, s.lr}, rows[i])
      end
    end
  end
end)

test("CompleteP's factors of depth", function()
  for _, row in ipairs {{6, 1, 1, 1, 1, 1}, {12, 0.5, 1, 0.5, 0.707107, 0.707107}, {24, 0.25, 1, 0.25, 0.5, 0.5},
                        {48, 0.125, 1, 0.125, 0.353553, 0.353553}} do
    local depth = row[1] / 6
    local q = {fan_in = 64, fan_out = 64, depth = depth, branch_depth = depth, layers = row[1], branch_layers = row[1]}
    local whole, half = scales("completep", "hidden", "adam", q), scales("completep_half", "hidden", "adam", q)
    close({scales("completep", "residual", "adam", q).multiplier, whole.lr, whole.eps,
           scales("completep_half", "residual", "adam", q).multiplier, half.lr}, {row[2], row[3], row[4], row[5], row[6]})
  end
end)

test("u-muP's tau gives embedding, attention and MLP a third of the variance each", function()
  test.close(reparam.tau(4), {0.7071, 0.5774, 0.5, 0.4472}, 5e-5)
  test.close({reparam.tau(48)[1], reparam.tau(48)[48]}, {0.2041, 0.1187}, 5e-5)
  for _, n in ipairs {2, 4, 48, 96} do
    local embedding, branch = 1, {0, 0}
    for i, tau in ipairs(reparam.tau(n)) do
      local keep = 1 / (1 + tau * tau)
      embedding, branch[1], branch[2] = embedding * keep, branch[1] * keep, branch[2] * keep
      branch[2 - i % 2] = branch[2 - i % 2] + tau * tau * keep
    end
    test.close({embedding, branch[1], branch[2]}, {1 / 3, 1 / 3, 1 / 3}, 1e-12)
  end
  test.raises(function() reparam.tau(3) end, "expected an even number of residual layers, got 3")
end)

test("behind norms u-muP's taus are one multiplier of all branches", function()
  local function norm(x) return x / math.sqrt((x[0]:item() ^ 2 + x[1]:item() ^ 2) / 2) end
  for _, n in ipairs {2, 6, 48} do
    torch.manual_seed(n)
    local stream = torch.randn({2}, {dtype = torch.float64})
    local plain = stream
    local c = scales("umup", "residual", "adam", {layers = n / 2}).multiplier
    for _, tau in ipairs(reparam.tau(n)) do
      local w = torch.randn({2, 2}, {dtype = torch.float64})
      stream = (stream + norm(stream):matmul(w) * tau) / math.sqrt(1 + tau * tau)
      plain = plain + norm(plain):matmul(w) * c
    end
    test.close(norm(stream), norm(plain), 1e-12)
  end
end)

test("half ulps and the share of lost steps of the 350M model at a base rate of 0.001", function()
  local rows = { -- std, rate, ratio in bf16 and f16, share lost in bf16
    {1, 0.016, 4.1, 33, 0}, {0.03125, 3.125e-05, 0.26, 2.0, 0.62}, {0.03125, 1.5625e-05, 0.13, 1.0, 0.80},
    {0.03125, 0.000125, 1.02, 8.2, 0.046}, {0.0078125, 3.90625e-06, 0.13, 1.0, 0.80}, {0.03125, 0.00075, 6.1, 49, 0},
  }
  for _, row in ipairs(rows) do
    test.close(row[2] / native.half_ulp(torch.bfloat16, row[1]), row[3], 0.03)
    test.close(row[2] / native.half_ulp(torch.float16, row[1]), row[4], 0.03)
    test.close(native.share_lost(torch.bfloat16, row[1], row[2]), row[5], 0.005)
  end
end)

-- ---- asking ----

test("a rule that is not known is named with what there is", function()
  test.raises(function() reparam.new "mup_8" end, "did you mean 'mup8'")
  test.raises(function() reparam.new "spectral" end, "'spectral' names several formulas: 'fan_out/fan_in'")
  test.raises(function() reparam.new(nil) end, "got nil")
  test.raises(function() reparam.new "mup" end, "rule mup8 compares with a base width: pass base = …")
  test.raises(function() reparam.new("sp", {optimizer = "lion"}) end, "expected optimizer adam, sgd or muon, got 'lion'")
  test.raises(function() reparam.new("sp", {std = -1}) end, "std expects a number > 0 and finite, got -1")
  test.raises(function() reparam.new("sp", {zeros = {}}) end, "did you mean 'zero'")
end)

test("reparam.rules shows every rule, and the formulas of one", function()
  local all = tostring(reparam.rules())
  for _, name in ipairs {"standard", "mup3", "completep", "umup", "fan_out/fan_in/64", "levanter_mup"} do
    assert(all:find(name, 1, true), name)
  end
  local one = tostring(reparam.rules "mup")
  assert(one:find("output +fan_in^%-1/2 m_in^1/2 +m_in^%-1"), one)
  test.raises(function() reparam.rules(print) end, "name expects a string, got a function")
end)
