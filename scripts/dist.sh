#!/usr/bin/env bash
# Packs the program for other machines: dist/seatkeeper-VERSION-linux-ARCHITECTURE.tar.gz and its SHA-256 checksum. The archive
# has the stripped program, the systemd unit, the default settings and the licence texts. The same program and commit give the
# same archive, byte for byte.
#
#   scripts/dist.sh PROGRAM
#
#   SOURCE_DATE_EPOCH  the time of the files in the archive (that of the commit)
set -euo pipefail

program="$(realpath "${1:?which program?}")"
cd "$(dirname "$0")/.."

say() { printf 'dist: %s\n' "$*" >&2; }

version="$("$program" --version | awk '{ print $2 }')"
name="seatkeeper-$version-linux-$(uname -m)"
changed_at="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
folder="$(mktemp -d)"
server=
clean_up() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
  rm -rf "$folder"
}
trap clean_up EXIT

mkdir -p "$folder/$name" dist
strip --strip-all -o "$folder/$name/seatkeeper" "$program"
cp deploy/seatkeeper.service crates/seatkeeper/config.default.toml LICENSE-APACHE LICENSE-MIT "$folder/$name/"
scripts/third-party-licences.py >"$folder/$name/THIRD-PARTY-LICENCES.txt"
cp "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" "$folder/$name/RUST-STANDARD-LIBRARY-LICENCES.html"
chmod 755 "$folder/$name" "$folder/$name/seatkeeper"
chmod 644 "$folder/$name"/{seatkeeper.service,config.default.toml,*LICEN*}
tar -C "$folder" --sort=name --format=gnu --mtime="@$changed_at" --owner=0 --group=0 --numeric-owner -c "$name" |
  gzip --no-name --best >"dist/$name.tar.gz"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
say "dist/$name.tar.gz: $(du -h --apparent-size "dist/$name.tar.gz" | cut -f1)"

# Verifies the checksum, and starts the program from the archive with the demo cinema.
(cd dist && sha256sum --check --quiet "$name.tar.gz.sha256")
mkdir "$folder/unpacked"
tar -C "$folder/unpacked" -xzf "dist/$name.tar.gz"
mkfifo "$folder/said"
"$folder/unpacked/$name/seatkeeper" serve --demo --listen 127.0.0.1:0 --data-dir "$folder/data" >"$folder/said" 2>"$folder/log" &
server=$!
# The first line is "Seatkeeper is open: URL"; without it the start has failed.
read -r line <"$folder/said" || { cat "$folder/log" >&2; exit 1; }
films="$(curl --silent --show-error --fail "${line##* }/api/movies" | grep -o '"title":' | wc -l)"
[ "$films" -gt 0 ] || { say "the packed program shows no films"; exit 1; }
say "the checksum is correct, and the packed program serves $films films"
