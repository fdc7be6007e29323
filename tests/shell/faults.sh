# faults.sh: the program when its streams are full, closed or no terminal, in another language, and what it does not
# touch before it is asked to.
: "${GPTSH_BUILD:=$PWD/build/release}"
. tests/tap.sh
nl='
'
export GPTSH_HISTORY=
return_byte=$(printf '\r')
escape_byte=$(printf '\033')

# A run that shows all there is to show: plots, training with its line, tables, help, an error.
cat >"$tap_dir/much.lua" <<LUA
package.path = "$tap_root/tests/?.lua"
-- %% first
plot{{1, 5, 2}}
t = require("train.support").trainer{steps = 20, progress = true, live = true}
t:run()
plot.loss(t)
print(torch.randn(3, 3))
-- %% second
help "softmax"
print(show({{a = 1, b = 2}}, {mode = "box"}))
error "the end"
LUA

# ---- nothing but text where no terminal is ----
for set in NO_COLOR=1 TERM=dumb TERM=xterm-256color; do
  (cd "$tap_dir" && env "$set" "$GPTSH" much.lua >out 2>err)
  grep -q 'the end' "$tap_dir/err" && grep -q softmax "$tap_dir/out" &&
    ! grep -q -e "$escape_byte" -e "$return_byte" "$tap_dir/out" "$tap_dir/err"
  tap "$set, output to a file: no escape, no carriage return" $? "$tap_dir/err"
done

# ---- streams that are closed or full ----
without() { # without in|out|err COMMAND…
  without=$1
  shift
  case $without in
    in) "$@" <&- ;;
    out) "$@" >&- ;;
    err) "$@" 2>&- ;;
    both) "$@" >&- 2>&- ;;
  esac
}
gives "closed stderr: the result is the same" 0 "2$nl" "" without err "$GPTSH" -e 'io.stderr:write "lost";' -e '1 + 1'
gives "closed stderr: an error is rc 1" 1 "" "" without err "$GPTSH" -e 'error "x"'
gives "closed stdout and stderr: rc 3" 3 "" "" without both "$GPTSH" -e '1 + 1'
gives "closed stdin is an error" 1 "" "cannot read stdin" without in "$GPTSH"
gives "a file takes no closed stream's place" 3 "" "output lost" without out \
  "$GPTSH" -e 'local f = io.open("victim", "w") print "stray" io.stdout:flush() f:write "kept" f:close()'
[ "$(cat "$tap_dir/victim")" = kept ]
tap "… and holds what it was meant to" $? "$tap_dir/victim"
full() { "$GPTSH" "$@" >/dev/full; }
for arguments in --help --version '-e 1+1' '-i --no-init'; do
  tap_in="1 + 1$nl"
  # shellcheck disable=SC2086
  gives "gptsh $arguments >/dev/full is rc 3" 3 "" "output lost: " full $arguments
done
tap_in=""
printf -- '-- %%%% a\nprint(1)\n' >"$tap_dir/one.lua"
gives "gptsh nb run >/dev/full is rc 3" 3 "" "output lost: " full nb run --no-save one.lua
full_errors() { "$GPTSH" "$@" 2>/dev/full; }
gives "stderr on a full disk: an error is rc 1" 1 "" "" full_errors -e 'error "x"'

# ---- other languages ----
if localedef -i de_DE -f UTF-8 "$tap_dir/de_DE.UTF-8" 2>/dev/null; then
  golden='print(1.5, 0.75, ("%.2f"):format(2.5), tonumber "0.5", torch.ones(2) / 4, f"{1234567.5:,.1f}")
    print(json.encode{0.5}, show{0.25}, 2^-24) help "softmax"'
  "$GPTSH" -e "$golden" >"$tap_dir/expected"
  export LC_ALL=de_DE.UTF-8 LOCPATH="$tap_dir"
  "$GPTSH" -e "$golden" >"$tap_dir/out" 2>&1
  cmp -s "$tap_dir/expected" "$tap_dir/out"
  tap "LC_ALL=de_DE.UTF-8 changes no byte of the output" $? "$tap_dir/out"
  gives "os.setlocale leaves numbers alone" 0 "de_DE.UTF-8	1.5	0.75$nl" "" \
    "$GPTSH" -e 'print(os.setlocale "de_DE.UTF-8", 1.5, tonumber "0.75")'
  gives "a plot's numbers have a point" 0 "wrote de.svg${nl}0.5$nl" "" "$GPTSH" -e 'plot{{0.5, 1.5}, save = "de.svg"}
    print(io.open("de.tsv"):read("a"):match "0[.,]5")'
  unset LC_ALL LOCPATH
else
  tap_skip "LC_ALL=de_DE.UTF-8 changes no byte of the output" "this system cannot make the locale"
fi

# ---- a small stack ----
on_stack() { (ulimit -s "$1"; "$GPTSH" -e "$2"); }
trains='torch.randn(300, 300):matmul(torch.randn(300, 300))
  for _, dtype in ipairs{torch.float32, torch.bfloat16} do
    local m = GPT{hidden_dim = 64, n_layers = 2, n_heads = 2, vocab_size = 256, sequence_len = 64}
    m:init_weights()
    train.new{model = m:to(dtype), data = data.text{text = ("abc def "):rep(99)}, B = 4, steps = 2, progress = false}:run()
  end
  local function nest() return (("x"):gsub("x", function() return nest() + 1 end)) end
  print(select(2, pcall(nest)):match "stack overflow")'
for size in 128 256 512 1024; do
  case $GPTSH_BUILD in
  *san) tap_skip "ulimit -s $size is enough" "sanitizers know no stack but the first" ;;
  *) gives "ulimit -s $size is enough" 0 "stack overflow$nl" "" on_stack "$size" "$trains" ;;
  esac
done

# ---- a narrow window ----
gives "COLUMNS=40 is the width where no terminal says another" 0 "40$nl" "" \
  env COLUMNS=40 "$GPTSH" -e 'print((require("native.terminal").size(1)))'

# ---- nothing is opened before its first use ----
emulated=$GPTSH_BUILD/gptsh-cuda-emu.so
maps='for line in io.lines "/proc/self/maps" do if line:find "cuda" then print(line) end end'
gives "no CUDA library is mapped at first" 0 "" "" "$GPTSH" --cuda-library "$emulated" -e "x = torch.ones(3)" -e "$maps"
"$GPTSH" --cuda-library "$emulated" -e "x = torch.ones(3):to 'cuda'" -e "$maps" 2>/dev/null | grep -q gptsh-cuda
tap "… but when it is wanted" $?
if strace -o "$tap_dir/trace" true 2>/dev/null; then
  traced() { strace -f -o "$tap_dir/trace" -e trace=openat,execve,socket,connect "$GPTSH" --cuda-library "$emulated" "$@" >/dev/null 2>&1; }
  echo '1 + 1' >"$tap_dir/in"
  traced -i <"$tap_dir/in"
  [ "$(grep -c execve "$tap_dir/trace")" -eq 1 ] && ! grep -E 'cuda[^"]*\.so|libcu|gnuplot|socket|connect' "$tap_dir/trace" >"$tap_dir/out"
  tap "a prompt opens no CUDA library, runs nothing and opens no connection" $? "$tap_dir/out"
  (cd "$tap_dir" && traced -e "x = torch.ones(3):to 'cuda'; pcall(plot, {{1, 2}, save = 'x.svg'})")
  grep -q 'gptsh-cuda' "$tap_dir/trace" && grep -q 'gnuplot' "$tap_dir/trace"
  tap "… it does when asked to" $?
  interrupted() { strace -f -o /dev/null -e trace=write -e "inject=write:error=EINTR:when=$1" "$GPTSH" -e "$2"; }
  gives "a write that a signal interrupts is made again" 0 "one${nl}two${nl}" "" interrupted 1 'print "one"; io.write "two\n"'
  gives "… of errors too" 1 "" "gptsh: (command line):1: no" interrupted 1 'error "no"'
else
  tap_skip "a prompt opens no CUDA library, runs nothing and opens no connection" "strace cannot trace here"
fi
tap_done
