#!/usr/bin/env bash
# Cost of locks and frame deliveries when two servers share Redis, MongoDB and Kafka, and throughput of the relay to Kafka. The
# CPU times of all five processes are printed side by side. `make bench-cluster` builds the program and runs this in
# seatkeeper-testbed, which starts MongoDB and Kafka; docs/benchmarks.md has the results.
#
# seatkeeper-testbed scripts/bench-cluster.sh [FOLDER] [SECONDS]: the folder of `seatkeeper` and `seatkeeper-bench`
set -euo pipefail

FOLDER="${1:-target/release}"
SECONDS_EACH="${2:-10}"
# Redis gets a port of this range, which is below Linux's ephemeral ports: the system assigns those to other processes.
REDIS_PORTS=20000-29999
: "${SEATKEEPER_TEST_MONGODB_URL:?run this by seatkeeper-testbed, as make bench-cluster does}"
: "${SEATKEEPER_TEST_KAFKA_URL:?run this by seatkeeper-testbed, as make bench-cluster does}"
name="bench$$"
folder="$(mktemp -d)"
started=()

# Stops the processes in reverse order, so that the servers can still use Redis during their shutdown.
stop() {
  local index
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    kill "${started[index]}" 2>/dev/null && wait "${started[index]}" || true
  done
  rm -rf "$folder"
}
trap stop EXIT

# failed LOG: prints the log of a process that did not start, and exits.
failed() {
  cat "$1" >&2
  exit 1
}

start_redis() {
  redis_port="$(shuf -i "$REDIS_PORTS" -n 1)"
  redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --dir "$folder" >"$folder/redis.log" &
  redis=$!
  started+=("$redis")
  # Another Redis may use this port, so the process id is compared.
  until redis-cli -p "$redis_port" INFO server 2>/dev/null | grep "^process_id:$redis" >/dev/null; do
    kill -0 "$redis" 2>/dev/null || failed "$folder/redis.log"
    sleep 0.1
  done
}

# start_server NAME: starts a server, and sets `server` to its process id and `url` to its URL.
start_server() {
  local said="$folder/$1.said" log="$folder/$1.log" mongodb="${SEATKEEPER_TEST_MONGODB_URL%%\?*}" line
  local options="${SEATKEEPER_TEST_MONGODB_URL#"$mongodb"}"
  mkfifo "$said"
  "$FOLDER/seatkeeper" serve --demo --listen=127.0.0.1:0 --data-dir="$folder/$1" --rate-limit=off \
    --store-url="${mongodb%/}/$name$options" --locks-url="redis://127.0.0.1:$redis_port" \
    --events-url="$SEATKEEPER_TEST_KAFKA_URL?prefix=${name}_" >"$said" 2>"$log" &
  server=$!
  started+=("$server")
  # The first line is "Seatkeeper is open: URL"; without it the start has failed, and the log has the error.
  read -r line <"$said" || failed "$log"
  url="${line##* }"
}

# measure lock|watch FLAGS…: runs one load of seatkeeper-bench, and prints the CPU times of all processes.
measure() {
  "$FOLDER/seatkeeper-bench" "$@" --seconds="$SECONDS_EACH" "${processes[@]}"
}

processor="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
start_redis
start_server first; first_url="$url" first="$server"
start_server second; second_url="$url" second="$server"
processes=(--pid="$first" --part="second=$second" --part="redis=$redis")
# MongoDB and Kafka are measured only if seatkeeper-testbed has started them, because otherwise their process ids are unknown.
processes+=(${SEATKEEPER_TEST_MONGODB_PID:+--part="mongodb=$SEATKEEPER_TEST_MONGODB_PID"})
processes+=(${SEATKEEPER_TEST_KAFKA_PID:+--part="kafka=$SEATKEEPER_TEST_KAFKA_PID"})

echo "$(date -u +%F), $(nproc) cores of $processor, load $(cut -d' ' -f1 /proc/loadavg)"
measure lock --people=1 --url="$first_url" --relay-url="$second_url"
measure lock --people=32 --url="$first_url" --relay-url="$second_url"
measure watch --viewers=1 --url="$first_url" --clicks-url="$second_url"
measure watch --viewers=200 --url="$first_url" --clicks-url="$second_url"
