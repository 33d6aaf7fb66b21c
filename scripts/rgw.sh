#!/usr/bin/env bash
# A throw-away Ceph RADOS Gateway on loopback: a real S3 server, for tests and benchmarks. As root, without systemd.
#
#   scripts/rgw.sh run COMMAND…    starts it, runs the command with FILESWEEP_S3_… set, stops it again
#   scripts/rgw.sh start DIR       starts it, with its data in DIR
#   scripts/rgw.sh stop DIR        stops it and deletes DIR
#   scripts/rgw.sh kill DIR        kills the gateway alone, as a crash would
#   scripts/rgw.sh revive DIR      starts the gateway again after that
#
# Needs (Debian): apt-get install --no-install-recommends radosgw ceph-mon ceph-osd faketime
# Two gateways serve the same buckets: one by the machine's clock, and one whose clock is 90 days behind, so that what is
# put there (signed by that clock) really is 90 days old. SHARDS=8 makes listings answer short pages that are not the last.
# tcp_nodelay, which Ceph does not set by itself: else the last bytes of an answer wait for the acknowledgement of those
# before them, which a client on the same machine delays by 40 ms, now and then.
set -euo pipefail

PORT=${PORT:-18180}
OLD_PORT=$((PORT + 1))
MONITOR_PORT=$((PORT + 2))
SHARDS=${SHARDS:-1}

configure() {
  local dir=$1 fsid=$2 monitor=$3
  cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
run dir = $dir/run
admin socket = $dir/run/\$name.asok
log file = $dir/log/\$name.log
log to stderr = false
mon initial members = a
mon host = $monitor
public addr = 127.0.0.1
cluster addr = 127.0.0.1
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
mon data avail warn = 2
osd objectstore = memstore
memstore device bytes = 8589934592
osd max object name len = 4096
[mon.a]
mon data = $dir/mon
[osd.0]
osd data = $dir/osd
[client.rgw.a]
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw dynamic resharding = false
rgw override bucket index max shards = $SHARDS
debug rgw = 0
[client.rgw.old]
rgw data = $dir/rgw-old
rgw frontends = beast endpoint=127.0.0.1:$OLD_PORT tcp_nodelay=1
rgw enable gc threads = false
rgw enable lc threads = false
rgw dynamic resharding = false
rgw override bucket index max shards = $SHARDS
debug rgw = 0
CONF
}

await_answer() {
  for _ in $(seq 300); do
    if curl --silent --output /dev/null "http://127.0.0.1:$1/"; then return; fi
    sleep 0.2
  done
  echo "rgw.sh: no answer on port $1" >&2
  tail -n 20 "$2"/log/* >&2
  return 1
}

# Remembers the process, so that nothing else is ever killed. The pid is written before anything waits for it.
in_background() {
  local dir=$1 name=$2
  shift 2
  "$@" </dev/null >"$dir/log/$name.out" 2>&1 &
  echo $! >"$dir/$name.pid"
  # Else the shell reports the death of each.
  disown
}

start_gateway() {
  in_background "$1" gateway radosgw -c "$1/ceph.conf" -n client.rgw.a -f
  await_answer "$PORT" "$1"
}

# LD_PRELOAD directly and not through `faketime`, so that the process is the gateway itself.
start_old_gateway() {
  local library
  library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1)
  in_background "$1" gateway-old env "LD_PRELOAD=$library" FAKETIME=-90d FAKETIME_DONT_FAKE_MONOTONIC=1 \
    radosgw -c "$1/ceph.conf" -n client.rgw.old -f
  await_answer "$OLD_PORT" "$1"
}

start() {
  local dir=$1 fsid osd monitor="[v1:127.0.0.1:$MONITOR_PORT]"
  mkdir -p "$dir"/{mon,osd,rgw,rgw-old,run,log}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  configure "$dir" "$fsid" "$monitor"
  local conf="$dir/ceph.conf"
  monmaptool --create --fsid "$fsid" --addv a "$monitor" --clobber "$dir/monmap" >/dev/null
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
  in_background "$dir" mon ceph-mon -c "$conf" -i a -f
  # With the same uuid as below; else the OSD never comes up.
  ceph -c "$conf" --connect-timeout 60 osd new "$osd" 0 >/dev/null
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" >"$dir/log/osd-mkfs.out" 2>&1
  in_background "$dir" osd ceph-osd -c "$conf" -i 0 -f
  for _ in $(seq 200); do
    if ceph -c "$conf" osd stat 2>/dev/null | grep -q "1 up"; then break; fi
    sleep 0.3
  done
  start_gateway "$dir"
  timeout 120 radosgw-admin -c "$conf" user create --uid=test --display-name=test \
    --access-key=test --secret-key=testsecret >/dev/null
  start_old_gateway "$dir"
}

kill_one() {
  local file="$1/$2.pid"
  if [ -f "$file" ]; then
    # SIGKILL: the data is thrown away, and a gateway with another clock may never leave on SIGTERM.
    kill -9 "$(cat "$file")" 2>/dev/null || true
    rm -f "$file"
  fi
}

stop() {
  for name in gateway-old gateway osd mon; do kill_one "$1" "$name"; done
  rm -rf "$1"
}

run() {
  local dir status=0
  for attempt in 1 2 3; do
    dir=$(mktemp -d)
    # shellcheck disable=SC2064  # the directory of now
    trap "stop '$dir'" EXIT
    # On a busy machine the monitor may miss the first that speaks to it, who then waits for ever: all is begun anew.
    if timeout 100 bash "${BASH_SOURCE[0]}" start "$dir"; then break; fi
    stop "$dir"
    [ "$attempt" -lt 3 ] || { echo "rgw.sh: it does not start" >&2; exit 1; }
  done
  FILESWEEP_S3_ENDPOINT="http://127.0.0.1:$PORT" FILESWEEP_S3_OLD_ENDPOINT="http://127.0.0.1:$OLD_PORT" \
    FILESWEEP_S3_GATEWAY="$dir" "$@" || status=$?
  exit "$status"
}

command=${1:-}
shift || true
case $command in
  run) run "$@" ;;
  start) start "$1" ;;
  stop) stop "$1" ;;
  kill) kill_one "$1" gateway ;;
  revive) start_gateway "$1" ;;
  *) sed -n '2,/^set/p' "$0" | sed '$d' >&2; exit 2 ;;
esac
