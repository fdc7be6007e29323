# visible.sh: no name, message or text of a model steers the terminal: control characters and marks that turn the
# direction of writing are shown as \x1b and \u{202e}, in errors and in whatever the library prints.
. tests/tap.sh
nl='
'
export GPTSH_HISTORY=
# ESC, BEL, CR, C1 in UTF-8, a single byte of C1, DEL, and two marks of direction
bad='\27]0;t\7\r\u{9b}31m\x9b31m\127\u{202e}\u{2066}'
raw=$(printf '[\001-\010\013-\037\177]|\302[\200-\237]|\342\200[\216\217\252-\256]|\342\201[\246-\251]|\330\234')

# clean NAME STATUS INPUTS [OPTION…]: what the inputs print has no such character, but something in its place.
clean() {
  clean_name=$1 clean_status=$2
  printf '%s\n' "bad = '$bad'" "$3" >"$tap_dir/in"
  shift 3
  (cd "$tap_dir" && "$GPTSH" "$@" <in >out 2>&1)
  [ $? -eq "$clean_status" ] && grep -qaE '\\(x1b|27|u001b)|\]0;t' "$tap_dir/out" && ! LC_ALL=C grep -qaE "$raw" "$tap_dir/out"
  tap "$clean_name" $? "$tap_dir/out"
}

clean "an error message" 1 'error(bad)'
clean "an error object" 1 'error(setmetatable({}, {__tostring = function() return bad end}))'
clean "an error of the library with a name in it" 1 'torch.load(bad)'
clean "a line of source in a traceback" 0 "local function f() error('in') end f() -- $(printf '\033[31m')" -i
clean "an error with all frames" 0 "error(bad)$nl%tb" -i
clean "a value: a string" 0 'bad' -i
clean "a value: a key" 0 '{[bad] = 1}' -i
clean "a value: an object" 0 'setmetatable({}, {__tostring = function() return bad end})' -i
clean "a value that cannot say what it is" 0 'setmetatable({}, {__tostring = function() error(bad, 0) end})' -i
clean "a field that is not there" 0 'torch.ones(1)[bad]' -i
clean "an option that is not known" 0 'nn.Linear(1, 2, {[bad] = 1})' -i
clean "an option on the command line" 2 '' "$(printf -- '--\033[31m')"
clean "a file that cannot be read" 1 '' "$(printf 'no\033[31m.lua')"
clean "a file in an error" 0 'dofile(bad)' -i
clean "a module" 0 "m = nn.Sequential() m:add_module('x' .. bad, nn.Linear(1, 1)) print 'made'$nl m" -i
clean "the name of a class" 0 "Net = nn.class(bad)${nl}n = nn.Sequential(Net())${nl}n" -i
clean "a table" 0 "show({{[bad] = bad}}, {mode = 'box'})" -i
clean "inputs" 0 "x = 1 -- $(printf '\033[31m')$nl%history" -i
clean "variables" 0 "_G[bad] = 1$nl%who" -i
clean "help" 0 "help '$(printf '\033[31m')'" -i
clean "a command" 0 "%cd no$(printf '\033[31m')" -i
clean "a warning" 0 "io.stderr:write('') train.new = nil; require 'native.shell' data.text{text = 'x', [bad] = 1}" -i
clean "a figure's title" 0 "print((plot{{1, 2}, title = bad, xlabel = bad}:text{}))" -
clean "a tokenizer's token" 0 "tok = tokenizer.bytes()${nl}tok:token(27), tok:decode{27, 155}" -i
clean "a name of a tensor in a file" 1 "bad = '\\27[31m\\u{9b}\\u{202e}' torch.save('w.safetensors', {[bad] = torch.ones(1)})
nn.Linear(1, 1):load_state_dict(torch.load 'w.safetensors')"

# ---- what stays as it is ----
esc=$(printf '\033')
gives "what the user prints is the user's" 0 "$esc[1mbold$esc[0m$nl$esc[0m" "" "$GPTSH" -e \
  'print "\27[1mbold\27[0m"; io.write "\27[0m";'
gives "and so are texts in other writings" 0 "\"äö ελ 漢字 😀 é\"$nl" "" "$GPTSH" -e '"äö ελ 漢字 😀 é"'
gives "what a program writes on stderr is its own" 0 "\"\"	0$nl" "$esc[31m" "$GPTSH" -e "sh 'printf \"\\\\033[31m\" >&2'"
tap_done
