-- t:pause_if: a run stops after a step whose loss or gradient norm is out of range, and can go on.
local test = require "harness"
local support = require "train.support"
local tripwire = require "gt.train.tripwire"

--- A run whose loss and gradient jump in step 23.
local function jumping(limits)
  local t = support.trainer {on_step = function(t)
    if t.step_count == 22 then t.model.lm_head.weight:detach():add_(torch.randn(256, 32) * 3) end
  end}
  t:pause_if(limits)
  t:run()
  return t
end

test("a jump of the loss pauses the run after its step", function()
  local t = jumping {loss_z = 6}
  test.equal(t.step_count, 23)
  t:pause_if(nil)
  t:resume()
  test.equal(t.step_count, 30)
end)

test("so does a jump of the gradient's norm", function()
  test.equal(jumping({gnorm_z = 6}).step_count, 23)
end)

test("a run without a jump is left alone, and has the same bits", function()
  local plain, watched = support.trainer(), support.trainer()
  watched:pause_if{loss_z = 20, gnorm_z = 50}
  plain:run()
  watched:run()
  test.equal(watched.step_count, 30)
  test.equal(watched:hash(), plain:hash())
end)

test("z is the distance from the mean of the last 128 values in std", function()
  local wires = tripwire.new({loss_z = 3}, {loss = {}})
  for i = 1, 300 do assert(not wires:look{loss = i <= 150 and 100 or i % 2}, i) end -- the 100s are forgotten; falls never count
  assert(not wires:look{loss = 1.9}) -- mean 0.5, std 0.5: z = 2.8
  assert(wires:look{loss = 2.2}:find "above the mean of the last 128 steps")
  assert(wires:look{loss = 0 / 0}, "what is no number is out of range")
end)

test("a run that is continued pauses where one that was never stopped does", function()
  local folder = support.folder()
  local function make(more)
    local t = support.trainer {folder = more and folder, resume = more and true, save_every = more and 15}
    t:pause_if{loss_z = 4}
    t.on_step = function(self) if self.step_count == 22 then self.loss = 50.0 end end
    return t
  end
  local t = make()
  t:run()
  local stopped = make(true)
  stopped:run(17)
  stopped:close()
  stopped = make(true)
  test.equal(stopped.step_count, 15)
  stopped:run()
  test.equal({stopped.step_count, stopped.paused}, {t.step_count, true})
  stopped:rewind(15)
  stopped:run()
  test.equal({stopped.step_count, stopped.paused}, {t.step_count, true})
  stopped:close()
  support.remove(folder)
end)

test("wrong limits are refused", function()
  local t = support.trainer()
  test.raises(function() t:pause_if{loss_zz = 6} end, "did you mean 'loss_z'?")
  test.raises(function() t:pause_if{loss_z = "6"} end, "loss_z expects a number > 0")
  test.raises(function() t:pause_if{} end, "expected loss_z or gnorm_z, got nothing")
end)
