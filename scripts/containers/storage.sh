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
  # crun refuses a machine that mounts both versions of cgroups. Limits above the hard ones of this machine are refused.
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
  # Without docker's format an image has no health check. Cache mounts of a build are stored in TMPDIR.
  export BUILDAH_ISOLATION=chroot BUILDAH_FORMAT=docker TMPDIR="$CACHE/tmp"
  # There may be no systemd to run the health checks.
  export DISABLE_HC_SYSTEMD=true
}

PROCESSES_MAX=4000

# The open files that a container may have here: those of the compose files, or the hard limit of this machine.
files_max() {
  local hard
  hard="$(ulimit -Hn)"
  if [ "$hard" = unlimited ] || [ "$hard" -gt "$FILES_MAX" ]; then echo "$FILES_MAX"; else echo "$hard"; fi
}
FILES_MAX=65536
