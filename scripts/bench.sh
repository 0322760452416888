#!/usr/bin/env bash
# Starts the server on a free port with a folder of its own, puts it under load, stops it. What it prints is what
# docs/benchmarks.md is made of. Run it by `make bench`, which builds the program before.
set -euo pipefail

PROGRAM="${1:-target/release/seatkeeper}"
SECONDS_EACH="${SEATKEEPER_BENCH_SECONDS:-10}"
folder="$(mktemp -d)"
server=

stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$folder"
}
trap stop EXIT

mkfifo "$folder/said"
"$PROGRAM" serve --demo --listen=127.0.0.1:0 --data-dir="$folder/data" --rate-limit=off \
  >"$folder/said" 2>"$folder/log" &
server=$!
# The first line is "Seatkeeper is open: URL"; without it the server has failed, and its log says why.
read -r line <"$folder/said" || { cat "$folder/log" >&2; exit 1; }
url="${line##* }"

echo "$(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
for people in 1 32; do
  "$PROGRAM" bench lock --url="${url%/}" --people="$people" --seconds="$SECONDS_EACH" --pid="$server"
done
for viewers in 1 200; do
  "$PROGRAM" bench watch --url="${url%/}" --viewers="$viewers" --seconds="$SECONDS_EACH" --pid="$server"
done
