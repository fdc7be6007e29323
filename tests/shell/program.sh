# program.sh: options, sources of code, exit codes, where output goes.
. tests/tap.sh
nl='
'

gives "an expression is shown" 0 "2$nl" "" "$GPTSH" -e '1 + 1'
gives "-e may be repeated and shares globals" 0 "3${nl}a$nl" "" "$GPTSH" -e 'x = 3' -e 'x' -e 'print("a")'
gives "-e keeps locals to itself, as lua does" 0 "nil$nl" "" "$GPTSH" -e 'local y = 3' -e 'print(y)'
gives "a call is an expression" 0 "2.0$nl" "" "$GPTSH" -e 'math.sqrt(4)'
gives "a tensor's call too" 0 "tensor([1., 1., 1.])$nl" "" "$GPTSH" -e 'torch.ones(3)'
gives "return shows what it returns" 0 "7	8$nl" "" "$GPTSH" -e 'return 7, 8'
gives "the last expression is shown, as at the prompt" 0 "4.0$nl" "" "$GPTSH" -e 'local x = 16; math.sqrt(x)'
gives "… unless a semicolon hides it" 0 "" "" "$GPTSH" -e 'math.sqrt(4);'
gives "a call that returns nothing shows nothing" 0 "a$nl" "" "$GPTSH" -e 'print "a"'
gives "nor does a write show its file" 0 "a$nl" "" "$GPTSH" -e 'io.write "a\n"' -e 'io.stdout:write()'
gives "nil is a value" 0 "nil$nl" "" "$GPTSH" -e '(function() return nil end)()'
gives "an error goes to stderr with file and line" 1 "" "gptsh: (command line):1: x" "$GPTSH" -e 'error"x"'
gives "nothing runs after an error" 1 "1$nl" "gptsh: (command line):1: no" \
  "$GPTSH" -e 'print(1)' -e 'error"no"' -e 'print(2)'
gives "a syntax error has a line" 1 "" "gptsh: (command line):2: " "$GPTSH" -e "x = 1${nl}y = = 2"
gives "a table with __tostring is a readable error" 1 "" "gptsh: readable" \
  "$GPTSH" -e 'error(setmetatable({}, {__tostring = function() return "readable" end}))'
gives "another error object is named by its type" 1 "" "(error object is a table value)" "$GPTSH" -e 'error{}'
gives "an unknown option is a usage error" 2 "" "unknown option '--bad'" "$GPTSH" --bad
gives "-e without code is a usage error" 2 "" "-e needs code" "$GPTSH" -e
gives "--threads wants a number" 2 "" "--threads expects" "$GPTSH" --threads many
gives "a missing file is an error" 1 "" "gptsh: cannot read nowhere.lua" "$GPTSH" nowhere.lua
gives "a folder is no script" 1 "" "gptsh: cannot read .: " "$GPTSH" .
gives "os.exit is honoured" 5 "" "" "$GPTSH" -e 'os.exit(5)'
gives "os.exit(false) is 1" 1 "" "" "$GPTSH" -e 'os.exit(false)'
gives "os.exit(0, true) closes the state" 0 "gone$nl" "" \
  "$GPTSH" -e 'x = setmetatable({}, {__gc = function() print("gone") end}) os.exit(0, true)'
gives "ends of children are seen, whatever signals the caller ignores" 0 "0$nl" "" env --ignore-signal=CHLD "$GPTSH" -e '
  print(tonumber(io.open("/proc/self/status"):read("a"):match("SigIgn:%s*(%x+)"), 16) >> 16 & 1)'
gives "what nohup has the session survive its copies survive too" 0 "exited	0$nl" "" env --ignore-signal=HUP "$GPTSH" --threads 1 -e '
  local worker = require "native.worker"
  local copy = worker.start(function() os.execute "kill -HUP $PPID" end)
  worker.wait({copy}, 10)
  print(copy:finish())'
gives "nb wants a command it knows" 2 "" "nb has no command 'walk'" "$GPTSH" nb walk x.lua
gives "a command of nb wants its file" 2 "" "nb check needs a file" "$GPTSH" nb check

gives "why wants a figure" 2 "" "why needs a file: why FIGURE" "$GPTSH" why
gives "and one that can be read" 1 "" "cannot open 'none.png': No such file" "$GPTSH" why none.png
gives "and one of its own" 1 "" "'/bin/sh' has no origin" "$GPTSH" why /bin/sh

tap_in="math.sqrt(4)$nl"
gives "a call on stdin is shown" 0 "2.0$nl" "" "$GPTSH"
tap_in="1 + 1${nl}2 + 2$nl"
gives "expressions on stdin are shown one by one" 0 "2${nl}4$nl" "" "$GPTSH"
tap_in="x = torch.ones(3)${nl}x:sum()${nl}-- and${nl}x:mean();${nl}y = {$nl  1,${nl}2 }${nl}y[2] +${nl}3${nl}z = 1${nl}print(_)$nl"
gives "… as the prompt does" 0 "tensor(3.)${nl}5${nl}5$nl" "" "$GPTSH"
tap_in="1 + 1${nl}print(2)${nl}x = = 3$nl"
gives "a mistake in a later one has its line, nothing runs" 1 "" "gptsh: stdin:3: unexpected symbol near '='" "$GPTSH"
tap_in="1 + 1${nl}error 'no'${nl}2 + 2$nl"
gives "an error ends them" 1 "2$nl" "gptsh: stdin:2: no" "$GPTSH"
tap_in="local file = io.open('made', 'w')${nl}file:write 'x'${nl}file:close()$nl"
gives "a script on stdin shows no calls" 0 "" "" "$GPTSH"
tap_in="f = print${nl}('one')${nl}g = math.sqrt${nl}  (4)${nl}print(g)$nl"
gives "… nor is a line taken from the one before" 0 "one${nl}2.0$nl" "" "$GPTSH"
tap_in="local x = 3${nl}return x$nl"
gives "… but return is shown" 0 "3$nl" "" "$GPTSH"
tap_in="1 + 1"
gives "stdin is a chunk" 0 "2$nl" "" "$GPTSH"
gives "- is stdin" 0 "2$nl" "" "$GPTSH" -
gives "stdin is left alone when there is -e" 0 "" "" "$GPTSH" -e 'x = 1'
tap_in="x = 5${nl}x"
gives "the last expression of stdin is shown" 0 "5$nl" "" "$GPTSH"
tap_in="print(1)${nl}error('no')"
gives "an error in stdin has a line" 1 "1$nl" "gptsh: stdin:2: no" "$GPTSH"
tap_in="-- %% a${nl}local a = 1${nl}-- %% b${nl}a + 1$nl"
gives "stdin may be a notebook" 0 "2$nl" "" "$GPTSH"
for prompt_only in '%mem' '!ls' 'torch.softmax?' '?soft' 'help softmax'; do
  tap_in="x = 1$nl$prompt_only$nl"
  gives "a pipe says who reads $prompt_only" 1 "" \
    "gptsh: stdin:2: '$prompt_only' is an input of the prompt, not Lua: gptsh -i reads a pipe as the prompt does" "$GPTSH"
done
tap_in="help"
gives "… and help alone" 1 "" "gptsh: stdin:1: 'help' is an input of the prompt" "$GPTSH"
tap_in="print(7${nl}% 4, [[$nl%mem${nl}help x$nl]])$nl"
gives "lines of Lua like these are Lua" 0 "3	%mem${nl}help x$nl$nl" "" "$GPTSH"
tap_in=""
gives "empty stdin is fine" 0 "" "" "$GPTSH"

cat >"$tap_dir/args.lua" <<'EOF'
#!/usr/bin/env gptsh
print(arg[0], arg[1], arg[2], arg[-1] ~= nil, ...)
EOF
gives "arguments are Lua's" 0 "args.lua	a	b	true	a	b$nl" "" "$GPTSH" args.lua a b
gives "options after the file belong to the script" 0 "args.lua	-e	--bad	true	-e	--bad$nl" "" \
  "$GPTSH" args.lua -e --bad
printf 'local a = 1\nlocal function f() return a end\nprint(f())\n' >"$tap_dir/plain.lua"
gives "a plain script keeps its locals" 0 "1$nl" "" "$GPTSH" plain.lua
printf 'print(1)\n\n\nlocal x = nil + 1\n' >"$tap_dir/bad.lua"
gives "a script's error has file and line" 1 "1$nl" "gptsh: bad.lua:4: attempt to perform arithmetic" "$GPTSH" bad.lua
printf 'local function inner()\n  error("deep")\nend\nlocal function outer()\n  inner()\nend\nouter()\n' >"$tap_dir/deep.lua"
gives "a traceback names the user's frames" 1 "" "deep.lua:5: in function 'outer'" "$GPTSH" deep.lua
for recursion in 'f = function() return f() + 1 end' 'f = setmetatable({}, {__call = function() return f() + 1 end})' \
  'f = function() return (("x"):gsub("x", function() return f() + 1 end)) end' 'f = function() coroutine.wrap(f)() end' \
  'f = function() local _ <close> = setmetatable({}, {__close = f}) end'; do
  gives "endless recursion is an error: $recursion" 1 "" "stack overflow" timeout 60 "$GPTSH" -e "$recursion" -e 'f()'
done
gives "nb run runs a script, too" 0 "1$nl" "" "$GPTSH" nb run plain.lua
printf 'x = 7\n' >"$tap_dir/seven.lua"
tap_in="x + 1$nl"
gives "-i goes on after a file" 0 "8$nl" "gpt> " "$GPTSH" -i seven.lua
tap_in="x$nl"
gives "-i goes on after an error" 0 "nil${nl}1${nl}0$nl" "bad.lua" "$GPTSH" -i -e 'print(x) x = 0 dofile("bad.lua")'
tap_in="=3$nl"
gives "=x shows x, as in lua" 0 "3$nl" "gpt> " "$GPTSH" -i
tap_in="return 1 +${nl}2${nl}quit${nl}error('not reached')$nl"
gives "an unfinished input goes on, quit ends" 0 "3$nl" "gpt> ...> gpt> " "$GPTSH" -i
printf 'help softmax\n' >"$tap_dir/in"
"$GPTSH" -i <"$tap_dir/in" 2>/dev/null >"$tap_dir/help" && grep -q 'F.softmax' "$tap_dir/help"
tap "help NAME tells about an op" $? "$tap_dir/help"
tap_in="help = 4${nl}help + 1$nl"
gives "help may be a name of the user's" 0 "5$nl" "gpt> " "$GPTSH" -i
tap_in=""

export LUA_INIT='print("init ran")' LUA_PATH='/nowhere/?.lua' LUA_CPATH='/nowhere/?.so'
gives "LUA_INIT, LUA_PATH and LUA_CPATH are ignored" 0 "nil${nl}nil$nl" "" \
  "$GPTSH" -e 'print(package.path:find("nowhere")) print(package.cpath:find("nowhere"))'
unset LUA_INIT LUA_PATH LUA_CPATH
gives "no shared object is loaded from the current folder" 0 "nil$nl" "" \
  "$GPTSH" -e 'print((package.cpath:find("./?.so", 1, true)))'
export LC_ALL=de_DE.UTF-8
gives "numbers keep the point in any locale" 0 "1.5$nl" "" "$GPTSH" -e '1.5'
unset LC_ALL

# ---- the init file: of prompts only ----
export XDG_CONFIG_HOME="$tap_dir/config"
mkdir -p "$XDG_CONFIG_HOME/gptsh"
echo 'from_init = 40; print "init ran"' >"$XDG_CONFIG_HOME/gptsh/init.lua"
tap_in="from_init + 2$nl"
gives "the init file prepares the prompt" 0 "init ran${nl}42$nl" "gpt> " "$GPTSH" -i
gives "it comes after the user's code" 0 "nil${nl}init ran${nl}42$nl" "gpt> " "$GPTSH" -i -e 'print(from_init)'
tap_in="print(from_init)$nl"
gives "--no-init leaves it alone" 0 "nil$nl" "gpt> " "$GPTSH" -i --no-init
gives "-E too" 0 "nil$nl" "gpt> " "$GPTSH" -i -E
gives "scripts do not read it" 0 "nil$nl" "" "$GPTSH"
echo 'error "in init"' >"$XDG_CONFIG_HOME/gptsh/init.lua"
tap_in="1 + 1$nl"
gives "an error in it is told, the prompt comes" 0 "2$nl" "init.lua:1: in init" "$GPTSH" -i
export XDG_CONFIG_HOME="$tap_dir/no-config"
tap_in=""
colour="print(require('native.terminal').colour(1))"
gives "--color wins over what is found out" 0 "true$nl" "" env NO_COLOR=1 "$GPTSH" --color=always -e "$colour"
gives "… and so does never" 0 "false$nl" "" env CLICOLOR_FORCE=1 "$GPTSH" --color never -e "$colour"
gives "auto looks at the stream" 0 "false$nl" "" "$GPTSH" --color auto -e "$colour"
gives "another word is a usage error" 2 "" "--color expects auto, always or never, got blue" "$GPTSH" --color=blue
# ---- lost output ----
lost() { "$GPTSH" -e "$1" >/dev/full; }
gives "a full disk is exit code 3" 3 "" "gptsh: output lost: No space left on device" lost 'print(1)'
gives "os.exit does not hide lost output" 3 "" "output lost" lost 'print(1) os.exit(0)'
closed() { "$GPTSH" -e 'print(1)' >&-; }
gives "a closed stdout is exit code 3" 3 "" "output lost" closed
head_one() {
  { "$GPTSH" -e 'for i = 1, 1e6 do print(i) end'; echo $? >status; } | head -n 1
}
gives "a reader that leaves ends the program quietly" 0 "1$nl" "" head_one
[ "$(cat "$tap_dir/status")" -eq 141 ]
tap "… by SIGPIPE" $?
gives "a child that does not read is an error of the write" 0 "nil	Broken pipe$nl" "" "$GPTSH" -e \
  'local p = io.popen("true", "w") p:setvbuf "no" local ok, why = true
   while ok do ok, why = p:write "x" end print(ok, why) os.exit(0)'
no_threads() { (ulimit -s 200000000000; "$GPTSH" -e "$1"); } # their stacks would be larger than the address space
descriptors='local function descriptors()
    local n = 0
    for i = 0, 63 do
      local file <close> = io.open("/proc/self/fdinfo/" .. i)
      n = n + (file and 1 or 0)
    end
    return n
  end'
gives "a recording that cannot begin leaves stdout as it was, and nothing open" 0 "refused	0$nl" "" no_threads "$descriptors"'
  local before = descriptors()
  print(pcall(require "native.notebook".record) and "recorded" or "refused", descriptors() - before)'
# Sanitizers want more address space than there is: there the text fits, and is no Lua.
little_memory() { (case $GPTSH_BUILD in *san) ;; *) ulimit -v 900000 ;; esac; "$GPTSH" --threads 1 -e "$1"); }
gives "a file of code that does not fit into memory is closed" 0 "false	0$nl" "" little_memory "$descriptors"'
  local file, loaded = io.open("big", "w"), false
  file:seek("set", 600 << 20) file:write "x" file:close()
  local before = descriptors()
  for i = 1, 3 do
    local ok, code = pcall(loadfile, "big")
    loaded = loaded or ok and code ~= nil
  end
  collectgarbage() collectgarbage()
  print(loaded, descriptors() - before)
  os.remove "big";'
small() { (ulimit -f 1; "$GPTSH" -e "$1"); }
gives "a file that may not grow is an error of the write" 0 "nil	File too large$nl" "" small \
  'local f = io.open("grows", "w") f:setvbuf "no" local ok, why = f:write(("x"):rep(1e6)) print(ok, why)'

# ---- finalizers ----
endless='setmetatable({}, {__gc = function() while true do end end})'
gives "a __gc that does not end ends at the end" 0 "1$nl" "" timeout 20 "$GPTSH" -e "x = $endless" -e 'print(1)'
gives "… however many there are, and with os.exit" 3 "" "" timeout 20 "$GPTSH" -e "x = {} for i = 1, 100 do x[i] = $endless end" \
  -e 'os.exit(3, true)'
gives "… nor does a pcall keep it" 0 "" "" timeout 20 "$GPTSH" -e \
  'x = setmetatable({}, {__gc = function() while true do pcall(function() while true do end end) end end})'
gives "one that waits for a program is left" 0 "" "gptsh: a __gc did not end" timeout 20 "$GPTSH" -e \
  'x = setmetatable({}, {__gc = function() os.execute "exec sleep 30 >/dev/null 2>&1" end})'
gives "others are run, and get their object" 0 "gone 5$nl" "" "$GPTSH" -e \
  'x = setmetatable({n = 5}, {__gc = function(o) print("gone " .. o.n) end})'
gives "an error of setmetatable names it" 1 "" "bad argument #1 to 'setmetatable' (table expected, got number)" "$GPTSH" -e \
  'setmetatable(3, {})'

# ---- interrupts of scripts: the program asks a child to send the signal, when it surely runs ----
interrupt='io.popen("kill -INT " .. io.open("/proc/self/stat"):read("n")):close()'
gives "SIGINT ends a script with 130" 130 "" "" "$GPTSH" -e "$interrupt while true do end"
stray='io.popen("kill -ALRM " .. io.open("/proc/self/stat"):read("n")):close()'
gives "an alarm that nothing has set ends nothing" 0 "1$nl" "" "$GPTSH" -e "$stray print(1)"
gives "SIGUSR1 is a request to end" 138 "" "" "$GPTSH" -e \
  'io.popen("kill -USR1 " .. io.open("/proc/self/stat"):read("n")):close() while true do end'
gives "pcall does not save a script from SIGINT" 130 "" "" \
  "$GPTSH" -e "$interrupt while true do pcall(function() while true do end end) end"
gives "a coroutine does not save a script from SIGINT" 130 "" "" \
  "$GPTSH" -e "coroutine.wrap(function() $interrupt while true do end end)()"

"$GPTSH" --help >"$tap_dir/help" && grep -q '^usage: gptsh' "$tap_dir/help"
tap "--help goes to stdout" $?
[ "$(wc -l <"$tap_dir/help")" -le 24 ]
tap "--help fits a screen" $? "$tap_dir/help"
"$GPTSH" --version | grep -q '^gptsh [0-9.]* (Lua 5.4'
tap "--version is one line" $?
tap_done
