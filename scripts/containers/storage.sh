# Sourced by the scripts of this folder: podman and buildah with images, containers, networks and build caches of their own,
# in $CACHE, so that the home-made images do not replace official images on this machine.

use_own_storage() {
  local settings="$CACHE/settings"
  mkdir -p "$settings" "$CACHE/storage" "$CACHE/networks" "$CACHE/tmp"
  cat >"$settings/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$CACHE/storage"
runroot = "/run/seatkeeper-containers"
END
  # The runtime is runc, because crun refuses a machine that mounts both versions of cgroups. A container cannot have limits
  # above the hard limits of this machine.
  cat >"$settings/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$(files_max):$(files_max)", "nproc=$PROCESSES_MAX:$PROCESSES_MAX"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
network_config_dir = "$CACHE/networks"
END
  export CONTAINERS_STORAGE_CONF="$settings/storage.conf" CONTAINERS_CONF="$settings/containers.conf"
  # Only images in Docker's format have a health check. buildah stores the cache mounts of a build in TMPDIR.
  export BUILDAH_ISOLATION=chroot BUILDAH_FORMAT=docker TMPDIR="$CACHE/tmp"
  # Podman must not leave health checks to systemd, which may be missing.
  export DISABLE_HC_SYSTEMD=true
}

PROCESSES_MAX=4000

# Prints the limit of open files of a container: that of the compose files, or the hard limit of this machine if it is lower.
files_max() {
  local hard
  hard="$(ulimit -Hn)"
  if [ "$hard" = unlimited ] || [ "$hard" -gt "$FILES_MAX" ]; then echo "$FILES_MAX"; else echo "$hard"; fi
}
FILES_MAX=65536
