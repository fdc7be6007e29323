--- journal.lua: what was typed at a prompt and what it showed, on disk as it happens; gptsh --resume reads it.
--
-- One file NAME.jsonl of JSON lines per session that had an input, in $XDG_STATE_HOME/gptsh/sessions: {input, again, seconds,
-- ok, output}.  Next to it is the folder NAME.state with the variables (keep.lua), as they were after an input that took long, when
-- the process was asked to end, and at %log save.  With an empty GPTSH_HISTORY there is neither.

local files = require "native.folder"
local json = require "base.json"
local session = require "gt.train.session"
local shell = require "native.shell"

local journal = {}

local MOST = 1 << 30 -- bytes of a journal
local KEPT = 30 -- files of earlier sessions
local LONGEST = 1 << 16 -- bytes of an output that are kept
local SLOW = 10 -- seconds: what took longer is not run again; the variables are kept after it
local STATES = 3 -- sessions whose variables are kept

local function sessions()
  if os.getenv "GPTSH_HISTORY" == "" then return nil end
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/gptsh/sessions" end
  return home and home .. "/.local/state/gptsh/sessions" or nil
end

--- Names of the sessions in the folder that have this ending, the oldest first.
local function list(folder, ending)
  local names = {}
  local ok, all = pcall(files.list, folder)
  for _, name in ipairs(ok and all or {}) do
    if name:find("^%d+%-%d+%-%d+%-%d+%." .. ending .. "$") then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local path -- of this session's file; false: it cannot be written
local written = 0 -- inputs in it

local function open()
  local folder = sessions()
  path = folder and ("%s/%s.jsonl"):format(folder, shell.session_name()) or false
  local names = path and list(folder, "jsonl") or {}
  for i = 1, #names - KEPT do os.remove(folder .. "/" .. names[i]) end
end

local function clean(text)
  if not text then return nil end
  if #text > LONGEST then text = text:sub(1, LONGEST) .. "…" end
  return utf8.len(text) and text or text:gsub("[\128-\255]", "?")
end

-- ---- variables ----

local function state_of(file_path) return (file_path:gsub("%.jsonl$", ".state")) end

--- "x, y; left out: f (why)"
local function summary(kept, left)
  local why = {}
  for i, item in ipairs(left) do why[i] = item[1] .. " (" .. item[2] .. ")" end
  return table.concat(kept, ", ") .. (#left > 0 and "; left out: " .. table.concat(why, ", ") or "")
end

--- Removes what is too old, and what sessions that were killed while they wrote left.
local function tidy(folder)
  local states, remove = list(folder, "state"), files.remove
  for i = 1, #states - STATES do remove(folder .. "/" .. states[i]) end
  for _, name in ipairs(list(folder, "state%.tmp")) do
    if not files.kind("/proc/" .. name:match "(%d+)%.state") then remove(folder .. "/" .. name) end
  end
end

--- Keeps the variables; returns what was kept, as text, or nil when there is nothing or no journal.
function journal.save()
  if path == nil then open() end
  local variables = path and require("shell.names").list() or {}
  if #variables == 0 then return nil end
  local folder = sessions()
  local kept, left = require("shell.keep").write(state_of(path), variables, {inputs = written, time = os.date "%Y-%m-%d %H:%M"})
  tidy(folder)
  return summary(kept, left)
end

--- The process is asked to end: what can be kept is.
function journal.leaving()
  if not path then return end
  local ok, text = pcall(require("native.train").shielded, journal.save)
  if text then io.stderr:write("\n", ok and "kept for gptsh --resume: " or "variables not kept: ", text, "\n") end
end

--- Adds an input; a journal that cannot be written is given up silently.
function journal.add(record)
  if path == nil then open() end
  if not path or not utf8.len(record.input) then return end
  record.output, record.error = clean(record.output), clean(record.error)
  if not shell.append(path, json.encode(record) .. "\n") then
    path = false
    return
  end
  written = written + 1
  if record.seconds <= SLOW then return end
  local ok, reason = pcall(journal.save)
  if not ok then io.stderr:write("variables not kept: ", tostring(reason), "\n") end
end

--- %log, %log save, %log load FOLDER.
function journal.command(argument)
  local load_from = argument:match "^load%s+(.+)$"
  if argument == "" then return print(path or "this session is not kept") end
  if argument == "save" then
    local text = journal.save()
    return print(text and "kept: " .. text or "there is nothing to keep, or this session is not kept")
  end
  if not load_from then error("%log: expected nothing, save, or load FOLDER, got '" .. argument .. "'", 0) end
  local done, notes = require("shell.restore").read(load_from, shell.variables())
  print("loaded: " .. table.concat(done, ", "))
  for _, note in ipairs(notes) do print(note[1] .. ": " .. note[2]) end
end

-- ---- resuming ----

local function read(file_path)
  local records, text = {}, files.read(file_path, MOST)
  for line in (text or ""):gmatch "[^\n]+" do
    local ok, record = pcall(json.decode, line)
    if ok and type(record) == "table" and type(record.input) == "string" then records[#records + 1] = record end
  end
  return records
end

local LOADS = "^%%log load "

--- The inputs of a session that are to be run again: texts of those up to `safe`, of those after it; and of those that are
-- left out.
local function choose(records, safe)
  local before, after, slow = {}, {}, {}
  for i, record in ipairs(records) do
    local text = record.again or record.input
    local command = (text:find "^%s*[%%!?]" or text:find "%?%s*$") and not text:find(LOADS)
    if (record.ok or record.again) and not command then
      table.insert((record.seconds or 0) > SLOW and slow or i <= safe and before or after, text)
    end
  end
  return before, after, slow
end

local function first_line(text) return (text:match "[^\n]*"):sub(1, 70) .. (text:find "\n" and " …" or "") end

local function tell(name, records, inputs, slow)
  local day, time = name:match "^(%d+)%-(%d+)"
  io.stderr:write(("session of %s-%s-%s %s:%s: %d inputs, %d to run again\n"):format(day:sub(1, 4), day:sub(5, 6), day:sub(7),
    time:sub(1, 2), time:sub(3, 4), #records, #inputs))
  for _, text in ipairs(inputs) do io.stderr:write("  ", first_line(text), "\n") end
  for _, text in ipairs(slow) do
    io.stderr:write(("left out, as it took more than %d s: %s\n"):format(SLOW, first_line(text)))
  end
end

local function tell_state(manifest)
  local kept = {}
  for variable in pairs(manifest.names) do kept[#kept + 1] = variable end
  table.sort(kept)
  io.stderr:write(("variables of %s, after input %d: %s\n"):format(manifest.facts.time, manifest.facts.inputs,
    summary(kept, manifest.left)))
end

local function joined(...)
  local out = {}
  for _, list_of in ipairs{...} do table.move(list_of, 1, #list_of, #out + 1, out) end
  return out
end

--- gptsh --resume: tells about the last session and returns the inputs to run, none if the user does not want it.
function journal.resume()
  local folder = sessions()
  local names = folder and list(folder, "jsonl") or {}
  local name = names[#names]
  if not name then
    io.stderr:write "no earlier session\n"
    return {}
  end
  local state = state_of(folder .. "/" .. name)
  local records, manifest = read(folder .. "/" .. name), require("shell.restore").manifest(state)
  local before, after, slow = choose(records, manifest and manifest.facts.inputs or #records)
  tell(name, records, joined(before, after), slow)
  if manifest then tell_state(manifest) end
  io.stderr:write("A trainer with a folder continues from its last checkpoint.  ", manifest
    and "Run them again [r], load the variables and run what came after [l],\nboth, one after the other [b], or nothing [N]? "
    or "Run them? [y/N] ")
  local answer = (io.read "l" or ""):match "^%s*(%a?)":lower()
  local loads = {"%log load " .. state}
  local lists = {y = joined(before, after), r = joined(before, after), l = manifest and joined(loads, after),
                 b = manifest and joined(before, loads, after)}
  session.replaying = lists[answer] and true or false
  return lists[answer] or {}
end

--- The inputs have been run.
function journal.resumed() session.replaying = false end

return journal
