--- utils.lua: nn.utils: what is done to the gradients of many parameters at once.

local native = require "native.train"
local keywords = require "gt.keywords"

local utils = {}

--- One parameter, a list or an iterator over them as a list of tensors.
local function listed(name, parameters)
  if torch.is_tensor(parameters) then return {parameters} end
  local out = keywords.list(name, parameters)
  for i, p in ipairs(out) do
    if not torch.is_tensor(p) then
      keywords.fail("%s: expected tensors, item %d is %s", name, i, keywords.show(p))
    end
  end
  return out
end

--- nn.utils.get_total_norm(parameters) -> the norm of all their gradients together
function utils.get_total_norm(parameters) return (native.norm(listed("get_total_norm", parameters))) end

--- nn.utils.clip_grad_norm_(parameters, max_norm[, {error_if_nonfinite = false}]) -> norm before clipping.
-- Scales all gradients by max_norm / (norm + 1e-6) when that is below 1.  Gradients whose norm is not finite stay as
-- they are.
function utils.clip_grad_norm_(parameters, max_norm, options)
  local o = keywords.read("clip_grad_norm_", options, {"error_if_nonfinite", "norm_type"})
  if type(max_norm) ~= "number" or not (max_norm > 0) then
    keywords.fail("clip_grad_norm_: expected max_norm > 0, got %s", keywords.show(max_norm))
  end
  if o.norm_type ~= nil and o.norm_type ~= 2 then
    keywords.fail("clip_grad_norm_: expected norm_type = 2, got %s", keywords.show(o.norm_type))
  end
  local norm = native.clip(listed("clip_grad_norm_", parameters), max_norm)
  if o.error_if_nonfinite and not (norm < math.huge) then
    keywords.fail("clip_grad_norm_: the norm of the gradients is %s", tostring(norm))
  end
  return norm
end

return {utils = utils}
