--- files.lua: torch.load and torch.save.  What a file is, its bytes say, not its name.

local native = require "native.data"
local keywords = require "gt.keywords"

local files = {}

--- Names that a pickle would import when loaded, for the refusal.
local function imports(bytes)
  local names, seen = {}, {}
  local function note(module, name)
    local full = module .. "." .. name
    if not seen[full] and #names < 4 then
      seen[full] = true
      names[#names + 1] = full
    end
  end
  for module, name in bytes:gmatch "c([%a_][%w_.]*)\n([%a_][%w_.]*)\n" do note(module, name) end
  for module, name in bytes:gmatch "\x8c.([%a_][%w_.]*)\x94?\x8c.([%a_][%w_.]*)\x94?\x93" do
    note(module, name)
  end
  return #names > 0 and "; loading it would run " .. table.concat(names, ", ") or ""
end

local kinds = {
  {"PK\3\4", function(bytes)
    return "a zip archive, as PyTorch's .pt files are: it holds pickled Python objects" .. imports(bytes)
  end},
  {"\x80[\2-\5]", function(bytes) return "a Python pickle" .. imports(bytes) end},
  {"\x93NUMPY", function() return "a NumPy array" end},
  {"GGUF", function() return "a GGUF model" end},
  {"\x28\xb5\x2f\xfd", function() return "a zstd archive" end},
  {"\x1f\x8b", function() return "a gzip archive" end},
}

--- Refuses what is recognised as something else than safetensors.  Unreadable files are left to the
-- reader, whose messages name the reason.
local function sniff(path)
  local file = io.open(path, "rb")
  if not file then return end
  local bytes = file:read(1 << 20) or ""
  file:close()
  if bytes:sub(9, 9) == "{" then return end
  for _, kind in ipairs(kinds) do
    if bytes:find("^" .. kind[1]) then
      keywords.fail("load: '%s' is %s; only .safetensors files are read (in Python: " ..
                    "safetensors.torch.save_file(state_dict, path))", path, kind[2](bytes))
    end
  end
end

--- torch.load(path) -> odict of tensors in file order, table of the file's metadata.
-- Names of tied tensors, which the file holds once, follow at the end.
function files.load(path)
  keywords.string("load", "path", path)
  sniff(path)
  local list, pairs_list = native.load_safetensors(path)
  local out, metadata, aliases = odict {}, {}, {}
  for i = 1, #list, 2 do out[list[i]] = list[i + 1] end
  for i = 1, #pairs_list, 2 do
    local key, value = pairs_list[i], pairs_list[i + 1]
    metadata[key] = value
    if key ~= "format" and out[key] == nil and out[value] ~= nil then aliases[#aliases + 1] = key end
  end
  for _, key in ipairs(aliases) do out[key] = out[metadata[key]] end
  return out, metadata
end

--- The first name in a table or module that is to be saved under `name`, for the advice in the error.
local function inner_name(value)
  if require "native.module".is_module(value) then value = value:state_dict() end
  for key in pairs(value) do
    if type(key) == "string" then return key end
  end
  return "weight"
end

--- Refuses what the format has no place for: a table in the table, as checkpoints written with pickle have.
local function check_flat(name, value)
  if type(value) ~= "table" and not require "native.module".is_module(value) then return end
  keywords.fail("save: '%s' must be a tensor, got %s; a file holds one level of names: save it in a file of its own," ..
                " or its tensors under names like '%s.%s'", name, torch.type(value), name, inner_name(value))
end

--- torch.save(path, table of tensors or module[, {metadata = {key = "text"}}]): a .safetensors file.
-- The file is replaced in one step: whatever fails, the path holds the old or the new content.
function files.save(path, object, options)
  if type(object) == "string" and type(path) ~= "string" then path, object = object, path end
  keywords.string("save", "path", path)
  local o = keywords.read("save", options, {"metadata"})
  if require "native.module".is_module(object) then object = object:state_dict() end
  if type(object) ~= "table" and (type(object) ~= "userdata" or torch.is_tensor(object)) then
    keywords.fail("save: expected a table of tensors by name, {w = x}, or a module, got %s", torch.type(object))
  end
  local list, metadata = {}, {}
  for name, tensor in pairs(object) do
    if type(name) ~= "string" then keywords.fail("save: names must be strings, got %s", keywords.show(name)) end
    check_flat(name, tensor)
    list[#list + 1], list[#list + 2] = name, tensor
  end
  for key, value in pairs(o.metadata or {}) do
    metadata[#metadata + 1], metadata[#metadata + 2] = key, value
  end
  native.save_safetensors(path, list, metadata)
end

return files
