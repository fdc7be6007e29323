--- operators.lua: runs the calls that operators.py wrote and says what came: gptsh operators.lua FOLDER
-- FOLDER/cases.lua is a list of {id, function}, FOLDER/in.safetensors holds their tensors.  Results go to
-- FOLDER/out.safetensors as "id.k" (a gradient as "id.gk"), messages of what was refused to FOLDER/out.json.

local folder = arg[1]
-- What the cases use: their tensors, and leaves of their own for each call.
rawset(_G, "T", torch.load(folder .. "/in.safetensors"))
rawset(_G, "G", function(name) return _G.T[name]:clone():requires_grad_(true) end)

local results, texts = {}, {}

--- Numbers and booleans as tensors; lists of tensors one by one.
local function keep(id, n, value)
  if torch.is_tensor(value) then
    results[id .. "." .. n] = value:detach():clone()
    return n + 1
  elseif type(value) == "table" then
    for _, item in ipairs(value) do n = keep(id, n, item) end
    return n
  elseif type(value) == "number" or type(value) == "boolean" then
    results[id .. "." .. n] = torch.tensor(value, {dtype = math.type(value) == "float" and torch.float64 or nil})
    return n + 1
  end
  texts[id] = "answered " .. tostring(value)
  return n + 1
end

for name, case in pairs(dofile(folder .. "/cases.lua")) do
  torch.manual_seed(1)
  local answer = table.pack(pcall(case[1]))
  if not answer[1] then
    texts[name] = tostring(answer[2])
  else
    local n = 0
    for i = 2, answer.n do n = keep(name, n, answer[i]) end
    if case.leaves then
      local ok, message = pcall(function()
        local sum
        for i = 2, answer.n do
          local y = answer[i]
          if torch.is_tensor(y) and y.requires_grad then
            local part = (y * torch.arange(1, y:numel() + 1):reshape(y.shape):to(y.dtype)):sum()
            sum = sum and sum + part or part
          end
        end
        if not sum then error "no gradient" end
        sum:backward()
        for i, leaf in ipairs(case.leaves) do
          results[name .. ".g" .. i - 1] = leaf.grad and leaf.grad:clone() or torch.zeros_like(leaf)
        end
      end)
      if not ok then texts[name .. ".g"] = tostring(message) end
    end
  end
end
torch.save(folder .. "/out.safetensors", results)
local file <close> = assert(io.open(folder .. "/out.json", "w"))
file:write(json.encode(texts))
