# commands.sh: what begins with % or ! or ends with ? at the prompt, as a pipe sees it.
. tests/tap.sh
nl='
'
export GPTSH_HISTORY=

# at_prompt NAME INPUTS TEXT…: every TEXT is in what the inputs print on stdout or stderr.
at_prompt() {
  at_name=$1
  printf '%s\n' "$2" >"$tap_dir/in"
  shift 2
  (cd "$tap_dir" && "$GPTSH" -i <in >out 2>&1)
  at_bad=0
  for at_text in "$@"; do grep -qE -- "$at_text" "$tap_dir/out" || at_bad=1; done
  tap "$at_name" "$at_bad" "$tap_dir/out"
}

at_prompt "%time shows the value and the times" '%time 40 + 2' '^42|gpt> 42' 'wall [0-9.]+ .?s · cpu .* · memory \+0\.0 MiB'
at_prompt "%timeit speaks IPython's sentence" '%timeit -n 10 -r 3 math.sin(1)' \
  '[0-9.]+ .?.s ± [0-9.]+ .?.s per loop \(mean ± std. dev. of 3 runs, 10 loops each\)' 'median .*, fastest '
at_prompt "%timeit takes statements too" '%timeit -n 1 -r 1 local x = 3' 'of 1 run, 1 loop each'
at_prompt "%time keeps locals of the session" "%time local kept = 5${nl}kept * 3" '15$'
at_prompt "%who lists what the user made" "local t = torch.ones(300, 400)${nl}name = 'x'${nl}%who" \
  '^(gpt> )*name +string of 1 bytes' '^t +float32 \[300, 400\] +468.8 KiB +cpu'
at_prompt "%reset forgets" "x = 3${nl}local y = 4${nl}%reset${nl}tostring(x) .. tostring(y)" 'nilnil'
at_prompt "%mem tells of devices" "x = torch.ones(512, 512)${nl}%mem" '^cpu [(][a-z0-9]+[)] +1.0 MiB' 'largest: x 1.0 MiB'
at_prompt "%history numbers inputs" "a = 1${nl}b = 2${nl}%history" '   1  a = 1' '   2  b = 2'
at_prompt "an unknown command has a suggestion" "%tme 1" "there is no command %tme \(did you mean 'time'\?\)"
at_prompt "!command runs, its status is told" "!echo from the shell; exit 3" 'from the shell' 'exit status 3'
at_prompt "name? is help" "torch.softmax?" 'exp\(x\) / sum\(exp\(x\)\) along dim'
at_prompt "name? of a variable's method and of its fields" "x = torch.ones(2, 3)${nl}x.softmax?${nl}x:softmax?${nl}x.shape?" \
  'exp\(x\) / sum' 'Size\(\[2, 3\]\)'
at_prompt "name? of a part of a model" "m = nn.Sequential(nn.Linear(2, 3))${nl}local top = {m = m}${nl}top.m?" 'in_features=2'
at_prompt "%name? tells about a command, print? about Lua" "%timeit?${nl}string.rep?" 'run often' 'the text n times'
at_prompt "name? runs nothing of a table of the user's" \
  "trap = setmetatable({}, {__index = function() print('ran' .. ' it') end})${nl}trap:x?" 'nothing is called'
! grep -q 'ran it' "$tap_dir/out"
tap "not even its __index" $? "$tap_dir/out"
at_prompt "name?? is the source" "torch.stack??" 'function functions.stack'
(cd "$tap_dir" && script -qec "stty cols 80; '$GPTSH' -e 'help(optim.Muon)'" /dev/null </dev/null | tr -d '\r' >out)
grep -q '^  = 5, ns_dtype = "bf16" | "f32", weight_decay = 0}\]) -> an optimizer that$' "$tap_dir/out"
tap "what a narrow terminal cuts off a line of help comes before the next line" $? "$tap_dir/out"
toy="toy = {model = nn.Linear(2, 2), data = data.text{text = ('abc '):rep(400)}, steps = 10}"
at_prompt "texts are not added" "'a' + 'b'" 'texts are joined by [.][.]'
at_prompt "a tensor's field is not a method" "x = torch.ones(2)${nl}x:shape()${nl}x:dtype()" 'shape is a field: x[.]shape; x:size' 'dtype is a field: x.dtype'
at_prompt "help of a name that is elsewhere" "help(softmax)" 'help "softmax", or help\(torch.softmax\)'
at_prompt "an optimizer is named in a table" "$toy${nl}toy.optim = 'AdamW'${nl}train.new(toy)${nl}toy.optim = {name = 'sgd'}${nl}train.new(toy)" \
  'by name: optim = [{]name = "AdamW"[}]' 'by name: optim = [{]name = "SGD"[}]'
at_prompt "lr_find speaks of itself" "$toy${nl}toy.optim = 'muon'${nl}lr_find(toy)${nl}toy.optim = {name = 'adam'}${nl}lr_find(toy)${nl}toy.optim, toy.data = nil, 3${nl}lr_find(toy)" \
  'by name: optim = [{]name = "Muon"[}]' 'lr_find: expected optim.name' 'lr_find: expected data to be'
at_prompt "a schedule is made by a function" "$toy${nl}toy.schedule = 'cosine'${nl}train.new(toy)" 'schedule = schedule.cosine[{]total = steps[}]'
at_prompt "autocast has its names" "$toy${nl}toy.autocast = 'fp16'${nl}train.new(toy)" 'float16 is autocast = "f16"'
at_prompt "a mode that was set is shown" 'torch.cuda.fallback "error"' '^(gpt> )*"error"'
at_prompt "?word searches" "?logsum" 'torch.logsumexp'
at_prompt "own functions have their source" "function mine(a)${nl} return a + 1${nl}end${nl}mine??" 'return a \+ 1'
at_prompt "%set changes a setting" "%set precision 2${nl}torch.ones(1)/3" 'tensor\(\[0.33\]\)'
at_prompt "%cd and %pwd" "%cd /${nl}%pwd" '^(gpt> )?/$'
at_prompt "_ __ ___ are the last values" "10 * 1${nl}10 * 2${nl}10 * 3${nl}_ + __ * 100 + ___ * 10000" '102030'
at_prompt "a big _ is not kept alive" \
  "torch.ones(1000, 1000)${nl}_:sum():item()${nl}1${nl}2${nl}collectgarbage() collectgarbage()${nl}torch.memory_allocated() < 1e6 and 'let' .. ' go'" \
  '1000000' 'let go'
at_prompt "the last value lives for the next input" "torch.ones(1000, 1000)${nl}collectgarbage(); _:sum():item() / 8" '125000'
at_prompt "a nil global has a suggestion" "model = 1${nl}modle.x = 1" "global 'modle'\) \(did you mean 'model'\?\)"
at_prompt "a lazy global has one too" "GTP{}" "did you mean 'GPT'\?"
at_prompt "a traceback shows the lines" "function outer()${nl}  error('boom')${nl}end${nl}outer()" \
  "in function 'outer'" "^    error\('boom'\)"
at_prompt "a copied transcript runs" "gpt> for i = 1, 2 do${nl}...>   print('row', i)${nl}...> end" 'row	2'
at_prompt "_PROMPT is the prompt" "_PROMPT = 'mine: '${nl}1" 'mine: '

at_prompt "%log says that a pipe is not kept" "1${nl}%log" 'this session is not kept'

printf 'count = (count or 0) + #arg\nprint("ran", arg[1])\n' >"$tap_dir/plain.lua"
at_prompt "%run runs a script with arguments" "%run plain.lua one two${nl}count" 'ran	one' '2$'
printf -- '-- %%%% first\nlocal a = 5\n-- %%%% second\nprint("second", a)\n' >"$tap_dir/nb.lua"
at_prompt "%run --to runs part of a notebook, %cells lists it, %cell goes on" \
  "%run nb.lua --to first${nl}a * 2${nl}%cells${nl}%cell second" '10$' 'second +never run' 'second	5'
printf 'local m = {}\nfunction m.f() return "old" end\nm.gone = 1\nreturn m\n' >"$tap_dir/mod.lua"
printf 'local m = {}\nfunction m.f() return "new" end\nreturn m\n' >"$tap_dir/changed.lua"
at_prompt "%reload changes the loaded table" \
  "package.path = './?.lua'${nl}local m = require 'mod'${nl}!cp changed.lua mod.lua${nl}%reload mod${nl}m.f()" \
  '-gone, f' 'new'
printf 'return {v = 1}\n' >"$tap_dir/auto.lua"
at_prompt "%autoreload reads changed modules again, and survives a mistake in one" \
  "package.path = './?.lua'${nl}%autoreload on${nl}m = require 'auto'${nl}!echo 'return {v = 20 + 22}' >auto.lua${nl}m.v
!echo 'return {v = = 2}' >auto.lua${nl}m.v + 1" '^(gpt> )*42$' '%autoreload: .*unexpected symbol' '^(gpt> )*43$'
at_prompt "%autoreload off stops that" \
  "package.path = './?.lua'${nl}!echo 'return {v = 5}' >auto.lua${nl}%autoreload on${nl}m = require 'auto'${nl}%autoreload off
!echo 'return {v = 60}' >auto.lua${nl}m.v" '^(gpt> )*5$'
at_prompt "%strict refuses names that were never set" "%strict on${nl}model = 1${nl}modle${nl}torch.ones(2)${nl}model + 6" \
  "variable 'modle' is not defined \(did you mean 'model'\?\)" 'tensor\(\[1., 1.\]\)' '^(gpt> )*7$'
at_prompt "%strict off allows them again" "%strict on${nl}%strict off${nl}modle" 'nil'
at_prompt "%strict wants on or off" "%strict" "%strict expects on or off, got ''"
at_prompt "%tb shows the last error with all frames" "error('once')${nl}1 + 1${nl}%tb" 'stack traceback:' '\[C\]: in function .error'
at_prompt "%tb has something to show only after an error" "%tb" 'no error yet'
at_prompt "%who tells where a variable was set" "a = 1${nl}b = 2${nl}a = 3${nl}%who" '^(gpt> )*a +3 +input 3$' '^b +2 +input 2$'
at_prompt "a user may call a variable as Lua calls a library" \
  "table = 3${nl}data = 4${nl}function f() return 5 end${nl}tostring = nil${nl}{a = 1}${nl}help 'softmax'${nl}%who${nl}f'x'" \
  '^(gpt> )*\{a = 1\}' 'F.softmax' '^(gpt> )*data +4' '^f +function at input 3:1' '^table +3' '"x"|5'
at_prompt "… and %reset gives the library's back" "table = 3${nl}%reset${nl}table.concat{'a', 'b'}" '"ab"'
at_prompt "own functions have no text of others" "function f() return 1 end${nl}f?" '^(gpt> )*function f\(\)  input 1:1' 'there is no text about it'
at_prompt "long tables are cut at the prompt" "t = {} for i = 1, 182 do t[i] = i end${nl}t" '… 132 more\}$'
at_prompt "deep ones too" "{{{{{{1}}}}}}" '^(gpt> )*\{\{\{\{\{\{…\}\}\}\}\}\}$'
at_prompt "an object that cannot say what it is is shown" "setmetatable({}, {__tostring = function() error 'no' end})" \
  '<table whose __tostring failed: input 1:1: no>'
at_prompt "sh gives what a program writes" "sh 'echo one; echo two; exit 3'${nl}sh 'kill -9 \$\$'" '"one.ntwo"	3' '""	137'
rm -f "$tap_dir/kept.lua"
at_prompt "%save writes the inputs that worked" "local a = 1${nl}error('no')${nl}%who${nl}a + 1${nl}%save kept.lua" 'kept.lua: 2 cells'
gives "what %save wrote runs" 0 "2$nl" "" "$GPTSH" kept.lua
at_prompt "it tells what is not in it" "x = 1${nl}x = x + nil${nl}x.y${nl}x = = 3${nl}!true${nl}%set seed 3${nl}x${nl}%save -f kept.lua" \
  'kept.lua: 3 cells; comments tell what is missing of input 2, 5$'
[ "$(cat "$tap_dir/kept.lua")" = "-- %%
x = 1

-- %%
-- | this input failed: input 2:1: attempt to perform arithmetic on a nil value
-- | x = x + nil
-- | a command of the prompt:
-- | !true
-- %set seed 3

-- %%
x" ]
tap "in comments that are neither markers nor commands" $? "$tap_dir/kept.lua"
at_prompt "%save does not overwrite" "1${nl}%save kept.lua" 'exists'

# ---- habits from Python ----
# meant INPUT HINT: the error of an input tells what it may have meant.
x='x = torch.ones(2, 3)'
meant() { at_prompt "\"$1\" is told: $2" "$x$nl$1" "^  .*$2"; }
meant 'import torch' 'nothing has to be imported'
meant 'x != 1' 'not equal is ~='
meant 'x:repeat(2, 3)' 'repeat is a word of Lua: x:tile'
meant 'x[:, 0]' 'indices are texts'
meant 'x[0, 1]' 'indices are texts'
meant 'x:sum(dim=1)' 'keywords go into a table'
meant 'y = [1, 2]' 'a list is \{1, 2, 3\}'
meant 'for i in range(3):' 'for i = 0, n - 1 do'
meant 'def f(a): return a' 'function name'
meant 'x:repeat(2)' 'x:tile\(2, 3\)'
meant 'x += 1' 'x = x \+ 1'
meant 'x ** 2' 'x \^ 2'
meant 'print x' 'print\(x\)'
meant 'x.mean()' 'called with a colon: x:mean\('
meant 'm = nn.Linear(1, 1) m.train()' 'called with a colon: m:train\('
meant 'np.array({1})' 'there is no numpy'
meant 'len(x)' 'the length is #x'
meant 'relu(x)' 'here it is torch.relu'
meant 'torch.Tensor(2, 3)' 'torch.empty\(2, 3\)'
meant '"loss " .. x' 'f"loss'
meant 'for a, b in data.text{text = "abcdef"}:loader{B = 1, T = 2} do end' 'loader:iter'
meant 'for i, p in ipairs(nn.Linear(1, 1):parameters()) do end' 'for p in model:parameters'
meant 'x:plot()' 'plot.loss'
at_prompt "a lost t is not torch.t" 't:run()' "global 't'\)\$"
meant 'ls' 'run by !: !ls'
meant 'ls -l' 'run by !: !ls'
meant 'git status' 'run by !: !git'
meant 'cd /tmp' '%cd FOLDER'
meant 'pwd' '%pwd'
at_prompt "a variable may be called ls" "ls = 3${nl}ls * 14" '42$'
! grep -q 'run by' "$tap_dir/out"
tap "and has no hint" $? "$tap_dir/out"
at_prompt "a name that means nothing anywhere has none" 'no_such_name' 'nil$'
! grep -q '^  ' "$tap_dir/out"
tap "but nil" $? "$tap_dir/out"
at_prompt "%lsmagic lists the commands" '%lsmagic' '^(gpt> )?  %autoreload'
at_prompt "%ls says how programs are run" '%ls -l' 'run by !: !ls -l$'
at_prompt "%%time wants a statement" '%%time' 'expects a statement: %time model'
at_prompt "a colon in a text does not end a block that goes on" \
  "n = 0${nl}for w in ('p: p: '):gmatch 'p: ' do${nl}n = n + 21${nl}end${nl}'n is ' .. n" 'n is 42'
at_prompt "False is refused where it would be nil" 'nn.Linear(2, 2, {bias = False})' 'False is false in Lua'
at_prompt "a wrong method has no hint that is wrong" "$x${nl}x:no_such()" "no field or method 'no_such'\$"
at_prompt "quit() ends" "quit()${nl}error('still there')" ''
! grep -q still "$tap_dir/out"
tap "and nothing runs after it" $? "$tap_dir/out"

printf '%%help\n' >"$tap_dir/in"
"$GPTSH" -i <"$tap_dir/in" 2>/dev/null >"$tap_dir/help"
tap "%help lists the commands" "$([ "$(grep -c '^  %' "$tap_dir/help")" -ge 18 ] && echo 0 || echo 1)" "$tap_dir/help"
tap_done
