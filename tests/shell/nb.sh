# nb.sh: gptsh nb: running notebooks, what is kept of them, the edge cases of the format.
. tests/tap.sh
nl='
'
export GIT_CEILING_DIRECTORIES="${tap_dir%/*}" # the folder of the tests is in no work tree

# book TEXT: makes it nb.lua, without outputs.
book() {
  rm -rf "$tap_dir/nb.out"
  printf '%s' "$1" >"$tap_dir/nb.lua"
}
nb() { gives "$1" "$2" "$3" "$4" "$GPTSH" nb run "$5" nb.lua; }
# has NAME PATTERN FILE: a line of the file matches.
has() {
  grep -q -- "$2" "$tap_dir/$3"
  tap "$1" $? "$tap_dir/$3"
}
hasnot() {
  ! grep -q -- "$2" "$tap_dir/$3"
  tap "$1" $? "$tap_dir/$3"
}
# leaves NAME FILE TEXT: the file has exactly these bytes.
leaves() {
  printf '%s' "$3" >"$tap_dir/expected"
  cmp -s "$tap_dir/$2" "$tap_dir/expected"
  tap "$1" $? "$tap_dir/$2"
}

# ---- outputs ----
book '-- %% hello
print("text")
io.write("10%\r", "20%\r", "\27[31mdone\27[0m\n")
os.execute("echo child")
1 + 1
-- %% second
io.stderr:write("not kept\n");
-- %% text [markdown]
-- text
'
gives "what is printed is passed on" 0 "$(printf 'text\n10%%\r20%%\r\033[31mdone\033[0m\nchild\n2')$nl" "not kept" "$GPTSH" nb run nb.lua
leaves "and kept without escapes, the last state of a line only" nb.out/01-hello.txt "text${nl}done${nl}child$nl"
leaves "a value is an output of its own" nb.out/01-hello-2.txt "2"
hasnot "stderr is not kept" "not kept" nb.out/manifest.json
has "the manifest says how each cell ended" '"status": "ok"' nb.out/manifest.json
has "and when" '"started": "20..-..-..T..:..:..Z"' nb.out/manifest.json
(cd "$tap_dir" && printf '%s' "$(sed -n 's/.*"sha256": "\(.*\)".*/\1/p' nb.out/manifest.json | head -n 1)  nb.out/01-hello.txt" | sha256sum -c --status)
tap "the sums of the manifest are those of the files" $?
(cd "$tap_dir" && sed -i 's/hello/hallo/' nb.lua && "$GPTSH" nb run nb.lua >/dev/null 2>&1 && ! [ -e nb.out/01-hello.txt ] && [ -e nb.out/01-hallo.txt ])
tap "outputs of cells that are gone go" $?
gives "--no-save keeps nothing" 0 "" "not kept" "$GPTSH" nb run --no-save --only second --out other nb.lua
[ ! -e "$tap_dir/other" ]
tap "no folder is made" $?
gives "--out says where" 0 "" "not kept" "$GPTSH" nb run --only second nb.lua --out other
[ -e "$tap_dir/other/manifest.json" ]
tap "the folder is there" $?
gives "clean removes what was kept" 0 "" "" "$GPTSH" nb clean nb.lua
[ ! -e "$tap_dir/nb.out" ] && [ -e "$tap_dir/nb.lua" ]
tap "and nothing else" $?
book '-- %%
print(1)
'
(cd "$tap_dir" && : >nb.out)
gives "a folder that cannot be made is an error before anything runs" 1 "" "nb.out" "$GPTSH" nb run nb.lua
rm -f "$tap_dir/nb.out"
gives "lost output is told" 3 "" "output lost" sh -c "'$GPTSH' nb run nb.lua >/dev/full"
has "but the cell is kept" '"status": "ok"' nb.out/manifest.json
book '-- %%
for i = 1, 100000 do print(i) end
-- %% after
x = 1
'
(cd "$tap_dir" && { "$GPTSH" nb run nb.lua 2>err; echo $? >status; } | head -n 1 >/dev/null; [ "$(cat status)" = 141 ] && [ ! -s err ] && grep -q '"id": "after"' nb.out/manifest.json)
tap "a reader that leaves stops nothing; the end tells by SIGPIPE" $?

book '-- %%
io.write("held\n") io.stdout:flush() io.read()
'
(cd "$tap_dir" && mkfifo wait && { "$GPTSH" nb run nb.lua <wait >out & } && exec 9>wait && for i in $(seq 2000); do grep -q held out && break; sleep 0.01; done
  "$GPTSH" nb run nb.lua >/dev/null 2>err </dev/null; echo $? >status; echo >&9; wait)
[ "$(cat "$tap_dir/status")" = 1 ] && grep -q "nb.out is in use by another run" "$tap_dir/err"
tap "one run at a time has the folder" $? "$tap_dir/err"
book '-- %% a figure
plot{1, 2, 3}
'
gives "without gnuplot a figure is kept as text" 0 "" "figure kept as text: gnuplot not found" env PATH=/nowhere "$GPTSH" nb run nb.lua
has "it is drawn in characters" "3 " nb.out/01-a-figure-figure.txt
book '-- %% parameters tags=["parameters"]
steps = 5
-- %% draw
plot{{1, steps}, title = "two"}
'
gives "a figure of a notebook is kept" 0 "figure: nb.out/02-draw.svg$nl" "" "$GPTSH" nb run nb.lua -p steps=7
version=$("$GPTSH" --version | sed 's/gptsh \([0-9.]*\).*/\1/')
for kind in svg png; do
  gives "and says in its .$kind where it comes from" 0 "title     two
notebook  nb.lua
cell      draw
seed      0
made by   gptsh $version
again     gptsh nb run nb.lua -p steps=7
numbers   nb.out/02-draw.tsv
script    nb.out/02-draw.gp$nl" "" "$GPTSH" why nb.out/02-draw.$kind
done

# ---- errors ----
book '-- %% a
print(1)
-- %% b
error("no")
-- %% c
print(3)
'
nb "the first error stops the run" 1 "1$nl" "gptsh: nb.lua:4: no${nl}" --no-save
nb "the failing cell is named" 1 "1$nl" "  in cell 2 b" --to=c
has "what ran is kept" '"status": "error"' nb.out/manifest.json
gives "--allow-errors goes on" 1 "1${nl}3$nl" "nb.lua:4: no" "$GPTSH" nb run nb.lua --allow-errors
sed -i 's/%% b/%% b allow_error=true/' "$tap_dir/nb.lua"
gives "a cell may fail that says so" 0 "1${nl}3$nl" "nb.lua:4: no" "$GPTSH" nb run nb.lua
gives "also when the file is run" 0 "1${nl}3$nl" "nb.lua:4: no" "$GPTSH" nb.lua
printf 'print(7)\n' >"$tap_dir/inner.lua"
book "-- %% one${nl}print(1)${nl}require \"nb\".main(\"run\", {\"inner.lua\"}, {})${nl}"
nb "a cell that runs a notebook with outputs of its own is told: nothing is lost in silence" 1 "1$nl" \
  "cannot record stdout: Operation already in progress" --check
rm "$tap_dir/inner.lua"
book '-- %% a
while true do pcall(function() while true do end end) end
-- %% b
print(2)
'
gives "--timeout ends a cell" 1 "" "nb.lua:1: timed out after 0.2 s" "$GPTSH" nb run nb.lua --timeout 0.2
has "as its status says" '"status": "timeout"' nb.out/manifest.json
sed -i 's/%% a/%% a timeout=0.2 allow_error=true/' "$tap_dir/nb.lua"
gives "a cell has a time of its own" 0 "2$nl" "timed out" "$GPTSH" nb run nb.lua
book '-- %% a
x = 1
-- %% b
io.stderr:write("there\n") while true do end
'
(cd "$tap_dir" && { "$GPTSH" nb run nb.lua 2>err & pid=$!; for i in $(seq 2000); do grep -q there err && break; sleep 0.01; done; kill -INT $pid; wait $pid; [ $? -eq 130 ]; }) 2>/dev/null
tap "Ctrl-C ends the run by its signal" $?
has "the interrupted cell is kept as such" '"status": "interrupted"' nb.out/manifest.json
book '-- %% one
print("first")
-- %% two
plot{1, 4, 9}
-- %% three
3 * 3
-- %% four
io.write("fourth\n")
-- %% five
io.stderr:write("there\n") while true do end
'
(cd "$tap_dir" && : >err && { "$GPTSH" nb run nb.lua 2>err >/dev/null & pid=$!; for i in $(seq 2000); do grep -q there err && break; sleep 0.01; done; kill -KILL $pid; wait $pid; }) 2>/dev/null
(cd "$tap_dir" && "$GPTSH" nb status nb.lua | awk '{print $2, $3}' >status && "$GPTSH" nb export nb.lua nb.md 2>&1)
printf 'title status\none ok\ntwo ok\nthree ok\nfour ok\nfive never\n' | cmp -s - "$tap_dir/status"
tap "a run killed in its fifth cell leaves the four that were done" $? "$tap_dir/status"
grep -q '^first$' "$tap_dir/nb.md" && grep -q '^9$' "$tap_dir/nb.md" && grep -q '^fourth$' "$tap_dir/nb.md" && grep -q 02-two "$tap_dir/nb.out/manifest.json"
tap "and their outputs can be read" $? "$tap_dir/nb.md"
gives "os.exit is honoured" 5 "out$nl" "" sh -c "printf -- '-- %%%%\nprint(\"out\") os.exit(5)\n' >exit.lua; exec '$GPTSH' nb run exit.lua"

book '-- %% a
local x = torch.ones(2)
x:sum()

print(x.sum())
'
nb "habits of Python are told in cells, too" 1 "" "called with a colon: x:sum(…)" --no-save

# ---- parameters ----
book '-- %% parameters tags=["parameters"]
local steps = 3
rate, name, fast, table_value = 0.5, "x", true, {}
-- %% use
print(steps, rate, name, fast)
'
gives "parameters have the values of their cell" 0 "3	0.5	x	true$nl" "" "$GPTSH" nb run nb.lua
gives "-p sets them" 0 "4	1.0	1e3 -- no code	false$nl" "" \
  "$GPTSH" nb run -p steps=4 -p rate=1 -p "name=1e3 -- no code" -pfast=false nb.lua
has "they are in the manifest" '"steps": "4"' nb.out/manifest.json
gives "a value of another kind is a usage error" 2 "" "parameter 'rate' expects a number, got 'abc'" "$GPTSH" nb run nb.lua -p rate=abc
gives "so is a name that is none" 2 "" "no parameter 'step' (did you mean 'steps'?)" "$GPTSH" nb run nb.lua -p step=1
gives "and a table" 2 "" "cannot be set" "$GPTSH" nb run nb.lua -p table_value=1
gives "and what is no assignment" 2 "" "expects NAME=VALUE" "$GPTSH" nb run nb.lua -p steps
book '-- %% a
x = 1
'
gives "-p wants a cell with that tag" 2 "" "needs a cell tagged parameters" "$GPTSH" nb run nb.lua -p x=1
book '-- %%
print(math.random(1000), torch.rand(1):item())
'
"$GPTSH" nb run --no-save --seed 7 "$tap_dir/nb.lua" >"$tap_dir/one" && "$GPTSH" nb run --no-save --seed 7 "$tap_dir/nb.lua" | cmp -s - "$tap_dir/one"
tap "--seed restarts the random numbers" $?
gives "a seed is a number" 2 "" "--seed expects a whole number" "$GPTSH" nb run --seed x nb.lua

# ---- which cells ----
book '-- %% load
print("load")
-- %% train
print("train 1")
-- %% train
print("train 2")
-- %% show id="the-end"
print("show")
'
gives "--to" 0 "load${nl}train 1$nl" "" "$GPTSH" nb run nb.lua --to train
gives "--from by a title's second cell" 0 "train 2${nl}show$nl" "" "$GPTSH" nb run nb.lua --from train~2
gives "--only by number and id" 0 "load${nl}show$nl" "" "$GPTSH" nb run nb.lua --only 1,the-end
gives "a line names its cell" 0 "train 1${nl}train 2$nl" "" "$GPTSH" nb run nb.lua --from @4 --to @5
gives "--from after --to is a usage error" 2 "" "cell 'the-end' comes after 'load'" "$GPTSH" nb run nb.lua --from the-end --to load
gives "an unknown cell is a usage error" 2 "" "no cell 'trane' (did you mean 'train'?)" "$GPTSH" nb run nb.lua --to trane

# ---- keys and cached cells ----
book '-- %% slow cache=true
print("slow")
data = {a = {1, 2.5, "x"}, [7] = true, inf = 1 / 0}
t = torch.arange(4) / 3
local n = 5
-- %% use
print(data.a[2], data[7], data.inf, t:sum():item(), n, torch.rand(1):item())
'
gives "a first run runs all" 0 "slow${nl}$(cd "$tap_dir" && "$GPTSH" nb.lua | tail -n 1)$nl" "" "$GPTSH" nb run nb.lua --seed 0 --changed
cp "$tap_dir/out" "$tap_dir/first"
gives "nothing changed" 0 "" "nothing changed" "$GPTSH" nb run nb.lua --seed 0 --changed
sed -i 's/%% use/%% use it [code]/; s/^data = /-- a comment\ndata  =  /; s/n, torch/n , torch/' "$tap_dir/nb.lua"
gives "titles, comments and blanks change nothing" 0 "2.5	true	inf	2.0	5	$(cut -f 6 "$tap_dir/first" | tail -n 1)$nl" "" \
  "$GPTSH" nb run nb.lua --seed 0 --from use-it
sed -i 's/print(data.a\[2\]/print(data.a[1]/; s/print("slow")/print("slow");/' "$tap_dir/nb.lua"
sed -i 's/print("slow");/print("slow")/' "$tap_dir/nb.lua"
gives "a cached cell gives its kept results and output, and the random numbers after it" 0 \
  "slow${nl}1	true	inf	2.0	5	$(cut -f 6 "$tap_dir/first" | tail -n 1)$nl" "" "$GPTSH" nb run nb.lua --seed 0 --changed
has "not the cell itself was run again" slow nb.out/01-slow.txt
sed -i 's/2.5/3.5/' "$tap_dir/nb.lua"
(cd "$tap_dir" && "$GPTSH" nb status nb.lua --out nb.out >status && grep -q 'slow *stale' status && grep -q 'use it *stale' status)
tap "a change makes the cell and all below it stale" $? "$tap_dir/status"
book '-- %% a cache=true
f = function() end
'
gives "what cannot be kept is said" 0 "" "not kept for later: 'f' is a function" "$GPTSH" nb run nb.lua

# ---- in a session ----
book '-- %% a
n = (n or 0) + 1
-- %% b
m = n * 10
-- %% c
print(n, m)
'
tap_in='nb = require "nb"
io.write(nb.run("nb.lua"), "\n");
nb.run("nb.lua", {changed = true});
os.execute("sed -i s/10/20/ nb.lua");
nb.run("nb.lua", {changed = true});
io.write((nb.cells("nb.lua"):gsub(" +%d+ ms[^\n]*", "")))'
gives "the cells of a notebook run in the session; changed ones and those below again" 0 "1	10
0
1	20
cell  title  status  time  outputs  started (UTC)
   1  a      ok
   2  b      ok
   3  c      ok
" "" "$GPTSH"
tap_in=

# ---- expectations ----
book '-- %% a
print("loss 0.02503 of 285,212,672 parameters, 12.5% of -3")
-- expect: 285,212,672
-- expect: loss ~ 0.0250
-- expect: loss ~ 0.02 ±1e-2
-- expect: loss ~ 0.03 ± 20%
-- expect: ~ -3
-- expect: parameters,
'
gives "expectations that are met" 0 "$(printf 'loss 0.02503 of 285,212,672 parameters, 12.5%% of -3')$nl" "6 expectations met, 0 not" "$GPTSH" nb run --check nb.lua
book '-- %% a
print("loss 0.02503, 1234")
-- expect: 123
-- expect: loss ~ 0.0240
-- expect: los
'
gives "one that is not met has its line" 1 "loss 0.02503, 1234$nl" "gptsh: nb.lua:3: expected 123, cell 1 a printed:" "$GPTSH" nb run --check nb.lua
has "words are whole" "nb.lua:5: expected los" err
has "the tolerance is half a digit" "nb.lua:4: expected loss ~ 0.0240" err
gives "without --check expectations are not read" 0 "loss 0.02503, 1234$nl" "" "$GPTSH" nb run nb.lua
book '-- %% a
plot{{1, 2}, save = "figure.txt"}:save "figure.tsv"
print "drawn"
-- expect: drawn
'
rm -rf "$tap_dir/nb.out"
gives "a check changes no file" 0 "drawn$nl" "1 expectation met" "$GPTSH" nb run --check nb.lua
(cd "$tap_dir" && test ! -e figure.txt && test ! -e figure.tsv && test ! -e nb.out)
tap "… figures and outputs" $?
gives "but keeps outputs where it is told to" 0 "drawn${nl}figure: kept/01-a.svg$nl" "1 expectation met" "$GPTSH" nb run --check --out kept nb.lua
(cd "$tap_dir" && test ! -e figure.txt && test -e kept/manifest.json)
tap "… there alone" $?

# ---- commands in cells ----
book '-- %% a
local x = 1
-- !echo from a program
(function() -- !echo no
  -- !echo nor this
end)()
-- %d is the step
-- %time x = x + 1
  -- !echo $((3 + 4))
x
-- %% b
-- !echo alone
'
gives "comments that are commands of the prompt run as such" 0 "from a program
wall
7
2
alone
" "" sh -c "'$GPTSH' nb run nb.lua | sed 's/^wall.*/wall/'"
sed -i 's/echo alone/echo changed/' "$tap_dir/nb.lua"
"$GPTSH" nb status "$tap_dir/nb.lua" | grep -q '2 *b *stale'
tap "and enter the key" $?

book '-- %% whole

-- %%time
local s = 0
for i = 1, 10 do s = s + i end
s
-- %% often
-- %%timeit -n 2 -r 3
local x = s
x = x + 1
-- %% fails allow_error=true
-- %%time
error("in line " .. 13)
-- %% s
s
'
gives "%%time and %%timeit in the first line measure the whole cell" 0 "wall
55
loops
55
" "nb.lua:13: in line 13" sh -c "'$GPTSH' nb run nb.lua | sed 's/^wall.*MiB$/wall/; s/.*of 3 runs, 2 loops each)/loops/; /^median/d'"
printf -- '-- %%%% a\n-- %%%%tine\nx = 1\n' >"$tap_dir/bad.lua"
gives "check finds an unknown one" 1 "bad.lua:2: no command for a cell is called %%tine: this stays a comment$nl" "" "$GPTSH" nb check bad.lua

# ---- edge cases of the format ----
book "$(printf '\357\273\277#!/usr/bin/env gptsh\r\n-- ---\r\n-- jupyter: x\r\n-- ---\r\n-- %%%% a\r\nlocal x = 1\r\n\r\n\r\n\r\n-- %%%% b [markdown]\r\n-- text\r\n-- %%%% c\r\nx')"
gives "CRLF, a byte order mark, no final line break" 0 "1$nl" "" "$GPTSH" nb run nb.lua
gives "fmt" 0 "nb.lua$nl" "" "$GPTSH" nb fmt nb.lua
printf '#!/usr/bin/env gptsh\r\n-- ---\r\n-- jupyter: x\r\n-- ---\r\n\r\n-- %%%% a\r\nlocal x = 1\r\n\r\n-- %%%% b [markdown]\r\n-- text\r\n\r\n-- %%%% c\r\nx\r\n' | cmp -s - "$tap_dir/nb.lua"
tap "keeps line ends, drops the mark, adds the last line break" $? "$tap_dir/nb.lua"
gives "and then there is nothing to do" 0 "" "" "$GPTSH" nb fmt nb.lua
book '-- %% [markdown] Intro key=1
--[[
long
text
]]
-- %% tune lr=[1, 2] "not a key
-- %% y = x + 1
--%%
-- %%% sub
-- %%time is none
--- %% nor this
-- %% with type [code] skip note="a \"b\" ]"
error("not run")
'
gives "titles, types, keys" 0 "" "" "$GPTSH" nb run nb.lua
gives "fmt of them" 0 "nb.lua$nl" "" "$GPTSH" nb fmt nb.lua
leaves "titles first, then type and keys; unknown keys stay; comments are line comments" nb.lua '-- %% Intro [markdown] key=1
-- long
-- text

-- %% tune lr=[1, 2] "not a key

-- %% y = x + 1

-- %%

-- %% sub
-- %%time is none
--- %% nor this

-- %% with type skip=true note="a \"b\" ]"
error("not run")
'
gives "a bad value of a reserved key is an error" 1 "" "key 'timeout' must be seconds above 0" sh -c "printf -- '-- %%%% a timeout=-1\n' >bad.lua; exec '$GPTSH' nb run bad.lua"
gives "ids are unique" 1 "" "bad.lua:2: id 'x' is taken by the cell in line 1" sh -c "printf -- '-- %%%% a id=\"x\"\n-- %%%% b id=\"x\"\n' >bad.lua; exec '$GPTSH' nb run bad.lua"
gives "a NUL byte is refused" 1 "" "bad.lua:2: NUL byte" sh -c "printf -- '-- %%%%\nx = \"\\0\"\n' >bad.lua; exec '$GPTSH' nb run bad.lua"
gives "text cells hold comments only" 1 "" "bad.lua:3: code in a text cell" sh -c "printf -- '-- %%%% t [md]\n-- text\nx = 1\n' >bad.lua; exec '$GPTSH' nb run bad.lua"
book '-- %% a
-- only a comment
'
gives "an empty cell is none to run" 0 "cell  title  status          time  outputs  started (UTC)
   1  a      nothing to run
" "" "$GPTSH" nb status nb.lua
gives "a plain script is one cell whose locals are Lua's" 0 "5$nl" "" sh -c "printf 'local x = 5\nprint(x)\n' >plain.lua; exec '$GPTSH' nb run plain.lua"
book '-- %% a
s = [[
-- %% inside
]]
function f()
  return function(y, t) for k, v in y do t.x = {x = 1} end return x end
end
-- %% b
local x = 1
return x
-- %% c
if x then
-- %% the last skip
x
'
gives "check finds what can be seen without running" 1 "nb.lua:3: looks like a marker inside of a long text or comment: jupytext would begin a cell here
nb.lua:9: local x: the function in line 5 sees this variable; under plain Lua it would not
nb.lua:10: return at top level: plain Lua allows it at the end of the file only
nb.lua:12: cell 3 ends inside 'if' opened here
nb.lua:13: 'skip' is a word of the title here: write skip=true
nb.lua:14: an expression on its own: plain Lua has statements only (nb fmt --portable prints it)
" "" "$GPTSH" nb check --portable nb.lua
book '-- %% a
local x = {1, 2}
x
'
gives "fmt --portable makes plain Lua of it" 0 "nb.lua$nl" "" "$GPTSH" nb fmt --portable nb.lua
gives "which check agrees to" 0 "" "" "$GPTSH" nb check --portable nb.lua
gives "and which shows the same" 0 "{1, 2}$nl" "" "$GPTSH" nb.lua
book '-- %% names
local sum = 0
local function add(x) sum = sum + x; show = nil end
-- %% a loop
for i = 1, 4 do add(i) end
print(("%d"):format(sum), (show or tostring)(sum))
'
gives "what check --portable passes" 0 "" "" "$GPTSH" nb check --portable nb.lua
(cd "$tap_dir" && script -qec "'$GPTSH' nb check nb.lua" /dev/null </dev/null >seen 2>&1)
grep -q "^nb.lua: nothing found, 2 cells" "$tap_dir/seen"
tap "at a terminal check says that it found nothing" $? "$tap_dir/seen"
gives "runs as cells" 0 "10	10$nl" "" "$GPTSH" nb.lua
(cd "$tap_dir" && sed 's/^-- %%.*/--/' nb.lua >plain.lua)
gives "and as a plain script" 0 "10	10$nl" "" "$GPTSH" plain.lua
if command -v lua5.4 >/dev/null; then gives "also of lua itself" 0 "10	10$nl" "" lua5.4 nb.lua; fi
book '-- %%
local t = {show = 1, torch = 2}
print(t.torch, torch.ones(2), nn, torch)
'
gives "names of gptsh are not portable, each is told once" 1 "nb.lua:3: torch is gptsh's: plain Lua has no such name
nb.lua:3: nn is gptsh's: plain Lua has no such name
" "" "$GPTSH" nb check --portable nb.lua

# ---- notebooks of others ----
printf '{"cells": [{"cell_type": "code", "source": "os.execute([[touch canary]])", "metadata": {}, "outputs": [{"output_type": "stream", "name": "stdout", "text": "\\u001b]0;title\\u0007"}]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}' >"$tap_dir/canary.ipynb"
gives "a Jupyter notebook is not run" 1 "" "is a Jupyter notebook" "$GPTSH" canary.ipynb
gives "nor by nb run" 1 "" "is a Jupyter notebook" "$GPTSH" nb run canary.ipynb
gives "view shows it, escapes made visible" 0 "-- 1 [python]${nl}os.execute([[touch canary]])${nl}    \\x1b]0;title\\x07${nl}${nl}" "" "$GPTSH" nb view canary.ipynb
[ ! -e "$tap_dir/canary" ]
tap "nothing of it has run" $?
printf '{"nbformat": 3, "worksheets": []}' >"$tap_dir/old.ipynb"
gives "an old format is refused with what to do" 1 "" "nbformat 3 is too old: jupyter nbconvert" "$GPTSH" nb import old.ipynb
printf '[1' >"$tap_dir/old.ipynb"
gives "no JSON is refused" 1 "" "no notebook: json: line 1" "$GPTSH" nb import old.ipynb
gives "an existing target is not overwritten" 1 "" "is there already" "$GPTSH" nb import canary.ipynb nb.lua

# ---- usage ----
gives "nb alone is a usage error" 2 "" "nb needs a command" "$GPTSH" nb
gives "an option of another command is one, too" 2 "" "unknown option '--tolerance'" "$GPTSH" nb run --tolerance 1 nb.lua
gives "a near option is suggested" 2 "" "unknown option '--frm' (did you mean 'from'?)" "$GPTSH" nb run --frm x nb.lua
gives "and a near command" 2 "" "no command 'rum' (did you mean 'run'?)" "$GPTSH" nb rum nb.lua
gives "a missing file is an error" 1 "" "cannot open 'nowhere.lua'" "$GPTSH" nb run nowhere.lua
"$GPTSH" nb --help >"$tap_dir/help" && grep -q 'import  *FILE.ipynb' "$tap_dir/help"
tap "nb --help lists the commands" $? "$tap_dir/help"
"$GPTSH" nb run --help >"$tap_dir/help" && grep -q -- '--allow-errors' "$tap_dir/help"
tap "each has its own help" $? "$tap_dir/help"
if command -v groff >/dev/null; then
  groff -man -ww -Tutf8 "$tap_root/docs/gptsh-notebook.5" 2>"$tap_dir/report" >/dev/null
  [ ! -s "$tap_dir/report" ]
  tap "the man page has no mistakes" $? "$tap_dir/report"
else
  tap_skip "the man page has no mistakes" "groff is not installed"
fi
tap_done
