# SPDX-License-Identifier: Apache-2.0
# Sourced after settings.sh: starts, enters and stops what runs in namespaces of its own.

start_init() { # folder, layers below it, pid file
  local parent pid tries
  # What libvirt keeps in its /run of guests that a kill ended is as gone as after a loss of power.
  rm -rf "$1/libvirt"
  mkdir -p "$1"/{upper,work,root,shared,libvirt}
  # The lock of this command (9) is not for what stays behind.
  "${clean[@]}" code="$testbed_code/inside" dir="$1" lower="$2" \
    setsid unshare --mount --net --pid --uts --ipc --fork --propagation private \
    /bin/bash "$testbed_code/inside/init" </dev/null >"$1/init.log" 2>&1 9>&- &
  parent=$!
  for ((tries = 0; tries < 150; tries++)); do
    pid=$(cut -d' ' -f1 "/proc/$parent/task/$parent/children" 2>/dev/null) || true
    [ -z "$pid" ] || [ ! -e "/proc/$pid/root/run/testbed/ready" ] || break
    kill -0 "$parent" 2>/dev/null || { cat "$1/init.log" >&2; die "the first process of $1 did not start"; }
    sleep 0.1
  done
  [ "$tries" -lt 150 ] || die "the first process of $1 is not ready after 15 s; see $1/init.log"
  echo "$pid $(started_at "$pid")" >"$3"
}

enter() { # pid, command...
  local pid=$1
  shift
  "${clean[@]}" nsenter -t "$pid" -m -n -p -u -i -r -w -- "$@" 9>&-
}

stop_init() { # pid file: with it the kernel kills all that runs in its namespaces
  local pid
  if pid=$(running "$1"); then
    kill -KILL "$pid"
    while running "$1" >/dev/null; do sleep 0.1; done
  fi
  rm -f "$1"
}

# The databases with their schemas, made in a site of no number that nobody reaches.
prepare() {
  local stamp pid
  stamp=$(cat "$image/stamp" "$testbed_code/inside/prepare" - <<<"$password" | sha256sum | cut -d' ' -f1)
  [ "$(cat "$prepared/stamp" 2>/dev/null)" != "$stamp" ] || return 0
  for pid_of in a b; do
    ! running "$testbed_dir/$pid_of/init.pid" >/dev/null ||
      die "the databases have to be prepared anew; first: ./testbed down $pid_of"
  done
  say "prepares the databases in $prepared, about a minute"
  rm -rf "$prepared"
  mkdir -p "$prepared/shared"
  site=prepare number=0 address=127.0.0.1 host_address=127.0.0.1 floating=127.0.1
  write_settings "$prepared"
  start_init "$prepared" "$image" "$prepared/init.pid"
  pid=$(running "$prepared/init.pid")
  enter "$pid" /opt/testbed/prepare || { stop_init "$prepared/init.pid"; die "the databases were not prepared"; }
  stop_init "$prepared/init.pid"
  rm -rf "$prepared"/upper/{run,tmp,var/log/testbed}
  echo "$stamp" >"$prepared/stamp"
}

write_settings() { # folder: what the scripts inside read
  cat >"$1/shared/site.env" <<ENV
site=$site
number=$number
address=$address
host_address=$host_address
floating=$floating
password=$password
resume_guests=${LIFEBOAT_TESTBED_RESUME:-false}
ENV
}

# An ordinary user and the administrator of each site, for whatever reads clouds.yaml. Addresses are fixed, so both
# sites are in it whether they run or not.
write_clouds() {
  local at cloud who
  {
    echo "clouds:"
    for at in a b; do
      for who in lifeboat admin; do
        (
          site_is "$at"
          cloud=lifeboat-$at
          [ "$who" = lifeboat ] || cloud=$cloud-admin
          cat <<YAML
  $cloud:
    region_name: $at
    auth:
      auth_url: http://$address:5000/v3
      username: $who
      password: $password
      project_name: $who
      user_domain_name: Default
      project_domain_name: Default
YAML
        )
      done
    done
  } >"$testbed_dir/clouds.yaml.new"
  mv "$testbed_dir/clouds.yaml.new" "$testbed_dir/clouds.yaml"
}

# A line that stays is of a site in another folder; that of a site just killed goes within a moment.
line_is_free() {
  local tries
  for ((tries = 0; tries < 50; tries++)); do
    [ -e "/sys/class/net/$line" ] || return 0
    sleep 0.1
  done
  die "another site $site runs on this machine (interface $line is there); only one can, whatever its folder"
}

# The line between this machine and the site. What comes from it is forwarded, so that sites reach each other and each
# other's floating addresses; the machine's forwarding at large stays as it is.
connect() { # pid
  ip link add "$line" type veth peer name eth0 netns "$1"
  ip addr add "$host_address/24" dev "$line"
  ip link set "$line" up
  echo 1 >"/proc/sys/net/ipv4/conf/$line/forwarding"
  enter "$1" ip addr add "$address/24" dev eth0
  enter "$1" ip link set eth0 up
  enter "$1" ip route add default via "$host_address"
  ip route replace "$floating.0/24" via "$address"
}
