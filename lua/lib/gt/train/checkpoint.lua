--- checkpoint.lua: checkpoints as folders that appear whole or not at all.
--
--   <folder>/step-000400/model.safetensors   weights, under their plain names
--                        ema.safetensors     averages of the weights, where there are some
--                        optim.safetensors   moments, "<optimizer>.<state>.<parameter>"
--                        trainer.json        the manifest: sizes and XXH3-128 of the files, everything else
--
-- They are written into a folder of another name, which is renamed last.  A folder without a manifest that agrees with
-- its files is not a checkpoint.
--
-- A run that goes back to a checkpoint of step `from`, or begins anew (from = -1), is a new branch: its checkpoints have the
-- next number as `branch`.  As soon as one of them is there, checkpoints of lower branches after `from` no longer count:
-- they are abandoned, and removed.  So there is the old run or the new one, wherever a process ends.

local native = require "native.train"
local folder = require "native.folder"
local json = require "base.json"
local keywords = require "base.keywords"
local fault_of = require "gt.train.manifest"

local checkpoint = {}

local FORMAT = 1
local MANIFEST, MANIFEST_MOST = "trainer.json", 256 << 20 -- bytes

local function name_of(step) return f"step-{step:06d}" end

--- Steps that folders of checkpoints are named after, ascending.
local function named(path)
  local steps = {}
  for _, name in ipairs(folder.list(path)) do
    local digits = name:match "^step%-(%d+)$"
    local step = digits and #digits < 19 and math.tointeger(digits)
    if step and name == name_of(step) then steps[#steps + 1] = step end
  end
  table.sort(steps)
  return steps
end

--- Removes what a killed save left; only for the holder of the lock of the folder.
function checkpoint.tidy(path)
  for _, name in ipairs(folder.list(path)) do
    if name:match "^%.step%-%d+%.tmp$" then folder.remove(path .. "/" .. name) end
  end
end

--- Hash of a manifest without this hash.
local function check_of(manifest)
  local rest = {}
  for key, value in pairs(manifest) do
    if key ~= "check" then rest[key] = value end
  end
  local hash = native.hash()
  hash:bytes(json.encode(rest))
  return hash:text()
end

--- What a checkpoint is called while it is made, and while it is removed.
local function temporary_of(path, step) return path .. "/." .. name_of(step) .. ".tmp" end

--- Removes a checkpoint: at no moment is there a part of one under its name.
local function remove(path, step)
  local target, temporary = path .. "/" .. name_of(step), temporary_of(path, step)
  folder.remove(temporary)
  local ok, why = os.rename(target, temporary)
  if not ok then keywords.fail("cannot remove '%s': %s", target, why) end
  folder.sync(path) -- a power cut must not bring its name back after its files are gone
  folder.remove(temporary)
end

--- Writes tensors and data as the checkpoint of data.step; returns its folder.
function checkpoint.save(path, data, tensors, hash)
  local target = path .. "/" .. name_of(data.step)
  local temporary = temporary_of(path, data.step)
  local function drop() folder.remove(temporary) end
  native.guard(drop, function()
    folder.renew(temporary)
    local files = {}
    for name, content in pairs(tensors) do
      local file = name .. ".safetensors"
      torch.save(temporary .. "/" .. file, content)
      local size, sum = folder.hash(temporary .. "/" .. file)
      files[file] = {size = size, xxh3 = sum}
    end
    local manifest = {format = FORMAT, files = files, hash = hash}
    for key, value in pairs(data) do manifest[key] = value end
    manifest.check = check_of(manifest)
    folder.write(temporary .. "/" .. MANIFEST, json.encode(manifest, {indent = 1}) .. "\n")
    folder.publish(temporary, target)
  end)
  return target
end

--- Removes all but the last `keep` checkpoints.
function checkpoint.prune(path, keep)
  local steps = named(path)
  for i = 1, #steps - keep do remove(path, steps[i]) end
end

local function read_manifest(target, step)
  local text, why = folder.read(target .. "/" .. MANIFEST, MANIFEST_MOST)
  if not text then return nil, why end
  local ok, manifest = pcall(json.decode, text)
  if not ok or type(manifest) ~= "table" then return nil, MANIFEST .. " cannot be read as JSON" end
  if manifest.format ~= FORMAT then
    return nil, MANIFEST .. f" has format {keywords.show(manifest.format)}, expected {FORMAT}"
  end
  if manifest.check ~= check_of(manifest) then return nil, MANIFEST .. " was changed after it was written" end
  local fault = fault_of(manifest, step)
  if fault then return nil, MANIFEST .. ": " .. fault end
  manifest.branch, manifest.from = manifest.branch or 1, manifest.from or -1
  return manifest
end

--- Steps of the checkpoints in a folder, ascending; those of the ones that a later branch has abandoned; the highest
-- branch, 0 where there is none.  One whose manifest cannot be read counts as of the highest.
function checkpoint.steps(path)
  local all, top = {}, 0
  for i, step in ipairs(named(path)) do
    local manifest = read_manifest(path .. "/" .. name_of(step), step) or {}
    all[i] = {step = step, branch = manifest.branch, from = manifest.from}
    top = math.max(top, manifest.branch or 1)
  end
  local steps, left = {}, {}
  for _, one in ipairs(all) do
    local abandoned = false
    for _, other in ipairs(all) do
      abandoned = abandoned or other.from and other.branch > (one.branch or top) and one.step > other.from
    end
    table.insert(abandoned and left or steps, one.step)
  end
  return steps, left, top
end

--- What is wrong with the files of a checkpoint, or nil.
local function damage(target, manifest)
  for name, file in pairs(manifest.files) do
    local kind, size = folder.kind(target .. "/" .. name, true)
    if kind and size ~= file.size then return f"{name} has {size} bytes, expected {file.size}" end
    local ok, _, sum = pcall(folder.hash, target .. "/" .. name)
    if not ok then return f"{name} is missing or cannot be read" end
    if sum ~= file.xxh3 then return f"{name} was changed after it was written" end
  end
end

--- The manifest of a checkpoint whose files are all as they were written; nil and the reason otherwise.
function checkpoint.verify(path, step)
  local target = path .. "/" .. name_of(step)
  local manifest, why = read_manifest(target, step)
  if manifest then why = damage(target, manifest) end
  if why then return nil, why end
  return manifest
end

--- "; the one before, step 300, is whole" when there is one.
local function offer(path, step)
  local steps = checkpoint.steps(path)
  for i = #steps, 1, -1 do
    if steps[i] < step and checkpoint.verify(path, steps[i]) then
      return ("; the one before is whole: train.open('%s', {step = %d})"):format(path, steps[i])
    end
  end
  return "; there is no whole one before it"
end

--- Removes the checkpoints that a branch has abandoned, once its last one is whole, and with `from`, the step that it
-- began at, those after it whose manifest cannot be read -> their steps, the step of the last one.
function checkpoint.clear(path, from)
  local steps, left = checkpoint.steps(path)
  local last
  for _, step in ipairs(steps) do
    local lost = from and step > from and not read_manifest(path .. "/" .. name_of(step), step)
    if lost then left[#left + 1] = step else last = step end
  end
  if #left == 0 or not checkpoint.verify(path, last) then return {} end
  for _, step in ipairs(left) do remove(path, step) end
  return left, last
end

--- The manifest of the checkpoint of a step, of the last one when none is named; raises on a damaged one.
function checkpoint.read(path, step)
  local steps = checkpoint.steps(path)
  if #steps == 0 then keywords.fail("train.open: no checkpoint in '%s'", path) end
  if step == nil then step = steps[#steps] end
  local there = false
  for _, known in ipairs(steps) do there = there or known == step end
  if not there then
    keywords.fail("no checkpoint of step %s in '%s'; there are %s", tostring(step), path, table.concat(steps, ", "))
  end
  local manifest, why = checkpoint.verify(path, step)
  if not manifest then
    keywords.fail("checkpoint '%s/%s' is damaged: %s%s", path, name_of(step), why, offer(path, step))
  end
  return manifest
end

--- The same, and its tensors.
function checkpoint.load(path, step)
  local manifest = checkpoint.read(path, step)
  local tensors = {}
  for name in pairs(manifest.files) do
    tensors[name:match "^(.*)%.safetensors$"] = torch.load(path .. "/" .. name_of(manifest.step) .. "/" .. name)
  end
  return manifest, tensors
end

--- Results of fn(…), which makes something of a checkpoint; what fails names it.
function checkpoint.blame(path, step, fn, ...)
  local results = table.pack(pcall(fn, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local why = results[2]
  if why == "interrupted" then error(why, 0) end
  keywords.fail("checkpoint '%s/%s', trainer.json: %s", path, name_of(step), (tostring(why):gsub("^[^\n:]*:%d+: ", "")))
end

return checkpoint
