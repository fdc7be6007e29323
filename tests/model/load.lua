-- What m:load_state_dict takes, and what it refuses whole.
local test = require "harness"

local function model(tied)
  local m = GPT {hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 16, sequence_len = 8, tied = tied}
  m:init_weights()
  return m
end

local function weights(m) return m:get_parameter("token_embedding.weight"):detach():clone() end

test("names of one tensor that are given different values are refused, naming both", function()
  local m, n = model(), model()
  local before = weights(n)
  local both = "one tensor in the model, different ones given: token_embedding.weight and lm_head.weight"
  local function refused(state, options)
    test.raises(function() n:load_state_dict(state, options) end, both)
    test.equal(torch.equal(weights(n), before), true)
  end
  local state = m:state_dict()
  state["lm_head.weight"] = state["lm_head.weight"] + 1
  refused(state)
  refused(state, {strict = false})
  refused(model(false):state_dict())
  local path = os.tmpname()
  torch.save(path, state)
  refused((torch.load(path)))
  os.remove(path)
  local wrapped = {}
  for name, tensor in pairs(state) do wrapped["_orig_mod." .. name] = tensor end
  refused(wrapped)
end)

test("tied names that agree, or of which one is given, are taken, in any dtype", function()
  local m, n = model(), model()
  for _, change in ipairs {function() end, function(s) s["lm_head.weight"] = s["lm_head.weight"]:clone() end,
                           function(s) s["lm_head.weight"] = nil end,
                           function(s) s["lm_head.weight"] = s["lm_head.weight"]:double() end} do
    local state = m:state_dict()
    change(state)
    n:init_weights()
    n:load_state_dict(state)
    test.equal(torch.equal(weights(n), weights(m)), true)
  end
end)

test("weights of another dtype become the model's, as in PyTorch", function()
  local m, n = model(), model():to(torch.bfloat16)
  m:load_state_dict(n:state_dict())
  for name, p in m:named_parameters() do
    test.equal(p.dtype, torch.float32)
    test.equal(torch.equal(p:detach(), n:get_parameter(name):detach():float()), true)
  end
end)
