#!/usr/bin/env bash
# Builds the program as it was before, for the tests of two versions side by side, and prints where it is. It is built once and
# kept in the cache; run again, this takes milliseconds.
#
#   scripts/old-version.sh [TARGET]
#
# TARGET is a Cargo target folder whose built dependencies are used again. Name one only while nobody uses what is in it:
# target/debug/seatkeeper is the old program until Cargo next builds ours. Without it, everything is built in a folder of its own.
set -euo pipefail

# The last commit before every change of a hold had a number and a name in Redis.
OLD_COMMIT=2f91166d9d68b4d16406e35ec9ed8b647d55f08e

ROOT="$(cd "$(dirname "$0")/.." && pwd)"
FOLDER="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/old-$OLD_COMMIT"
PROGRAM="$FOLDER/seatkeeper"

say() { printf 'old version: %s\n' "$*" >&2; }

build() {
  git -C "$ROOT" cat-file -e "$OLD_COMMIT^{commit}" 2>/dev/null ||
    git -C "$ROOT" fetch --quiet --depth 1 origin "$OLD_COMMIT" 2>/dev/null || true
  if ! git -C "$ROOT" cat-file -e "$OLD_COMMIT^{commit}" 2>/dev/null; then
    say "commit $OLD_COMMIT is not in this clone: it is shallow, or no clone. 'git fetch --unshallow' brings it."
    exit 1
  fi
  say "building the program of ${OLD_COMMIT:0:8} once, which takes some minutes"
  local source="$FOLDER/source" target="${1:-$FOLDER/target}"
  rm -rf "$source"
  mkdir -p "$source"
  git -C "$ROOT" archive "$OLD_COMMIT" | tar -x -C "$source"
  # The same selection of crates and features as in the Makefile: other features would be other builds of the dependencies.
  (cd "$source" && cargo build --quiet --workspace --locked --features seatkeeper/cluster --bins --target-dir "$target") >&2
  cp "$target/debug/seatkeeper" "$PROGRAM.new"
  mv "$PROGRAM.new" "$PROGRAM"
  rm -rf "$source" "$FOLDER/target"
}

mkdir -p "$FOLDER"
# Several tests may ask at once: one builds, the others wait.
exec 9>"$FOLDER/lock"
flock 9
[ -x "$PROGRAM" ] || build "${1:-}"
printf '%s\n' "$PROGRAM"
