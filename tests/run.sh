#!/bin/sh
# run.sh: runs every test of one build flavour and adds up: tests/run.sh build/release [PATTERN]
# Every runner is a program that prints TAP on stdout; this script reads nothing else.  PATTERN picks
# test programs whose name contains it.  The last line is "N passed, N failed, N skipped".
# tests/run.sh --cuda build/release: the op tests that have a cuda kernel, on the real device.
set -u
real=
if [ "${1:-}" = --cuda ]; then
  real=yes
  shift
fi
build=${1:-build/release}
pattern=${2:-}
GPTSH=${GPTSH:-$PWD/$build/gptsh}
GPTSH_BUILD=$PWD/$build
export GPTSH GPTSH_BUILD
CMOCKA_MESSAGE_OUTPUT=TAP
LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
export CMOCKA_MESSAGE_OUTPUT LSAN_OPTIONS
unset LUA_INIT LUA_PATH LUA_CPATH
work=$(mktemp -d "${TMPDIR:-/tmp}/gptsh-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
: >"$work/failed"
passed=0 failed=0 skipped=0
# Seconds for one program; sanitizers make it many times slower.
case $build in *asan | *tsan) limit=1200 ;; *) limit=300 ;; esac
limit=${GPTSH_TEST_TIMEOUT:-$limit}

# one NAME COMMAND…: runs a TAP program, counts its lines, remembers what failed.
one() {
  name=$1
  shift
  case $name in *"$pattern"*) ;; *) return ;; esac
  start=$(date +%s)
  timeout -k 5 "$limit" "$@" >"$work/out" 2>"$work/err" </dev/null
  status=$?
  took=$(($(date +%s) - start))
  # Counts: passed failed skipped planned seen
  awk -v name="$name" -v failures="$work/failed" '
    /^[ \t]*(not )?ok [0-9]+.*# *[Ss][Kk][Ii][Pp]/ { seen++; skipped++; next }
    /^[ \t]*ok [0-9]+/ { seen++; passed++ }
    /^[ \t]*not ok [0-9]+/ { seen++; failed++; line = $0; sub(/^[ \t]*not ok [0-9]+ *-? */, "", line)
      print name ": " line >> failures }
    /^1\.\.[0-9]+/ { split($1, plan, /\.\./); planned += plan[2] }
    END { print passed + 0, failed + 0, skipped + 0, planned + 0, seen + 0 }' "$work/out" >"$work/counts"
  read -r p f s planned seen <"$work/counts"
  if [ "$planned" -ne "$seen" ] || { [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; }; then
    last=$(grep -E '^[[:space:]]*(not )?ok [0-9]' "$work/out" | tail -n 1)
    echo "$name: ended with status $status after $seen of $planned tests; last: ${last:-none}" >>"$work/failed"
    f=$((f + 1))
  fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  echo "$name: $p passed, $f failed, $s skipped (${took}s)"
  grep -iE '^[[:space:]]*(not )?ok .*# *skip' "$work/out" | sed 's/^/  /'
  if [ "$f" -gt 0 ]; then
    grep -vE '^[[:space:]]*ok ' "$work/out" | tail -n 60 | sed 's/^/  /'
    tail -n 60 "$work/err" | sed 's/^/  /'
  fi
}

# Ops with a kernel for cuda, and those that only move elements: these need none of their own.
cuda_ops=
for file in $(grep -l '\.moves = true' kernels/op/*.c) kernels/cuda/*.cu; do
  op=$(basename "$file")
  op=${op%.*}
  if [ -f "kernels/op/$op.c" ]; then cuda_ops="$cuda_ops $op"; fi
done

finish() {
  if [ -s "$work/failed" ]; then
    echo "failed:"
    sed 's/^/  /' "$work/failed"
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

if [ -n "$real" ]; then
  for op in $cuda_ops; do
    one "tests/ops/$op.lua on cuda" "$GPTSH" tests/op.lua "tests/ops/$op.lua" --device cuda
  done
  for file in tests/emu/*.lua; do
    one "$file on cuda" "$GPTSH" tests/run.lua "$file"
  done
  finish
fi

for program in "$build"/tests/core/*; do
  if [ -x "$program" ] && [ -f "$program" ]; then one "tests/core/$(basename "$program")" "$program"; fi
done
for file in tests/*/*.lua; do
  case $file in
    tests/ops/* | tests/golden/* | tests/bench/* | tests/emu/*) ;;
    *) if grep -q harness "$file"; then one "$file" "$GPTSH" tests/run.lua "$file"; fi ;; # others are parts
  esac
done
# Every op on every CPU level that this machine runs, on those that share another one's objects the ops whose
# kernels differ; with sanitizers, which are slow, every op on the fastest.
sharing=$(sed -n 's/^LEVEL(\([a-z0-9_]*\), \([a-z0-9_]*\),.*/\1 \2/p' kernels/levels.def | awk '$1 != $2 {print $1}')
fastest=$("$GPTSH" --version | sed 's/.*CPU level \([a-z0-9_]*\))$/\1/')
levels=$(GPTSH_CPU=none "$GPTSH" --version 2>&1 | sed -n "/, got 'none'$/{s///; s/.*: expected //; s/,//g; s/ or / /; p}")
case $build in *asan | *tsan) levels=$fastest ;; esac
for level in $levels; do
  files=$(echo tests/ops/*.lua)
  if [ "$level" != "$fastest" ] && echo "$sharing" | grep -qx "$level"; then
    files=$(for op in attention linear linear_cross_entropy matmul newton_schulz; do echo "tests/ops/$op.lua"; done)
  fi
  one "tests/model/bf16.lua on CPU level $level" env GPTSH_CPU="$level" "$GPTSH" tests/run.lua tests/model/bf16.lua
  for file in $files; do
    one "$file on CPU level $level" env GPTSH_CPU="$level" "$GPTSH" tests/op.lua "$file"
  done
done
for program in tests/shell/*.sh; do
  if [ -f "$program" ]; then one "$program" sh "$program"; fi
done
for program in "$build"/tests/shell/*; do
  if [ -x "$program" ] && [ -f "$program" ]; then one "tests/shell/$(basename "$program")" "$program"; fi
done
# Kernels must not depend on the order in which a block's threads run: both are tried.
for order in forward reverse; do
  GT_EMU_ORDER=$order
  export GT_EMU_ORDER
  for op in $cuda_ops; do
    one "tests/ops/$op.lua on the emulated device, $order" \
      "$GPTSH" --cuda-library "$build/gptsh-cuda-emu.so" tests/op.lua "tests/ops/$op.lua" --device cuda
  done
  for file in tests/emu/*.lua; do
    one "$file, $order" "$GPTSH" --cuda-library "$build/gptsh-cuda-emu.so" tests/run.lua "$file"
  done
  one "tests/emu/test_emu, $order" "$build/tests/emu/test_emu"
done
# The rules look at release objects: sanitizers add symbols of their own.
case $build in *release) one tests/lint.lua "$GPTSH" tests/lint.lua "$build" ;; esac

finish
