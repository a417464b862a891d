# libvirt's daemons in a lab, sourced by it: one that crashes is started again, one that was stopped stays stopped.
#
# Files of the lab, each named after a daemon:
#   stopping/NAME  its end was asked for
#   stopped/NAME   it does not run, and will once this file is gone
# "crashes" has a line for each end that was not asked for: the daemon and its exit status.

# Run a daemon as long as the lab lives, as systemd does with Restart=on-failure, which libvirt's own units have.
supervise() {
    while :; do
        status=0
        # A lab may want its libvirtd to listen to the network: its options are in a file.
        "$1" $(cat "$lab/$1-options" 2>/dev/null || true) || status=$?
        if [ $status = 0 ] || [ -e "$lab/stopping/$1" ]; then
            : >"$lab/stopped/$1"
            while [ -e "$lab/stopped/$1" ]; do sleep 0.02; done
            rm -f "$lab/stopping/$1"
        else
            echo "$1 $status" >>"$lab/crashes"
            sleep 0.1
        fi
    done
}

run__start() {
    rm -f "$lab/stopped/$1"
    wait_until_it_answers "$1"
}

# Returns when supervise() has noticed the end: earlier, it might take it for a crash.
run__stop() {
    : >"$lab/stopping/$2"
    signalled=
    until [ -e "$lab/stopped/$2" ]; do
        # If it crashes at this moment, the one that is started in its place is to end.
        pid=$(cat "/run/$2.pid" 2>/dev/null || true)
        if [ "$pid" != "$signalled" ] && grep -q "$2" "/proc/$pid/cmdline" 2>/dev/null; then
            ! kill -s "$1" "$pid" 2>/dev/null || signalled=$pid
        fi
        sleep 0.02
    done
}

run__restart() {
    run__stop "$1" "$2"
    run__start "$2"
}

wait_until_it_answers() {
    deadline=$(($(date +%s) + ready_within_s))
    until answers "$1"; do
        [ "$(date +%s)" -lt "$deadline" ] || stop "$1 does not answer"
        sleep 0.02
    done
}

# A daemon answers once it has loaded all that it manages.
answers() {
    case $1 in
    libvirtd) driver=qemu socket=libvirt-sock ;;
    *) driver=${1#virt} driver=${driver%d} socket=$1-sock ;;
    esac
    virsh -c "$driver+unix:///system?socket=/run/libvirt/$socket" uri >/dev/null 2>&1
}
