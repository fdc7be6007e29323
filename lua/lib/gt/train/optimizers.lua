--- optimizers.lua: the trainer's optimizers: made from its options, copied for a fork, written as data and read back.

local optim = require "gt.optim"
local keywords = require "base.keywords"

local optimizers = {}

-- The founding notebook's own learning rate for the tied table, 0.2, is for batches of half a million tokens: at a few thousand the
-- loss stays far up.  This one does well from 64 to 192 wide, for bytes and characters.
local EMBEDDING_LR = 0.01

local class_names, is_native = {}, {}
for i, class in ipairs(require "native.optim".classes()) do
  class_names[i], is_native[class.name] = "'" .. class.name .. "'", true
end

--- What a table of settings may have, for completion: rows with name and type.
function optimizers.keys()
  local rows, seen = {{name = "name", type = table.concat(class_names, "|"):gsub("'", '"')}}, {}
  for _, settings in next, optim.rows do
    for _, row in ipairs(settings) do
      if not seen[row.name] then rows[#rows + 1], seen[row.name] = row, true end
    end
  end
  return rows
end

-- ---- making ----

--- Is the model the native GPT, for which there is a recipe?
function optimizers.is_gpt(model) return require "nn.class".isinstance(model, require "gt.models".GPT) end

local function is_optimizer(value) return type(value) == "table" and rawget(value, "param_groups") ~= nil end

--- A native optimizer over all parameters.  Weight decay goes to tensors of two and more dimensions.
local function from_settings(model, settings, what)
  local own, name = {}, settings.name or "AdamW"
  for key, value in pairs(settings) do
    if key ~= "name" then own[key] = value end
  end
  if not is_native[name] then
    keywords.fail("%s: expected optim.name to be %s or %s, got %s", what,
                  table.concat(class_names, ", ", 1, #class_names - 1), class_names[#class_names], keywords.show(name))
  end
  local matrices, rest = {}, {}
  for p in model:parameters() do
    local list = p.ndim >= 2 and matrices or rest
    list[#list + 1] = p
  end
  local groups = {}
  if #matrices > 0 then groups[1] = {params = matrices} end
  if #rest > 0 then groups[#groups + 1] = {params = rest, weight_decay = 0.0} end
  return {optim[name](groups, own)}
end

--- The list of optimizers that the option `optim` means; what: the function that got it.
function optimizers.make(model, given, what)
  what = what or "train.new"
  if type(given) == "function" then
    given = table.pack(given(model))
    if given.n == 0 then
      keywords.fail("%s: expected the function optim to answer an optimizer or a list of them, got nothing", what)
    end
    if given.n == 1 then given = given[1] end
  end
  if given == nil then
    if not optimizers.is_gpt(model) then return from_settings(model, {}, what) end
    local adamw, muon = optim.recipe(model, EMBEDDING_LR)
    return {adamw, muon}
  end
  if is_optimizer(given) then return {given} end
  if type(given) ~= "table" then
    keywords.fail("%s: expected optim to be an optimizer, a list of them or a table of settings, got %s", what,
                  keywords.show(given))
  end
  if #given == 0 then return from_settings(model, given, what) end
  for i, one in ipairs(given) do
    if not is_optimizer(one) then
      keywords.fail("%s: optim[%d]: expected an optimizer, got %s", what, i, keywords.show(one))
    end
  end
  return table.move(given, 1, #given, 1, {})
end

--- Every parameter must have a finite peak lr > 0 and be trained by one optimizer only; returns all of them in order.
function optimizers.check(list, what)
  local params, owner = {}, {}
  for i, opt in ipairs(list) do
    for g, group in ipairs(opt.param_groups) do
      local lr = group.initial_lr or group.lr
      if type(lr) ~= "number" or not (lr > 0 and lr < math.huge) then
        keywords.fail("%s: expected a learning rate > 0 for group %d of %s, got %s", what, g, opt.__name,
                      keywords.show(lr))
      end
      for _, p in ipairs(group.params) do
        if owner[p] then keywords.fail("%s: a parameter is in two optimizers (optim[%d] and [%d])", what, owner[p], i) end
        owner[p] = i
        params[#params + 1] = p
      end
    end
  end
  return params
end

-- ---- as data ----

local function split(value)
  if type(value) ~= "table" then return value end
  return table.move(value, 1, #value, 1, {})
end

--- One optimizer as plain data (settings, names, numbers) and its tensors under "<prefix>.<state>.<parameter>".
local function capture(opt, prefix, names, tensors)
  local saved = opt:state_dict()
  local data, number = {class = opt.__name, groups = {}, state = {}}, 0
  for g, group in ipairs(opt.param_groups) do
    local settings, params = {}, {}
    for key, value in pairs(saved.param_groups[g]) do
      if key ~= "params" then settings[key] = split(value) end
    end
    for j, p in ipairs(group.params) do
      number = number + 1
      params[j] = names[p]
      for key, value in pairs(saved.state[number] or {}) do
        if torch.is_tensor(value) then
          tensors[prefix .. "." .. key .. "." .. names[p]] = value:detach()
        else
          data.state[names[p]] = data.state[names[p]] or {}
          data.state[names[p]][key] = value
        end
      end
    end
    data.groups[g] = {settings = settings, params = params}
  end
  return data
end

--- All optimizers as a list of plain data and a table of tensors, which share memory with them.
function optimizers.capture(list, names)
  local data, tensors = {}, {}
  for i, opt in ipairs(list) do data[i] = capture(opt, tostring(i), names, tensors) end
  return data, tensors
end

local function same_parameters(opt, data, names)
  if #data.groups ~= #opt.param_groups then return false end
  for g, group in ipairs(opt.param_groups) do
    local saved = data.groups[g].params
    if #saved ~= #group.params then return false end
    for j, p in ipairs(group.params) do
      if names[p] ~= saved[j] then return false end
    end
  end
  return true
end

--- Tensors of the optimizer whose names begin with prefix: parameter -> {state = tensor}.
local function tensors_by_parameter(prefix, tensors)
  local out = {}
  for name, tensor in pairs(tensors) do
    local key, parameter = name:match("^" .. prefix .. "%.([^.]+)%.(.*)$")
    if key then
      out[parameter] = out[parameter] or {}
      out[parameter][key] = tensor
    end
  end
  return out
end

local function joined(list, key)
  local names = {}
  for i, item in ipairs(list) do names[i] = item[key] end
  return table.concat(names, " and ")
end

--- Raises where captured data is not of such optimizers over parameters of the same names.
function optimizers.check_saved(list, data, names)
  if #data ~= #list then
    keywords.fail("expected the optimizers it was saved with, %s; got %s", joined(data, "class"), joined(list, "__name"))
  end
  for i, opt in ipairs(list) do
    if opt.__name ~= data[i].class then
      keywords.fail("expected optimizer %d to be the %s it was saved with, got %s", i, data[i].class, opt.__name)
    end
    if not same_parameters(opt, data[i], names) then
      keywords.fail("optimizer %d, %s, was saved with other parameters or groups of them", i, opt.__name)
    end
  end
end

--- Puts captured data back into the optimizers that it fits.
function optimizers.restore(list, data, tensors)
  for i, opt in ipairs(list) do
    local held = tensors_by_parameter(tostring(i), tensors)
    local saved, number = {param_groups = {}, state = {}}, 0
    for g, group in ipairs(data[i].groups) do
      saved.param_groups[g] = {params = {}}
      for key, value in pairs(group.settings) do saved.param_groups[g][key] = split(value) end
      for j, name in ipairs(group.params) do
        number = number + 1
        saved.param_groups[g].params[j] = number
        local state
        for _, part in ipairs {data[i].state[name] or {}, held[name] or {}} do
          for key, value in pairs(part) do
            state = state or {}
            state[key] = value
          end
        end
        saved.state[number] = state
      end
    end
    opt:load_state_dict(saved)
  end
end

-- ---- settings that are given when a run is continued ----

--- Settings of every group of every optimizer.
function optimizers.settings(list)
  local out = {}
  for i, opt in ipairs(list) do
    out[i] = {}
    for g, group in ipairs(opt.param_groups) do
      out[i][g] = {}
      for key, value in pairs(group) do
        if key ~= "params" then out[i][g][key] = split(value) end
      end
    end
  end
  return out
end

--- The same of captured data.
function optimizers.saved_settings(data)
  local out = {}
  for i, one in ipairs(data) do
    out[i] = {}
    for g, group in ipairs(one.groups) do out[i][g] = group.settings end
  end
  return out
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then return false end
  end
  return true
end

--- Gives restored optimizers the settings that count before the checkpoint's, of `now`, what the optimizers were made with
-- just now: those that `given` names, where it is a table of settings; else those that are not what the run was made with.
-- The peak learning rate is what is given; the present one follows from it at the next step.
function optimizers.prefer(list, now, made, given)
  local named = type(given) == "table" and not is_optimizer(given) and #given == 0 and given
  for i, opt in ipairs(list) do
    for g, group in ipairs(opt.param_groups) do
      local old = (made[i] or {})[g] or {}
      for key, value in pairs(now[i][g]) do
        local counts = not named and not same(value, old[key])
        if named then counts = named[key == "initial_lr" and "lr" or key] ~= nil end
        if key ~= "lr" and counts then group[key] = split(value) end
      end
    end
  end
end

-- ---- copies ----

--- An empty optimizer of the class of `opt` (an optimizer, or for native ones the name of the class).
local function like(opt, class)
  if is_native[class] then return nil, optim[class] end
  local fresh = {param_groups = {}, state = setmetatable({}, getmetatable(opt.state))}
  for key, value in pairs(opt) do
    if fresh[key] == nil then fresh[key] = value end
  end
  return setmetatable(fresh, getmetatable(opt))
end

--- Optimizers over the parameters `by_name` with captured groups; `originals` are needed for classes written in Lua.
function optimizers.rebuild(data, by_name, originals)
  local list = {}
  for i, one in ipairs(data) do
    local original = originals and originals[i]
    if not is_native[one.class] and not original then
      keywords.fail("train.open: optimizer %s is written in Lua: pass optim = …", one.class)
    end
    local groups = {}
    for g, group in ipairs(one.groups) do
      groups[g] = {params = {}}
      for j, name in ipairs(group.params) do
        groups[g].params[j] = by_name[name] or keywords.fail("the model has no parameter '%s'", name)
      end
      for key, value in pairs(group.settings) do groups[g][key] = split(value) end
    end
    local fresh, constructor = like(original, one.class)
    if constructor then
      list[i] = constructor(groups)
    else
      for _, group in ipairs(groups) do fresh:add_param_group(group) end
      list[i] = fresh
    end
  end
  return list
end

return optimizers
