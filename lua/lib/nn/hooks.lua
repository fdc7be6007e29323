--- hooks.lua: forward hooks.  A module's hooks are {before = {…}, after = {…}}, lists of functions in
-- order of registration.

local native = require "native.module"
local scaled = require "native.reparam".scaled

local hooks = {}

local Handle = {}
Handle.__index = Handle
Handle.__name = "hook handle"

--- Takes the hook away; a second call does nothing.  With the last hook the module forgets that it had some.
function Handle:remove()
  local list = self.all[self.kind]
  for i, entry in ipairs(list) do
    if entry == self then
      table.remove(list, i)
      if #(self.all.before or {}) + #(self.all.after or {}) == 0 then native.unhook(self.module) end
      return
    end
  end
end

Handle.__close = Handle.remove

function hooks.add(module, kind, fn)
  if type(fn) ~= "function" then
    require "base.keywords".fail("hook: expected a function, got %s", type(fn))
  end
  local all = native.hooks(module)
  all[kind] = all[kind] or {}
  local handle = setmetatable({module = module, all = all, kind = kind, fn = fn}, Handle)
  table.insert(all[kind], handle)
  return handle
end

--- A copy, so that a hook may remove itself while it runs.
local function each(list) return ipairs(table.move(list or {}, 1, #(list or {}), 1, {})) end

--- What the binding calls instead of `forward` for a module with hooks or a multiplier.
function hooks.run(all, forward, module, ...)
  local args = table.pack(...)
  for _, hook in each(all.before) do
    local changed = hook.fn(module, args)
    if changed ~= nil then
      if type(changed) ~= "table" then changed = {changed} end
      args = changed
      args.n = args.n or #args
    end
  end
  local output = scaled(module, forward(module, table.unpack(args, 1, args.n)))
  for _, hook in each(all.after) do
    local changed = hook.fn(module, args, output)
    if changed ~= nil then output = changed end
  end
  return output
end

return hooks
