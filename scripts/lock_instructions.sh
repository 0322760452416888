#!/usr/bin/env bash
# How many instructions a whole HTTP request of `/api/lock` takes in the server, counted by callgrind: the same server
# does N and then 2N requests of one person over one connection, so the difference of the two counts is what N cost,
# start and sign-in not included. Needs valgrind and `make build`.
#
# Two numbers: everything that the server's connection does for a request, from reading its bytes to having written the
# answer; and the whole process, which afterwards writes, relays and audits the event of every seat that was let go.
#
# scripts/lock_instructions.sh [PROGRAM] [N] [FOLDER]: with a folder the longer run's profile is left there, for
# callgrind_annotate.
set -euo pipefail

PROGRAM="${1:-target/release/seatkeeper}"
REQUESTS="${2:-4000}"
KEEP="${3:-}"
# The function of hyper inside which a connection is served.
CONNECTION='Dispatcher<D,Bs,I,T>::poll_catch'
folder="$(mktemp -d)"
server=

stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$folder"
}
trap stop EXIT

# Sets `whole` and `connection`: what a server spent that did so many requests. How they went is printed.
count() {
  local requests="$1" run="$folder/$1"
  mkdir "$run" && mkfifo "$run/said"
  valgrind --tool=callgrind --callgrind-out-file="$run/profile" \
    "$PROGRAM" serve --demo --listen=127.0.0.1:0 --data-dir="$run/data" --rate-limit=off \
    >"$run/said" 2>"$run/log" &
  server=$!
  read -r line <"$run/said" || { cat "$run/log" >&2; exit 1; }
  local url="${line##* }"
  "$PROGRAM" bench lock --url="${url%/}" --people=1 --requests="$requests" >&2
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
