#!/bin/bash
# The health check of the compose file: --bootstrap-server HOST:PORT. It only connects.
set -euo pipefail
exec 3<>"/dev/tcp/${2%:*}/${2##*:}"
