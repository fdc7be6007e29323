--- journal.lua: what was typed at a prompt and what it showed, on disk as it happens; gptsh --resume reads it.
--
-- One file of JSON lines per session that had an input, in $XDG_STATE_HOME/gptsh/sessions: {input, seconds, ok, output}.
-- With an empty GPTSH_HISTORY there is none.

local json = require "json"
local shell = require "native.shell"

local journal = {replaying = false} -- replaying: train.new goes on from the last checkpoint of a folder that holds a run

local KEPT = 30 -- files of earlier sessions
local LONGEST = 1 << 16 -- bytes of an output that are kept
local SLOW = 10 -- seconds: what took longer is not run again

local function sessions()
  if os.getenv "GPTSH_HISTORY" == "" then return nil end
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:sub(1, 1) == "/" then return state .. "/gptsh/sessions" end
  return home and home .. "/.local/state/gptsh/sessions" or nil
end

--- Names of the sessions in the folder, the oldest first.
local function list(folder)
  local names = {}
  local ok, all = pcall(require("native.folder").list, folder)
  for _, name in ipairs(ok and all or {}) do
    if name:find "^%d+%-%d+%-%d+%-%d+%.jsonl$" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local path -- of this session's file; false: it cannot be written

local function open()
  local folder = sessions()
  path = folder and ("%s/%s.jsonl"):format(folder, shell.session_name()) or false
  local names = path and list(folder) or {}
  for i = 1, #names - KEPT do os.remove(folder .. "/" .. names[i]) end
end

local function clean(text)
  if not text then return nil end
  if #text > LONGEST then text = text:sub(1, LONGEST) .. "…" end
  return utf8.len(text) and text or text:gsub("[\128-\255]", "?")
end

--- Adds an input; a journal that cannot be written is given up silently.
function journal.add(record)
  if path == nil then open() end
  if not path or not utf8.len(record.input) then return end
  record.output, record.error = clean(record.output), clean(record.error)
  if not shell.append(path, json.encode(record) .. "\n") then path = false end
end

--- %log: where this session is kept.
function journal.tell() print(path or "this session is not kept") end

-- ---- going on ----

local function read(file_path)
  local records = {}
  for line in io.lines(file_path) do
    local ok, record = pcall(json.decode, line)
    if ok and type(record) == "table" and type(record.input) == "string" then records[#records + 1] = record end
  end
  return records
end

--- The inputs of a session that are to be run again, and those that are left out.
local function choose(records)
  local chosen, slow = {}, {}
  for _, record in ipairs(records) do
    local text = record.input
    local command = text:find "^%s*[%%!?]" or text:find "%?%s*$"
    if record.ok and not command then
      table.insert((record.seconds or 0) > SLOW and slow or chosen, text)
    end
  end
  return chosen, slow
end

local function first_line(text) return (text:match "[^\n]*"):sub(1, 70) .. (text:find "\n" and " …" or "") end

--- gptsh --resume: tells about the last session and answers the inputs to run again, none when the user does not want it.
function journal.resume()
  local folder = sessions()
  local names = folder and list(folder) or {}
  local name = names[#names]
  if not name then
    io.stderr:write "no earlier session\n"
    return {}
  end
  local records = read(folder .. "/" .. name)
  local chosen, slow = choose(records)
  local day, time = name:match "^(%d+)%-(%d+)"
  io.stderr:write(("session of %s-%s-%s %s:%s: %d inputs, %d to run again\n"):format(day:sub(1, 4), day:sub(5, 6), day:sub(7),
    time:sub(1, 2), time:sub(3, 4), #records, #chosen))
  for _, text in ipairs(chosen) do io.stderr:write("  ", first_line(text), "\n") end
  for _, text in ipairs(slow) do
    io.stderr:write(("left out, as it took more than %d s: %s\n"):format(SLOW, first_line(text)))
  end
  io.stderr:write "A trainer with a folder goes on from its last checkpoint.  Run them? [y/N] "
  local answer = io.read "l"
  journal.replaying = answer ~= nil and answer:find "^%s*[yY]" ~= nil
  return journal.replaying and chosen or {}
end

--- The inputs have been run.
function journal.resumed() journal.replaying = false end

return journal
