--- sites.lua: what a parametrization sees of a model: its tensors with role, fans and widths against the base model, and the
-- places of the forward that have a multiplier of their own.

local module = require "native.module"
local keywords = require "base.keywords"
local rule = require "gt.reparam.rule"

local sites = {}

local OUTPUTS = {lm_head = true, head = true, output = true, readout = true, unembed = true, unembedding = true,
                 classifier = true, logits = true}
local BRANCHES = {"%.attn$", "%.ff$", "%.mlp$"}

-- ---- what a model or a base model is made of ----

--- Longest ModuleList of a model: its path with a dot at the end, and its length; nil and 1 without one.
local function layers_of(model)
  local path, count = nil, 1
  for name, m in model:named_modules() do
    if nn.isinstance(m, nn.ModuleList) and #m > (path and count or 0) then path, count = name .. ".", #m end
  end
  return path, count
end

--- Sizes of heads by the name of the module that has them.
local function heads_of(model)
  local heads = {}
  for name, m in model:named_modules() do
    if m:has "attention_scale" and m:has "head_dim" then heads[name] = m.head_dim end
  end
  return heads
end

--- {shapes = {name = {sizes}}, layers =, path =, heads =}: all that is compared with a base model.
function sites.shapes(model)
  if not module.is_module(model) then
    keywords.fail("reparam.shapes: expected a model, got %s", keywords.show(model))
  end
  local path, count = layers_of(model)
  local out = {shapes = {}, layers = count, path = path, heads = heads_of(model)}
  for name, p in model:named_parameters() do
    local shape = {}
    for i = 0, p.ndim - 1 do shape[i + 1] = p:size(i) end
    out.shapes[name] = shape
  end
  return out
end

--- The GPT of a base width: heads keep their size.
local function gpt_base(what, model, base)
  local config = require "gt.config".GPTConfig(model.config)
  local own = type(base) == "table" and base or {hidden_dim = base}
  local head = config.hidden_dim // config.n_heads
  local groups = config.n_heads // config.n_kv_heads
  config.hidden_dim = own.hidden_dim or config.hidden_dim
  if own.n_heads == nil then
    if config.hidden_dim % (head * groups) ~= 0 then
      keywords.fail("%s: a base width of %s does not divide into heads of %d%s", what, tostring(config.hidden_dim), head,
                    groups > 1 and (", %d to a key"):format(groups) or "")
    end
    config.n_heads = config.hidden_dim // head
    config.n_kv_heads = config.n_heads // groups
  end
  for key, value in pairs(own) do config[key] = value end
  return module.class_of(model)(config, {device = "meta"})
end

--- base as the user gave it -> sites.shapes of it; nil without one.
function sites.base(what, model, base)
  if base == nil then return nil end
  if module.is_module(base) then return sites.shapes(base) end
  if type(base) == "table" and base.shapes then return base end
  local is_gpt = module.class_name(model) == "GPT" and model:has "config"
  if is_gpt and (math.type(base) == "integer" or type(base) == "table") then
    return sites.shapes(gpt_base(what, model, base))
  end
  keywords.fail("%s: expected base: a model of the base width%s or reparam.shapes of one, got %s", what,
                is_gpt and ", its hidden_dim" or "", keywords.show(base))
end

-- ---- tensors ----

local function join(path, name) return path == "" and name or path .. "." .. name end

--- Every parameter once: {tensor =, name =, names = {…}, uses = {{path, module}, …}} in order of registration.
local function collect(model)
  local list, known = {}, {}
  for path, m in model:named_modules() do
    local own = module.walk(m, "state")
    for i = 1, #own, 2 do
      local name, p = own[i], own[i + 1]
      if not name:find(".", 1, true) and torch.type(p) == "nn.Parameter" then
        local item = known[p]
        if not item then
          item = {tensor = p, name = join(path, name), names = {}, uses = {}, slot = name}
          known[p] = item
          list[#list + 1] = item
        end
        item.names[#item.names + 1] = join(path, name)
        item.uses[#item.uses + 1] = {path = path, module = m}
      end
    end
  end
  return list
end

local function is_embedding(use) return nn.isinstance(use.module, nn.Embedding) end

--- The use of a table as output matrix: of a tied table the first that is not a lookup.
local function unembed_use(item)
  for _, use in ipairs(item.uses) do
    if not is_embedding(use) then return use end
  end
end

--- Role by what the user said, else nil.
local function named_role(what, roles, item)
  if type(roles) == "function" then
    local role = roles(item.name, item.tensor, item.uses[1].module)
    return role ~= nil and rule.check_role(("%s: roles: '%s'"):format(what, item.name), role) or nil
  end
  local found, by
  for pattern, role in pairs(roles or {}) do
    if item.name:find(pattern) then
      if found and found ~= role then
        local both = {by, pattern}
        table.sort(both)
        keywords.fail("%s: roles: '%s' fits '%s' and '%s', which say different roles", what, item.name, both[1], both[2])
      end
      found, by = role, pattern
    end
  end
  return found
end

local function vector_role(item)
  if item.tensor.ndim == 0 then return "scalar" end
  return item.slot:find "bias" and "bias" or "gain"
end

--- Does the owner's name say that it gives logits?
local function named_output(item)
  return OUTPUTS[item.uses[1].path:match "[^.]*$"] or item.uses[1].path == "" and OUTPUTS[item.slot] or false
end

--- Roles of matrices from which sizes differ from the base model; where none do, from names and order.
local function matrix_role(item, grows_in, grows_out, place)
  if grows_in and grows_out then return "hidden" end
  if grows_in then return "output" end
  if grows_out then return "input" end
  if named_output(item) then return "output" end
  if place.ordered and item == place.first then return "input" end
  if place.ordered and item == place.last then return "output" end
  return "hidden"
end

--- In a model without lookups the first matrix reads the input and the last, unless one is named so, gives the output.
local function order_of(items)
  local place = {ordered = true}
  local named = false
  for _, item in ipairs(items) do
    if item.tensor.ndim >= 2 then
      if is_embedding(item.uses[1]) then place.ordered = false end
      named = named or named_output(item)
      place.first = place.first or item
      place.last = item
    end
  end
  if named then place.last = nil end
  return place
end

--- Name of the same tensor or module in a base model of fewer layers; `known`: by the names there.
local function base_name(name, known, mine, base)
  if known[name] or not mine.path then return name end
  local index, rest = name:match("^" .. mine.path:gsub("%p", "%%%0") .. "(%d+)(.*)$")
  return index and base.path and base.path .. tonumber(index) % base.layers .. rest or name
end

local function shape_text(shape) return "(" .. table.concat(shape, ", ") .. ")" end

--- Shape of the tensor in the base model, its own without one.
local function base_shape(what, item, mine, base)
  local own = mine.shapes[item.name]
  if not base then return own end
  local found = base.shapes[base_name(item.name, base.shapes, mine, base)]
  if not found then keywords.fail("%s: the base model has no '%s'", what, item.name) end
  if #found ~= #own then
    keywords.fail("%s: '%s' is %s, in the base model %s: expected as many dimensions", what, item.name,
                  shape_text(own), shape_text(found))
  end
  return found
end

--- fan_in and fan_out of a shape; a lookup and a vector have fan_in 1.
local function fans(shape, lookup)
  if #shape < 2 then return 1, shape[1] or 1 end
  if lookup then return 1, shape[2] end
  local fan_in = 1
  for i = 2, #shape do fan_in = fan_in * shape[i] end
  return fan_in, shape[1]
end

local function inside(mine, name) return mine.path ~= nil and name:sub(1, #mine.path) == mine.path end

--- Widths and depths of a site; `in_base`, `out_base`: the fans in the base model.
local function measure(site, mine, base, in_base, out_base)
  site.m_in, site.m_out = site.fan_in / in_base, site.fan_out / out_base
  site.m = site.m_in ~= 1 and site.m_in or site.m_out
  site.layers, site.depth = mine.layers, base and mine.layers / base.layers or 1
  site.branch_layers = inside(mine, site.name) and site.layers or 1
  site.branch_depth = inside(mine, site.name) and site.depth or 1
  return site
end

local function tensor_site(what, item, mine, base, roles, place)
  local lookup = is_embedding(item.uses[1])
  local own, other = mine.shapes[item.name], base_shape(what, item, mine, base)
  local role = named_role(what, roles, item)
  if role == "embedding" or role == "tied" then lookup = true end
  local site = {name = item.name, tensor = item.tensor, uses = item.uses, names = item.names, shape = own}
  site.fan_in, site.fan_out = fans(own, lookup)
  local in_base, out_base = fans(other, lookup)
  if role then
    site.role = role
  elseif #own < 2 then
    site.role = vector_role(item)
  elseif lookup then
    site.role = unembed_use(item) and "tied" or "embedding"
  else
    site.role = matrix_role(item, site.fan_in ~= in_base, site.fan_out ~= out_base, place)
  end
  return measure(site, mine, base, in_base, out_base)
end

-- ---- places ----

local function place_site(role, use, mine, base, own, other)
  local site = {name = use.path, role = role, place = use.module, fan_in = own, fan_out = own}
  return measure(site, mine, base, other, other)
end

--- Places with a multiplier: tied tables as heads, attention, branches.
local function add_places(model, list, mine, base, branches)
  for i = 1, #list do
    local use = list[i].role == "tied" and unembed_use(list[i])
    if use then
      list[#list + 1] = place_site("unembed", use, mine, base, list[i].fan_out, list[i].fan_out / list[i].m_out)
    end
  end
  for path, m in model:named_modules() do
    local head = mine.heads[path]
    if head then
      local other = base and base.heads[base_name(path, base.heads, mine, base)] or head
      list[#list + 1] = place_site("attention", {path = path, module = m}, mine, base, head, other)
    end
    for _, pattern in ipairs(branches or BRANCHES) do
      if inside(mine, path) and path:find(pattern) then
        list[#list + 1] = place_site("residual", {path = path, module = m}, mine, base, 1, 1)
        break
      end
    end
  end
end

--- All sites of a model: its tensors in order of registration, then the places.  base as in sites.base.
function sites.of(what, model, options)
  if not module.is_module(model) then
    keywords.fail("%s: expected a model, got %s", what, keywords.show(model))
  end
  local mine, base = sites.shapes(model), sites.base(what, model, options.base)
  local items, list = collect(model), {}
  if #items == 0 then keywords.fail("%s: the model has no parameters", what) end
  local place = order_of(items)
  for i, item in ipairs(items) do
    list[i] = tensor_site(what, item, mine, base, options.roles, place)
  end
  add_places(model, list, mine, base, options.residual)
  return list
end

return sites
