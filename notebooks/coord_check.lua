-- %% [markdown]
-- # Coordinate checks
-- Is this parametrization right? Models of several widths take a few steps on one batch. The size of what every module gives,
-- and of how that changes in training, must not depend on the width: mean |h| ∝ width^p with p = 0. The readout begins at zero,
-- because a random one falls as width^-1/2 at first whatever the rule.

-- %% parameters tags=["parameters"]
seeds = 3

-- %% the smallest network that shows it: 16 -> n -> n -> 8
Net = nn.class "Net"
function Net:init(n)
  self.fc1 = nn.Linear(16, n, {bias = false})
  self.fc2 = nn.Linear(n, n, {bias = false})
  self.readout = nn.Linear(n, 8, {bias = false})
end
function Net:forward(x) return self.readout(F.relu(self.fc2(F.relu(self.fc1(x))))) end

function check(rule, options)
  local o = {rule = rule, widths = {64, 128, 256, 512, 1024}, lr = 2^-6, seeds = seeds,
             batch = function() return torch.randn(32, 16), torch.randn(32, 8) end}
  for key, value in pairs(options or {}) do o[key] = value end
  return coord(Net, o)
end

-- %% the standard parametrization: changes grow with the width
standard = check "standard"
standard
-- expect: standard adam, lr 0.015625, 3 seeds: FAIL

-- %% muP: flat
mup = check "mup"
mup
-- expect: mup8 adam, lr 0.015625, 3 seeds: PASS

-- %% the same as figures
standard:plot{change = true}
mup:plot{change = true}

-- %% [markdown]
-- A table for Adam is not one for gradient descent: with Levanter's the output never learns.

-- %% Adam's table under gradient descent
never = check("levanter_mup", {optimizer = "sgd", lr = 0.1})
print(f"exponent of the output at t = 3: {never:p('readout', 3):.2f}")
-- expect: exponent of the output at t = 3: ~ -1.05 ±0.1

-- %% break one number and it is found
function broken(role, fan_in, fan_out, m)
  local std = 1 / math.sqrt(fan_in)
  if role == "hidden" then return std, 1, 1 end -- should be 1 / m
  if role == "output" then return std * math.sqrt(m), 1 / m, 1 end
  return std, 1, 1
end
found = check(broken).culprit
print(f"{found.tensor}: changes grow as width^{found.exponent:.2f} from t = {found.t} on, {found.what} times {found.factor:.3f}")
-- expect: fc2.weight: changes grow as width^

-- %% the GPT, under muP
gpts = {n_layers = 2, head_dim = 32, vocab_size = 256, sequence_len = 32, tied = false}
gpt_mup = coord(gpts, {rule = "mup", widths = {64, 128, 256}, seeds = 1})
gpt_mup
-- expect: mup8 adam, lr 0.0078125, 1 seed: PASS

-- %% and under the standard rule
gpt_standard = coord(gpts, {rule = "standard", widths = {64, 128, 256}, seeds = 1})
print(f"{gpt_standard.verdict}: {gpt_standard.culprit.tensor}")
for _, name in ipairs{"blocks.0.attn", "blocks.0.ff", "blocks.1"} do
  print(f"{name:<14} p of its change at t = 5: {gpt_standard:p(name, 5, 'change'):.2f}, under muP {gpt_mup:p(name, 5, 'change'):.2f}")
end
-- expect: fail: lm_head.weight

-- %% [markdown]
-- "legal transient": layers right after the embedding see nearly orthogonal tokens; part of their change is a sum of random
-- signs, which vanishes as the width grows. A check that passes does not prove that learning rates transfer: a sweep does.
