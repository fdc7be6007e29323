--- gradcheck.lua: gradients in f64 against central differences.

--- Raises unless the gradients of fn(…), a 0-d tensor, of all `inputs`, f64 tensors, are those of central differences.
local function gradcheck(fn, inputs)
  local leaves = {}
  for i, x in ipairs(inputs) do leaves[i] = x:detach():clone():requires_grad_(true) end
  fn(table.unpack(leaves)):backward()
  for i, x in ipairs(inputs) do
    local moved, at = x:detach():clone(), {table.unpack(inputs)}
    at[i] = moved
    local flat, grad = moved:view(-1), leaves[i].grad:reshape(-1)
    for k = 0, flat:numel() - 1 do
      local h, value = 1e-6, flat[k]:item()
      flat[k] = value + h
      local up = fn(table.unpack(at)):item()
      flat[k] = value - h
      local down = fn(table.unpack(at)):item()
      flat[k] = value
      local got, expected = grad[k]:item(), (up - down) / (2 * h)
      if not (math.abs(got - expected) <= 1e-7 * math.max(1, math.abs(expected))) then -- h² and rounding / h
        error(("gradient of input %d at %d: %.12g, differences give %.12g"):format(i, k, got, expected), 2)
      end
    end
  end
end

return gradcheck
