--- inspect.lua: summary, check_model_dtypes, spectral.

local native = require "native.inspect"
local module = require "native.module"
local keywords = require "base.keywords"

local inspect = {}

-- ---- summary ----

local Summary = {__name = "summary"}
Summary.__index = Summary
function Summary.__tostring(self) return self.text end

local function on_meta(value)
  if type(value) == "table" then
    local out = {}
    for i, item in ipairs(value) do out[i] = on_meta(item) end
    return out
  end
  if type(value) ~= "userdata" then return value end
  return torch.empty(value.shape, {dtype = value.dtype, device = "meta"})
end

--- Inputs from sizes ({2, 3} or {{2, 3}, {4}}) and dtypes.
local function from_sizes(sizes, dtypes)
  dtypes = dtypes and keywords.list("summary: dtypes", dtypes)
  if type(sizes) ~= "table" or type(sizes[1]) == "number" then sizes = {sizes} end
  local out = {}
  for i, size in ipairs(sizes) do
    out[i] = torch.empty(size, {dtype = dtypes and (dtypes[i] or dtypes[#dtypes]) or "f32", device = "meta"})
  end
  return out
end

--- What forward takes, as text and count.
local function forward_of(m)
  local names = native.forward_parameters(m)
  if names then return names, select(2, names:gsub("[^,]+", "")) end
  local list, fn = {}, m.forward
  for i = 2, debug.getinfo(fn, "u").nparams do list[#list + 1] = debug.getlocal(fn, i) end
  return table.concat(list, ", "), #list
end

--- summary(m, {input_size = {1, 1024} or list of sizes, dtypes = {torch.long}} or {input_data = {x, …}},
-- depth = 3, compat = "torchinfo-1.8.0"), of a GPT also summary(m), for one whole sequence: layers, shapes and counts from
-- one forward on the meta device (no memory, no compute).  Tied weights count once, products count every position; `compat`
-- counts as torchinfo 1.8.0 does.  Shows as the table; fields total_params, mult_adds, …
function inspect.summary(m, o)
  local inputs
  local is_gpt = require "nn.class".isinstance(m, require "gt.models".GPT)
  if o.input_data ~= nil then
    inputs = on_meta(type(o.input_data) == "table" and o.input_data or {o.input_data})
  elseif o.input_size ~= nil then
    inputs = from_sizes(o.input_size, o.dtypes or is_gpt and {torch.int64})
  elseif is_gpt then
    inputs = from_sizes({1, m.config.sequence_len}, {torch.int64})
  else
    keywords.fail("summary: pass input_size = {1, 64}, or input_data = a tensor, for the forward")
  end
  local done = table.pack(pcall(native.summary, m, o.compat ~= nil, o.depth,
                                table.unpack(inputs)))
  if done[1] then
    local result = done[3]
    result.text = done[2]
    return setmetatable(result, Summary)
  end
  local message = tostring(done[2])
  if message:find("summary: forward of", 1, true) then error(message, 0) end -- core said it already
  local names, count = forward_of(m)
  local hint = ""
  if #inputs < count then
    hint = string.format("\n  forward takes (%s); %d input%s supplied. Pass the rest with input_data = {...}",
                         names, #inputs, #inputs == 1 and "" or "s")
  end
  error(string.format("summary: forward of %s failed: %s%s", module.class_name(m), message, hint), 0)
end

-- ---- dtypes ----

--- check_model_dtypes(m[, {group = true}]): prints name, kind and dtype of every parameter and buffer;
-- grouped, one line per pattern of names, dtype and shape.
function inspect.check_model_dtypes(m, group)
  if not group then
    print(native.dtype_table(m))
    return
  end
  local order, groups = {}, {}
  local function note(kind, name, tensor)
    local pattern = ("." .. name):gsub("%.%d+%f[.\0]", ".*"):sub(2)
    local key = table.concat({pattern, kind, tostring(tensor.dtype), tostring(tensor.shape)}, "\0")
    if not groups[key] then
      groups[key] = {pattern = pattern, kind = kind, tensor = tensor, count = 0}
      order[#order + 1] = groups[key]
    end
    groups[key].count = groups[key].count + 1
  end
  for name, p in m:named_parameters() do note("Parameter", name, p) end
  for name, b in m:named_buffers() do note("Buffer", name, b) end
  print(string.format("%-40s | %-15s | %5s | %-14s | %s", "Layer Name", "Type", "Count", "Dtype", "Shape"))
  print(("-"):rep(100))
  for _, g in ipairs(order) do
    print(string.format("%-40s | %-15s | %5d | %-14s | %s", g.pattern, g.kind, g.count,
                        tostring(g.tensor.dtype), tostring(g.tensor.shape)))
  end
end

-- ---- spectral learning rates ----

local spectral = {}
inspect.spectral = spectral

local Table = {__name = "spectral table"}
function Table.__tostring(self) return self.text end

--- spectral.table(mapping or model[, {lr = 1, scale = 1/64}]): learning rates lr * scale * fan_out/fan_in
-- of {name = {fan_in, fan_out}} (an odict keeps the order) or of a live model.  Shows as aligned columns;
-- .rows[i] has name, fan_in, fan_out, multiplier, lr.
function spectral.table(source, o)
  local text, rows
  if module.is_module(source) then
    text, rows = native.spectral(source, o.lr, o.scale)
  elseif type(source) == "table" or type(source) == "userdata" then
    local list, names = {}, {}
    for name in keywords.pairs("spectral.table", "{fan_in, fan_out} by name", source) do names[#names + 1] = name end
    if not getmetatable(source) then table.sort(names) end -- a plain table has no order
    for _, name in ipairs(names) do
      local fan = source[name]
      if type(fan) ~= "table" or #fan ~= 2 then
        keywords.fail("spectral.table: expected '%s' to be {fan_in, fan_out}", tostring(name))
      end
      table.move({tostring(name), fan[1], fan[2]}, 1, 3, #list + 1, list)
    end
    text, rows = native.spectral(list, o.lr, o.scale)
  else
    keywords.fail("spectral.table: expected a table of {fan_in, fan_out} or a model, got %s",
                  keywords.show(source))
  end
  return setmetatable({rows = rows, text = text}, Table)
end

--- spectral.multiplier(fan_in, fan_out[, scale = 1/64]) -> scale * fan_out / fan_in: what the spectral parametrization
--- (arXiv 2310.17813) multiplies a base learning rate by.
function spectral.multiplier(fan_in, fan_out, scale) return fan_out / fan_in * scale end

keywords.sign(inspect, [[
  summary(model: module, {input_size: any = nil, dtypes: list = nil, input_data: any = nil, depth: integer[0,] = 3,
    compat: "torchinfo-1.8.0" = nil})
  check_model_dtypes(model: module, group: boolean = false)
]])
keywords.sign(spectral, [[
  table(source, {lr: number = 1.0, scale: number = 0.015625})
  multiplier(fan_in: number, fan_out: number, scale: number = 0.015625)
]], "spectral.")

return inspect
