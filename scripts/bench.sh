#!/usr/bin/env bash
# Cost of locks and frame deliveries. Each load gets its own server on a free port, with a demo cinema in a temporary folder.
# `make bench` builds the program first; docs/benchmarks.md has the results.
#
# scripts/bench.sh [FOLDER] [SECONDS]: the folder of `seatkeeper` and `seatkeeper-bench`
set -euo pipefail

FOLDER="${1:-target/release}"
SECONDS_EACH="${2:-10}"
folder="$(mktemp -d)"
server=

stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  server=
  rm -rf "$folder"
}
trap stop EXIT

# measure lock|watch FLAGS…: starts a server, and runs one load of seatkeeper-bench.
measure() {
  mkdir -p "$folder" && mkfifo "$folder/said"
  "$FOLDER/seatkeeper" serve --demo --listen=127.0.0.1:0 --data-dir="$folder/data" --rate-limit=off \
    >"$folder/said" 2>"$folder/log" &
  server=$!
  # The first line is "Seatkeeper is open: URL"; without it the start has failed, and the log has the error.
  local line
  read -r line <"$folder/said" || { cat "$folder/log" >&2; exit 1; }
  "$FOLDER/seatkeeper-bench" "$@" --url="${line##* }" --seconds="$SECONDS_EACH" --pid="$server"
  stop
}

processor="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
echo "$(date -u +%F), $(nproc) cores of $processor, load $(cut -d' ' -f1 /proc/loadavg)"
measure lock --people=1
measure lock --people=32
measure watch --viewers=1
measure watch --viewers=200
