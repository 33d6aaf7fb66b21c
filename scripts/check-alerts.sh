#!/usr/bin/env bash
# Checks the alert rules with promtool, and runs their tests. Where there is none, Debian's package is unpacked into a
# folder that is gone after; nothing is installed.
set -euo pipefail
docs=$(cd "$(dirname "$0")/../docs" && pwd)

tool=$(command -v promtool || true)
if [ -z "$tool" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  if ! (cd "$folder" && apt-get download prometheus && dpkg -x prometheus_*.deb .) >"$folder/log" 2>&1; then
    echo "no promtool here, and none to be had from Debian: the alert rules are read by the tests alone"
    exit 0
  fi
  tool=$folder/usr/bin/promtool
fi
"$tool" check rules "$docs/prometheus-rules.yml"
cd "$docs" && "$tool" test rules prometheus-rules.test.yml
