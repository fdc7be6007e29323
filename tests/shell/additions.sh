# additions.sh: a field of GPTConfig and an optimizer, added to a copy of the tree in the files that CONTRIBUTING lists
# and no other, are read, checked, saved, helped with and completed as those that are there.
. tests/tap.sh
. tests/tree.sh

# listed WHAT FILE…: the row of CONTRIBUTING names these files.
listed() {
  row=$(grep "^| $1 |" CONTRIBUTING.md)
  shift
  for file in "$@"; do
    case $row in *"\`$file\`"*) ;; *) return 1 ;; esac
  done
}
# changed WHAT FILE: sed's last change of the file of the tree did something.
changed() {
  if cmp -s "$2" "$tree/$2"; then false; else true; fi
  tap "$1" $?
}

# ---- a field: its member, its row, its use ----
listed "a field of GPTConfig" core/model/config.h core/model/config.c
tap "CONTRIBUTING lists the files of a field" $?
sed -i 's/^  int64_t init;$/&\n  double embedding_scale;/' "$tree/core/model/config.h"
changed "the field has a member" core/model/config.h
sed -i 's/^    ROW(init, CHOICE/    ROW(embedding_scale, FLOAT, GT_FLOAT(1), .high = 100, .doc = "multiplies the token embedding"),\n&/' \
  "$tree/core/model/config.c"
changed "the field has a row" core/model/config.c
sed -i 's/^  gt_tensor \*x = gt_child(f, m, "token_embedding", idx);$/&\n  if (config->embedding_scale != 1) x = gt_op_number(f, "mul", gt_last(f, x), config->embedding_scale);/' \
  "$tree/core/model/gpt.c"
changed "the field has a use" core/model/gpt.c

# ---- an optimizer: its file, its line ----
listed "an optimizer" core/train/NAME.c core/train/optimizers.def
tap "CONTRIBUTING lists the files of an optimizer" $?
cat >"$tree/core/train/signum.c" <<'C'
/* signum.c: descent by the sign of the gradient. */
#include "core/tensor/frame.h"
#include "core/train/optim.h"
#include "core/train/update.h"
static const gt_setting hypers[] = {
    {"lr", GT_SETTING_FLOAT, GT_FLOAT(0.5), .high = 10, .doc = "size of every step"},
    {"rounding", GT_SETTING_CHOICE, GT_INT(0), .choices = "none|up", .doc = "of nothing"}};
static gt_status update(gt_ctx *cx, int count, gt_tensor *const *p, gt_tensor *const *state,
                        const int64_t *steps, const gt_value *hyper) {
  (void)state, (void)steps;
  gt_frame f = {.cx = cx};
  for (int i = 0; i < count && f.status == GT_OK; i++) {
    gt_tensor *sign = gt_op1(&f, "sign", p[i]->grad);
    if (f.status == GT_OK) f.status = gt_update_add(cx, p[i], sign, -hyper[0].f, p[i]);
  }
  return gt_frame_end(&f);
}
const gt_optimizer_class gt_signum = {.name = "Signum", .doc = "optim.Signum(params): by signs.",
  .hypers = hypers, .hyper_count = GT_COUNT(hypers), .update = update};
C
echo "OPTIMIZER(signum)" >>"$tree/core/train/optimizers.def"

build
tap "it builds" $? "$tap_dir/log"
run() { "$GPTSH" -e "$1" 2>&1; }

# ---- the field at work ----
small="hidden_dim = 8, n_layers = 1, n_heads = 2, vocab_size = 5, sequence_len = 4, embedding_norm = false"
gives "the field has its default, its type and its bounds" 0 "1.0	2.0
" "" "$GPTSH" -e "c = GPTConfig{}; d = c.embedding_scale; c.embedding_scale = 2; print(d, c.embedding_scale)"
gives "a value outside its bounds is refused" 1 "" "GPTConfig: expected 0.0 <= embedding_scale <= 100.0, got 200.0" \
  "$GPTSH" -e "GPT{embedding_scale = 200}"
gives "a misspelt field is told its name" 1 "" "did you mean 'embedding_scale'?" "$GPTSH" -e "GPTConfig{embeding_scale = 2}"
gives "the forward uses it, and a copy and a file keep it" 0 "True
True
" "" "$GPTSH" -e "
local function entering(m)
  local seen
  m.blocks[0]:register_forward_pre_hook(function(_, x) seen = x[1]:detach():clone() end)
  m(torch.tensor{{1, 2}})
  return seen
end
local a, b = GPT{$small}, GPT{$small, embedding_scale = 3}
a:init_weights()
b:load_state_dict(a:state_dict())
print(torch.equal(entering(a) * 3, entering(b)) and 'True')
print(b:clone().config.embedding_scale == 3 and 'True')"
run 'help(GPTConfig)' >"$tap_dir/help"
grep -q '^  embedding_scale number\[0,100\] = 1.0\. multiplies the token embedding$' "$tap_dir/help"
tap "help says what it is" $? "$tap_dir/help"
gives "Tab offers it" 0 "embedding_scale = 
" "" "$GPTSH" -e 'print(table.unpack(require "shell.complete"("GPT{", "embedding_s", {})))'

# ---- the optimizer at work ----
gives "the optimizer steps" 0 "0.5	-0.5
" "" "$GPTSH" -e "
local p = nn.Parameter(torch.tensor{1.0, -1.0})
p.grad = torch.tensor{3.0, -4.0}
optim.Signum{p}:step()
print(p[0]:item(), p[1]:item())"
gives "its settings are checked" 1 "" "Signum: lr expects a number in [0, 10], got 11" \
  "$GPTSH" -e "optim.Signum({nn.Parameter(torch.ones(1))}, {lr = 11})"
gives "and its choices" 1 "" 'Signum: rounding expects "none" or "up", got '"'down'" \
  "$GPTSH" -e "optim.Signum({nn.Parameter(torch.ones(1))}, {rounding = 'down'})"
gives "a trainer makes it by its name" 0 "Signum
" "" "$GPTSH" -e "
local m = GPT{$small}
m:init_weights()
local t = train.new{model = m, data = data.tokens(torch.arange(40) % 5), B = 2, T = 4, steps = 2, progress = false,
  optim = {name = 'Signum', lr = 0.01}}
t:run()
print(t.optimizers[1].__name)"
run 'help "optim.Signum"' >"$tap_dir/help"
grep -q '^  lr             number\[0,10\] = 0.5\. size of every step$' "$tap_dir/help" &&
  grep -q '^  rounding       "none"|"up" = "none"\. of nothing$' "$tap_dir/help"
tap "help says what it takes" $? "$tap_dir/help"
gives "Tab offers its choices" 0 'none"	up"
' "" "$GPTSH" -e 'print(table.unpack(require "shell.complete"("optim.Signum(p, {rounding = \"", "", {})))'
tap_done
