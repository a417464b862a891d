"""Use a host that follows a repository over ssh, as its administrator does."""

import json
import time
from collections.abc import Iterator
from typing import Any

from tests.host.host import WITHIN_S, Host
from tests.waiting import wait_until

HOSTS = "/srv/hosts"
"""The URL of the repository, which is on the host itself but reached over ssh."""
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {name: images}
spec: {autostart: true, path: /var/lib/libvirt/images}
"""
VOLUME = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: root}
spec: {pool: images, format: raw, source: {file: images/root.raw, contentFormat: any}}
"""
NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: lan}
spec:
  autostart: true
  addresses:
    - {address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.100, end: 192.0.2.200}]}}
"""
# Boots nothing: it only has to run.
GUEST = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: web1}
spec:
  type: qemu
  memory: 32MiB
  disks:
    - {name: root, volume: {pool: images, name: root}}
  interfaces:
    - {name: lan, network: lan}
"""
SPECS = {"pool.yaml": POOL, "volume.yaml": VOLUME, "network.yaml": NETWORK, "web1.yaml": GUEST}
IMAGE = "root" * 16384
SETTINGS = f"""\
git:
  url: ssh://git@localhost{HOSTS}
  directory: kvm1
  poll: 1h
  allowedSigners: /etc/kvmreconcile/allowed_signers
"""
KEYS = """\
[Service]
LoadCredential=git-ssh-key:/etc/kvmreconcile/id_ed25519
LoadCredential=git-known-hosts:/etc/kvmreconcile/known_hosts
"""
DROP_INS = "/etc/systemd/system/kvmreconcile.service.d"

FIELD = "KVMRECONCILE_"
"""The prefix of the log's fields in the journal."""
Line = dict[str, Any]


class Site:
    """
    The service and its objects on a host.

    Attributes:
        in_sync: What `systemctl status` shows once the host is in sync with the newest commit.
    """

    def __init__(self, host: Host, within_s: float = WITHIN_S) -> None:
        self.host = host
        self._within_s = within_s
        self._specs: dict[str, str] = {}
        self.in_sync = "0 in sync"
        self._seen = ""

    def make_repository(self) -> None:
        """Create the repository, a user that serves it, and the keys of the user and of the signer."""
        self.host.run(
            f"useradd --system --create-home --shell /bin/sh git\n"
            f"ssh-keygen -q -t ed25519 -N '' -f /etc/kvmreconcile/id_ed25519\n"
            f"ssh-keygen -q -t ed25519 -N '' -f /home/git/signer\n"
            f"mkdir /home/git/.ssh && cp /etc/kvmreconcile/id_ed25519.pub /home/git/.ssh/authorized_keys\n"
            f"ssh-keyscan -t ed25519 localhost 2>/dev/null >/etc/kvmreconcile/known_hosts\n"
            f"echo signer $(cut -d ' ' -f 1,2 /home/git/signer.pub) >/etc/kvmreconcile/allowed_signers\n"
            f"mkdir {HOSTS}\n"
            f"chown -R git: /home/git {HOSTS}\n"
            f"runuser -u git -- git init --quiet --initial-branch main {HOSTS}"
        )
        self.host.write(f"{HOSTS}/kvm1/images/root.raw", IMAGE)

    def commit(self, specs: dict[str, str]) -> str:
        """Commit specs, signed, and return the commit's name, shortened."""
        for name, text in specs.items():
            self.host.write(f"{HOSTS}/kvm1/{name}", text)
        self.host.run(
            f"chown -R git: {HOSTS}; cd {HOSTS}; g='runuser -u git -- git -c user.name=A -c user.email=a@example.org "
            f"-c gpg.format=ssh -c user.signingKey=/home/git/signer'\n$g add --all; $g commit -q --allow-empty -S -m 'Specs'"
        )
        commit = self.host.output("git", "--git-dir", f"{HOSTS}/.git", "rev-parse", "--short=12", "main")
        self._specs |= specs
        objects = sum(text.count("kind: ") for text in self._specs.values())
        self.in_sync = f"{objects} in sync, commit {commit}"
        return commit

    def follow_repository(self) -> None:
        """Configure the service to read specs from the repository, with keys that only root can read."""
        self.host.write("/etc/kvmreconcile/kvmreconcile.yaml", SETTINGS)
        self.host.write(f"{DROP_INS}/keys.conf", KEYS)
        self.host.run("systemctl daemon-reload && systemctl restart kvmreconcile")

    def drop_in(self, name: str, text: str) -> None:
        """Change the unit as `systemctl edit` does, and restart the service; "" reverts the change."""
        self.host.write(f"{DROP_INS}/{name}.conf", text)
        self.host.run("systemctl daemon-reload && systemctl restart kvmreconcile")

    def show(self, what: str, unit: str = "kvmreconcile") -> str:
        """Return a property of the unit."""
        return self.host.output("systemctl", "show", "--value", "--property", what, unit)

    def wait(self, status: str = "", unit: str = "kvmreconcile") -> float:
        """Wait until `systemctl status` shows this text, or that all is in sync; return the seconds that took."""
        begin_s = time.monotonic()
        wanted = status or self.in_sync

        def is_shown() -> bool:
            self._seen = self.show("StatusText", unit)
            return self._seen == wanted and self.show("ActiveState", unit) == "active"

        try:
            wait_until(is_shown, f'status "{wanted}"', self._within_s)
        except AssertionError as error:
            log = self.host.exec("journalctl", "-u", unit, "-n", "40", "-o", "cat", "--no-pager").stdout
            raise AssertionError(f'{error}; it shows "{self._seen}"\n{log}') from None
        return time.monotonic() - begin_s

    def mark(self) -> str:
        """Return the current end of the log, to read it from there."""
        log = self.host.output("journalctl", "-u", "kvmreconcile", "-n", "0", "--show-cursor", "--no-pager")
        return log.rpartition("cursor: ")[2].strip()

    def lines(self, mark: str) -> Iterator[Line]:
        """Yield what the service has logged since."""
        command = ("journalctl", "-u", "kvmreconcile", "-o", "json", "--no-pager", f"--after-cursor={mark}")
        for line in self.host.output(*command).splitlines():
            fields = json.loads(line) if line.startswith("{") else {}
            said = {k.removeprefix(FIELD).lower(): v for k, v in fields.items() if k.startswith(FIELD)}
            if "event" in said:
                yield said

    def actions(self, mark: str) -> list[str]:
        """Return the actions done since, such as "start Domain/web1"."""
        return [
            f"{line['verb']} {line['key']}" for line in self.lines(mark) if line["event"] == "action.done"
        ]

    def virsh(self, *words: str) -> str:
        """Call virsh on the host."""
        return self.host.output("virsh", "--quiet", *words)

    def volumes(self) -> list[str]:
        """Return the names of all volumes."""
        return sorted(
            line.split()[0] for line in self.virsh("vol-list", "images").splitlines() if line.strip()
        )

    def guest(self) -> str:
        """Return the process id of the guest, which changes at each start."""
        return self.host.output("cat", "/run/libvirt/qemu/web1.pid")
