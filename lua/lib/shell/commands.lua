--- commands.lua: what begins with % or ! at the prompt.  One table: help, manual and completion read it.

local inputs = require "shell.inputs"
local native = require "native"
local shell = require "native.shell"
local keywords = require "base.keywords"
local files = require "native.folder"

local commands = {}

local function fail(format, ...) error(format:format(...), 0) end

local function read(path)
  local text, reason = require("nb.document").bytes(path)
  if not text then fail("%s", reason) end
  return text
end

--- The words of an argument; one in quotes may have blanks.
local function words(text)
  local list, at = {}, 1
  while true do
    local quote = text:match("^%s*([\"'])", at)
    local start, stop, word = text:find(quote and "^%s*" .. quote .. "(.-)" .. quote or "^%s*(%S+)", at)
    if not start then return list end
    list[#list + 1], at = word, stop + 1
  end
end

-- ---- files and cells ----

local notebook -- the path that %run read last, for %cells and %cell
local current = 0 -- the number of the cell that ran last

local function open_notebook()
  if not notebook then fail("no notebook yet: %%run FILE.lua runs one") end
  local document = require "nb.document"
  local doc = document.parse(notebook, read(notebook))
  doc.chunk = "@" .. notebook
  local problem = doc.problems[1]
  if problem then fail("%s:%d: %s", notebook, problem[1], problem[2]) end
  return doc
end

local function run_cells(options)
  if require("nb").run(notebook, options) ~= 0 then fail("%s did not run to its end", notebook) end
end

local function run_file(argument)
  local list = words(argument)
  local path, options = list[1], {}
  if not path then fail("%%run expects a file") end
  local text = read(path)
  if #require("native.notebook").split(text) == 0 then
    local code, message = load(text, "@" .. path)
    if not code then fail("%s", message) end
    rawset(_G, "arg", table.move(list, 2, #list, 1, {[0] = path}))
    return code(table.unpack(list, 2))
  end
  local i = 2
  while list[i] do
    local name = list[i]:match "^%-%-(%a+)$"
    if name ~= "to" and name ~= "from" and name ~= "only" and name ~= "changed" then
      fail("%%run FILE takes --to, --from, --only CELL and --changed, got '%s'", list[i])
    end
    options[name], i = name == "changed" or list[i + 1], i + (name == "changed" and 1 or 2)
    if not options[name] then fail("%%run: --%s expects a cell", name) end
  end
  notebook, current = path, 0
  run_cells(options)
end

local function list_cells()
  open_notebook() -- for its errors
  io.write((require("nb").cells(notebook)))
end

--- What names a cell of the notebook, for completion.
function commands.cell_names()
  local names = {"next"}
  for _, cell in ipairs(notebook and open_notebook().cells or {}) do
    if cell.kind == "code" and cell.title ~= "" and not cell.title:find "%s" then names[#names + 1] = cell.title end
  end
  return names
end

local function run_cell(argument)
  local doc, cell = open_notebook(), nil
  if argument == "next" or argument == "" then
    for _, c in ipairs(doc.cells) do
      if not cell and c.kind == "code" and c.number > current and c.body:find "%S" then cell = c end
    end
    if not cell then fail("%s has no further cell", notebook) end
  else
    local reason
    cell, reason = doc:find(argument)
    if not cell then fail("%s", reason) end
  end
  current = cell.number
  run_cells{only = tostring(cell.number)}
end

-- ---- inputs ----

local function numbered(n) return (inputs.list[n]:gsub("\n", "\n" .. (" "):rep(6))) end

local function show_history(argument)
  local list, everything, pattern, path = words(argument), false, nil, nil
  local i = 1
  while i <= #list do
    if list[i] == "-a" then
      everything = true
    elseif list[i] == "-g" or list[i] == "-o" then
      if not list[i + 1] then fail("%%history: %s expects a %s", list[i], list[i] == "-g" and "text" or "file") end
      if list[i] == "-g" then pattern, everything = list[i + 1], true else path = list[i + 1] end
      i = i + 1
    else
      fail("%%history takes -a, -g TEXT and -o FILE")
    end
    i = i + 1
  end
  local lines = {}
  if everything then
    for _, entry in ipairs(shell.history()) do
      if not pattern or entry[1]:find(pattern, 1, true) then
        local when = entry[2] > 0 and os.date("%Y-%m-%d %H:%M  ", entry[2]) or ""
        lines[#lines + 1] = path and entry[1] or when .. entry[1]:gsub("\n", "\n" .. (" "):rep(#when))
      end
    end
  else
    for n, text in ipairs(inputs.list) do lines[#lines + 1] = path and text or ("%4d  "):format(n) .. numbered(n) end
  end
  if not path then return #lines > 0 and print(table.concat(lines, "\n")) end
  files.write(path, table.concat(lines, "\n") .. "\n")
end

--- The text of an earlier input; without a number that of the last one that was not a command.
local function input_of(argument)
  local n = math.tointeger(tonumber(argument))
  if argument ~= "" and not n then fail("expected the number of an input, got '%s'", argument) end
  if not n then
    n = #inputs.list
    while n > 0 and inputs.list[n]:find "^%s*[%%!?]" do n = n - 1 end
  end
  if not inputs.list[n] then fail("there is no input %d; %%history shows them", n) end
  return inputs.list[n]
end

local function edit(argument)
  local path = os.tmpname()
  files.write(path, (#inputs.list > 0 and input_of(argument) or "") .. "\n")
  local editor = os.getenv "VISUAL" or os.getenv "EDITOR" or "vi"
  os.execute(editor .. " " .. path)
  local text = read(path):gsub("%s+$", "")
  os.remove(path)
  shell.prefill(text)
end

--- The inputs as the cells of a notebook, and the numbers of those that are not wholly in it.  A comment about what was
-- left out is before the next cell.
local function cells_of_inputs()
  local cells, partly, front = {}, {}, ""
  for n = 1, #inputs.list do
    local saved = inputs.saved[n]
    if saved and not saved.whole then partly[#partly + 1] = n end
    if saved and not saved.whole and not (saved.text .. "\n"):gsub("%-%- | [^\n]*\n", ""):find "%S" then
      front = front .. saved.text .. "\n"
    elseif saved then
      cells[#cells + 1] = {number = #cells + 1, kind = "code", title = "", keys = {}, line = 1,
                           body = front .. saved.text .. "\n"}
      front = ""
    end
  end
  if #cells > 0 then cells[#cells].body = cells[#cells].body .. front end
  return cells, partly
end

--- The inputs that worked, as the cells of a notebook.
local function save(argument)
  local list = words(argument)
  local path = list[1] == "-f" and list[2] or list[1]
  if not path then fail("%%save expects a file; -f overwrites") end
  keywords.ending("%save", path, {"lua"})
  if list[1] ~= "-f" and files.kind(path) then
    fail("%%save: %s exists; %%save -f %s overwrites it", path, path)
  end
  local cells, partly = cells_of_inputs()
  if #cells == 0 then fail("%%save: no input worked yet") end
  files.write(path, require("nb.document").of(cells, ""):write())
  local note = #partly > 0 and "; comments tell what is missing of input " .. table.concat(partly, ", ") or ""
  print(("%s: %d cell%s%s"):format(path, #cells, #cells == 1 and "" or "s", note))
end

-- ---- settings ----

local function printing(name) return function(value) torch.set_printoptions{[name] = value} end end

local settings = {
  {"threads", "CPU threads", torch.set_num_threads},
  {"seed", "of the random numbers", torch.manual_seed},
  {"precision", "digits of tensors after the point", printing "precision"},
  {"edgeitems", "rows and columns shown of a long tensor", printing "edgeitems"},
  {"threshold", "elements from which on a tensor is long", printing "threshold"},
  {"linewidth", "columns of a printed tensor", printing "linewidth"},
  {"inline", "figures in the terminal: auto, kitty, iterm, sixel or text",
   function(value) plot.inline = require("plot.inline").check("%set inline", value) end},
}

local function set(argument)
  local name, value = argument:match "^(%w+)%s+(%-?%w+)$"
  value = math.tointeger(tonumber(value)) or value
  local known = {}
  for _, row in ipairs(settings) do
    if row[1] == name then return row[3](value) end
    known[#known + 1] = row[1]
    if argument == "" then print(("  %-10s %s"):format(row[1], row[2])) end
  end
  if argument ~= "" then
    local word = argument:match "^%S+"
    fail("%%set: expected NAME VALUE, NAME one of %s, got '%s'%s", table.concat(known, ", "), argument,
         native.suggest(word, known))
  end
end

local function evaluate(text, name)
  local results = table.pack(shell.compile(text, name)())
  return results[results.n]
end

--- %plot probe: asks the terminal what it can show and keeps the answer.
local function probe()
  local way = require("plot.inline").probe()
  if not way then fail("%%plot probe: expected a terminal that can answer") end
  plot.inline = way
  print(way == "text" and "figures are drawn in characters: the terminal names no way to show pictures"
    or f"figures are shown as pictures ({way})")
end

local function draw(argument)
  if argument == "probe" then return probe() end
  local value = evaluate(argument, "=%plot")
  if value == nil then fail("%%plot expects a tensor, a list or a trainer") end
  if torch.is_tensor(value) and value:dim() == 2 then return plot.heat(value) end
  if type(value) == "table" and native.meta(value, "__name") == "Trainer" then return plot.loss(value) end
  plot{value}
end

local function change_folder(argument)
  local home = os.getenv "HOME" or "/"
  shell.chdir(argument == "" and home or (argument:gsub("^~%f[/\0]", home)))
  print(shell.folder())
end

local function show_traceback()
  local text = shell.traceback()
  if not text then fail("no error yet") end
  print(text)
end

-- ---- the table ----

local function names(method) return function() return require("shell.names")[method]() end end
local function timing(method)
  return function(argument)
    if argument == "" then fail("%%%s expects a statement: %%%s model(idx)", method, method) end
    return require("nb.timing")[method](argument)
  end
end

--- name, operands, what it does, function(argument).
commands.list = {
  {"autoreload", "on|off", "before each input, read again the modules whose files have changed",
   function(argument) require("shell.reload").automatic(argument) end},
  {"cd", "[FOLDER]", "change the current folder", change_folder},
  {"cell", "[CELL]", "run a cell of the notebook that %run read: number, title, id, @line or next", run_cell},
  {"cells", "", "list the cells of the notebook that %run read", list_cells},
  {"edit", "[N]", "change input N in $VISUAL or $EDITOR; it comes back at the prompt", edit},
  {"help", "", "list these commands; so does %lsmagic", function() commands.help() end},
  {"history", "[-a] [-g TEXT] [-o FILE]", "inputs of this session; -a: of all; -g: those with TEXT", show_history},
  {"log", "[save | load FOLDER]", "where this session is kept for gptsh --resume; save: keep its variables now",
   function(argument) require("shell.journal").command(argument) end},
  {"mem", "", "memory by device, and the variables that hold most", names "memory"},
  {"plot", "EXPRESSION", "draw a tensor, a list or a trainer's losses; probe: ask the terminal for pictures", draw},
  {"pwd", "", "show the current folder", function() print(shell.folder()) end},
  {"recall", "[N]", "put input N at the prompt, to change it", function(n) shell.prefill(input_of(n)) end},
  {"reload", "MODULE", "read a module's file again and put what changed into the loaded table",
   function(name) require("shell.reload").module(name) end},
  {"reset", "", "forget all variables", names "reset"},
  {"run", "FILE [ARGUMENT...]", "run a script, or a notebook (--to, --from, --only CELL, --changed); variables stay",
   run_file},
  {"save", "[-f] FILE", "write the inputs that worked as a notebook; -f overwrites", save},
  {"set", "[NAME VALUE]", "change a setting; alone: list them", set},
  {"strict", "on|off", "reading a global that was never set is an error", function(argument) require("shell.strict").set(argument) end},
  {"tb", "", "the last error again, with all frames", show_traceback},
  {"time", "STATEMENT", "run once: time on the clock and of the CPU, memory", timing "time"},
  {"timeit", "[-n N] [-r N] [-q] STATEMENT", "run often: mean and std of the time of one loop", timing "timeit"},
  {"who", "", "variables: kind, size, device, where they were set", names "who"},
}

local elsewhere = {lsmagic = "help", magic = "help", quickref = "help", whos = "who", hist = "history"} -- IPython's names
local programs = require("shell.hints").programs

--- %help: the table, and the forms that are not commands.
function commands.help()
  for _, row in ipairs(commands.list) do
    local left = "%" .. row[1] .. (row[2] ~= "" and " " .. row[2] or "")
    if #left > 26 then
      print("  " .. left)
      left = ""
    end
    print(("  %-26s %s"):format(left, row[3]))
  end
  print "  NAME? NAME?? ?WORD         what NAME is; its source; names with WORD"
  print "  !COMMAND                   run a program; its output is shown as it comes"
end

local function run_program(command)
  if command == "" then fail("! expects a command") end
  io.stdout:flush()
  local _, how, code = os.execute(command)
  if how == "exit" and code ~= 0 then io.stderr:write("exit status ", code, "\n") end
  if how == "signal" then io.stderr:write("ended by signal ", code, "\n") end
end

--- Is there a command of that name?
function commands.is_command(name)
  for _, row in ipairs(commands.list) do
    if row[1] == name then return true end
  end
  return false
end

--- Runs "%name argument" or "!program".
function commands.run(text)
  text = text:match "^%s*(.-)%s*$"
  if text:sub(1, 1) == "!" then return run_program(text:sub(2)) end
  local name, argument = text:match "^%%%%?%s*(%w*)%s*(.*)$"
  if not name then fail("expected %%name or !program, got '%s'", text) end
  name = elsewhere[name] or name
  if programs[name] then fail("programs are run by !: !%s", name .. (argument ~= "" and " " .. argument or "")) end
  local known = {}
  for i, row in ipairs(commands.list) do
    if row[1] == name then return row[4](argument) end
    known[i] = row[1]
  end
  fail("there is no command %%%s%s; %%help lists them", name, native.suggest(name, known))
end

keywords.sign(commands, "is_command(name: string) run(text: string)")

return commands
