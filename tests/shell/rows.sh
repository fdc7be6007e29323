# rows.sh: CONTRIBUTING's op from nothing, added to a copy of the tree, is an op with all its tests.
. tests/tap.sh
. tests/tree.sh

# add NAME: its line in ops.def, in order.
add() {
  { cat kernels/ops.def && echo "OP($1)"; } | LC_ALL=C sort >"$tree/kernels/ops.def.new"
  mv "$tree/kernels/ops.def.new" "$tree/kernels/ops.def"
}

# The page's file and the page's test.
sed -n '/^## An op from nothing/,/^## /{/^```c/,/^```$/{/^```/!p}}' CONTRIBUTING.md >"$tree/kernels/op/cube.c"
sed -n 's/^`\(return {cases = .* x ^ 3 end}\)`\.$/\1/p' CONTRIBUTING.md >"$tree/tests/ops/cube.lua"
lines=$(wc -l <"$tree/kernels/op/cube.c")
[ "$lines" -gt 5 ] && [ "$lines" -le 12 ] && [ "$(wc -l <"$tree/tests/ops/cube.lua")" -eq 1 ]
tap "an elementwise op is at most 12 lines and a line of test" $?
# A copy of another op in which the name is new and the value, and nothing else.
sed 's/GT_UNARY(silu/GT_UNARY(twin/; s/return x \* T(gt_sigmoid)(x)/return x + 1/' kernels/op/silu.c >"$tree/kernels/op/twin.c"
add cube
sed 's/^OP(trunc)$/&\nOP(twin)/' "$tree/kernels/ops.def" >"$tree/kernels/ops.def.new" && mv "$tree/kernels/ops.def.new" "$tree/kernels/ops.def"
build
tap "it builds" $? "$tap_dir/log"
(cd "$tree" && "$GPTSH" tests/op.lua tests/ops/cube.lua) >"$tap_dir/tests" 2>&1
tap "its tests pass" $? "$tap_dir/tests"
grep -q "and $(sed -n 's/^1\.\.//p' "$tap_dir/tests") tests check values" CONTRIBUTING.md
tap "the page says how many" $? "$tap_dir/tests"
gives "it is in torch, in F, a method and in place" 0 "8.0	8.0	8.0	8.0
" "" "$GPTSH" -e 'x = torch.tensor{2.0}; print(torch.cube(x):item(), F.cube(x):item(), x:cube():item(), x:clone():cube_():item())'
"$GPTSH" -e 'help(torch.cube)' | grep -q 'x^3'
tap "help knows it" $?
gives "a copy of an op computes what its own text says" 0 "4.0
" "" "$GPTSH" -e 'print(torch.twin(torch.tensor{3.0}):item())'
tap_done
