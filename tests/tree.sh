# tree.sh: a copy of the source tree ($tree) that a test changes and builds: . tests/tree.sh, after tap.sh; build
: "${GPTSH_BUILD:=$PWD/build/release}"
flavour=$(basename "$GPTSH_BUILD")
tree=$tap_dir/tree
mkdir -p "$tree/build/$flavour" "$tree/tests/ops"
cp -a Makefile core kernels lua shell "$tree"
cp tests/*.lua "$tree/tests"
for part in "$GPTSH_BUILD"/*; do # with their times, so that make builds what is new only
  case $part in */tests | */emu) ;; *) cp -a "$part" "$tree/build/$flavour" ;; esac
done
# The compiler that the copied objects were made with.
compiler=$(sed -n 's/ -I\. .*//p' "$GPTSH_BUILD/gen/compiled-with")

# build: makes the program of the tree, which is GPTSH then.
build() {
  GPTSH=$tree/build/$flavour/gptsh
  make -s -C "$tree" ${compiler:+CC="$compiler"} FLAVOUR="$flavour" CUDA=no MPI=no "build/$flavour/gptsh" >"$tap_dir/log" 2>&1
}
