#!/usr/bin/env bash
# Runs one part of the tests: prints its name and, at its end, its time, and counts its passed tests.
#
#   scripts/part.sh NAME COMMAND…   runs COMMAND as the part NAME; no passed test is a failure
#   scripts/part.sh --begin         forgets the parts counted so far, and starts the clock
#   scripts/part.sh --total         prints one line with the sum of all parts
set -euo pipefail

COUNTS="$(cd "$(dirname "$0")/.." && pwd)/target/test-parts"

# Counts the passed tests in the output of cargo, Vitest and Playwright.
count_passed() {
  sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
    /^test result: / { for (i = 2; i <= NF; i++) if ($i == "passed;") sum += $(i - 1) }
    /^ +Tests +[0-9]+ passed/ { sum += $2 }
    /^ +[0-9]+ passed \(/ { sum += $1 }
    END { print sum + 0 }'
}

as_minutes() {
  printf '%d:%02d min' $(($1 / 60)) $(($1 % 60))
}

case "${1:?which part?}" in
--begin)
  mkdir -p "$(dirname "$COUNTS")"
  echo "begin 0 $(date +%s)" >"$COUNTS"
  ;;
--total)
  read -r tests began < <(awk '$1 == "begin" { began = $3 } { tests += $2 } END { print tests + 0, began + 0 }' "$COUNTS")
  echo "== $tests tests passed in $(as_minutes $(($(date +%s) - began))), builds and checks included"
  ;;
*)
  name=$1
  shift
  log="$(mktemp)"
  trap 'rm -f "$log"' EXIT
  echo "== $name"
  started=$SECONDS
  "$@" 2>&1 | tee "$log"
  tests="$(count_passed "$log")" seconds=$((SECONDS - started))
  [ "$tests" -gt 0 ] || { echo "== $name: no test ran" >&2; exit 1; }
  echo "== $name: $tests tests, $(as_minutes "$seconds")"
  mkdir -p "$(dirname "$COUNTS")"
  echo "$name $tests $seconds" >>"$COUNTS"
  ;;
esac
