# What runs inside a lab, sourced by it: its process 1, and what others come in to do.

run__init() {
    make_root_a_mount
    cd /
    # As long as /proc is the outer one, it tells by what number the outside knows this process.
    read -r pid _ </proc/self/stat
    echo "$pid" >"$lab/pid"
    hostname "$name"
    mount_own_directories
    mount -t proc proc /proc
    # What lies below the new mounts would still be listed, and libvirtd goes by the list.
    umount -R "$lab/groups"
    umount -R /sys 2>/dev/null || true
    mount -t sysfs sysfs /sys
    mount_own_groups
    ip link set lo up
    virtlogd -d 3<&- 9>&-
    for daemon in $daemons; do
        supervise "$daemon" 3<&- 9>&- &
        until answers "$daemon"; do
            [ ! -e "$lab/crashes" ] || stop "$daemon does not start"
            sleep 0.02
        done
    done
    : >"$lab/ready"
    # Waiting for a child of its own, a shell also buries the orphans that fall to process 1. A dead QEMU
    # that nobody buries would look alive to libvirtd.
    head -c 1 <&3 >/dev/null &
    wait $!
}

# libvirtd gives each QEMU a mount namespace, for which / has to be a mount point.
make_root_a_mount() {
    ! mountpoint -q / || return 0
    mount --rbind / "$lab/root"
    exec chroot "$lab/root" "$self" -n "$name" _init
}

mount_own_directories() {
    mount --bind "$lab/run" /run
    [ -L /var/run ] || mount --bind "$lab/run" /var/run
    for kind in lib cache log; do
        mkdir -p /var/$kind/libvirt
        mount --bind "$lab/$kind" /var/$kind/libvirt
    done
    mkdir -p /etc/libvirt
    mount --bind "$lab/etc" /etc/libvirt
    [ -e /etc/hosts ] || : >/etc/hosts
    for file in hosts passwd group; do
        mount --bind "$lab/$file" "/etc/$file"
    done
    # No name server can be reached from here; naming none fails at once instead of after a time-out.
    [ ! -e /etc/resolv.conf ] || mount --bind "$lab/resolv.conf" "$(realpath /etc/resolv.conf)"
}

run__inside() {
    join_own_groups
    cd "$1" 2>/dev/null || cd /
    shift
    exec "$@"
}
