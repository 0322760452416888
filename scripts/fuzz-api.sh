#!/usr/bin/env bash
# Fuzzing: sends generated valid and invalid requests to every call of the OpenAPI document. No response may be a 5xx, and each
# must match the document. Runs with an administrator's session and without one, on its own server with the demo cinema.
#
#   SEATKEEPER_FUZZ_EXAMPLES  generated requests per call and person (5)
#   SEATKEEPER_FUZZ_SEED      the same seed generates the same requests (1); `random` for a random one
#   SEATKEEPER_TEST_PROGRAM   the program (target/debug/seatkeeper)
set -euo pipefail
cd "$(dirname "$0")/.."

PROGRAM="${SEATKEEPER_TEST_PROGRAM:-$PWD/target/debug/seatkeeper}"
SCHEMATHESIS="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/bin/schemathesis"
EXAMPLES="${SEATKEEPER_FUZZ_EXAMPLES:-5}"
SEED="${SEATKEEPER_FUZZ_SEED:-1}"
START_WAIT_S_MAX=30
# The check `positive_data_acceptance` is not used: it would expect that every request valid by the schema is accepted, but the
# server also checks rules that the schema cannot express.
CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance
CHECKS+=,response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance
CHECKS+=,use_after_free,ensure_resource_availability,ignored_auth

say() { printf 'fuzz-api: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

[ -x "$PROGRAM" ] || stop "$PROGRAM is missing: cargo build -p seatkeeper"
[ -x "$SCHEMATHESIS" ] || stop "schemathesis is missing: scripts/setup.sh schemathesis"

folder=$(mktemp -d)
server=
clean_up() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$folder"
}
trap clean_up EXIT

start_server() {
  : >"$folder/out"
  # The program refuses unknown variables with its prefix.
  env -u SEATKEEPER_FUZZ_EXAMPLES -u SEATKEEPER_FUZZ_SEED \
    "$PROGRAM" serve --demo --listen 127.0.0.1:0 --data-dir "$folder/data" --rate-limit off --let-go-max 1000000 \
    >"$folder/out" 2>"$folder/log" &
  server=$!
  local waited=0
  until site=$(sed -n 's/^Seatkeeper is open: //p' "$folder/out") && [ -n "$site" ]; do
    kill -0 "$server" 2>/dev/null || stop "the server did not start: $(cat "$folder/log")"
    [ $((waited += 1)) -le $((START_WAIT_S_MAX * 10)) ] || stop "the server did not start in $START_WAIT_S_MAX s"
    sleep 0.1
  done
}

# The first person who signs in becomes the administrator.
sign_in() {
  curl -sSfL -o /dev/null -c "$folder/jar" "$site/api/auth/google/login?return_to=/api/auth/me&login_hint=ann@example.test"
  session=$(awk '$6 == "seatkeeper_session" { print $7 }' "$folder/jar")
  [ -n "$session" ] || stop "signing in gave no session"
}

send_requests() {
  local who=$1
  shift
  say "as $who: $EXAMPLES requests per call, seed $SEED"
  local seed=()
  [ "$SEED" = random ] || seed=(--seed "$SEED")
  # schemathesis runs in the temporary folder, because it writes files into the current one.
  (cd "$folder" && "$SCHEMATHESIS" run "$site/api/openapi.json" --checks "$CHECKS" --max-examples "$EXAMPLES" "${seed[@]}" \
    --generation-with-security-parameters false --generation-database none --continue-on-failure --request-timeout 25 \
    --warnings off --no-color "$@") >"$folder/report" 2>&1 || { cat "$folder/report" "$folder/log" >&2; stop "as $who: failed"; }
  grep -E 'generated' "$folder/report" >&2 || true
}

start_server
send_requests nobody
sign_in
# The call `sign_out` is excluded, because it would end the administrator's session.
send_requests "an administrator" --header "Cookie: seatkeeper_session=$session" --exclude-operation-id sign_out
kill -0 "$server" 2>/dev/null || stop "the server died: $(cat "$folder/log")"
if grep -E ' (ERROR|panicked)' "$folder/log" >&2; then stop "the server logged an error"; fi
say "no 5xx responses and no undocumented ones"
