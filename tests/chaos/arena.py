"""
The host that faults are injected into: the demo's guests, a daemon over them, and objects that are not managed.

The pool is on a mount of its own, and there are a network, volumes and a guest that only faults are for.
"""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from tests.lab.background import PROGRAM
from tests.lab.guest import GuestFiles
from tests.lab.lab import Lab, LabError
from tests.origin import Origin
from tests.processes import NotProved, signal_process

DEMO = Path(__file__).parents[2] / "specs/demo"
GUESTS = ("web1", "web2", "db1")
STATE_SIZE = "12m"
ENDS_WITHIN_S = 60
POOL, DISK = "/var/lib/libvirt/images/demo", "/var/lib/libvirt/demo-disk"
"""Where the pool is, and what is mounted there, as the lab calls them."""
BASE, SCRATCH = "golden.qcow2", "scratch.qcow2"
"""The volume that others are built on, and one that nobody uses."""
SIDE = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: side}
spec:
  autostart: true
  update: {maxEffect: restart}
  addresses: [{address: 203.0.113.1/24}]
  domain: {name: side.example.org}
  mtu: 1400
  routes: [{to: 198.51.100.0/24, via: 203.0.113.9}]
"""
"""A network that no guest is on, so that it may be restarted."""
MORE = """\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {name: scratch.qcow2}
spec: {pool: demo, capacity: 1MiB}
---
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: twin-a}
spec: {uuid: 3b0e7a6c-52a4-4f0e-9a5b-6d0d3c1f7a11, type: qemu, memory: 32MiB, state: stopped}
"""
FOREIGN_DOMAIN = """
<domain type='qemu'><name>theirs</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>
<devices><disk type='file'><source file='{image}'/><target dev='hda'/></disk></devices></domain>"""
FOREIGN_NETWORK = (
    "<network><name>theirs</name><forward mode='nat'/><ip address='198.51.100.1' prefix='24'/></network>"
)


class Arena:
    """
    A lab with a daemon over it.

    Attributes:
        features: Where specs come from, "directory" or "repository"; libvirt's daemons, "monolithic" or "modular".
        specs: Where specs are edited: the directory that is watched, or the repository that is polled.
        stops: How often each guest was stopped by a fault, so that it may have been started as often.
        plugs: How often a device was attached to each guest by virsh, which is to be detached again.
        lines_taken: How often the side network's spec was edited so that it may be restarted.
        disk_files: The pool's files, as a path outside the lab, whether mounted or not.
    """

    def __init__(self, lab: Lab, home: Path, files: GuestFiles, *, by_git: bool) -> None:
        self.lab = lab
        self.log = home / "log"
        self.stops: Counter[str] = Counter()
        self.plugs: Counter[str] = Counter()
        self.lines_taken = 0
        self.features = {
            "repository" if by_git else "directory",
            "monolithic" if lab.main_daemon == "libvirtd" else "modular",
        }
        self.disk_files = lab.path / "lib/demo-disk"
        self._contents: dict[Path, bytes] = {}
        self._state = home / "state"
        self._state.mkdir()
        self._origin = Origin(home) if by_git else None
        self.specs = self._origin.path if self._origin else home / "specs"
        self.specs.mkdir(exist_ok=True)
        boot = lab.path / "lib/boot/demo"
        boot.mkdir(parents=True, exist_ok=True)
        shutil.copy(files.vmlinuz, boot)
        shutil.copy(files.initrd, boot)
        for file in DEMO.glob("*.yaml"):
            shutil.copy(file, self.specs)
        (self.specs / "side.yaml").write_text(SIDE)
        (self.specs / "more.yaml").write_text(MORE)
        self.publish_specs()
        self.disk_files.mkdir()
        lab.exec("mkdir", "-p", POOL)
        self.mount()
        # The state has a small disk of its own, in a mount namespace that outlives the daemon.
        mount = f"mount -t tmpfs -o size={STATE_SIZE} none '{self._state}' && echo up && exec sleep infinity"
        self._disk = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-c", mount],
            stdout=subprocess.PIPE,
        )
        assert self._disk.stdout
        assert self._disk.stdout.readline() == b"up\n"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._make_foreign()

    def publish_specs(self) -> None:
        """Publish the edits of specs, as a commit where they are in a repository."""
        if self._origin:
            self._origin.git("add", "--all")
            self._origin.git("commit", "--quiet", "--allow-empty", "--message=chaos")

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the daemon and of any command beside it."""
        git = {"url": str(self.specs), "poll": "1s"}
        where = {"SPECS": str(self.specs)} if self._origin is None else {"GIT": json.dumps(git)}
        return {
            **os.environ,
            "KVMRECONCILE_CONNECT": self.lab.uri,
            "KVMRECONCILE_STATE": str(self._state),
            "KVMRECONCILE_RESYNC": "15s",
            **{f"KVMRECONCILE_{name}": value for name, value in where.items()},
        }

    def start(self) -> None:
        """Start the daemon; it appends to the log of the one before."""
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *self._inside, str(PROGRAM), "run"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def _inside(self) -> tuple[str, ...]:
        return ("nsenter", "--target", str(self._disk.pid), "--mount", "--")

    @property
    def pid(self) -> int:
        """The daemon's process."""
        assert self._daemon
        assert self._daemon.poll() is None, f"the daemon has ended by itself; see {self.log}"
        return self._daemon.pid

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        assert self._daemon
        self._daemon.kill()
        self._daemon.wait()

    def kill_git(self) -> bool:
        """Kill the daemon's git processes; return whether there were any."""
        children = [
            int(pid)
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        for pid in children:
            with suppress(NotProved):
                signal_process(pid, signal.SIGKILL, "git")
        return bool(children)

    def disk(self, script: str) -> bool:
        """Run a script on the state's disk; return whether it worked."""
        command = (*self._inside, "sh", "-c", f"cd '{self._state}'; {script}")
        quiet = subprocess.DEVNULL
        return subprocess.run(command, check=False, stdout=quiet, stderr=quiet).returncode == 0

    def plan(self) -> dict[str, Any] | None:
        """Return the plan of `kvmreconcile plan`, None if it fails now."""
        command = (*self._inside, str(PROGRAM), "plan", "-o", "json")
        done = subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def mount(self) -> None:
        """Mount the pool's disk, unless it is."""
        self.lab.exec("sh", "-c", f"mountpoint -q {POOL} || mount --bind {DISK} {POOL}")

    def unmount(self) -> bool:
        """Unmount the pool's disk while it is in use; return whether it was mounted."""
        is_mounted = self.lab.exec("sh", "-c", f"mountpoint -q {POOL} && echo yes || true").strip() == "yes"
        self.lab.exec("sh", "-c", f"! mountpoint -q {POOL} || umount -l {POOL}")
        return is_mounted

    def below(self) -> list[str]:
        """Return the files in the mount point while the pool's disk is not mounted, nothing while it is."""
        listed = f"mountpoint -q {POOL} || ls -A {POOL}"
        return self.lab.exec("sh", "-c", listed).split()

    def remember(self, file: Path) -> None:
        """Save the content of a file of the pool before it is damaged."""
        self._contents.setdefault(file, file.read_bytes())

    def restore(self, file: Path) -> None:
        """Restore a file of the pool to its content before the damage, in place."""
        if file in self._contents:
            file.write_bytes(self._contents.pop(file))

    def is_valid(self) -> bool:
        """Return whether all spec files are valid."""
        command = (str(PROGRAM), "validate", str(self.specs))
        return subprocess.run(command, env=self.environment, check=False, capture_output=True).returncode == 0

    def run_virsh(self, *words: str) -> bool:
        """Run a virsh command as a careless administrator; return whether it worked."""
        try:
            self.lab.virsh(*words)
        except LabError:
            return False
        return True

    def any_guest(self, chance: Random, do: Callable[[str], bool]) -> str | None:
        """Do something to a guest for which it works, and return its name; None if it works for none."""
        guests = chance.sample(GUESTS, len(GUESTS))
        return next((guest for guest in guests if do(guest)), None)

    def stopped(self, guest: str, *, is_done: bool) -> bool:
        """Count that a guest was stopped by a fault, if it was; return whether it was."""
        self.stops[guest] += is_done
        return is_done

    def is_running(self, guest: str) -> bool:
        """Return whether a guest runs, False while libvirt does not answer."""
        try:
            return self.lab.virsh("domstate", guest).strip() == "running"
        except LabError:
            return False

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the log, except those that a kill truncated."""
        for line in self.log.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def close(self) -> None:
        """Stop the daemon, and unmount its disk."""
        if self._daemon and self._daemon.poll() is None:
            self._daemon.terminate()
            self._daemon.wait(timeout=ENDS_WITHIN_S)
        self._disk.kill()
        self._disk.wait()
        if self._disk.stdout:
            self._disk.stdout.close()

    def _make_foreign(self) -> None:
        image = self.lab.path / "images/theirs.raw"
        image.write_bytes(b"theirs" * 1000)
        with self.lab.connect() as virt:
            virt.defineXML(FOREIGN_DOMAIN.format(image=image))
            virt.networkDefineXML(FOREIGN_NETWORK)
        self._image = image
        self._before = self.foreign()

    def foreign(self) -> tuple[str, ...]:
        """Return the definitions of all objects that are not managed."""
        image = self._image.read_bytes().hex()[:64]
        return self.lab.virsh("dumpxml", "theirs"), self.lab.virsh("net-dumpxml", "theirs"), image

    def is_foreign_untouched(self) -> bool:
        """Return whether all objects that are not managed are unchanged."""
        return self.foreign() == self._before
