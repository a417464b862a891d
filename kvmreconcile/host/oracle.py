"""
libvirt's own QEMU driver, inside a helper process, as the judge of what a definition means.

`qemu:///embed?root=DIR` needs no daemon and touches nothing outside its scratch directory. Separate, and a
process of its own, because the driver allows one root a process, prints to standard error and is called
experimental by its manual (https://libvirt.org/drvqemu.html#embedded-driver).
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
_PEEK_S = 0.1
_ANSWER_S = 60.0
"""After how long a helper that does not answer is ended; it is slow where it must first probe QEMU."""
_REST_S = 60.0
"""How long the helper, which takes 0.4 s to start, waits for the next request before it ends."""
# As another user QEMU could not be probed with KVM, and libvirt would try again at every question.
_JUDGE = "spice_tls = 1\n"
"""What the host may have turned on, and a definition of which is not for us to refuse."""
CONFIGURATION = f'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nremember_owner = 0\n{_JUDGE}'
"""What libvirt's embedded driver is told, as root."""


class Oracle:
    """Returns a definition of a domain as libvirt stores it; a helper process handles one request at a time."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="kvmreconcile-oracle-")
        _share(self.capabilities)
        self._lock = threading.Lock()
        self._helper: subprocess.Popen[str] | None = None
        self._rest: threading.Timer | None = None
        self._is_closed = False

    @property
    def capabilities(self) -> Path:
        """Where libvirt keeps what it learned about QEMU."""
        return Path(self._scratch.name, "cache", "qemu", "capabilities")

    @property
    def is_running(self) -> bool:
        """Whether the helper is waiting for a request."""
        return self._helper is not None

    def canonical(self, xml: str, *, validate: bool = False) -> str:
        """
        Return the persistent definition that libvirt makes of this one.

        Raises:
            Rejected: libvirt finds the definition invalid.
            Unavailable: There is no QEMU driver to ask on this host.
        """
        with self._lock:
            try:
                line = self._ask(json.dumps({"xml": xml, "validate": validate}) + "\n")
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

    def _ask(self, question: str) -> str:
        """Return the helper's answer, "" if it has ended."""
        if self._is_closed:
            raise Unavailable("the helper of libvirt's embedded driver was ended")
        helper = self._helper = self._helper or self._start()
        if self._rest:
            self._rest.cancel()
        self._rest = threading.Timer(_REST_S, self._stop)
        self._rest.daemon = True
        self._rest.start()
        if helper.stdin is None or helper.stdout is None:
            return ""
        try:
            helper.stdin.write(question)
            helper.stdin.flush()
        except BrokenPipeError:
            return ""
        with selectors.DefaultSelector() as selector:
            selector.register(helper.stdout, selectors.EVENT_READ)
            if selector.select(_ANSWER_S):
                return helper.stdout.readline()
        self._end()
        raise Unavailable(f"libvirt's embedded QEMU driver did not answer within {_ANSWER_S:g} s")

    def _start(self) -> subprocess.Popen[str]:
        # Anew each time, as others clean directories of temporary files.
        configuration = Path(self._scratch.name, "etc", "qemu.conf")
        configuration.parent.mkdir(parents=True, exist_ok=True)
        configuration.write_text(CONFIGURATION if os.geteuid() == 0 else _JUDGE)
        return subprocess.Popen(
            [sys.executable, "-m", "kvmreconcile.host.oracle", self._scratch.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # The helper needs no settings, which may hold passwords, and other processes may read its environment.
            env={name: value for name, value in os.environ.items() if not name.startswith("KVMRECONCILE_")},
        )

    def _stop(self) -> None:
        """End the helper when it has had nothing to do for a while; the next request starts it again."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        """End the helper, which may hang."""
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
        if self._rest:
            self._rest.cancel()
        if helper := self._helper:
            # Who waits for its answer has the lock, and gives it back.
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
    Let libvirt cache QEMU's capabilities for this user, so that the next process starts in a third of the time.

    libvirt itself checks whether the cache matches the installed QEMU, and writes it atomically.
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
    """Return the one oracle of this process, started when first asked for and closed at its end."""
    shared = Oracle()
    atexit.register(shared.close)
    return shared


def _serve(root: str) -> None:
    """Answer questions from standard input until it ends."""
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
    Bury the daemons that libvirt starts to probe QEMU.

    libvirt waits up to 20 s for each to vanish, which never happens where PID 1 buries nobody, as in many
    containers. Its direct children it buries itself, at once: those that lie longer are not its own.
    """
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            time.sleep(_PEEK_S)
            continue
        time.sleep(_PEEK_S)
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
            # The files that it names are those of the guest that was asked about.
            left.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM)
    return {"xml": xml}


if __name__ == "__main__":
    _serve(sys.argv[1])
