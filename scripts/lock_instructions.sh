#!/usr/bin/env bash
# Instructions per HTTP request of `/api/lock` in the server, counted by callgrind. One person sends N and then, to a new
# server, 2N requests over one connection; the difference of the counts is the cost of N requests, without start and sign-in.
# Needs valgrind, `make build` and `cargo build --release -p seatkeeper-bench`.
#
# Prints two numbers: the server's work on the connection, from reading a request to writing its response; and the whole
# process, which afterwards stores, relays and audits the event of every released seat.
#
# scripts/lock_instructions.sh [BIN] [N] [FOLDER]: BIN has `seatkeeper` and `seatkeeper-bench`; with a FOLDER the longer run's profile is copied there, for
# callgrind_annotate.
set -euo pipefail

BIN="${1:-target/release}"
REQUESTS="${2:-4000}"
KEEP="${3:-}"
# The name, in callgrind's profile, of the function of hyper that serves a connection.
CONNECTION='Dispatcher<D,Bs,I,T>::poll_catch'
folder="$(mktemp -d)"
server=

stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$folder"
}
trap stop EXIT

# count N: starts a server, sends N requests to it and prints the report of seatkeeper-bench. Sets `whole` and `connection` to
# the instructions that the server has executed: in all, and for its connection.
count() {
  local requests="$1" run="$folder/$1"
  mkdir "$run" && mkfifo "$run/said"
  valgrind --tool=callgrind --callgrind-out-file="$run/profile" \
    "$BIN/seatkeeper" serve --demo --listen=127.0.0.1:0 --data-dir="$run/data" --rate-limit=off --let-go-max=1000000 \
    >"$run/said" 2>"$run/log" &
  server=$!
  read -r line <"$run/said" || { cat "$run/log" >&2; exit 1; }
  local url="${line##* }"
  "$BIN/seatkeeper-bench" lock --url="${url%/}" --people=1 --requests="$requests" >&2
  kill "$server"
  wait "$server" || true
  server=
  whole="$(sed -n 's/^totals: //p' "$run/profile")"
  connection="$(callgrind_annotate --inclusive=yes "$run/profile" | grep -F "$CONNECTION" | sed -n '1s/[ ,]*\([0-9,]*\).*/\1/p' | tr -d ,)"
}

count "$REQUESTS"; whole_once="$whole" connection_once="$connection"
count "$((2 * REQUESTS))"
[ -z "$KEEP" ] || cp "$folder/$((2 * REQUESTS))/profile" "$KEEP/callgrind.lock"
echo "instructions a request: $(((connection - connection_once) / REQUESTS)) by its connection,"
echo "$(((whole - whole_once) / REQUESTS)) by the whole process"
