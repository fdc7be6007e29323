# broken.sh: what a user makes of Lua's own functions breaks his code only: prompt, commands, display, training go on.
. tests/tap.sh
nl='
'
export GPTSH_HISTORY= XDG_STATE_HOME="$tap_dir"

prepare="x = torch.ones(2, 3)
m = GPT{hidden_dim = 16, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 8}
m:init_weights()
t = train.new{model = m, data = data.text{text = ('abcdefgh '):rep(9)}, B = 2, T = 8, steps = 1000, progress = false}"
# What has to work afterwards, and what it shows.
after="x
t:run(1) > 0
{a = 1, b = {2, 'te' .. 'xt'}}
x.shpae
help softmax
x?
%who
%mem
%time x:sum()
%history
%set precision 2
%save -f kept.lua
%reset
('ab'):rep(2) .. string.rep('c', 2) .. table.concat{1, 2} .. math.floor(2.5)
quit
print 'still here'"

# survives NAME INPUT [PREPARED]: the input, then everything else.
survives() {
  printf '%s\n' "$prepare" "$2" "$after" >"$tap_dir/in"
  (cd "$tap_dir" && timeout 100 "$GPTSH" -i <in >out 2>&1)
  survives_bad=$?
  for text in 'tensor(\[\[1., 1., 1.\],' true '{a = 1, b = {2, "text"}}' "did you mean 'shape'" 'exp(x) / sum' \
    'x  *float32 \[2, 3\]' 'in tensors' 'wall ' 't:run(1) > 0' 'kept.lua: ' 'ababcc122'; do
    grep -q -- "$text" "$tap_dir/out" || survives_bad=1
  done
  ! grep -q 'builtin:\|still here' "$tap_dir/out" || survives_bad=1
  tap "$1" "$survives_bad" "$tap_dir/out"
}

# ---- one after the other ----
"$GPTSH" -e 'local names = {}
  for name, library in pairs(_G) do
    if type(library) == "function" and name ~= "print" and name ~= "help" then names[#names + 1] = name end
  end
  for _, name in ipairs{"string", "table", "math", "io", "os", "debug", "utf8", "coroutine", "package"} do
    for key in pairs(_G[name]) do names[#names + 1] = name .. "." .. key end
  end
  table.sort(names)
  print(table.concat(names, "\n"))' >"$tap_dir/names"
{
  printf '%s\n' "$prepare"
  while read -r name; do printf '%s = nil\nx\nt:run(1) > 0\n%%who\n' "$name"; done <"$tap_dir/names"
  printf '%s\n' '%save -f kept.lua' '%reset' "('ab'):rep(2) .. table.concat{1, 2}"
} >"$tap_dir/in"
(cd "$tap_dir" && "$GPTSH" -i <in >out 2>&1)
bad=$?
broken=$(wc -l <"$tap_dir/names")
[ "$broken" -gt 150 ] || bad=1
for text in 'tensor(\[\[1., 1., 1.\],' '\(gpt> \)*true' 'x  *float32 \[2, 3\]'; do
  [ "$(grep -c "$text" "$tap_dir/out")" -eq "$broken" ] || bad=1
done
grep -q 'kept.lua: ' "$tap_dir/out" && grep -q '"abab12"' "$tap_dir/out" && ! grep -q 'builtin:' "$tap_dir/out" || bad=1
tail -n 20 "$tap_dir/out" >"$tap_dir/end"
tap "every standard function gone, one after the other" "$bad" "$tap_dir/end"

# ---- more at a time ----
for input in \
  'for _, name in ipairs{"string", "table", "math", "io", "os", "debug", "utf8", "coroutine", "package"} do _G[name] = nil end' \
  'for _, name in ipairs{"string", "table", "math", "os", "debug", "utf8", "coroutine"} do for key in pairs(_G[name]) do _G[name][key] = nil end end' \
  'for name in pairs(string) do string[name] = function() error "mine" end end' \
  'table.insert = function() end; table.concat = function() return "" end; math.floor = function() return 0 end' \
  'for _, name in ipairs{"type", "pairs", "ipairs", "next", "pcall", "error", "select", "rawget", "require", "tostring"} do _G[name] = nil end' \
  'getmetatable("").__index = nil' \
  'getmetatable("").__index = function() error "mine" end' \
  'for event in pairs(getmetatable("")) do getmetatable("")[event] = nil end' \
  'debug.setmetatable("", nil)' \
  'debug.setmetatable("", {__index = error, __tostring = error})' \
  'debug.getmetatable("").__index = nil' \
  'getmetatable(io.stderr).__index.write = nil' \
  'io.output(io.tmpfile())' \
  'package.loaded = nil; package.searchers = nil; package.path = nil' \
  'for name in pairs(package.loaded) do package.loaded[name] = nil end' \
  'setmetatable(_G, nil)' \
  'setmetatable(_G, {__index = function(_, name) error("undeclared " .. name, 2) end, __newindex = function() end})' \
  'setmetatable(_ENV, nil)' \
  'print = 3' \
  'torch.is_tensor, torch.type, torch.memory_allocated = nil'; do
  survives "$input" "$input"
done

# ---- what still is the user's ----
given="function string.shout(s) return s:upper() .. '!' end${nl}function string.upper(s) return 'UP' end
getmetatable('').__unm = function(s) return s:reverse() end${nl}"
tap_in="$given('a'):shout(), ('b'):upper(), -'abc', getmetatable('').__index == string, ('c'):lower()$nl"
gives "strings have the methods that string has, and the user's events" 0 "\"UP!\"	\"UP\"	\"cba\"	true	\"c\"$nl" "" "$GPTSH"
tap_in="getmetatable('').__index = function(s, i) return i == 'size' and #s or string.sub(s, i, i) end${nl}('abc')[2] .. ('abcd').size$nl"
gives "and the user's index" 0 "\"b4\"$nl" "" "$GPTSH"
tap_in="pcall(function() return ('x').y.z end)${nl}('x').y$nl"
gives "a field that is not there is nil" 0 "false	\"stdin:1: attempt to index a nil value (field 'y')\"${nl}nil$nl" "" "$GPTSH"
tap_in="setmetatable(_G, {__index = function(_, name) return 'no ' .. name end});${nl}nowhere, GPT ~= 'no GPT'$nl"
gives "a metatable for _G counts, and no lazy name is lost" 0 "\"no nowhere\"	true$nl" "" "$GPTSH" -
tap_in="print = function(...) io.write('mine: ', ..., '\\n') end${nl}%who$nl"
gives "print is the user's" 0 "mine: print  function at input 1:1      input 1$nl" "gpt> " "$GPTSH" -i
tap_done
