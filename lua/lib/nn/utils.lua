--- utils.lua: nn.utils: what is done to the gradients of many parameters at once.

local native = require "native.train"
local keywords = require "base.keywords"

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

local function check_norm(name, norm_type, error_if_nonfinite, norm)
  if norm_type ~= 2 then keywords.fail("%s: expected norm_type = 2, got %s", name, norm_type) end
  if error_if_nonfinite and norm and not (norm < math.huge) then
    keywords.fail("%s: expected a finite norm, got %s", name, norm)
  end
  return norm
end

--- nn.utils.get_total_norm(tensors, norm_type = 2, error_if_nonfinite = false) -> the norm of all tensors together, of
-- gradients, say: {p.grad, …}.  Summed in float64.
function utils.get_total_norm(tensors, norm_type, error_if_nonfinite)
  check_norm("get_total_norm", norm_type)
  local square = 0.0
  for _, t in ipairs(listed("get_total_norm", tensors)) do square = square + native.length(t) ^ 2 end
  return check_norm("get_total_norm", norm_type, error_if_nonfinite, math.sqrt(square))
end

--- nn.utils.clip_grad_norm_(parameters, max_norm, norm_type = 2, error_if_nonfinite = false) -> norm before clipping.
-- Scales all gradients by max_norm / (norm + 1e-6) when that is below 1.  Gradients whose norm is not finite stay as
-- they are.
function utils.clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)
  check_norm("clip_grad_norm_", norm_type)
  local norm = native.clip(listed("clip_grad_norm_", parameters), max_norm)
  return check_norm("clip_grad_norm_", norm_type, error_if_nonfinite, norm)
end

keywords.sign(utils, [[
  get_total_norm(tensors: tensor|list, norm_type: number = 2, error_if_nonfinite: boolean = false)
  clip_grad_norm_(parameters: tensor|list, max_norm: number(0,], norm_type: number = 2, error_if_nonfinite: boolean = false)
]])

return {utils = utils}
