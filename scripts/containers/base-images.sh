#!/usr/bin/env bash
# Makes the images that deploy/ uses, under their names, on a Debian machine that reaches package registries only. They are
# for tests: official images differ in versions, and MongoDB is replaced by a stand-in. An image is made again when its
# files in images/, its version or its base image have changed; Debian when this machine's certificates or make_debian have.
# What an image contains besides, such as Kafdrop, is downloaded or built once for each version.
#
#   scripts/containers/base-images.sh build    the images that deploy/Dockerfile needs
#   scripts/containers/base-images.sh run      the images that deploy/compose.cluster.yaml needs
#
#   SEATKEEPER_KAFDROP_SOURCE  a git repository with Kafdrop's tag, instead of its public one
set -euo pipefail

HERE="$(cd "$(dirname "$0")" && pwd)"
SCRIPTS="$(dirname "$HERE")"
DEPLOY="$(dirname "$SCRIPTS")/deploy"
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/seatkeeper/containers"
KAFDROP_SOURCE="${SEATKEEPER_KAFDROP_SOURCE:-https://github.com/obsidiandynamics/kafdrop.git}"
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
# shellcheck source=storage.sh
. "$HERE/storage.sh"

say() { printf 'base-images: %s\n' "$*" >&2; }

version_of() { used "$1" | cut -d: -f2; }

# pin NAME: prints a version that scripts/setup.sh pins, so that both scripts use the same one.
pin() { sed -n "s/^$1=//p" "$SCRIPTS/setup.sh"; }

# used REPOSITORY: prints the image of a repository, with its tag, that deploy/ uses: `redis:7.4-alpine` for `redis`.
used() { sed -nE "s#^ *(image:|FROM) ($1:[^ ]+).*#\\2#p" "$DEPLOY/Dockerfile" "$DEPLOY/compose.cluster.yaml" | head -1; }

# full REPOSITORY: prints the name of that image with its registry.
full() {
  local name
  name="$(used "$1")"
  case "$name" in */*) echo "docker.io/$name" ;; *) echo "docker.io/library/${name:?no file of deploy/ uses $1}" ;; esac
}

# image REPOSITORY FOLDER BASE VERSION [CONTEXT=PATH…]: builds the image of images/FOLDER on the image BASE, unless it has been
# built from the same files, base and version before.
image() {
  local name folder="$HERE/images/$2" base="$3" version="$4" inputs contexts=() context started=$SECONDS
  name="$(full "$1")"
  shift 4
  inputs="$( (echo "$version"; cat "$folder"/*; podman image inspect --format '{{.Id}}' "$base") | sha256sum | cut -c1-16)"
  [ "$(label_of "$name")" = "$inputs" ] && return
  for context in "$@"; do contexts+=(--build-context "$context"); done
  buildah build --quiet --pull-never --build-arg "BASE=$base" "${contexts[@]}" --label "seatkeeper.inputs=$inputs" \
    -t "$name" -f "$folder/Containerfile" "$folder" >/dev/null
  say "$name: $(size_of "$name"), $((SECONDS - started)) s"
}

label_of() { podman image inspect --format '{{index .Labels "seatkeeper.inputs"}}' "$1" 2>/dev/null || true; }
size_of() { podman image inspect --format '{{.Size}}' "$1" | awk '{ printf "%d MB", $1 / 1000000 }'; }

# once NAME COMMAND…: runs COMMAND with an empty folder of this name in the cache, unless it has succeeded before.
once() {
  local folder="$CACHE/$1"
  shift
  [ -e "$folder.ready" ] && return
  rm -rf "$folder"
  mkdir -p "$folder"
  "$@" "$folder"
  touch "$folder.ready"
}

make_debian() {
  local name inputs root="$CACHE/debian" mirror started=$SECONDS
  name="$(full debian)"
  inputs="$( (declare -f make_debian; cat "$CERTIFICATES") | sha256sum | cut -c1-16)"
  [ "$(label_of "$name")" = "$inputs" ] && return
  mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | sort -u | head -1)"
  rm -rf "$root"
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$CACHE/debootstrap.log"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  # The image gets this machine's certificate authorities as a file: the package ca-certificates would replace them.
  install -D -m 644 "$CERTIFICATES" "$root$CERTIFICATES"
  tar -C "$root" -c . |
    podman import --quiet --change 'CMD ["bash"]' --change "LABEL seatkeeper.inputs=$inputs" - "$name" >/dev/null
  rm -rf "$root"
  say "$name: $(size_of "$name"), $((SECONDS - started)) s"
}

copy_node() {
  mkdir -p "$1/bin" "$1/lib/node_modules"
  cp -L "$(command -v node)" "$1/bin/node"
  cp -a "$(npm root --global)/npm" "$1/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/bin/npx"
}

install_maildev() { npm install --silent --no-audit --no-fund --prefix "$1" "maildev@$(version_of maildev/maildev)"; }

# Downloads SecantusDB for the Python of the image, which is Debian's.
download_secantus() {
  python3 -m pip download --quiet --disable-pip-version-check --only-binary :all: --python-version 3.11 --pre \
    --dest "$1" "SecantusDB==$(pin SECANTUS_VERSION)"
}

download_kafka() {
  mvn -q -B -Dstyle.color=never -f "$SCRIPTS/kafka/pom.xml" "-Dkafka.version=$(pin KAFKA_VERSION)" \
    dependency:copy-dependencies "-DoutputDirectory=$1" -DincludeScope=runtime >&2
}

build_kafdrop() {
  local source="$1/source" version
  version="$(version_of obsidiandynamics/kafdrop)"
  git -c advice.detachedHead=false clone --quiet --depth 1 --branch "$version" "$KAFDROP_SOURCE" "$source"
  # Confluent's artifacts, which read Avro and Protobuf with a schema registry, are not on Maven Central.
  python3 "$HERE/kafdrop/without-confluent.py" "$source/pom.xml" "$(pin KAFKA_VERSION)"
  cp -r "$HERE/kafdrop/java" "$source/src/main/"
  mvn -q -B -Dstyle.color=never -f "$source/pom.xml" -Dmaven.test.skip=true package >&2
  mv "$source/target/kafdrop-$version.jar" "$1/kafdrop.jar"
  rm -rf "$source"
}

make_node() {
  local version
  version="$(node --version)"
  once "node-$version" copy_node
  image node node "$(full debian)" "$version" "node=$CACHE/node-$version"
}

make_rust() {
  local toolchain
  toolchain="$(cd "$SCRIPTS" && realpath "$(rustc --print sysroot)")"
  image rust rust "$(full debian)" "$("$toolchain/bin/rustc" --version)" "toolchain=$toolchain"
}

make_services() {
  local debian kafka secantus kafdrop maildev
  debian="$(full debian)" kafka="$(pin KAFKA_VERSION)" secantus="$(pin SECANTUS_VERSION)"
  kafdrop="$(version_of obsidiandynamics/kafdrop)-$kafka" maildev="$(version_of maildev/maildev)"
  image redis redis "$debian" 1
  image caddy caddy "$debian" 1
  once "secantus-$secantus" download_secantus
  image mongo mongo "$debian" "$secantus $(cat "$SCRIPTS/mongo-stand-in.py")" "wheels=$CACHE/secantus-$secantus" \
    "scripts=$SCRIPTS"
  once "kafka-$kafka" download_kafka
  image apache/kafka kafka "$debian" "$kafka" "jars=$CACHE/kafka-$kafka" "settings=$SCRIPTS/kafka"
  once "kafdrop-$kafdrop" build_kafdrop
  image obsidiandynamics/kafdrop kafdrop "$(full apache/kafka)" "$kafdrop" "jar=$CACHE/kafdrop-$kafdrop"
  once "maildev-$maildev" install_maildev
  image maildev/maildev maildev "$(full node)" "$maildev" "maildev=$CACHE/maildev-$maildev"
}

use_own_storage
make_debian
case "${1:?build or run?}" in
build)
  make_node
  make_rust
  ;;
run)
  make_node
  make_services
  ;;
*)
  say "unknown: $1"
  exit 2
  ;;
esac
