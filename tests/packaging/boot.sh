#!/bin/sh
# Boots systemd as PID 1 of namespaces of its own, on a copy of this machine's files: boot.sh FOLDER
#
# What is in FOLDER/upper is laid over the files, and all that is written lands there. The network is that of the machine,
# the processes are not; /run and /tmp are empty. When systemd ends, or after two minutes, everything is gone.
set -eu
folder=$1

if [ "${2-}" != inside ]; then
    # A control group of its own, below which systemd makes others.
    mount -t cgroup2 none "$folder/cgroup"
    group=$folder/cgroup/calloff-test-$$
    mkdir "$group"
    sh -c 'echo $$ > "$0/cgroup.procs" && exec "$@"' "$group" \
        timeout --signal KILL 120 unshare --pid --fork --kill-child --mount --ipc --uts --cgroup \
        "$0" "$folder" inside || true
    # Those who lived in there may take a moment to die.
    tries=0
    until find "$group" -depth -type d -exec rmdir {} + 2> /dev/null || [ $tries -gt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    exit
fi

root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# Nothing of the rest of this machine is to be started.
for wants in "$root"/usr/lib/systemd/system/*.wants; do
    mount -t tmpfs tmpfs "$wants"
done
mkdir "$root/run/old"
cd "$root"
pivot_root . run/old
umount --lazy run/old
# What systemd mounts for a unit it mounts from elsewhere.
mount --make-rshared /
# `container` keeps it from mending clocks, loading modules and the like.
exec env -i container=calloff-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=calloff-test.target --log-target=null --show-status=no
