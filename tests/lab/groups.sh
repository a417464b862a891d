# Control groups for a lab, sourced by it: so that libvirtd has its own, and those of two labs never meet.
#
# Hierarchies are mounted afresh, below a directory of the lab, as a container or a chroot need not show them.
# What cannot be mounted or made, the lab does without, as libvirtd does.

# One a line for version 1, such as "memory" or "cpu,cpuacct"; "unified" for version 2; nothing for none.
hierarchies() {
    [ -e /proc/self/cgroup ] || return 0
    cut -d : -f 2 /proc/self/cgroup | grep -v -e '^$' -e '^name=' || echo unified
}

mount_hierarchies() {
    mount -t tmpfs groups "$1"
    for hierarchy in $(hierarchies); do
        mkdir "$1/$hierarchy"
        mount_hierarchy "$hierarchy" "$1/$hierarchy" || rmdir "$1/$hierarchy"
    done
}

mount_hierarchy() {
    case $1 in
    unified) mount -t cgroup2 groups "$2" ;;
    *) mount -t cgroup -o "$1" groups "$2" ;;
    esac
}

# The lab's group in each hierarchy; none for a lab that died before it had a name for it.
groups_of_lab() {
    [ -s "$lab/control-group" ] || return 0
    group=$(cat "$lab/control-group")
    for hierarchy in $(ls "$lab/groups"); do
        echo "$lab/groups/$hierarchy/$group"
    done
}

make_groups() {
    for group in $(groups_of_lab); do
        parent=$(dirname "$group")
        delegate "$parent"
        mkdir "$group" || continue
        # A new cpuset of version 1 is empty, and no process can join it.
        [ -e "$parent/cgroup.controllers" ] || [ ! -e "$group/cpuset.cpus" ] || {
            cat "$parent/cpuset.cpus" >"$group/cpuset.cpus"
            cat "$parent/cpuset.mems" >"$group/cpuset.mems"
        }
    done
}

# In version 2 a group's children have the controllers that it hands on.
delegate() {
    [ -e "$1/cgroup.controllers" ] || return 0
    for controller in $(cat "$1/cgroup.controllers"); do
        echo "+$controller" 2>/dev/null >"$1/cgroup.subtree_control" || true
    done
}

join_groups() {
    for group in $(groups_of_lab); do
        [ ! -d "$group" ] || echo 0 >"$group/cgroup.procs" || true
    done
}

# Groups can be removed from the innermost outwards, once the last process is gone for good.
remove_groups() {
    for group in $(groups_of_lab); do
        deadline=$(($(date +%s) + gone_within_s))
        while [ -d "$group" ] && [ "$(date +%s)" -lt "$deadline" ]; do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
        done
    done
}

# From here on inside: the lab's groups are the roots that its namespace shows.
mount_own_groups() {
    [ -d /sys/fs/cgroup ] || return 0
    if [ "$(hierarchies)" = unified ]; then
        mount_hierarchy unified /sys/fs/cgroup || return 0
        # Only a group without processes may hand on controllers.
        mkdir /sys/fs/cgroup/init
        join_own_groups
        delegate /sys/fs/cgroup
    else
        mount_hierarchies /sys/fs/cgroup
    fi
}

join_own_groups() {
    if [ -d /sys/fs/cgroup/init ]; then
        echo 0 >/sys/fs/cgroup/init/cgroup.procs
        return
    fi
    for processes in /sys/fs/cgroup/*/cgroup.procs; do
        [ ! -e "$processes" ] || echo 0 >"$processes"
    done
}
