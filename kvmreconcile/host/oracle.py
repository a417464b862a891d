"""
Normalize and validate domain definitions with libvirt's embedded QEMU driver in a helper process.

`qemu:///embed?root=DIR` needs no daemon and changes nothing outside its scratch directory. The
driver runs in its own process because it allows only one root directory per process and prints to
standard error. libvirt's manual calls the driver experimental
(https://libvirt.org/drvqemu.html#embedded-driver).
"""

import atexit
import contextlib
import ctypes
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import libvirt

from kvmreconcile.errors import Rejected, Unavailable
from kvmreconcile.tree import parse, to_xml

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.1
_TIMEOUT_S = 60.0
"""Maximum time for an answer, after which the helper is ended; probing QEMU takes long."""
_IDLE_S = 60.0
"""Time without a request after which the helper is ended; a start takes 0.4 s."""
_ALLOWED = "spice_tls = 1\n"
"""Settings that the host may have enabled and that some definitions need in order to be valid."""
CONFIGURATION = f'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nremember_owner = 0\n{_ALLOWED}'
"""The driver's qemu.conf for root; other users cannot probe QEMU with KVM each time."""


class Oracle:
    """Normalizes domain definitions as libvirt does; a helper process handles requests in turn."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="kvmreconcile-oracle-")
        _share(self.capabilities)
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[str] | None = None
        self._idle_timer: threading.Timer | None = None
        self._is_closed = False

    @property
    def capabilities(self) -> Path:
        """The directory where libvirt caches QEMU's capabilities."""
        return Path(self._scratch.name, "cache", "qemu", "capabilities")

    @property
    def is_running(self) -> bool:
        """Whether the helper is running."""
        return self._helper is not None

    def canonical(self, xml: str, *, validate: bool = False) -> str:
        """
        Return a definition as libvirt stores it; if `validate`, check it against libvirt's schema.

        Raises:
            Rejected: libvirt considers the definition invalid.
            Unavailable: This machine has no QEMU driver, or the driver failed.
        """
        with self._lock:
            try:
                line = self._request(json.dumps({"xml": xml, "validate": validate}) + "\n")
            except OSError as error:
                raise Unavailable(
                    f"libvirt's embedded QEMU driver cannot be started: {error.strerror}"
                ) from None
            if not line:
                self._end()
        if not line:
            raise Unavailable(
                "libvirt's embedded QEMU driver failed, or is not installed on this machine "
                "(Debian, Fedora, RHEL: libvirt-daemon-driver-qemu)"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise Rejected(answer["error"], answer["code"])
        return str(answer["xml"])

    def _request(self, question: str) -> str:
        """Return the helper's answer, or "" if the helper has ended."""
        if self._is_closed:
            raise Unavailable("the helper of libvirt's embedded driver was ended")
        helper = self._helper = self._helper or self._start()
        if self._idle_timer:
            self._idle_timer.cancel()
        self._idle_timer = threading.Timer(_IDLE_S, self._stop)
        self._idle_timer.daemon = True
        self._idle_timer.start()
        if helper.stdin is None or helper.stdout is None:
            return ""
        try:
            helper.stdin.write(question)
            helper.stdin.flush()
        except BrokenPipeError:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(helper.stdout, selectors.EVENT_READ)
            if selector.select(_TIMEOUT_S):
                return helper.stdout.readline()
        self._end()
        raise Unavailable(f"libvirt's embedded QEMU driver did not answer within {_TIMEOUT_S:g} s")

    def _start(self) -> subprocess.Popen[str]:
        # The file is written at each start, as other programs clean directories of temporary files.
        configuration = Path(self._scratch.name, "etc", "qemu.conf")
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(CONFIGURATION if os.geteuid() == 0 else _ALLOWED)
        return subprocess.Popen(
            [sys.executable, "-m", "kvmreconcile.host.oracle", self._scratch.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Settings may contain passwords, and other processes may read the helper's
            # environment. The helper does not need settings.
            env={name: value for name, value in os.environ.items() if not name.startswith("KVMRECONCILE_")},
        )

    def _stop(self) -> None:
        """End the idle helper; the next request starts a new one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        """Kill the helper, which may be hanging."""
        helper, self._helper = self._helper, None
        if helper is None:
            return
        helper.kill()
        for pipe in (helper.stdin, helper.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        helper.wait(timeout=30)

    def close(self) -> None:
        """End the helper and remove its scratch directory."""
        self._is_closed = True
        if self._idle_timer:
            self._idle_timer.cancel()
        if helper := self._helper:
            # A thread that waits for the helper's answer releases the lock after the kill.
            helper.kill()
        self._stop()
        self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _share(capabilities: Path) -> None:
    """
    Keep libvirt's cache of QEMU's capabilities, which makes later starts three times as fast.

    libvirt checks whether the cache matches the installed QEMU, and writes it atomically.

    Args:
        capabilities: The path to replace with a link to this user's permanent cache.
    """
    home = os.environ.get("CACHE_DIRECTORY") or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    kept = Path(home).expanduser() / "kvmreconcile" / "qemu"
    capabilities.parent.mkdir(parents=True)
    with contextlib.suppress(OSError, RuntimeError):
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kept.stat().st_uid == os.geteuid():
            capabilities.symlink_to(kept)


@cache
def oracle() -> Oracle:
    """Return the only oracle of this process, which is closed when the process ends."""
    shared = Oracle()
    atexit.register(shared.close)
    return shared


def _serve(root: str) -> None:
    """Answer requests from standard input until it ends; `root` is the driver's directory."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    threading.Thread(target=_reap, daemon=True).start()
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run_events, daemon=True).start()
    connection = libvirt.open(f"qemu:///embed?root={root}")
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(connection, json.loads(line))) + "\n")
        sys.stdout.flush()
    os._exit(0)


def _reap() -> None:
    """
    Reap the daemons that libvirt starts to probe QEMU.

    libvirt waits up to 20 s until each daemon disappears, which never happens if PID 1 does not
    reap orphans, as in many containers. libvirt reaps its direct children at once, so that zombies
    that stay longer are orphans.
    """
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            time.sleep(_POLL_S)
            continue
        time.sleep(_POLL_S)
        with contextlib.suppress(ChildProcessError):
            if dead and os.waitid(os.P_PID, dead.si_pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                os.waitpid(dead.si_pid, os.WNOHANG)


def _run_events() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _answer(connection: libvirt.virConnect, question: dict[str, str | bool]) -> dict[str, str | int]:
    flags = libvirt.VIR_DOMAIN_DEFINE_VALIDATE if question["validate"] else 0
    tree = parse(str(question["xml"]))
    try:
        domain = connection.defineXMLFlags(to_xml(tree), flags)
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    except libvirt.libvirtError as error:
        return {"error": str(error.get_error_message()), "code": error.get_error_code() or 0}
    finally:
        for left in connection.listAllDomains():
            # The files that the definition names belong to the real guest.
            left.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM)
    return {"xml": xml}


if __name__ == "__main__":
    _serve(sys.argv[1])
