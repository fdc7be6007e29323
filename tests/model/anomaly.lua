-- torch.autograd.detect_anomaly: the op that is first to make what is not finite fails and names itself.
local test = require "harness"

local detect = torch.autograd.detect_anomaly

test("without it, nothing is looked at", function()
  local x = torch.tensor({-1.0, 4.0}, {requires_grad = true})
  x:log():sum():backward()
  assert(x:log().isnan)
end)

test("the first op that makes a nan is named with its inputs, not the ones after it", function()
  local x = torch.tensor {-1.0, 4.0}
  test.raises(function() detect(function() return (x:log() * 2):sum() end) end,
              "log gave nan; its inputs: x (2) from -1.0 to 4.0")
  test.raises(function() detect(function() return torch.tensor {0.0}:log() end) end, "log gave inf; its inputs: x (1)")
end)

test("a mask of -inf may pass; a nan that comes of it may not", function()
  local scores = torch.zeros(2, 2)
  local mask = torch.tensor {{false, true}, {true, true}}
  detect(function() scores:masked_fill(mask, -math.huge)["0"]:softmax(-1) end)
  test.raises(function() detect(function() scores:masked_fill(mask, -math.huge):softmax(-1) end) end, "softmax gave nan")
end)

test("modules are named by their path", function()
  local Inner, Outer = nn.class "Inner", nn.class "Outer"
  function Inner:forward(x) return self.fc(x):sqrt() end
  function Inner:init() self.fc = nn.Linear(2, 2, {bias = false}) end
  function Outer:init() self.parts = nn.ModuleList {Inner(), Inner()} end
  function Outer:forward(x)
    for _, part in ipairs(self.parts) do x = part(x) end
    return x
  end
  local model = Outer()
  do
    local _ <close> = torch.no_grad()
    model.parts[0].fc.weight:fill_(2)
    model.parts[1].fc.weight:fill_(-1)
  end
  test.raises(function() detect(function() model(torch.ones(1, 2)) end) end,
              "sqrt gave nan; its inputs: x (1, 2) from -4.0 to -4.0; in Outer.parts.1")
end)

test("the backward names the op and the module of its forward", function()
  local Root = nn.class "Root"
  function Root:forward(x) return x:sqrt() end
  local root = Root()
  local function run() (root(torch.tensor({0.0, 4.0}, {requires_grad = true})) * 3):sum():backward() end
  test.raises(function() detect(run) end,
              "the backward of sqrt gave inf as gradient of x, from one between 3.0 and 3.0")
  local mode <close> = detect()
  test.equal(mode:found(), nil)
  pcall(run)
  assert(mode:found():find("; in Root", 1, true), mode:found())
end)

test("it ends with its scope, also when that fails, and may be nested", function()
  local x = torch.tensor {-1.0}
  pcall(detect, function() x:log() end)
  x:log()
  do
    local outer <close> = detect()
    detect(function() end)
    test.raises(function() x:log() end, "log gave nan")
    assert(tostring(outer):find("errors until", 1, true))
  end
  x:log()
  test.raises(function() detect(3) end,
              "detect_anomaly: fn expects a function, got 3")
end)

test("every failed allocation is an error and no more", function()
  local model = GPT {hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 16, sequence_len = 4}
  model:init_weights()
  local idx = torch.tensor {{1, 2, 3, 4}}
  local function step()
    detect(function() model(idx, idx):backward() end)
    model:zero_grad()
  end
  step()
  local failures = 0
  for n = 0, 4000 do
    torch.debug.fail_after(n)
    local ok, message = pcall(step)
    torch.debug.fail_after()
    model:zero_grad()
    if not ok then
      assert(tostring(message):find("memory", 1, true), message)
      failures = failures + 1
    end
  end
  assert(failures > 50, failures)
  step()
end)

test("help knows it", function()
  local out = io.popen("'" .. (os.getenv "GPTSH" or "./gptsh") .. "' -e 'help(torch.autograd.detect_anomaly)'"):read "a"
  assert(out:find("torch.autograd.detect_anomaly(fn: function = nil, ...)", 1, true), out)
end)
