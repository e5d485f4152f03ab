#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Boots the systemd of this machine in name spaces of its own, over this machine's files. What it could write to is its own
# (/etc, /var, /run, /tmp), and it knows no unit of this machine: those of Debian would clean up files that are not theirs.
#   boot-systemd.sh DIRECTORY SITE    an empty directory for its mounts; a directory to share. DIRECTORY.pid gets the
#                                     process to nsenter.
# Ends, and leaves nothing behind, when its standard input does.
set -eu
directory=$1 site=$2 self=$(readlink -f "$0")

if [ "${3:-}" != inside ]; then
  # A signal for everybody would leave nobody to end what is inside.
  trap : INT TERM HUP
  # A cgroup of its own, which is the root of what that systemd sees.
  mkdir -p "$directory/cgroups"
  mount -t cgroup2 cgroup2 "$directory/cgroups"
  group=$directory/cgroups/lifeboat-test-$$
  mkdir "$group"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --mount --propagation private --pid --uts --ipc --net --cgroup --fork --kill-child \
      bash "$self" "$directory" "$site" inside
  ) </dev/null &
  unshared=$!
  init=""
  while [ -z "$init" ] && kill -0 "$unshared"; do
    sleep 0.05
    init=$(tr -d ' ' <"/proc/$unshared/task/$unshared/children" || true)
  done
  echo "$init" >"$directory.pid.new"
  mv "$directory.pid.new" "$directory.pid"
  setsid cat >/dev/null || true
  kill -KILL "$unshared" 2>/dev/null || true
  wait "$unshared" 2>/dev/null || true
  for try in $(seq 100); do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  umount "$directory/cgroups"
  exit 0
fi

root=$directory/root
mkdir "$root"
mount --rbind / "$root"
mount --make-rprivate "$root"
for own in etc var; do
  mkdir "$directory/$own" "$directory/$own.work"
  mount -t tmpfs tmpfs "$directory/$own.work"
  mkdir "$directory/$own.work/up" "$directory/$own.work/work"
  mount -t overlay overlay -o "lowerdir=/$own,upperdir=$directory/$own.work/up,workdir=$directory/$own.work/work" "$root/$own"
done
umount -l "$root/proc" "$root/sys" "$root/dev"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
mkdir "$directory/site"
mount --bind "$site" "$directory/site"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/$site"
mount --bind "$directory/site" "$root/$site"
mount -t tmpfs tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for device in null zero full random urandom; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
ip link set lo up
units=/etc/lifeboat-test
mkdir "$root$units"
for target in lifeboat-test sysinit basic shutdown multi-user network-online; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$root$units/$target.target"
done
cd "$root"
mkdir -p run/former
pivot_root . run/former
umount -l /run/former
SYSTEMD_UNIT_PATH=/run/systemd/system:/etc/systemd/system:$units container=lifeboat-test \
  exec /lib/systemd/systemd --system --unit=lifeboat-test.target --log-target=null --show-status=no
