--- files.lua: torch.load and torch.save.  What a file is, its bytes say, not its name.

local native = require "native.data"
local folder = require "native.folder"
local keywords = require "base.keywords"

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

--- Refuses what is recognised as something else than safetensors.  Unreadable files are left to the reader, whose
-- messages name the reason.
local function sniff(path)
  local bytes = folder.head(path, 1 << 20)
  if not bytes or bytes:sub(9, 9) == "{" then return end
  local what = native.what(bytes)
  if bytes:find "^PK\3\4" then
    what = "a zip archive, as PyTorch's .pt files are: it holds pickled Python objects" .. imports(bytes)
  elseif bytes:find "^\x80[\2-\5]" then
    what = "a Python pickle" .. imports(bytes)
  elseif bytes:find "^%s*{" then
    what = "JSON"
  end
  if what then
    keywords.fail("load: '%s' is %s; only .safetensors files are read (in Python: safetensors.torch.save_file(state_dict, path))",
                  path, what)
  end
end

--- In the place of a tensor of a dtype that is not supported: whatever is asked of it raises and names it.
local function stand_in(path, name, dtype)
  local kind = dtype .. " tensor"
  local function refuse()
    keywords.fail("load: tensor '%s' of '%s' is of dtype %s, which is not supported; convert it where it was made", name, path, dtype)
  end
  return setmetatable({}, {__name = kind, __index = refuse, __newindex = refuse, __call = refuse, __len = refuse,
                           __tostring = function() return f"<{kind}, not supported>" end})
end

--- torch.load(path) -> odict of tensors in file order, table of the file's metadata.
-- Names of tied tensors, which the file holds once, follow at the end.  A tensor of a dtype that is not supported (U32,
-- U64, C64, F8 …) hinders no other: its name holds a placeholder that is not a tensor and raises when it is used.
function files.load(path)
  sniff(path)
  local list, pairs_list = native.load_safetensors(path)
  local out, metadata, aliases = odict {}, {}, {}
  for i = 1, #list, 2 do
    local tensor = list[i + 1]
    out[list[i]] = type(tensor) == "string" and stand_in(path, list[i], tensor) or tensor
  end
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
  keywords.fail("save: expected '%s' to be a tensor, got %s; a file holds one level of names: save it in a file of its own," ..
                " or its tensors under names like '%s.%s'", name, torch.type(value), name, inner_name(value))
end

--- torch.save(path, table of tensors or module[, {metadata = {key = "text"}}]): a .safetensors file; the endings of other
-- formats (.pt, .npy …) are refused.
-- The file is replaced in one step: whatever fails, the path holds the old or the new content.
function files.save(path, object, options)
  if type(object) == "string" and type(path) ~= "string" then path, object = object, path end
  keywords.ending("save", keywords.string("save", "path", path), {"safetensors"})
  if require "native.module".is_module(object) then object = object:state_dict() end
  if type(object) ~= "table" and (type(object) ~= "userdata" or torch.is_tensor(object)) then
    keywords.fail("save: expected a table of tensors by name, {w = x}, or a module, got %s", torch.type(object))
  end
  local list, metadata = {}, {}
  for name, tensor in keywords.pairs("save", "tensors by name", object) do
    if type(name) ~= "string" then keywords.fail("save: expected names to be strings, got %s", keywords.show(name)) end
    check_flat(name, tensor)
    list[#list + 1], list[#list + 2] = name, tensor
  end
  for key, value in pairs(options.metadata or {}) do
    metadata[#metadata + 1], metadata[#metadata + 2] = key, value
  end
  native.save_safetensors(path, list, metadata)
end

keywords.sign(files, "load(path: string) save(path, object, {metadata: table = nil})", "torch.")

return files
