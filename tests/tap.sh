# tap.sh: what shell tests share: . tests/tap.sh; checks; tap_done
# Runs in a folder of its own ($tap_dir); GPTSH is the program under test.
tap_count=0
tap_failed=0
: "${GPTSH:=$PWD/gptsh}"
tap_root=$PWD
tap_dir=$(mktemp -d "${TMPDIR:-/tmp}/gptsh-tap.XXXXXX") || exit 1
trap 'rm -rf "$tap_dir"' EXIT
XDG_CONFIG_HOME=$tap_dir/no-config # the prompt's init file is not the tester's
export XDG_CONFIG_HOME

# tap NAME STATUS [FILE]: one result, STATUS 0 is good, FILE tells more about a bad one.
tap() {
  tap_count=$((tap_count + 1))
  if [ "$2" -eq 0 ]; then
    echo "ok $tap_count - $1"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $1"
    [ -z "${3-}" ] || sed 's/^/# /' "$3"
  fi
}

# gives NAME STATUS STDOUT STDERR COMMAND…: the command's exit status, its output (exact) and a text that
# its error output must contain (empty: there must be none).  $tap_in is its stdin, if set.
gives() {
  tap_name=$1 tap_status=$2 tap_out=$3 tap_err=$4
  shift 4
  printf '%s' "${tap_in-}" >"$tap_dir/in"
  (cd "$tap_dir" && "$@" <in >out 2>err)
  tap_got=$?
  printf '%s' "$tap_out" >"$tap_dir/expected"
  tap_bad=0
  [ "$tap_got" -eq "$tap_status" ] || tap_bad=1
  cmp -s "$tap_dir/out" "$tap_dir/expected" || tap_bad=1
  if [ -z "$tap_err" ]; then
    [ ! -s "$tap_dir/err" ] || tap_bad=1
  else
    grep -qF -- "$tap_err" "$tap_dir/err" || tap_bad=1
  fi
  {
    echo "status $tap_got, expected $tap_status"
    echo "stdout:" && cat "$tap_dir/out"
    echo "expected:" && cat "$tap_dir/expected"
    echo "stderr:" && cat "$tap_dir/err"
  } >"$tap_dir/report"
  tap "$tap_name" "$tap_bad" "$tap_dir/report"
}

# tap_skip NAME REASON: a test that cannot run here.
tap_skip() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}

tap_done() {
  echo "1..$tap_count"
  [ "$tap_failed" -eq 0 ]
}
