# Sourced by run.sh: selects the container engine. Docker or podman with access to image registries build and run official
# images. Elsewhere podman is installed, and base-images.sh makes the images.

PODMAN_COMPOSE_VERSION=1.6.0
PROBE_IMAGE=docker.io/library/debian:bookworm-slim
PROBE_S_MAX=60
# The plugin dnsname lets containers resolve each other's names.
PODMAN_PACKAGES=(podman buildah runc debootstrap golang-github-containernetworking-plugin-dnsname dnsmasq-base)
# shellcheck source=storage.sh
. "$HERE/storage.sh"

# Sets ENGINE (the command that handles one container), COMPOSE, and IMAGES: official or home-made.
choose_engine() {
  IMAGES=official
  if docker info >/dev/null 2>&1 && pulls docker; then
    ENGINE=docker COMPOSE=(docker compose)
    return
  fi
  ENGINE=podman
  COMPOSE=("$CACHE/podman-compose-$PODMAN_COMPOSE_VERSION/bin/podman-compose")
  if ! { command -v podman >/dev/null && pulls podman; }; then
    IMAGES=home-made
    install_podman
    use_own_storage
  fi
  install_podman_compose
}

pulls() { timeout "$PROBE_S_MAX" "$1" pull --quiet "$PROBE_IMAGE" >/dev/null 2>&1; }

install_podman() {
  has_podman_packages && return
  [ "$(id -u)" -eq 0 ] || stop "install ${PODMAN_PACKAGES[*]}, or run this as root"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${PODMAN_PACKAGES[@]}" >/dev/null
}

has_podman_packages() {
  local program
  for program in podman buildah runc debootstrap dnsmasq; do
    command -v "$program" >/dev/null || return 1
  done
  [ -e /usr/lib/cni/dnsname ]
}

install_podman_compose() {
  local folder="$CACHE/podman-compose-$PODMAN_COMPOSE_VERSION"
  [ -x "$folder/bin/podman-compose" ] && return
  python3 -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "podman-compose==$PODMAN_COMPOSE_VERSION"
}

# Prints the override of a compose file that the home-made images and the limits of this machine need.
override_of() {
  local service files
  files="$(files_max)"
  echo "services:"
  for service in $1; do
    printf '  %s:\n    ulimits:\n      nofile: %s\n      nproc: %s\n' "$service" "$files" "$PROCESSES_MAX"
  done
  if [ "$2" = with-store ]; then
    # The stand-in for MongoDB has another name for its replica set.
    echo 'mongodb://mongodb:27017/seatkeeper?directConnection=true' >"$CACHE/settings/store_url"
    printf 'secrets:\n  store_url:\n    file: %s\n' "$CACHE/settings/store_url"
  fi
}

# wait_until_healthy PROJECT: waits until every health check of a running container has succeeded.
wait_until_healthy() {
  local container deadline=$((SECONDS + HEALTHY_S_MAX))
  for container in $("$ENGINE" ps --quiet --filter "label=com.docker.compose.project=$1"); do
    [ "$("$ENGINE" inspect --format '{{if .Config.Healthcheck}}yes{{end}}' "$container")" = yes ] || continue
    until is_healthy "$container"; do
      [ "$SECONDS" -lt "$deadline" ] || stop "$("$ENGINE" inspect --format '{{.Name}}' "$container") is not healthy"
      sleep 1
    done
  done
}
HEALTHY_S_MAX=600

# Podman leaves health checks to systemd, which may be missing, so this runs the check.
is_healthy() {
  case "$ENGINE" in
  docker) [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ] ;;
  *) podman healthcheck run "$1" >/dev/null 2>&1 ;;
  esac
}
