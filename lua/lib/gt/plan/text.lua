--- text.lua: a plan as a table of at most 80 columns.

local units = require "base.units"

local M = {}

local function percent(part, whole)
  return part > 0 and part < whole / 100 and "under 1 %" or ("%.0f %%"):format(100 * part / whole)
end

local ROOM = 36 -- columns for the list of ops

--- The ops that keep most, with their shares.
local function keepers(p)
  local list, out = {}, nil
  for op, bytes in pairs(p.kept) do list[#list + 1] = {op, bytes} end
  table.sort(list, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  for _, one in ipairs(list) do
    local share = one[1] .. " " .. percent(one[2], p.memory.activations)
    if out and #out + #share + 2 > ROOM then return out .. ", …" end
    out = out and out .. ", " .. share or share
  end
  return out
end

local function memory_lines(p)
  local m, out = p.memory, {}
  local function row(name, bytes, note) out[#out + 1] = (("  %-16s %10s  %s"):format(name, units.bytes(bytes), note or ""):gsub(" +$", "")) end
  row("weights", m.weights, p.parameters.tied > 0 and f"{p.parameters.tied:,} of them under two names, held once" or "")
  if m.buffers > 0 then row("buffers", m.buffers) end
  row("gradients", m.gradients)
  for _, state in ipairs(m.states) do row("state of " .. state.name, state.bytes) end
  row("batch", m.batch)
  row("activations", m.activations, m.activations > 0 and "kept by " .. keepers(p))
  row("logits", m.logits, m.logits == 0 and "none kept" or "kept for the backward")
  row("workspace", m.workspace, "for a moment, on top of these")
  row("peak", m.peak, ("in the %s: they are not all there at once"):format(p.peak_in))
  return out
end

local function fits_line(p)
  local need, here = units.bytes(p.memory.peak), units.bytes(p.available)
  if p.fits then return ("fits: yes, %s of %s"):format(percent(p.memory.peak, p.available), here) end
  local hint = p.fitting_batch > 0 and ("batch %d would fit"):format(p.fitting_batch) or "no batch would fit"
  return ("fits: no: needs %s, %s here; %s"):format(need, here, hint)
end

local function time_lines(p)
  local t = p.time
  if not t then return {} end
  local out = {("step: about %s, %s of it updates; %s tokens/s"):format(units.seconds(t.seconds), percent(t.update, t.seconds),
    f"{math.floor(t.tokens_per_second + 0.5):,}")}
  for i, one in ipairs(t.measured) do
    local rate = units.scaled(one.rate, one.what:find "^sums" and "B/s" or "FLOP/s")
    out[#out + 1] = ("%16s %12s  %s"):format(i == 1 and "measured here:" or "", rate, one.what)
  end
  return out
end

--- Title; memory by kind; whether it fits; operations; time.
function M.of(p)
  local sizes = {}
  for i = 1, #p.shape do sizes[i] = tostring(p.shape[i - 1]) end
  local batch = table.concat(sizes, ", ") .. (p.accumulate > 1 and (") x %d"):format(p.accumulate) or ")")
  local out = {("plan of %s: %s parameters, batch (%s, %s"):format(p.name, f"{p.parameters.unique:,}", batch, p.compute)}
  table.move(memory_lines(p), 1, 99, #out + 1, out)
  out[#out + 1] = fits_line(p)
  out[#out + 1] = ("FLOPs per token: %s forward, %s train, %s of them attention"):format(units.scaled(p.flops.forward),
    units.scaled(p.flops.train), units.scaled(p.flops.attention))
  table.move(time_lines(p), 1, 99, #out + 1, out)
  return table.concat(out, "\n")
end

return M
