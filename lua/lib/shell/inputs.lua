--- inputs.lua: what the prompt remembers between inputs: their texts, the last values, a paused trainer.

local session = require "gt.train.session"
local shell = require "native.shell"

local inputs = {list = {}, saved = {}} -- list[n]: text of input n; saved[n]: what %save writes of it (saved.lua), or false

-- ---- values shown ----
-- `_`, `__` and `___` keep a big value alive for one more input only: then the table below holds it, weakly, and the
-- garbage collector may take it.

local BIG = 1 << 20
local loose = setmetatable({}, {__mode = "v"})
local seen = setmetatable({}, {__mode = "v"}) -- what `_` was after the input before

--- Does the value keep more than 1 MiB alive?  Tables are looked into as far as a few hundred items go.
local function big(value, left)
  if type(value) == "string" then return #value > BIG end
  if torch.is_tensor(value) then return value:nbytes() > BIG end
  if type(value) == "userdata" then return torch.type(value) ~= "torch.Size" end
  if type(value) ~= "table" then return false end
  for _, item in next, value do
    left.count = left.count - 1
    if left.count < 0 or big(item, left) then return true end
  end
  return false
end

local function loosen(variables, name)
  local value = rawget(variables, name)
  if value == nil or not big(value, {count = 300}) then return end
  if not loose.installed then
    local meta = getmetatable(_G)
    if type(meta) ~= "table" or type(meta.__index) ~= "function" then return end -- the user's own
    loose.installed = true
    local before = meta.__index
    function meta.__index(globals, key)
      local kept = key ~= "installed" and loose[key]
      if kept then return kept end
      return before(globals, key)
    end
  end
  loose[name] = value
  rawset(variables, name, nil)
end

local function age()
  local variables = shell.variables()
  local last = rawget(variables, "_")
  loosen(variables, "__")
  loosen(variables, "___")
  if last ~= nil and rawequal(last, seen[1]) then loosen(variables, "_") end
  seen[1] = type(last) ~= "number" and type(last) ~= "boolean" and last or nil
end

-- ---- a trainer that was stopped ----

--- The trainer whose run was stopped and can continue, and the name of a variable that holds it.
local function paused()
  local t = session.stopped[1]
  if not t or not t.target or t.step_count >= t.target then return nil end
  return t, require("shell.names").of(t)
end

--- After Ctrl-C: says where the run is that it stopped, once; a later Ctrl-C may stop something else.
local function tell_pause()
  local t, name = paused()
  if not t or session.told[1] == t then return end
  session.told[1] = t
  local loss = t.loss and f", loss {t.smooth_loss:.4g}" or ""
  io.stderr:write(f"paused at step {t.step_count}/{t.target}{loss}; {name and name .. ':' or 'its '}resume() continues\n")
end

-- ---- for the prompt ----

local function reloading()
  local module = package.loaded["shell.reload"]
  return module and module.on and module
end

--- Before each input.
function inputs.begin()
  require("shell.saved").begin()
  if reloading() then reloading().before() end
end

--- After each input: its text, whether it ran to its end, whether Ctrl-C stopped it, how long it took, the text of the
-- value it showed, its error.  `keep`: it goes into the journal.
function inputs.done(text, ok, interrupted, seconds, output, message, keep)
  local n = #inputs.list + 1
  inputs.list[n], inputs.saved[n] = text, require("shell.saved").of(text, ok, interrupted, message) or false
  age()
  require("shell.names").note(n)
  if reloading() then reloading().after() end
  if interrupted then tell_pause() end
  local hint = ok and output == "nil" and require("shell.hints").of_nil(text)
  if hint then io.stderr:write("  ", hint, "\n") end
  if not keep or text:sub(1, 1) == " " then return end
  require("shell.journal").add{input = text, again = inputs.saved[n] and inputs.saved[n].again, ok = ok, seconds = seconds,
                               output = output, error = message}
end

--- May the prompt end?  A paused run is saved first, in its folder or with the session; one that cannot be is lost only
-- when the user says so.
function inputs.leave()
  local t, name = paused()
  if not t or t.step_count == t.saved or not require("native.terminal").is(0) then return true end
  local save = require("shell.journal").save
  if t.folder then
    function save() return f"step {t.step_count} in {t:save()}" end
  end
  local ok, text = pcall(save)
  if text then io.stderr:write(ok and (t.folder and "saved " or "kept for gptsh --resume: ") or "", tostring(text), "\n") end
  if ok and text then return true end
  io.stderr:write(f"{name or 'a trainer'} is paused at step {t.step_count}/{t.target} and not saved: leave? [y/N] ")
  local answer = io.read "l"
  return answer == nil or answer:find "^%s*[yY]" ~= nil
end

--- The prompt: _PROMPT and _PROMPT2, strings or functions, come first.
function inputs.prompt(first)
  local own = rawget(_G, first and "_PROMPT" or "_PROMPT2")
  if type(own) == "function" then
    local fine, text = pcall(own)
    own = fine and text or nil
  end
  if own ~= nil then return tostring(own) end
  local t = first and paused()
  return t and f"gpt (paused {t.step_count}/{t.target})> " or first and "gpt> " or "...> "
end

return inputs
