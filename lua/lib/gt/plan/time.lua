--- time.lua: the predicted time of a planned step: operations and bytes, divided by rates that were measured here.

local flops = require "gt.plan.flops"
local machine = require "gt.plan.machine"

local time = {}

--- The product with most operations.
local function largest(census, ops)
  local best, most = nil, 0
  for _, o in ipairs(census) do
    local n = ops[o.op] and flops.numel(o.inputs[1]) * o.inputs[2][ops[o.op]] or 0
    if n > most then best, most = o, n end
  end
  return best
end

-- Tensors of the size of a weight that an update reads or writes, with a Newton-Schulz iteration and without.
local ITERATED, PLAIN = 12, 7

--- Operations of the Newton-Schulz iteration over a group; its largest matrix {n, m, dtype} if larger than `most`.
local function iteration(group, most)
  local work = 0
  for _, q in ipairs(group.params) do
    local rows = q.shape[0]
    local columns = q:numel() // rows
    local n, m = math.min(rows, columns), math.max(rows, columns)
    work = work + machine.newton_schulz_work(n, m, group.ns_steps, group.ns_dtype)
    if not most or n * m > most[1] * most[2] then most = {n, m, group.ns_dtype} end
  end
  return work, most
end

--- Seconds of the optimizers' updates; what is measured joins the list.
local function update_time(opts, stream, measured)
  local bytes, work, most = 0, 0, nil
  for _, opt in ipairs(opts) do
    for _, group in ipairs(opt.param_groups) do
      local iterates = group.ns_steps ~= nil
      for _, q in ipairs(group.params) do bytes = bytes + (iterates and ITERATED or PLAIN) * q:nbytes() end
      if iterates then
        local own
        own, most = iteration(group, most)
        work = work + own
      end
    end
  end
  if not most then return bytes / stream.rate end
  local found = machine.newton_schulz(most[1], most[2], most[3])
  measured[#measured + 1] = found
  return bytes / stream.rate + work / found.rate
end

--- Predicted seconds of a step of the plan, of its passes and of its update, and what was measured.
-- sim: its simulation; sum: its operations.
function time.of(p, sim, sum)
  local dtype = p.compute
  local linear, attention = largest(sim.census, {linear = 1, linear_cross_entropy = 1}), nil
  local measured, stream = {}, machine.stream()
  local forward = sum.traffic / stream.rate
  if linear then
    local x, w = linear.inputs[1], linear.inputs[2]
    local found = machine.products(flops.numel(x) // x[#x], w[2], w[1], dtype)
    measured[1] = found
    forward = forward + sum.products / found.rate
  end
  for _, o in ipairs(sim.census) do attention = attention or o.op == "attention" and o or nil end
  if attention then
    local q, bthd = attention.inputs[1], attention.attributes.layout == 0
    local found = machine.attention(q[bthd and 2 or 3], q[bthd and 3 or 2], q[4], dtype)
    measured[#measured + 1] = found
    forward = forward + sum.attention / found.rate
  end
  measured[#measured + 1] = stream
  local update = update_time(sim.optimizers, stream, measured)
  local seconds = forward * p.accumulate + update
  return {seconds = seconds, passes = forward * p.accumulate, update = update, measured = measured,
          tokens_per_second = p.tokens * p.accumulate / seconds}
end

return time
