--- manual.lua: what is installed next to the program, made from its own tables: the page gptsh(1), completions of bash,
-- zsh and fish, and all public names with their texts for the Lua language server.

local doc = require "shell.doc"
local shell = require "native.shell"

local manual = {}

local options, commands = shell.options()

local function of_command(option, name)
  if not option.commands then return name == nil end
  return name ~= nil and option.commands:find(" " .. name .. " ", 1, true) ~= nil
end

-- ---- gptsh(1) ----

--- Text as roff shows it.
local function roff(text) return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1")) end

local function add_options(out, command)
  for _, option in ipairs(options) do
    if of_command(option, command) then
      local names = {}
      if option.letter then names[1] = "\\fB\\-" .. option.letter .. "\\fR" end
      if option.name then names[#names + 1] = "\\fB" .. roff("--" .. option.name) .. "\\fR" end
      out[#out + 1] = ".TP\n" .. table.concat(names, ", ") .. (option.value and " \\fI" .. roff(option.value) .. "\\fR" or "")
      out[#out + 1] = roff(option.text)
    end
  end
end

local head = [==[
.TH GPTSH 1 "" "%s" "User Commands"
.SH NAME
gptsh \- a shell for exploring GPT training
.SH SYNOPSIS
.B gptsh
[\fIoptions\fR] [\fIfile.lua\fR [\fIargument\fR...]]
.br
.B gptsh why
.I FIGURE
.br
.B gptsh nb
\fIcommand\fR [\fIoptions\fR] \fIfile\fR...
.SH DESCRIPTION
Lua 5.4 at a prompt, in notebooks and scripts, with tensors and GPT models underneath.
Without a file it reads from the prompt on a terminal, else runs what comes from stdin; a file with cell markers
(see
.BR gptsh\-notebook (5))
runs cell by cell.
.PP
\fB\-e\fR is one input of the prompt: the value of its last expression is shown, of a call too; a semicolon at its end
hides it.
Inputs on stdin, each on a line or several of its own, are shown one by one in the same way.
A text on stdin that declares a \fBlocal\fR outside of blocks is a script: like a file it shows what it prints, and what a
\fBreturn\fR at its end gives.
.SH OPTIONS]==]

local tail = [[
.SH THE PROMPT
The value of the last expression is shown; a semicolon at the end hides it; \fB_\fR, \fB__\fR and \fB___\fR are the
last values shown (big ones are kept for one more input only).
Top\-level locals stay.
Values, errors and what the library prints show control characters as \fB\ex1b\fR; \fBprint\fR of a text of yours is raw.
Enter continues the input in the next line while it is unfinished; Alt\-Enter always does.
Up and Down move through the lines of an input and look for earlier ones that begin with what is before the cursor.
Ctrl\-C drops the input or stops the code; training pauses after its step, and \fBt:resume()\fR continues with the same bits.
Ctrl\-D, \fBquit\fR and \fBexit\fR end gptsh; a paused run is saved first, in its folder or with the session.]]

local ending = [[
.SH SEVERAL PROCESSES
Points of a \fBsweep\fR run at one time on all cores, each in a copy of the process.
\fBmpirun \-n 4 gptsh FILE\fR deals them out to ranks, on one machine or many, where gptsh was built with mpicc: every rank
runs the file, rank 0 alone prints and keeps the journal, with which the sweep can also continue without mpirun.
.SH FILES
.TP
.I $XDG_STATE_HOME/gptsh/history
inputs of the prompt (~/.local/state without that variable); one that begins with a blank is not kept
.TP
.I $XDG_CONFIG_HOME/gptsh/init.lua
Lua that runs before the first prompt (~/.config without that variable), after what \fB\-e\fR and the file did; scripts
and notebooks do not read it; \fB\-\-no\-init\fR leaves it alone
.TP
.I $XDG_STATE_HOME/gptsh/sessions/
inputs and outputs of the last sessions at a prompt, for \fB\-\-resume\fR; the folders NAME.state hold variables (tensors,
models, tokens, optimizers, trainers, plain values; up to 4 GiB) as they were when the process got SIGTERM, SIGHUP, SIGUSR1,
SIGUSR2 or SIGXCPU, after an input that took more than 10 s, and at \fB%log save\fR
.SH ENVIRONMENT
.TP
.B GPTSH_CPU
the CPU level to run (\fBv2\fR, \fBv3\fR, \fBv4\fR, \fBbf16\fR) instead of the fastest; \fBgptsh \-\-version\fR tells which one runs
.TP
.B GPTSH_HISTORY
another file for the history; empty: none, and no sessions are kept
.TP
.B NO_COLOR
no colours
.TP
.B CLICOLOR_FORCE
colours everywhere; \fB\-\-color\fR comes before both
.TP
.BR VISUAL ", " EDITOR
what %edit runs
.SH EXIT STATUS
0 ok, 1 error, 2 usage, 3 output lost, 128 + n after signal n; os.exit(n) is honoured.
.SH SEE ALSO
.BR gptsh\-notebook (5)]]

--- The page gptsh(1) as roff.
function manual.page()
  local out = {head:format(require("native.train").version())}
  add_options(out)
  out[#out + 1] = ".SH NOTEBOOK COMMANDS"
  for _, command in ipairs(commands) do
    out[#out + 1] = ".SS gptsh nb " .. command.name .. " [\\fIoptions\\fR] \\fI" .. roff(command.operands) .. "\\fR"
    out[#out + 1] = roff(command.text)
    add_options(out, command.name)
  end
  out[#out + 1] = tail
  for _, row in ipairs(require("shell.commands").list) do
    out[#out + 1] = ".TP\n\\fB%" .. row[1] .. "\\fR" .. (row[2] ~= "" and " \\fI" .. roff(row[2]) .. "\\fR" or "")
    out[#out + 1] = roff(row[3])
  end
  out[#out + 1] = ".TP\n\\fINAME\\fR? \\fINAME\\fR?? ?\\fIWORD\\fR\nwhat NAME is; its source; names with WORD"
  out[#out + 1] = ".TP\n!\\fICOMMAND\\fR\nrun a program; its output is shown as it comes"
  out[#out + 1] = ending
  return table.concat(out, "\n") .. "\n"
end

-- ---- completions ----

--- The words for the options of the program (nil) or of an nb command.
local function option_words(command)
  local words = {}
  for _, option in ipairs(options) do
    if of_command(option, command) then
      if option.letter then words[#words + 1] = "-" .. option.letter end
      if option.name then words[#words + 1] = "--" .. option.name end
    end
  end
  return table.concat(words, " ")
end

local function command_words()
  local words = {}
  for i, command in ipairs(commands) do words[i] = command.name end
  return table.concat(words, " ")
end

--- Completion for bash.
function manual.bash()
  local cases = {}
  for _, command in ipairs(commands) do
    cases[#cases + 1] = ("      %s) words='%s' ;;"):format(command.name, option_words(command.name))
  end
  return ([==[
# bash completion of gptsh
_gptsh() {
  local word=${COMP_WORDS[COMP_CWORD]} words='%s'
  if [[ ${COMP_WORDS[1]} == nb && $COMP_CWORD -eq 2 ]]; then
    COMPREPLY=($(compgen -W '%s' -- "$word"))
    return
  fi
  if [[ ${COMP_WORDS[1]} == nb ]]; then
    case ${COMP_WORDS[2]} in
%s
    esac
  fi
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    return
  fi
  compopt -o filenames
  COMPREPLY=($(compgen -f -- "$word"))
  if [[ $COMP_CWORD -eq 1 && nb == "$word"* ]]; then COMPREPLY+=(nb); fi
}
complete -F _gptsh gptsh
]==]):format(option_words(), command_words(), table.concat(cases, "\n"))
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- The options as arguments of zsh's _arguments.
local function zsh_options(command)
  local out = {}
  for _, option in ipairs(options) do
    if of_command(option, command) then
      local text = option.text:gsub("[%[%]:]", "\\%0")
      local value = option.value and ":" .. option.value:gsub(":", "\\:") .. ":_files" or ""
      if option.letter then out[#out + 1] = quoted("-" .. option.letter .. "[" .. text .. "]" .. value) end
      if option.name then out[#out + 1] = quoted("--" .. option.name .. "[" .. text .. "]" .. value) end
    end
  end
  return table.concat(out, " ")
end

--- Completion for zsh.
function manual.zsh()
  local names, cases = {}, {}
  for i, command in ipairs(commands) do
    names[i] = quoted(command.name .. ":" .. command.text:gsub(":", "\\:"))
    cases[i] = ("    %s) _arguments %s '*:file:_files' ;;"):format(command.name, zsh_options(command.name))
  end
  return ([==[
#compdef gptsh
_gptsh() {
  if [[ $words[2] != nb ]]; then
    _arguments %s '*:file:_files'
    [[ $CURRENT -eq 2 ]] && compadd nb
    return
  fi
  if [[ $CURRENT -eq 3 ]]; then
    local -a names=(%s)
    _describe command names
    return
  fi
  local command=$words[3]
  shift 2 words
  (( CURRENT -= 2 ))
  case $command in
%s
  esac
}
_gptsh "$@"
]==]):format(zsh_options(), table.concat(names, " "), table.concat(cases, "\n"))
end

--- Completion for fish.
function manual.fish()
  local out = {"# fish completion of gptsh", "complete -c gptsh -n __fish_use_subcommand -a nb -d 'notebooks'"}
  local function add(option, condition)
    local line = "complete -c gptsh -n " .. quoted(condition)
    if option.letter then line = line .. " -s " .. option.letter end
    if option.name then line = line .. " -l " .. option.name end
    out[#out + 1] = line .. (option.value and " -r" or "") .. " -d " .. quoted(option.text)
  end
  for _, option in ipairs(options) do
    if not option.commands then add(option, "not __fish_seen_subcommand_from nb") end
  end
  for _, command in ipairs(commands) do
    out[#out + 1] = ("complete -c gptsh -n '__fish_seen_subcommand_from nb' -a %s -d %s"):format(command.name, quoted(command.text))
    for _, option in ipairs(options) do
      if of_command(option, command.name) then
        add(option, "__fish_seen_subcommand_from nb; and __fish_seen_subcommand_from " .. command.name)
      end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

-- ---- for the Lua language server ----

local function is_name(text) return text:find "^[%a_][%w_]*$" ~= nil and load("local " .. text) ~= nil end

--- Names of the parameters of a documented function: those of its signature that are plain names.
local function parameters(found)
  local inside, names = (found.signature or ""):match "%((.*)" or "", {}
  for item in inside:match("^[^{})]*"):gmatch "[^,%[%]]+" do
    local name = item:match "^%s*([%a_][%w_]*)"
    if item:find "…" or item:find "%.%.%." then
      names[#names + 1] = "..."
      break
    end
    if name and is_name(name) then names[#names + 1] = name end
  end
  if inside:find "{" and names[#names] ~= "..." then names[#names + 1] = "options" end
  return table.concat(names, ", ")
end

local function add_names(out, space, path, separator)
  for _, name in ipairs(doc.names(space)) do
    local value, full = doc.member(space, name), path .. separator .. name
    local found = doc.of(value, full)
    if found and is_name(name) then
      if found.signature then out[#out + 1] = "--- " .. found.signature end
      for _, line in ipairs(found.text) do out[#out + 1] = "--- " .. line end
      if type(value) == "function" then
        local list = parameters(found):gsub("^self,?%s*", "")
        out[#out + 1] = ("function %s(%s) end\n"):format(full, list)
      else
        out[#out + 1] = ("---@overload fun(...): any\n%s = {}\n"):format(full)
      end
    elseif not found and is_name(name) and type(value) ~= "function" then
      out[#out + 1] = ("%s = nil ---@type any\n"):format(full)
    end
  end
end

local classes = {
  ["t:"] = "Tensor", ["m:"] = "Module", ["gpt:"] = "GPTModel", ["opt:"] = "Optimizer", ["trainer:"] = "Trainer",
  ["tokens:"] = "Tokens", ["loader:"] = "Loader", ["tok:"] = "Tokenizer",
}

--- All public names as a file ---@meta.
function manual.meta()
  local out = {"---@meta", ""}
  for _, section in ipairs(doc.sections()) do
    local prefix, names, about = table.unpack(section)
    local class, space = classes[prefix], prefix:match "^(.*)%.$"
    if class then
      out[#out + 1] = ("---@class %s %s\nlocal %s = {}\n"):format(class, about, class)
    elseif space then
      out[#out + 1] = ("--- %s\n%s = {}\n"):format(about, space)
    end
    add_names(out, names, class or space or "", class and ":" or space and "." or "")
  end
  return table.concat(out, "\n")
end

--- Writes everything into a folder: gptsh.1, gptsh.bash, _gptsh, gptsh.fish, gptsh.lua.
function manual.write(folder)
  for name, make in pairs {["gptsh.1"] = manual.page, ["gptsh.bash"] = manual.bash, _gptsh = manual.zsh,
                           ["gptsh.fish"] = manual.fish, ["gptsh.lua"] = manual.meta} do
    require "native.folder".write(folder .. "/" .. name, make())
  end
end

return manual
