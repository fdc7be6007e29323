-- A small GPT on the device against the same on the cpu: initial weights, logits, loss, every gradient, training steps,
-- autocast, checkpoint and resume.  Ops without a kernel fall back to the cpu, so only those with one round otherwise.
package.path = "tests/train/?.lua;" .. package.path
local test = require "harness"
local support = require "support"

local config = GPTConfig {hidden_dim = 32, n_layers = 2, n_heads = 2, vocab_size = 61, sequence_len = 16}

--- Both sides have the embedding in bf16, as init_weights() makes it on a GPU.
local function model(device)
  torch.manual_seed(3)
  local m = GPT(config, {device = device})
  m:init_weights()
  if device == "cpu" then m.token_embedding:to "bf16" end
  return m
end

local function batch(seed)
  torch.manual_seed(seed)
  return torch.randint(0, 61, {2, 16}), torch.randint(0, 61, {2, 16})
end

--- |a - b| of the largest |b|.
local function near(a, b, tolerance, what)
  a, b = a:detach():cpu():double(), b:detach():cpu():double()
  local off = (a - b):abs():max():item() / math.max(b:abs():max():item(), 1e-30)
  if not (off <= tolerance) then error(("%s: off by %.3g of the largest, allowed %.3g"):format(what, off, tolerance), 2) end
end

local function each_parameter(a, b, fn)
  for name, p in a:named_parameters() do fn(name, p, b:get_parameter(name)) end
end

local here, there = model "cpu", model "cuda"
local x, y = batch(1)

test("weights are drawn with the same bits, on the device", function()
  each_parameter(there, here, function(name, p, q)
    test.equal({name, p.device.type, p.dtype == q.dtype}, {name, "cuda", true})
    test.equal(torch.equal(p:detach():cpu(), q:detach()), true)
  end)
end)

test("logits, loss and every gradient are those of the cpu", function()
  near(there(x:cuda()), here(x), 1e-3, "logits")
  local a, b = there(x:cuda(), y:cuda()), here(x, y)
  near(a, b, 1e-3, "loss")
  a:backward()
  b:backward()
  each_parameter(there, here, function(name, p, q)
    test.equal(p.grad.dtype == q.grad.dtype, true)
    near(p.grad, q.grad, 2e-2, name)
  end)
end)

test("the norm of all gradients is one number of the device", function()
  local before = torch.memory_stats("cpu").allocations
  local norm = nn.utils.clip_grad_norm_(there:parameters(), 0.5)
  assert(torch.memory_stats("cpu").allocations - before <= 16 + 3, "gradients were copied")
  near(torch.tensor(norm), torch.tensor(nn.utils.clip_grad_norm_(here:parameters(), 0.5)), 1e-3, "norm")
end)

--- The losses of n steps of AdamW and Muon from a fresh model.
local function losses(device, n, precision)
  local m, list = model(device), {}
  local adamw, muon = m:setup_optimizers {embedding_lr = 0.01, matrix_lr = 0.02, weight_decay = 0.1}
  for i = 1, n do
    local ids, targets = batch(i)
    local loss
    do
      local cast <close> = precision and torch.autocast(device, {dtype = precision}) -- luacheck: no unused
      loss = m(ids:to(device), targets:to(device))
    end
    loss:backward()
    list[i] = loss:item()
    adamw:step()
    muon:step()
    adamw:zero_grad()
    muon:zero_grad()
  end
  return torch.tensor(list)
end

test("five steps of AdamW and Muon go as on the cpu", function()
  near(losses("cuda", 5), losses("cpu", 5), 2e-3, "losses")
end)

test("steps under autocast go as on the cpu", function()
  near(losses("cuda", 2, "bf16"), losses("cpu", 2, "bf16"), 1e-2, "losses")
end)

test("a model whose blocks have other dtypes trains", function()
  local m = model "cuda"
  m.blocks[1]:to "bf16"
  local loss = m(x:cuda(), y:cuda())
  loss:backward()
  each_parameter(m, m, function(name, p) test.equal({name, p.grad.dtype == p.dtype}, {name, true}) end)
end)

test("a run on the device is saved and continued to the same weights", function()
  local seen = {}
  local function start(folder, m)
    return train.new {
      model = m, steps = 4, resume = true, folder = folder, log_every = 1, progress = false, save_every = 2,
      data = {next = function(self)
        self.at = (self.at or 0) + 1
        seen[#seen + 1] = self.at
        local ids, targets = batch(self.at)
        return ids:cuda(), targets:cuda()
      end, state = function(self) return self.at or 0 end, load_state = function(self, at) self.at = at end},
    }
  end
  local folder = support.folder()
  local whole, again = model "cuda", model "cuda"
  start(folder .. "/a", whole):run()
  start(folder .. "/b", model "cuda"):run(2)
  collectgarbage()
  local t = start(folder .. "/b", again)
  t:run()
  test.equal(#seen, 4 + 2 + 2) -- the last two from where the run stood
  support.remove(folder)
  each_parameter(whole, again, function(name, p, q)
    test.equal({name, torch.equal(p:detach():cpu(), q:detach():cpu())}, {name, true})
  end)
end)
