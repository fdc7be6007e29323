# levels.sh: CPU levels: which one runs, how one is forced, and what older CPUs (by qemu-user) get.
. tests/tap.sh
unset GPTSH_CPU
nl='
'
levels=$(GPTSH_CPU=none "$GPTSH" --version 2>&1 | sed -n "s/^gptsh: GPTSH_CPU: expected \(.*\), got 'none'$/\1/p")
table=$("$GPTSH" -v -v | tail -n +2)
fastest=$(echo "$table" | sed -n 's/^[* ] \([a-z0-9_]*\)  *yes .*/\1/p' | tail -n 1)

gives "a level that there is not is refused in one line" 2 "" "gptsh: GPTSH_CPU: expected $levels, got 'v9\\x1b'${nl}" \
  env GPTSH_CPU="v9$(printf '\033')" "$GPTSH" -e 'print(1)'
[ "$(wc -l <"$tap_dir/err")" -eq 1 ] && [ -n "$levels" ]
tap "… that names those that there are" $? "$tap_dir/err"
read_level='print(torch.backends.cpu.get_cpu_capability())'
gives "the fastest one runs" 0 "$fastest$nl" "" "$GPTSH" -e "$read_level"
gives "… also when the variable is empty" 0 "$fastest$nl" "" env GPTSH_CPU= "$GPTSH" -e "$read_level"
"$GPTSH" --version --version | grep -q "^\* $fastest  *yes  *v*[^ ]"
tap "--version twice shows the levels, what each has, and which one was chosen" $?
for level in $(echo "$levels" | sed 's/,//g; s/ or / /'); do
  gives "GPTSH_CPU=$level runs that" 0 "$level$nl" "" env GPTSH_CPU="$level" "$GPTSH" -e "$read_level"
  GPTSH_CPU=$level "$GPTSH" --version | grep -q "^gptsh .*, CPU level $level)\$"
  tap "--version says $level" $?
  GPTSH_CPU=$level "$GPTSH" -v -v | grep -q "^\* $level "
  tap "… and marks it" $?
done

# ---- one level ----

# A CPU may have AMX and the system not give it: who asks must know that the level needs it.
MAKEFLAGS= make -n -B ARCH=sapphirerapids FLAVOUR=release CUDA=no MPI=no build/release/kernels/levels.o 2>/dev/null >"$tap_dir/out"
grep -q -- '-march=sapphirerapids .*kernels/levels.c$' "$tap_dir/out"
tap "what looks whether ARCH's level runs here is compiled for it" $? "$tap_dir/out"

# ---- tiles of bf16: the same bits from the CPU's instructions and from C ----

cat >"$tap_dir/tiles.lua" <<'END'
torch.manual_seed(3)
local function show(name, x)
  x = x:detach():reshape(-1):to(torch.float64)
  local weights = (torch.arange(#x) * 2654435761 % 1000003):to(torch.float64)
  local holes, numbers = torch.isnan(x):sum():item(), torch.where(torch.isfinite(x), x, torch.sign(x) * 7)
  numbers = torch.where(torch.isnan(x), torch.zeros_like(x), numbers)
  print(name, ("%d %a %a"):format(holes, numbers:sum():item(), (numbers * weights):sum():item()))
end
local bf16 = torch.bfloat16
for _, size in ipairs{{1, 1, 1}, {7, 33, 5}, {64, 64, 64}, {100, 70, 300}, {33, 257, 1025}, {300, 130, 2049}} do
  local M, N, K = table.unpack(size)
  local x, w = torch.randn(M, K):to(bf16):requires_grad_(), torch.randn(N, K):to(bf16):requires_grad_()
  local y = F.linear(x, w)
  y:backward(torch.randn(M, N):to(bf16))
  show("y", y)
  show("dx", x.grad)
  show("dw", w.grad)
end
local scale = torch.full({64, 64}, 2.0) ^ torch.randint(-126, 60, {64, 64}) -- products and sums that are subnormal, and too large
show("scales", F.linear((torch.randn(64, 64) * scale):to(bf16), (torch.randn(64, 64) * scale):to(bf16)))
show("subnormal", F.linear((torch.randn(64, 64) * 2 ^ -64):to(bf16), (torch.randn(64, 64) * 2 ^ -63):to(bf16)))
local holes = torch.randn(40, 40)
holes["3, 4"], holes["5, 6"] = math.huge, 0 / 0
show("inf and nan", F.linear(holes:to(bf16), torch.randn(40, 40):to(bf16)))
for _, precision in ipairs{"high", "medium", "highest"} do
  torch.set_float32_matmul_precision(precision)
  if precision ~= "highest" then show(precision, torch.randn(90, 1200):t():matmul(torch.randn(90, 70))) end
end
for _, causal in ipairs{true, false} do
  local q, k, v = torch.randn(2, 150, 2, 40), torch.randn(2, 170, 1, 40), torch.randn(2, 170, 1, 40)
  q, k, v = q:to(bf16):requires_grad_(), k:to(bf16):requires_grad_(), v:to(bf16):requires_grad_()
  local y = torch.ops.attention(q, k, v, {is_causal = causal, offset = 20})
  y:backward(torch.randn(2, 150, 2, 40):to(bf16))
  for i, x in ipairs{y, q.grad, k.grad, v.grad} do show(f"attention {i}", x) end
end
for _, size in ipairs{{64, 64}, {100, 300}, {256, 130}} do show("ns", torch.newton_schulz(torch.randn(size))) end
END
case ", $levels" in
  *" amx_emulated"*" amx"*)
    GPTSH_CPU=amx_emulated "$GPTSH" "$tap_dir/tiles.lua" >"$tap_dir/in_c" &&
      GPTSH_CPU=amx "$GPTSH" "$tap_dir/tiles.lua" >"$tap_dir/in_tiles" &&
      diff "$tap_dir/in_tiles" "$tap_dir/in_c" >"$tap_dir/out"
    tap "amx and amx_emulated give the same bits" $? "$tap_dir/out"
    ;;
  *) tap_skip "amx and amx_emulated give the same bits" "this CPU has no AMX" ;;
esac

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
-- What the model does not call, next to vectors of every length.
for _, dtype in ipairs {"f32", "f64", "bf16", "f16", "i64"} do
  local x = (torch.arange(1027) % 31 - 15):to(dtype)
  local n = x:double():abs():sum():item()
  assert((x * x):double():sqrt():sum():item() == n and x:abs():cumsum(0)[-1]:double():item() > 0)
  assert(x:sort():double():sum():item() == x:double():sum():item() and x:amax():item() == 15 and x:eq(0):sum():item() == 33)
  local half = x:double():mul(0.5):to(dtype)
  if dtype ~= "i64" then assert(half:exp():log():sub(half):abs():amax():item() < 0.1 and F.layer_norm(x:view(13, 79), {79}):isfinite():all():item()) end
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
  [ $? -eq 2 ] && grep -q "^gptsh: GPTSH_CPU: expected .*$level\\( or [a-z_]*\\)\\?, got '$other'\$" "$tap_dir/err"
  tap "$cpu: no $other" $? "$tap_dir/err"
  for op in softmax embedding cross_entropy dropout to adamw index_put; do # the model has linear and attention
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
