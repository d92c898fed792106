#!/usr/bin/env bash
# Starts and stops the real servers that the integration tests run against, on a Debian machine:
#   PostgreSQL        127.0.0.1:25432   user dp, password dp-test-password, database dp, superuser
#   Ceph RGW (S3)     127.0.0.1:25490   access key dp, secret key dpsecret12345
# Ports below 32768, or a client's connection could have taken one for its own end. Their contents are throw-away: stop deletes them. start installs what is missing, and does nothing that is already done.
set -euo pipefail

usage="usage: eng/services.sh start|stop|status|env"
home=${DATAPLATFORM_TEST_HOME:-/tmp/dataplatform-test}

pg_port=25432
pg_password=dp-test-password
pg_home=$home/postgres
pg_connection="Host=127.0.0.1;Port=$pg_port;Username=dp;Password=$pg_password;Database=dp"

s3_endpoint=http://127.0.0.1:25490
s3_root=$home/rgw          # a Debian system with Ceph in it, entered with chroot
s3_home=/srv/rgw           # where the daemons keep their things, as they see it inside
s3_connection="Endpoint=$s3_endpoint;AccessKeyId=dp;SecretAccessKey=dpsecret12345"

say() { echo "services: $*"; }
fail() { echo "services: $*" >&2; exit 1; }
as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# ---- installing -------------------------------------------------------------------------------------------------------------

apt_updated=
install_package() { # name...
  say "installing $*"
  if [[ -z $apt_updated ]]; then as_root apt-get update -qq; apt_updated=1; fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>"$home/apt.log" ||
    fail "apt-get could not install $*: $(tail -n 3 "$home/apt.log")"
}

pg_bin() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

install_missing() {
  [[ -n $(pg_bin) ]] || install_package postgresql
  command -v curl >/dev/null || install_package curl
  command -v clang >/dev/null || command -v gcc >/dev/null || install_package gcc libc6-dev # links what Native AOT compiles
  [[ -x $s3_root/usr/bin/radosgw ]] || install_ceph
}

# Ceph is unpacked next to the system, not installed into it: the tests need a newer one than Debian stable has.
install_ceph() {
  command -v mmdebstrap >/dev/null || install_package mmdebstrap
  say "unpacking Ceph from Debian forky (about 160 MB)"
  unpack_ceph forky && return
  say "forky cannot be had, unpacking Ceph from Debian trixie: not covered then are checksums (its 18.2 does not verify them) and If-Match on put (wrong in it)"
  unpack_ceph trixie || fail "mmdebstrap could not unpack Ceph; see $home/mmdebstrap.log"
}

unpack_ceph() { # suite
  as_root rm -rf "$s3_root" "$s3_root.part"
  as_root mmdebstrap --quiet --variant=extract --include=base-files,libc-bin,ceph-mon,ceph-osd,radosgw \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    "$1" "$s3_root.part" >"$home/mmdebstrap.log" 2>&1 </dev/null && as_root mv "$s3_root.part" "$s3_root"
}

# ---- PostgreSQL -------------------------------------------------------------------------------------------------------------

# PostgreSQL refuses to run as root.
as_pg() { if ((EUID == 0)); then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
pg_ctl() { as_pg "$(pg_bin)/pg_ctl" -D "$pg_home/data" -s "$@" </dev/null >>"$home/postgres.ctl.log" 2>&1; }
pg_answers() { [[ -n $(pg_bin) ]] && "$(pg_bin)/pg_isready" -q -h 127.0.0.1 -p "$pg_port"; }

pg_create() {
  as_root rm -rf "$pg_home"
  mkdir -p "$pg_home"
  ((EUID != 0)) || chown postgres: "$pg_home"
  as_pg tee "$pg_home/password" <<<"$pg_password" >/dev/null
  as_pg "$(pg_bin)/initdb" -D "$pg_home/data" --username=dp --pwfile="$pg_home/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 </dev/null >"$home/postgres.ctl.log" 2>&1 || fail "initdb failed; see $home/postgres.ctl.log"
  as_pg tee -a "$pg_home/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $pg_port
unix_socket_directories = ''
shared_buffers = 256MB
max_connections = 200
max_wal_size = 4GB
max_prepared_transactions = 10
CONF
}

start_postgres() {
  if pg_answers; then say "PostgreSQL is running on 127.0.0.1:$pg_port"; return; fi
  [[ -f $pg_home/data/dp-created ]] || pg_create
  pg_ctl -l "$pg_home/log" -w -t 60 start || fail "PostgreSQL did not start; see $home/postgres.ctl.log and $pg_home/log"
  if [[ ! -f $pg_home/data/dp-created ]]; then
    PGPASSWORD=$pg_password "$(pg_bin)/createdb" -h 127.0.0.1 -p "$pg_port" -U dp dp
    as_pg touch "$pg_home/data/dp-created"
  fi
  say "PostgreSQL $(as_pg "$(pg_bin)/postgres" -V | awk '{print $3}') started on 127.0.0.1:$pg_port"
}

stop_postgres() {
  if pg_ctl -m immediate -w stop; then say "PostgreSQL stopped"; else say "PostgreSQL is not running"; fi
  as_root rm -rf "$pg_home"
}

# ---- Ceph RADOS Gateway -----------------------------------------------------------------------------------------------------

ceph() { as_root env "CEPH_CONF=$s3_home/ceph.conf" timeout 60 chroot "$s3_root" "$@" </dev/null >>"$home/rgw.log" 2>&1; }
s3_answers() { curl -s -o /dev/null --max-time 5 "$s3_endpoint/"; }

s3_configure() {
  as_root mkdir -p "$s3_root$s3_home"/{mon,osd,log,run,rgw}
  as_root touch "$s3_root$s3_home/keyring"
  # Objects live in memory. crc mode, paxos and tcp_nodelay settings: without them the gateway hangs at start or each call takes 50 ms.
  # The vault at 25492, which keeps the keys of SSE-S3, is played by the tests that need it.
  as_root tee "$s3_root$s3_home/ceph.conf" >/dev/null <<CONF
[global]
fsid = 5d1f3d9e-0000-4000-8000-000000000001
mon host = [v2:127.0.0.1:25491/0]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind port min = 25494
ms bind port max = 25499
ms mon client mode = crc
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
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
mon data = $s3_home/mon
mon cluster log file = $s3_home/log/cluster.log
osd data = $s3_home/osd
osd objectstore = memstore
memstore device bytes = 8589934592
run dir = $s3_home/run
admin socket = $s3_home/run/\$name.asok
pid file = $s3_home/run/\$name.pid
log file = $s3_home/log/\$name.log
crash dir = $s3_home/run
keyring = $s3_home/keyring
[client.rgw]
rgw frontends = beast endpoint=${s3_endpoint#http://} tcp_nodelay=1
rgw data = $s3_home/rgw
rgw dns name = localhost
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw crypt require ssl = false
rgw crypt s3 kms backend = testing
rgw crypt s3 kms encryption keys = testkey-1=YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=
rgw crypt sse s3 backend = vault
rgw crypt sse s3 vault auth = token
rgw crypt sse s3 vault token file = $s3_home/vault-token
rgw crypt sse s3 vault addr = http://127.0.0.1:25492
rgw crypt sse s3 vault secret engine = transit
rgw crypt sse s3 vault prefix = /v1/transit
CONF
  echo test-token | as_root tee "$s3_root$s3_home/vault-token" >/dev/null
  as_root chmod 600 "$s3_root$s3_home/vault-token"
}

s3_boot() {
  local fsid=5d1f3d9e-0000-4000-8000-000000000001 osd=5d1f3d9e-0000-4000-8000-0000000000aa
  ceph monmaptool --create --fsid $fsid --addv a '[v2:127.0.0.1:25491/0]' "$s3_home/monmap" &&
    ceph ceph-mon --mkfs -i a --monmap "$s3_home/monmap" && ceph ceph-mon -i a &&
    ceph ceph osd new $osd 0 && ceph ceph-osd -i 0 --mkfs --osd-uuid $osd && ceph ceph-osd -i 0 &&
    ceph radosgw-admin user create --uid=dp --display-name=dp --access-key=dp --secret-key=dpsecret12345 &&
    ceph radosgw -n client.rgw
}

start_s3() {
  if s3_answers; then say "Ceph RGW is running on $s3_endpoint"; return; fi
  s3_kill
  : >"$home/rgw.log"
  s3_configure
  s3_boot || fail "Ceph RGW did not start; see $home/rgw.log and $s3_root$s3_home/log"
  local attempt
  for ((attempt = 0; attempt < 600; attempt++)); do
    if s3_answers; then say "Ceph RGW started on $s3_endpoint (Debian $(cat "$s3_root/etc/debian_version"))"; return; fi
    sleep 0.05
  done
  fail "Ceph RGW does not answer on $s3_endpoint; see $s3_root$s3_home/log"
}

# Asked politely, radosgw takes 20 s.
s3_kill() {
  local file pid
  for file in "$s3_root$s3_home"/run/*.pid; do
    pid=$(as_root cat "$file" 2>/dev/null) || continue
    case $(cat "/proc/$pid/comm" 2>/dev/null) in ceph-mon | ceph-osd | radosgw) as_root kill -9 "$pid" ;; esac
  done
  as_root rm -rf "$s3_root$s3_home"
}

stop_s3() {
  if s3_answers; then s3_kill; say "Ceph RGW stopped"; else s3_kill; say "Ceph RGW is not running"; fi
}

# ---- commands ---------------------------------------------------------------------------------------------------------------

# One start or stop at a time. The servers must not inherit the lock, or they would hold it for as long as they run.
lock() {
  mkdir -p "$home"
  exec 9>"$home/lock"
  flock 9
}

start() {
  lock
  install_missing
  (start_postgres) 9>&- &
  local postgres=$!
  (start_s3) 9>&- &
  local s3=$! failed=0
  wait $postgres || failed=1
  wait $s3 || failed=1
  return $failed
}

stop() {
  lock
  stop_postgres 9>&-
  stop_s3 9>&-
}

status() {
  local failed=0
  if pg_answers; then say "PostgreSQL is running on 127.0.0.1:$pg_port"; else say "PostgreSQL is not running"; failed=1; fi
  if s3_answers; then say "Ceph RGW is running on $s3_endpoint"; else say "Ceph RGW is not running"; failed=1; fi
  return $failed
}

environment() {
  echo "export DATAPLATFORM_TEST_POSTGRES='$pg_connection'"
  echo "export DATAPLATFORM_TEST_S3='$s3_connection'"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  status) status ;;
  env) environment ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
