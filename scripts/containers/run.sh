#!/usr/bin/env bash
# Builds deploy/Dockerfile, brings up both compose files and books through them. On a machine without a container engine or
# without access to image registries, it installs podman and makes the base images itself: see base-images.sh. The ports 5173,
# 8080, 9000 and 1080 must be free. Its containers, networks and volumes are removed at the end; images stay in the cache.
set -euo pipefail

HERE="$(cd "$(dirname "$0")" && pwd)"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/containers"
# The names of the test's own compose projects. The default projects of the compose files may have data that a person needs.
EMBEDDED=seatkeeper-check
CLUSTER=seatkeeper-cluster-check
cd "$HERE/../.."
mkdir -p "$CACHE"
# shellcheck source=engine.sh
. "$HERE/engine.sh"

say() { printf 'containers: %s\n' "$*"; }
stop() { say "$*" >&2; exit 1; }

# step TEXT COMMAND…: prints the step, and the time that it took.
step() {
  local text="$1" started=$SECONDS
  shift
  say "$text"
  "$@"
  printf '  %d:%02d min\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
}

# compose PROJECT ARGUMENT…: runs compose with the project's files. Its output goes to a log, which a failure prints.
compose() {
  local project="$1" files=(-f deploy/compose.yaml)
  shift
  [ "$project" = "$CLUSTER" ] && files=(-f deploy/compose.cluster.yaml)
  [ "$IMAGES" = home-made ] && files+=(-f "$CACHE/settings/$project.yaml")
  "${COMPOSE[@]}" -p "$project" "${files[@]}" "$@" >"$CACHE/$project.log" 2>&1 || { cat "$CACHE/$project.log" >&2; return 1; }
}

prepare() {
  choose_engine
  say "$IMAGES images, $("$ENGINE" --version)"
  [ "$IMAGES" = home-made ] || return 0
  override_of seatkeeper without-store >"$CACHE/settings/$EMBEDDED.yaml"
  override_of "seatkeeper-1 seatkeeper-2" with-store >"$CACHE/settings/$CLUSTER.yaml"
}

make_base_images() {
  [ "$IMAGES" = official ] || "$HERE/base-images.sh" "$1"
}

build_image() {
  compose "$CLUSTER" build seatkeeper-1
  printf '  %s\n' "$("$ENGINE" images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep 'seatkeeper:local')"
}

try_embedded() {
  compose "$EMBEDDED" up --build --detach
  wait_until_healthy "$EMBEDDED"
  node "$HERE/embedded.mjs"
  remove "$EMBEDDED"
}

try_cluster() {
  start_cluster
  node "$HERE/cluster.mjs" "$ENGINE" kill --signal KILL "$(first_server)"
  remove "$CLUSTER"
}

# Podman 4.3 ignores `condition: service_healthy`, so the services start in the order of their dependencies.
start_cluster() {
  local services
  for services in "mongodb redis kafka mail" seatkeeper-1 ""; do
    # shellcheck disable=SC2086
    compose "$CLUSTER" up --no-build --detach $services
    wait_until_healthy "$CLUSTER"
  done
}

first_server() {
  "$ENGINE" ps --quiet --filter "label=com.docker.compose.project=$CLUSTER" \
    --filter label=com.docker.compose.service=seatkeeper-1
}

# Removes the containers, networks and volumes of a project. The volumes without a name come from the Dockerfile's `VOLUME`.
remove() {
  compose "$1" down --volumes
  [ "$IMAGES" = official ] || podman volume prune --force >/dev/null
}

# After a failure the logs of the servers are printed, and the containers removed.
clean_up() {
  local status=$? project container
  for project in "$EMBEDDED" "$CLUSTER"; do
    [ -n "${ENGINE:-}" ] || break
    for container in $("$ENGINE" ps --all --quiet --filter "label=com.docker.compose.project=$project"); do
      say "log of $("$ENGINE" inspect --format '{{.Name}}' "$container"):"
      "$ENGINE" logs --tail 15 "$container" 2>&1 || true
    done
    remove "$project" || say "$project was not removed"
  done
  exit "$status"
}
trap clean_up EXIT

step "engine" prepare
step "base images of the Dockerfile" make_base_images build
step "deploy/Dockerfile" build_image
step "deploy/compose.yaml" try_embedded
step "images of the services" make_base_images run
step "deploy/compose.cluster.yaml" try_cluster
say "passed in $((SECONDS / 60)) min"
