#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a libvirtd of its own, with what it writes in name spaces of its own, so that a libvirt of this machine is not
# touched.
#   run-libvirt.sh DIRECTORY    an existing directory: libvirt-sock and libvirtd.log appear in it
# Ends, with all its domains, when its standard input does.
set -eu
directory=$1 self=$(readlink -f "$0")

if [ "${2:-}" != inside ]; then
  # A signal for everybody would leave nobody to end what is inside.
  trap : INT TERM HUP
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc bash "$self" "$directory" inside \
    </dev/null &
  unshared=$!
  setsid cat >/dev/null || true
  kill -KILL "$unshared" 2>/dev/null || true
  wait "$unshared" 2>/dev/null || true
  exit 0
fi

for mount in /run /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
  mkdir -p "$mount"
  mount -t tmpfs tmpfs "$mount"
done
# Debian's libvirtd does not start without its user, whom another package makes; here its guests are root's.
for file in passwd group; do
  cp "/etc/$file" "/run/$file"
  grep -q ^libvirt-qemu: "/run/$file" || case $file in
    passwd) echo libvirt-qemu:x:64055:64055::/:/bin/false >>/run/passwd ;;
    group) echo libvirt-qemu:x:64055: >>/run/group ;;
  esac
  mount --bind "/run/$file" "/etc/$file"
done
mkdir -p /run/libvirt /var/lib/libvirt/qemu /var/log/libvirt/qemu /var/cache/libvirt/qemu
cat >/etc/libvirt/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
remember_owner = 0
namespaces = []
cgroup_controllers = []
END
cat >"$directory/libvirtd.conf" <<END
unix_sock_dir = "$directory"
auth_unix_rw = "none"
log_outputs = "2:file:$directory/libvirtd.log"
END
# Started again when it is killed, as systemd does: domains live on.
while true; do libvirtd -f "$directory/libvirtd.conf" -p "$directory/libvirtd.pid" || sleep 0.2; done
