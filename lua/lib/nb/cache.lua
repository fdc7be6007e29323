--- cache.lua: the named results of cells marked `cache`: numbers, texts, booleans, tensors, and tables of them.
-- They go into NN-name.cache.json, tensors into NN-name.cache.safetensors next to it, with the place of the random streams.

local json = require "base.json"
local native = require "native.train"
local sidecar = require "nb.sidecar"
local folder = require "native.folder"
local write = folder.write

local cache = {}

local DEEPEST = 50

-- ---- values as JSON: what JSON lacks is an object with one key that begins with "$" ----

local encode

local function encode_pairs(value, depth, tensors)
  local list = json.array {}
  for key, item in pairs(value) do
    if type(key) ~= "string" and math.type(key) ~= "integer" then error("a table with a key that is a " .. type(key), 0) end
    list[#list + 1] = {key, encode(item, depth + 1, tensors)}
  end
  return list
end

local function encode_tensor(value, tensors)
  if torch.type(value) ~= "torch.Tensor" or value.requires_grad then error("a " .. torch.type(value) .. " that may be trained", 0) end
  local name = "t" .. #tensors + 1
  tensors[#tensors + 1] = {name, value:cpu()}
  return {["$tensor"] = name, device = tostring(value.device)}
end

function encode(value, depth, tensors)
  local kind = type(value)
  if depth > DEEPEST then error("a table that nests too deep", 0) end
  if kind == "boolean" or math.type(value) == "integer" then return value end
  if kind == "number" then return {["$float"] = ("%a"):format(value)} end
  if kind == "string" then
    if not utf8.len(value) then error("a text that is not UTF-8", 0) end
    return value
  end
  if torch.is_tensor(value) then return encode_tensor(value, tensors) end
  local meta = getmetatable(value)
  if kind == "table" and meta == nil then return {["$table"] = encode_pairs(value, depth, tensors)} end
  if kind == "table" and meta.__name == "odict" then return {["$odict"] = encode_pairs(value, depth, tensors)} end
  error("a " .. torch.type(value), 0)
end

local decode

local function decode_pairs(list, out, tensors)
  for _, pair in ipairs(list) do out[pair[1]] = decode(pair[2], tensors) end
  return out
end

function decode(value, tensors)
  if type(value) ~= "table" then return value end
  if value["$float"] then
    local special = {inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0, ["-nan"] = 0 / 0}
    return special[value["$float"]] or tonumber(value["$float"])
  end
  if value["$tensor"] then return tensors[value["$tensor"]]:to(value.device) end
  if value["$odict"] then return decode_pairs(value["$odict"], odict {}, tensors) end
  return decode_pairs(value["$table"], {}, tensors)
end

-- ---- files ----

--- Keeps the values of `names` as results of the cell; returns what a record needs to find them again, or nil and which
--- name cannot be kept.
function cache.save(kept, cell, names, lookup)
  local values, tensors = {}, {}
  for _, name in ipairs(names) do
    local value = lookup(name)
    if value ~= nil then
      local ok, encoded = pcall(encode, value, 0, tensors)
      if not ok then return nil, ("'%s' is %s"):format(name, encoded) end
      values[name] = encoded
    end
  end
  local stem, files = sidecar.stem(cell) .. ".cache", {}
  if #tensors > 0 then
    files[1] = stem .. ".safetensors"
    torch.save(kept:new(files[1]), odict(tensors))
  end
  local seed, stream = native.rng()
  files[#files + 1] = stem .. ".json"
  write(kept:new(stem .. ".json"), json.encode{key = cell.key, values = values, seed = seed, stream = stream})
  local hashes = {}
  for i, name in ipairs(files) do hashes[i] = select(2, folder.hash(kept:new(name))) end
  return {files = files, xxh3 = hashes}
end

--- The values by name of a cell whose record has them for its present key, and the number of the next random stream; or
--- nil.
function cache.load(kept, cell)
  local record = kept.records[cell.name]
  if not (cell.cache and record and record.cache and record.status == "ok" and record.key == cell.key) then return nil end
  local files, hashes = record.cache.files, record.cache.xxh3 -- the tensors, if any, come first
  local ok, values, seed, stream = pcall(function()
    local function find(i) return assert(kept:find(files[i], hashes[i])) end
    local all = json.decode(assert(require("nb.document").bytes(find(#files))))
    assert(all.key == cell.key and math.type(all.seed) == "integer" and math.type(all.stream) == "integer")
    local tensors, out = #files > 1 and torch.load(find(1)) or {}, {}
    for name, value in pairs(all.values) do out[name] = decode(value, tensors) end
    return out, all.seed, all.stream
  end)
  if not ok then return nil end
  return values, seed, stream
end

return cache
