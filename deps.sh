#!/bin/sh
# deps.sh: finds out what is missing to build and test gptsh and installs it on Debian (apt).  Does
# nothing, quickly, when all is there; on other systems it says what to install.
set -u

missing=
need() { missing="$missing $1"; }
have() { command -v "$1" >/dev/null 2>&1; }
header() { # header NAME: in the usual places, multiarch included
  for place in /usr/include /usr/include/* /usr/local/include /opt/homebrew/include; do
    [ -f "$place/$1" ] && return 0
  done
  return 1
}
module() { have pkg-config && pkg-config --exists "$1"; }

compiler=${CC:-gcc}
have "${compiler%% *}" || need gcc # CC may be "ccache gcc"
compiler=${CXX:-g++}
have "${compiler%% *}" || need g++
have make || need make
header stdio.h || need libc6-dev
have pkg-config || need pkg-config
have gnuplot || need gnuplot-nox
module lua5.4 || need liblua5.4-dev
module jansson || need libjansson-dev
module libpcre2-8 || need libpcre2-dev
module libxxhash || need libxxhash-dev
case ${LINE:-readline} in
  readline) header readline/readline.h || need libreadline-dev ;;
  edit) header editline/readline.h || need libedit-dev ;;
esac
header cmocka.h || need libcmocka-dev
# What data.demo() reads.  It has other text to fall back on, so failing to get this stops nothing and is
# tried once per build folder.  Documentation is asked for by name: slim images leave it out.
corpus=/usr/share/doc/jargon-text/jargon.txt.gz
install_corpus() { # install_corpus SUDO…
  mkdir -p build && : >build/corpus-tried
  "$@" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --reinstall \
    -o "Dpkg::Options::=--path-include=${corpus%/*}/*" jargon-text && [ -f "$corpus" ]
}
if [ -f "$corpus" ] || [ -e build/corpus-tried ] || ! have apt-get; then corpus=; fi
[ -n "$missing$corpus" ] || exit 0
if [ -z "$missing" ]; then # no password is asked for just for this
  echo "missing: jargon-text, the demo corpus"
  if [ "$(id -u)" -eq 0 ]; then
    install_corpus || { apt-get update -q && install_corpus; }
  else
    install_corpus sudo -n
  fi || echo "could not install jargon-text: data.demo() will take other text" >&2
  exit 0
fi

echo "missing:$missing"
if ! have apt-get; then
  echo "no apt-get here: install the counterparts of these Debian packages and run make again" >&2
  exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
  if ! have sudo; then
    echo "neither root nor sudo: run as root: apt-get install$missing" >&2
    exit 1
  fi
  sudo=sudo
fi
# Sweeps over mpirun's ranks need MPI, tests of completions these shells, those of older CPUs an emulator, and lint its
# tools; all work without, and say so.
# They come along because apt is at work.
extras=
have mpicc || extras="$extras openmpi-bin libopenmpi-dev"
have clang-format || extras="$extras clang-format"
have clang-tidy || extras="$extras clang-tidy"
have luacheck || extras="$extras lua-check"
have qemu-x86_64 || [ "$(uname -m)" != x86_64 ] || extras="$extras qemu-user"
have zsh || extras="$extras zsh"
have fish || extras="$extras fish"
apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get"
$apt update -q || echo "apt-get update failed: trying with the lists at hand" >&2
$apt install -y -q --no-install-recommends $missing || exit 1
[ -z "$extras" ] || $apt install -y -q --no-install-recommends $extras ||
  echo "could not install$extras: what needs them is left out" >&2
[ -z "$corpus" ] || install_corpus $sudo ||
  echo "could not install jargon-text: data.demo() will take other text" >&2
