#!/usr/bin/env bash
# Builds the previous version of the program, for tests of two versions side by side, and prints its path. It is built once and
# cached; later runs take milliseconds.
#
#   scripts/old-version.sh [TARGET]
#
# TARGET is a Cargo target folder whose built dependencies are reused. Name one only while nobody uses its programs, because
# target/debug/seatkeeper is the previous version until Cargo's next build. Without it a separate folder is used.
set -euo pipefail

# The commit of the previous version: the last one before changes of a hold in Redis contained `seq` and the person.
OLD_COMMIT=2f91166d9d68b4d16406e35ec9ed8b647d55f08e

ROOT="$(cd "$(dirname "$0")/.." && pwd)"
FOLDER="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/old-$OLD_COMMIT"
PROGRAM="$FOLDER/seatkeeper"

say() { printf 'old version: %s\n' "$*" >&2; }

build() {
  git -C "$ROOT" cat-file -e "$OLD_COMMIT^{commit}" 2>/dev/null ||
    git -C "$ROOT" fetch --quiet --depth 1 origin "$OLD_COMMIT" 2>/dev/null || true
  if ! git -C "$ROOT" cat-file -e "$OLD_COMMIT^{commit}" 2>/dev/null; then
    say "commit $OLD_COMMIT is missing: the clone is shallow, or there is none. 'git fetch --unshallow' gets it."
    exit 1
  fi
  say "building the program of ${OLD_COMMIT:0:8} once, which takes some minutes"
  local source="$FOLDER/source" target="${1:-$FOLDER/target}"
  rm -rf "$source"
  mkdir -p "$source"
  git -C "$ROOT" archive "$OLD_COMMIT" | tar -x -C "$source"
  # Builds with the crates and features of the Makefile, because other features would rebuild the dependencies.
  (cd "$source" && cargo build --quiet --workspace --locked --features seatkeeper/cluster --bins --target-dir "$target") >&2
  cp "$target/debug/seatkeeper" "$PROGRAM.new"
  mv "$PROGRAM.new" "$PROGRAM"
  rm -rf "$source" "$FOLDER/target"
}

mkdir -p "$FOLDER"
# A file lock: while one caller builds, concurrent callers wait for it.
exec 9>"$FOLDER/lock"
flock 9
[ -x "$PROGRAM" ] || build "${1:-}"
printf '%s\n' "$PROGRAM"
