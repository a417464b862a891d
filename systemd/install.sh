# Install and uninstall the service; sourced by dev.
#
# A version is a directory of its own below $program, completed before "current" points to it. So an upgrade that
# is interrupted changes nothing, and a running daemon keeps all its files.

program=/opt/kvmreconcile
command=/usr/local/bin/kvmreconcile
units=/usr/local/lib/systemd/system
users=/usr/local/lib/sysusers.d/kvmreconcile.conf
directories=/usr/local/lib/tmpfiles.d/kvmreconcile.conf
rules=/etc/polkit-1/rules.d/50-kvmreconcile.rules
settings=/etc/kvmreconcile/kvmreconcile.yaml

# Like `packages` in dev: the name on Debian, on Fedora, and a file or program that proves it is installed.
packages_of_host() {
    cat <<'TABLE'
ca-certificates             ca-certificates       /etc/ssl/certs
dnsmasq-base                dnsmasq               dnsmasq
gcc                         gcc                   gcc
git                         git                   git
iptables                    iptables-nft          iptables
libc6-dev                   glibc-devel           /usr/include/stdlib.h
libvirt-clients             libvirt-client        virsh
libvirt-daemon-system       libvirt-daemon-kvm    virtlogd
libvirt-dev                 libvirt-devel         /usr/include/libvirt/libvirt.h
openssh-client              openssh-clients       ssh
pkg-config                  pkgconf-pkg-config    pkg-config
python3-dev                 python3-devel         python3
python3-venv                python3               python3
qemu-system-x86             qemu-kvm              /usr/share/qemu
qemu-utils                  qemu-img              qemu-img
systemd                     systemd               systemctl
TABLE
    # libvirt uses it to detect devices with the name of a network's bridge.
    ! are_drivers_apart || echo libvirt-daemon-driver-interface
}

run_install() {
    [ $# -eq 0 ] || stop "install takes no arguments"
    [ "$(id -u)" = 0 ] || stop "installing needs root"
    install_packages packages_of_host
    python=$(find_python) || stop "Python 3.11 or newer is needed"
    version=$(version_of_clone)
    changed=
    [ -e "$program/$version/complete" ] || make_version
    turn_to_version
    install_file systemd/kvmreconcile.service $units/kvmreconcile.service 644
    install_file systemd/kvmreconcile.service $units/kvmreconcile@.service 644
    install_file systemd/sysusers.conf $users 644
    install_file systemd/tmpfiles.conf $directories 644
    install_file systemd/50-kvmreconcile.rules $rules 644
    systemd-sysusers $users
    systemd-tmpfiles --create $directories
    [ -e $settings ] || install -m 640 -g kvmreconcile systemd/kvmreconcile.yaml $settings
    start_service
    remove_other_versions
    say "installed: $($command --version); settings are in $settings, specs go to /etc/kvmreconcile/specs"
}

# Everything that affects the installation: sources, locked packages, and Python.
version_of_clone() {
    {
        "$python" -V
        cat pyproject.toml requirements.lock requirements-build.lock
        find kvmreconcile -type f -name '*.py' | LC_ALL=C sort | xargs sha256sum
    } | sha256sum | cut -c 1-12
}

make_version() {
    say "making $program/$version"
    trust_certificates_of_host
    work=$(mktemp -d /var/tmp/kvmreconcile-install.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    # Build tools are not kept on the host. Without isolation its versions are locked as well.
    "$python" -m venv "$work/build"
    pip="$work/build/bin/python -m pip --disable-pip-version-check"
    with_retries $pip install --quiet --retries 5 --require-hashes -r requirements-build.lock
    with_retries $pip wheel --quiet --retries 5 --require-hashes --no-deps --no-build-isolation \
        --wheel-dir "$work/wheels" -r requirements.lock
    with_retries $pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$work/wheels" .
    rm -rf "${program:?}/$version"
    (
        # Readable for the daemon's user, whatever root's umask is.
        umask 022
        mkdir -p $program
        "$python" -m venv --without-pip "$program/$version"
        $pip --python "$program/$version/bin/python" install --quiet --no-index --no-deps "$work"/wheels/*.whl
    )
    : >"$program/$version/complete"
}

turn_to_version() {
    [ "$(readlink $program/current || true)" = "$version" ] || changed=yes
    ln -sfn "$version" $program/current.new
    mv -T $program/current.new $program/current
    mkdir -p "$(dirname $command)"
    ln -sfn $program/current/bin/kvmreconcile $command
}

install_file() {
    ! cmp -s "$1" "$2" || return 0
    changed=yes
    mkdir -p "$(dirname "$2")"
    install -m "$3" "$1" "$2"
}

# In a root directory that is not running, as for an image, the service starts at the next boot.
start_service() {
    systemctl --quiet enable kvmreconcile
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    [ -z "$changed" ] || systemctl try-restart 'kvmreconcile@*.service'
    systemctl "$([ -n "$changed" ] && echo restart || echo start)" kvmreconcile
}

remove_other_versions() {
    find $program -mindepth 1 -maxdepth 1 ! -name current ! -name "$version" -exec rm -rf {} +
}

run_uninstall() {
    case "$*" in '' | --purge) ;; *) stop "uninstall takes nothing but --purge" ;; esac
    [ "$(id -u)" = 0 ] || stop "uninstalling needs root"
    if [ -d /run/systemd/system ]; then
        systemctl stop kvmreconcile.service 'kvmreconcile@*.service' 2>/dev/null || true
    fi
    for link in /etc/systemd/system/*.wants/kvmreconcile.service /etc/systemd/system/*.wants/kvmreconcile@*.service; do
        [ ! -L "$link" ] || rm "$link"
    done
    rm -f $units/kvmreconcile.service $units/kvmreconcile@.service $users $directories $rules $command
    rm -rf $program
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    if [ "${1:-}" = --purge ]; then
        purge
    else
        # Without the daemon this user needs no access to libvirt.
        ! id -nG kvmreconcile 2>/dev/null | grep -qw libvirt || gpasswd --delete kvmreconcile libvirt >/dev/null
        say "kept: /etc/kvmreconcile, /var/lib/kvmreconcile and those of further instances; --purge removes them, too"
    fi
    say "guests, networks, pools and volumes are as they were, and so are the packages"
}

purge() {
    rm -rf /etc/kvmreconcile /etc/kvmreconcile@* /var/lib/kvmreconcile /var/lib/kvmreconcile@* \
        /etc/systemd/system/kvmreconcile.service.d /etc/systemd/system/kvmreconcile@*.service.d
    ! getent passwd kvmreconcile >/dev/null || userdel kvmreconcile
    ! getent group kvmreconcile >/dev/null || groupdel kvmreconcile
}
