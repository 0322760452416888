#!/usr/bin/env bash
# Installs what the tests need and is missing, or only the named tools. Idempotent.
#
#   scripts/setup.sh                          what `make test` needs
#   scripts/setup.sh cargo-deny|schemathesis  a tool of `make check` or `make fuzz`
#
# Needs: Rust (rustup), Node 20, Python 3.11, Java 17 with Maven; on Debian or Ubuntu the rest comes from apt.
set -euo pipefail

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper"
CARGO_DENY_VERSION=0.20.2
SCHEMATHESIS_VERSION=4.32.5
# Not Kafka 4.4.0, which was published incompletely.
KAFKA_VERSION=4.3.1
SCRIPTS="$(cd "$(dirname "$0")" && pwd)"
KAFKA_FILES="$SCRIPTS/kafka"
SECANTUS_VERSION=0.7.0b3

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

need_toolchain() {
  has cargo || stop "cargo is missing: install Rust with rustup (https://rustup.rs)"
  has npm || stop "npm is missing: install Node 20.19 or later"
  has python3 || stop "python3 is missing: install Python 3.11 or later"
  has java && has mvn || stop "java or mvn is missing: install Java 17 or later, and Maven"
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    rustup component add rustfmt clippy
}

# Installs Chromium and Thai fonts for the end-to-end tests, a C and C++ compiler, Python's venv, Redis, and libfaketime.
install_packages() {
  local missing=()
  has chromium || missing+=(chromium)
  has cc || missing+=(build-essential)
  has redis-server || missing+=(redis-server)
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(libfaketime)
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
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive bash -c "$INSTALL_WITHOUT_STARTING" install "${missing[@]}" >/dev/null
}

# Tests start their own Redis on their own port, so apt must not start a service: `policy-rc.d` with exit 101 forbids it.
INSTALL_WITHOUT_STARTING='
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap "rm -f $policy" EXIT
    printf "#!/bin/sh\nexit 101\n" >"$policy"
    chmod 755 "$policy"
  fi
  apt-get install -y -qq --no-install-recommends "$@"
'

# Each tool's version is part of its folder's name, so a new version is installed into a new folder.
install_cargo_deny() {
  local folder="$CACHE/cargo-deny-$CARGO_DENY_VERSION"
  [ -x "$folder/bin/cargo-deny" ] && return
  say "building cargo-deny $CARGO_DENY_VERSION (some minutes, once)"
  # Built without full optimisation, which takes twice as long; cargo-deny runs for a second only.
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

# Installs Kafka's jars, a formatted log folder, and a class data archive, with which a broker starts in a third of the time.
install_kafka() {
  local folder="$CACHE/kafka-$KAFKA_VERSION"
  [ -e "$folder/.ready" ] && return
  say "installing Kafka $KAFKA_VERSION"
  rm -rf "$folder"
  mkdir -p "$folder"
  mvn -q -B -Dstyle.color=never -f "$KAFKA_FILES/pom.xml" "-Dkafka.version=$KAFKA_VERSION" dependency:copy-dependencies \
    "-DoutputDirectory=$folder/jars" -DincludeScope=runtime >&2
  local class_path java port controller
  class_path="$(printf '%s\n' "$folder"/jars/*.jar | LC_ALL=C sort | paste -sd:)"
  java=(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=$KAFKA_FILES/log4j2.properties")
  read -r port controller < <(free_ports)
  cat "$KAFKA_FILES/server.properties" - >"$folder/first.properties" <<END
listeners=CLIENT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.quorum.voters=1@127.0.0.1:$controller
log.dirs=$folder/first
END
  "${java[@]}" -cp "$class_path" kafka.tools.StorageTool format -t SeatkeeperForTestsOnly -c "$folder/first.properties" >/dev/null
  mkdir "$folder/formatted"
  cp "$folder/first/meta.properties" "$folder/first/bootstrap.checkpoint" "$folder/formatted"
  record_classes "$folder" "$port" "${java[@]}" "-XX:ArchiveClassesAtExit=$folder/kafka.jsa" -cp "$class_path" \
    kafka.Kafka "$folder/first.properties"
  rm -rf "$folder/first" "$folder/first.properties"
  touch "$folder/.ready"
}

# Runs a broker until it answers and stops it; the JVM writes the class data archive at exit.
record_classes() {
  local folder="$1" port="$2" broker tries=0
  shift 2
  "$@" >"$folder/first.log" 2>&1 &
  broker=$!
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    kill -0 "$broker" 2>/dev/null && [ $((tries += 1)) -lt 600 ] || stop "Kafka does not start: see $folder/first.log"
    sleep 0.1
  done
  kill -TERM "$broker"
  wait "$broker" || true
}

free_ports() {
  python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in held))'
}

# No package registry has mongod. SecantusDB, which speaks its protocol and has transactions, replaces it in tests. It runs as a
# separate process, because of its licence (GPL-2.0).
install_secantus() {
  local folder="$CACHE/secantus-$SECANTUS_VERSION"
  [ -e "$folder/.ready" ] && return
  say "installing secantus $SECANTUS_VERSION"
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --pre "SecantusDB==$SECANTUS_VERSION"
  touch "$folder/.ready"
}

# Creates links whose names have no version, which the tests and the Makefile use.
link_tools() {
  ln -sfn "$CACHE/kafka-$KAFKA_VERSION" "$CACHE/kafka"
  write_mongo_stand_in
}

# Writes the program that starts the stand-in, for the Python that has SecantusDB installed. It is replaced atomically, because a
# test may be starting it.
write_mongo_stand_in() {
  local new
  new="$(mktemp "$CACHE/bin/.mongo-stand-in.XXXXXX")"
  { echo "#!$CACHE/secantus-$SECANTUS_VERSION/bin/python3"; cat "$SCRIPTS/mongo-stand-in.py"; } >"$new"
  chmod 755 "$new"
  mv "$new" "$CACHE/bin/mongo-stand-in"
}

mkdir -p "$CACHE/bin"
case "${1:-}" in
"")
  need_toolchain
  install_packages
  install_kafka
  install_secantus
  link_tools
  say "ready"
  ;;
cargo-deny)
  install_cargo_deny
  ln -sfn "$CACHE/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny" "$CACHE/bin/cargo-deny"
  ;;
schemathesis)
  install_packages
  install_schemathesis
  ln -sfn "$CACHE/schemathesis-$SCHEMATHESIS_VERSION/bin/schemathesis" "$CACHE/bin/schemathesis"
  ;;
*) stop "unknown tool: $1" ;;
esac
