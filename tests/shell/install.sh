# install.sh: make install, uninstall and clean; the installed program runs from anywhere.
: "${GPTSH_BUILD:=$PWD/build/release}"
nl='
'
. tests/tap.sh
stage=$tap_dir/stage
prefix=/opt/gptsh
make_quietly() { make -s -C "$tap_root" FLAVOUR="$(basename "$GPTSH_BUILD")" "$@" >"$tap_dir/log" 2>&1; }

make_quietly install DESTDIR="$stage" PREFIX="$prefix"
tap "make install works below DESTDIR" $? "$tap_dir/log"
gives "the installed program runs" 0 "2$nl" "" env -i "$stage$prefix/bin/gptsh" -e '1 + 1'
[ ! -e "$prefix" ]
tap "nothing is put outside it" $?
[ -z "$(find "$stage" -type l)" ]
tap "what is installed does not point back into the build" $?
[ -f "$stage$prefix/share/gptsh/notebooks/quickstart.lua" ]
tap "notebooks are installed" $?
share=$stage$prefix/share
for file in man/man1/gptsh.1 man/man5/gptsh-notebook.5 bash-completion/completions/gptsh zsh/site-functions/_gptsh \
  fish/vendor_completions.d/gptsh.fish gptsh/meta/gptsh.lua; do
  [ -s "$share/$file" ]
  tap "$file is installed" $?
done
grep -q 'threads' "$share/man/man1/gptsh.1" && grep -q '%timeit' "$share/man/man1/gptsh.1"
tap "the manual has the options and the commands" $?
for page in man/man1/gptsh.1 man/man5/gptsh-notebook.5; do
  if command -v man >/dev/null; then
    warnings=$(man --warnings -E UTF-8 -l -Tutf8 -Z "$share/$page" 2>&1 >/dev/null)
    [ -z "$warnings" ]
    tap "man has nothing to complain about in $page" $?
  fi
  if command -v groff >/dev/null; then
    warnings=$(groff -man -ww -Kutf8 -Tutf8 -z "$share/$page" 2>&1)
    [ -z "$warnings" ]
    tap "groff neither" $?
  fi
done
if command -v bash >/dev/null; then
  words=$(bash -c '. "$1"; COMP_WORDS=(gptsh nb run --al); COMP_CWORD=3; _gptsh; echo "${COMPREPLY[*]}"' - \
    "$share/bash-completion/completions/gptsh")
  [ "$words" = --allow-errors ]
  tap "bash completes options of notebook commands" $?
fi
if command -v zsh >/dev/null; then
  loaded=$(zsh -f -c 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -d "$2"; autoload +X _gptsh && print $_comps[gptsh]' \
    - "$share/zsh/site-functions" "$tap_dir/zcompdump" 2>&1)
  [ "$loaded" = _gptsh ]
  tap "zsh loads its completion" $?
else
  tap_skip "zsh loads its completion" "there is no zsh"
fi
if command -v fish >/dev/null; then
  words=$(HOME=$tap_dir fish -N -c 'source $argv[1]; complete -C "gptsh nb run --al"' "$share/fish/vendor_completions.d/gptsh.fish" 2>&1)
  [ "${words%%	*}" = --allow-errors ]
  tap "fish completes options of notebook commands" $?
else
  tap_skip "fish completes options of notebook commands" "there is no fish"
fi
gives "the names for editors are Lua" 0 "function$nl" "" "$stage$prefix/bin/gptsh" \
  -e "print(type(load(io.open('$share/gptsh/meta/gptsh.lua'):read 'a')))"

# The emulated device is a plug-in like the real one, and there on every machine.
mkdir -p "$stage$prefix/lib/gptsh"
cp "$GPTSH_BUILD/gptsh-cuda-emu.so" "$stage$prefix/lib/gptsh/gptsh-cuda.so"
# (AddressSanitizer has something to say about its threads: what is on stderr does not count.)
on_device() { [ "$("$1" -e 'print(torch.ones(3):to("cuda"):sum():item())' 2>"$tap_dir/log")" = 3.0 ]; }
on_device "$stage$prefix/bin/gptsh"
tap "the installed program finds its CUDA plug-in" $? "$tap_dir/log"
ln -s "$stage$prefix/bin/gptsh" "$tap_dir/link"
on_device "$tap_dir/link"
tap "… also through a link" $? "$tap_dir/log"

: >"$stage$prefix/bin/other"
make_quietly uninstall DESTDIR="$stage" PREFIX="$prefix"
tap "make uninstall works" $? "$tap_dir/log"
[ "$(find "$stage" ! -type d)" = "$stage$prefix/bin/other" ]
tap "make uninstall leaves nothing behind but what others installed" $?

mkdir -p "$tap_dir/copy/build/release" "$tap_dir/copy/kept"
cp "$tap_root/Makefile" "$tap_dir/copy"
ln -s build/release/gptsh "$tap_dir/copy/gptsh"
make -s -C "$tap_dir/copy" clean >"$tap_dir/log" 2>&1
tap "make clean works" $? "$tap_dir/log"
[ "$(cd "$tap_dir/copy" && echo *)" = "Makefile kept" ]
tap "make clean removes what was built and nothing else" $?
tap_done
