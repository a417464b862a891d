"""The daemon on one host, libvirt on another: it works as locally, with events and lost connections."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.waiting import wait_until

NEAR, FAR = "198.51.100.1", "198.51.100.2"
CONFIGURATION = """
listen_tcp = 1
auth_tcp = "none"
ca_file = "{pki}/cacert.pem"
cert_file = "{pki}/servercert.pem"
key_file = "{pki}/serverkey.pem"
"""
# A replacement of ssh without a network: run the last word in the namespace of the other end.
SSH = """#!/bin/sh
for last in "$@"; do :; done
exec nsenter --target {pid} --mount --net --pid --root --wd sh -c "$last"
"""
SPEC = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lan}\nspec: {mode: isolated, autostart: true}\n"


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True)


def make_keys(pki: Path) -> None:
    """Create keys for both ends, signed by an authority of their own."""
    pki.mkdir()
    request = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2")  # fmt: skip
    run(*request, "-subj", "/CN=authority", "-keyout", pki / "cakey.pem", "-out", pki / "cacert.pem")
    signed = (*request, "-CA", pki / "cacert.pem", "-CAkey", pki / "cakey.pem")
    for end, address in (("server", FAR), ("client", NEAR)):
        more = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName=IP:{address}")
        run(
            *signed,
            "-subj",
            f"/CN={end}",
            *more,
            "-keyout",
            pki / f"{end}key.pem",
            "-out",
            pki / f"{end}cert.pem",
        )


@dataclass(frozen=True)
class Ends:
    """Two network namespaces and a cable: libvirt in one, nothing in the other."""

    far: Lab
    near: int
    pki: Path
    ssh: Path

    def uri(self, transport: str) -> str:
        """Return the URI by which the near end connects to the far one."""
        return {
            "tcp": f"qemu+tcp://{FAR}/system",
            "tls": f"qemu+tls://{FAR}/system?pkipath={self.pki}",
            "ssh": f"qemu+ssh://{FAR}/system?command={self.ssh}",
        }[transport]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    home = tmp_path_factory.mktemp("ends")
    make_keys(home / "pki")
    # With modular daemons, virtproxyd would listen on the network, and no lab has it.
    with Lab(daemons="monolithic") as far:
        with (far.path / "etc/libvirtd.conf").open("a") as file:
            file.write(CONFIGURATION.format(pki=home / "pki"))
        (far.path / "libvirtd-options").write_text("--listen")
        far.restart_libvirtd()
        inside = (far.path / "pid").read_text().strip()
        script = home / "ssh"
        script.write_text(SSH.format(pid=inside))
        script.chmod(0o755)
        sleeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"]
        )
        near = str(sleeper.pid)
        try:
            wait_for_namespace(sleeper.pid)
            run(
                "ip",
                "link",
                "add",
                "near0",
                "netns",
                near,
                "type",
                "veth",
                "peer",
                "name",
                "far0",
                "netns",
                inside,
            )
            for pid, name, address in ((near, "near0", NEAR), (inside, "far0", FAR)):
                ip = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip")
                run(*ip, "address", "add", f"{address}/24", "dev", name)
                run(*ip, "link", "set", name, "up")
            far.keep_links()
            yield Ends(far, sleeper.pid, home / "pki", script)
        finally:
            sleeper.kill()
            sleeper.wait()


def wait_for_namespace(pid: int) -> None:
    ours = Path("/proc/self/ns/net").readlink()
    wait_until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != ours, "it has a network of its own")


@pytest.mark.parametrize("transport", ["tcp", "tls", "ssh"])
def test_remote_host_is_reconciled_like_a_local_one(ends: Ends, tmp_path: Path, transport: str) -> None:
    far = ends.far
    far.reset()
    daemon = Daemon(far, tmp_path, ("nsenter", f"--net=/proc/{ends.near}/ns/net", "--"))
    shutil.rmtree(daemon.specs)
    daemon.specs.mkdir()
    (daemon.specs / "lan.yaml").write_text(SPEC)
    daemon.environment["KVMRECONCILE_CONNECT"] = ends.uri(transport)
    daemon.start()
    try:
        daemon.wait_until_idle(in_sync=1)
        far.virsh("net-destroy", "lan")
        daemon.wait_for("action.done", key="Network/lan", verb="start")
        daemon.wait_until_idle(in_sync=1)

        far.restart_libvirtd("KILL")
        daemon.wait_for("host.lost")
        daemon.wait_for("host.connected")
        daemon.wait_until_idle(in_sync=1)
        far.virsh("net-destroy", "lan")
        daemon.wait_for("action.done", key="Network/lan", verb="start")
    finally:
        assert daemon.process.stop() == 0
