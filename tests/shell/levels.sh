# levels.sh: CPU levels: which one runs, how one is forced, and what older CPUs (by qemu-user) get.
. tests/tap.sh
unset GPTSH_CPU
nl='
'
levels=$(GPTSH_CPU=none "$GPTSH" --version 2>&1 | sed -n "s/^gptsh: GPTSH_CPU: expected \(.*\), got 'none'$/\1/p")
fastest=${levels##* }

gives "a level that there is not is refused in one line" 2 "" "gptsh: GPTSH_CPU: expected $levels, got 'v9\\x1b'${nl}" \
  env GPTSH_CPU="v9$(printf '\033')" "$GPTSH" -e 'print(1)'
[ "$(wc -l <"$tap_dir/err")" -eq 1 ] && [ -n "$levels" ]
tap "… that names those that there are" $? "$tap_dir/err"
read_level='print(torch.backends.cpu.get_cpu_capability())'
gives "the fastest one runs" 0 "$fastest$nl" "" "$GPTSH" -e "$read_level"
gives "… also when the variable is empty" 0 "$fastest$nl" "" env GPTSH_CPU= "$GPTSH" -e "$read_level"
for level in $(echo "$levels" | sed 's/,//g; s/ or / /'); do
  gives "GPTSH_CPU=$level runs that" 0 "$level$nl" "" env GPTSH_CPU="$level" "$GPTSH" -e "$read_level"
  GPTSH_CPU=$level "$GPTSH" --version | grep -q "^gptsh .*, CPU level $level)\$"
  tap "--version says $level" $?
done

# ---- older CPUs ----

cat >"$tap_dir/train.lua" <<'END'
torch.manual_seed(1)
local m = GPT(GPTConfig{hidden_dim = 32, n_layers = 1, n_heads = 2, vocab_size = 64, sequence_len = 16})
m:init_weights()
local adamw, muon = m:setup_optimizers{embedding_lr = 0.02, matrix_lr = 0.02, weight_decay = 0}
local ids = torch.randint(0, 64, {2, 17})
local first, last
for _ = 1, 5 do
  last = m(ids[":, :16"]:contiguous(), ids[":, 1:"]:contiguous())
  first = first or last:item()
  m:zero_grad()
  last:backward()
  adamw:step()
  muon:step()
end
print(last:item() < first)
END

# on CPU LEVEL OTHER: a CPU that has LEVEL, and not OTHER.
on() {
  cpu=$1 level=$2 other=$3
  emulated() { qemu-x86_64 -cpu "$cpu" "$@" 2>"$tap_dir/err"; } # qemu warns of what it leaves out
  emulated "$GPTSH" --version >"$tap_dir/out"
  grep -q "CPU level $level)\$" "$tap_dir/out"
  tap "$cpu: --version says $level" $? "$tap_dir/err"
  emulated -E GPTSH_CPU="$other" "$GPTSH" --version
  [ $? -eq 2 ] && grep -q "^gptsh: GPTSH_CPU: expected .*$level, got '$other'\$" "$tap_dir/err"
  tap "$cpu: no $other" $? "$tap_dir/err"
  for op in linear softmax embedding; do
    emulated "$GPTSH" --threads 1 tests/op.lua "tests/ops/$op.lua" >"$tap_dir/out"
    tap "$cpu: $op" $? "$tap_dir/out"
  done
  [ "$(emulated "$GPTSH" --threads 1 "$tap_dir/train.lua" | tail -n 1)" = true ]
  tap "$cpu: training steps" $? "$tap_dir/err"
}

case $levels,$GPTSH_BUILD in
  *,*san) tap_skip "older CPUs" "sanitizers do not run under qemu" ;;
  v2*)
    if command -v qemu-x86_64 >/dev/null; then
      on Nehalem v2 v3
      on Haswell v3 v4
      gives "a CPU without even v2 is told so" 1 "" "gptsh: expected a CPU with x86-64-v2" \
        qemu-x86_64 -cpu core2duo "$GPTSH" -e 'print(1)'
      [ "$(wc -l <"$tap_dir/err")" -eq 1 ]
      tap "… in one line" $? "$tap_dir/err"
    else
      tap_skip "older CPUs" "qemu-x86_64 is not installed"
    fi
    ;;
  *) tap_skip "older CPUs" "this build has no level v2" ;;
esac
tap_done
