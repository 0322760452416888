#!/usr/bin/env bash
# Installs what the tests need and the machine lacks. Run again, it does nothing.
# Needs: Rust (rustup), Node 20, Python 3.11; on Debian or Ubuntu the rest comes from apt.
set -euo pipefail

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper"
CARGO_DENY_VERSION=0.20.2
SCHEMATHESIS_VERSION=4.32.5
SECANTUS_VERSION=0.7.0b3

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

need_toolchain() {
  has cargo || stop "cargo is missing: install Rust with rustup (https://rustup.rs)"
  has npm || stop "npm is missing: install Node 20.19 or later"
  has python3 || stop "python3 is missing: install Python 3.11 or later"
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    rustup component add rustfmt clippy
}

# The browser of the end-to-end tests, Thai letters for it, a C compiler for SQLite, and venv.
install_packages() {
  local missing=()
  has chromium || missing+=(chromium)
  has cc || missing+=(build-essential)
  [ -n "$(fc-list :lang=th 2>/dev/null)" ] || missing+=(fontconfig fonts-noto-core)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  [ ${#missing[@]} -eq 0 ] && return
  has apt-get || stop "please install these yourself: ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    has sudo || stop "please install these as root: apt-get install ${missing[*]}"
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The version is in the folder's name, so that a new pin is a new folder.
install_cargo_deny() {
  local folder="$CACHE/cargo-deny-$CARGO_DENY_VERSION"
  [ -x "$folder/bin/cargo-deny" ] && return
  say "building cargo-deny $CARGO_DENY_VERSION (some minutes, once)"
  # It runs for a second; building it at full optimisation takes twice as long.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --quiet --locked --root "$folder" "cargo-deny@$CARGO_DENY_VERSION"
}

install_schemathesis() {
  local folder="$CACHE/schemathesis-$SCHEMATHESIS_VERSION"
  [ -e "$folder/.ready" ] && return
  say "installing schemathesis $SCHEMATHESIS_VERSION"
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION"
  touch "$folder/.ready"
}

# No registry has mongod; this speaks its protocol, with transactions, and is a process of its own (GPL-2.0).
install_secantus() {
  local folder="$CACHE/secantus-$SECANTUS_VERSION"
  [ -e "$folder/.ready" ] && return
  say "installing secantus $SECANTUS_VERSION"
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --pre "SecantusDB==$SECANTUS_VERSION"
  touch "$folder/.ready"
}

# Names without a version, for those who call them.
link_tools() {
  mkdir -p "$CACHE/bin"
  ln -sfn "$CACHE/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny" "$CACHE/bin/cargo-deny"
  ln -sfn "$CACHE/schemathesis-$SCHEMATHESIS_VERSION/bin/schemathesis" "$CACHE/bin/schemathesis"
  ln -sfn "$CACHE/secantus-$SECANTUS_VERSION/bin/secantusd-py" "$CACHE/bin/secantusd-py"
}

need_toolchain
install_packages
mkdir -p "$CACHE"
install_cargo_deny
install_schemathesis
install_secantus
link_tools
say "ready"
