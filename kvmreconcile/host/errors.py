"""Convert libvirt's errors to HostError and its subclasses, using a table of error codes."""

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import libvirt

from kvmreconcile.errors import Busy, HostError, NoRoom, NotFound, Rejected, Unavailable, Unsupported

ErrorClass = type[HostError]

ERROR_CLASSES: Mapping[int, ErrorClass] = {
    # Only these codes prove that an object is absent. After any other error, its state is unknown.
    libvirt.VIR_ERR_NO_DOMAIN: NotFound,
    libvirt.VIR_ERR_NO_NETWORK: NotFound,
    libvirt.VIR_ERR_NO_STORAGE_POOL: NotFound,
    libvirt.VIR_ERR_NO_STORAGE_VOL: NotFound,
    libvirt.VIR_ERR_NO_SECRET: NotFound,
    libvirt.VIR_ERR_NO_NWFILTER: NotFound,
    libvirt.VIR_ERR_NO_INTERFACE: NotFound,
    libvirt.VIR_ERR_NO_NODE_DEVICE: NotFound,
    libvirt.VIR_ERR_NO_NETWORK_PORT: NotFound,
    libvirt.VIR_ERR_NO_DOMAIN_METADATA: NotFound,
    libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: NotFound,
    libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT: NotFound,
    libvirt.VIR_ERR_NO_DOMAIN_BACKUP: NotFound,
    libvirt.VIR_ERR_DEVICE_MISSING: NotFound,
    libvirt.VIR_ERR_NO_CONNECT: Unavailable,
    libvirt.VIR_ERR_INVALID_CONN: Unavailable,
    libvirt.VIR_ERR_UNKNOWN_HOST: Unavailable,
    libvirt.VIR_ERR_RPC: Unavailable,
    libvirt.VIR_ERR_GNUTLS_ERROR: Unavailable,
    libvirt.VIR_ERR_SSH: Unavailable,
    libvirt.VIR_ERR_LIBSSH: Unavailable,
    libvirt.VIR_ERR_AUTH_FAILED: Unavailable,
    libvirt.VIR_ERR_AUTH_CANCELLED: Unavailable,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: Unavailable,
    libvirt.VIR_ERR_OPERATION_TIMEOUT: Busy,
    libvirt.VIR_ERR_RESOURCE_BUSY: Busy,
    libvirt.VIR_ERR_BLOCK_COPY_ACTIVE: Busy,
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE: Busy,
    libvirt.VIR_ERR_AGENT_UNSYNCED: Busy,
    libvirt.VIR_ERR_NO_SUPPORT: Unsupported,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED: Unsupported,
    libvirt.VIR_ERR_NO_SECURITY_MODEL: Unsupported,
    libvirt.VIR_ERR_XML_ERROR: Rejected,
    libvirt.VIR_ERR_XML_DETAIL: Rejected,
    libvirt.VIR_ERR_XML_INVALID_SCHEMA: Rejected,
    libvirt.VIR_ERR_INVALID_ARG: Rejected,
    libvirt.VIR_ERR_CONF_SYNTAX: Rejected,
    libvirt.VIR_ERR_PARSE_FAILED: Rejected,
    libvirt.VIR_ERR_OS_TYPE: Rejected,
    libvirt.VIR_ERR_NO_NAME: Rejected,
    libvirt.VIR_ERR_NO_OS: Rejected,
    libvirt.VIR_ERR_NO_ROOT: Rejected,
    libvirt.VIR_ERR_NO_KERNEL: Rejected,
    libvirt.VIR_ERR_NO_SOURCE: Rejected,
    libvirt.VIR_ERR_NO_TARGET: Rejected,
    libvirt.VIR_ERR_INVALID_MAC: Rejected,
    libvirt.VIR_ERR_OVERFLOW: Rejected,
    libvirt.VIR_ERR_DOM_EXIST: Rejected,
    libvirt.VIR_ERR_NETWORK_EXIST: Rejected,
    libvirt.VIR_ERR_STORAGE_VOL_EXIST: Rejected,
    libvirt.VIR_ERR_STORAGE_POOL_BUILT: Rejected,
    libvirt.VIR_ERR_STORAGE_PROBE_FAILED: Rejected,
    libvirt.VIR_ERR_CPU_INCOMPATIBLE: Rejected,
}
"""Error classes by libvirt's error code; codes that are not listed become HostError."""

_ADVICE = (
    (
        re.compile(r"error creating bridge interface (\S+): File exists"),
        (
            "give the network another bridge; or, if nothing uses the device "
            "(a libvirtd that was killed may have left it): ip link delete {}"
        ),
    ),
    (
        # libvirt 11.3 reports this for a pool with a qcow2 image of less than 100 bytes; 9.0
        # accepts the image (measured).
        re.compile("An error occurred, but the cause is unknown"),
        "in a storage pool, a cause is an image file that is truncated within its header; check each image with qemu-img",
    ),
)
"""Patterns of libvirt's messages, each with the advice to add."""
_TEMPORARY = re.compile("Unable to parse RNG")
"""
Messages of errors that are temporary, regardless of their code.

libvirt loads its schemas without a lock. If a new libvirtd validates its first two definitions at
the same time, it may refuse them (measured with 9.0).
"""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Error numbers of a full file system or an exhausted quota, which libvirt passes on."""
_TRANSPORT = frozenset({libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC})
_BROKEN = frozenset({libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR})


@contextmanager
def translated(where: str, classes: Mapping[int, ErrorClass] | None = None) -> Iterator[None]:
    """
    Convert libvirt's errors in the `with` block to HostError, with a message on one line.

    Args:
        where: The object of the calls, such as "Domain/web1"; the message begins with it.
        classes: Error classes by code that take precedence over ERROR_CLASSES. libvirt uses some
            codes for many different errors.

    Raises:
        HostError: The call failed. The subclass depends on libvirt's error code.
    """
    try:
        yield
    except libvirt.libvirtError as error:
        code, domain = error.get_error_code() or 0, error.get_error_domain() or 0
        why = _with_advice("; ".join(filter(None, str(error).splitlines())))
        is_full = code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() in _FULL
        kind = (
            NoRoom
            if is_full
            else Busy
            if _TEMPORARY.search(why)
            else error_class(code, domain, classes or {})
        )
        raise kind(f"{where}: {why}", code, domain) from error
    except UnicodeDecodeError as error:
        # File names may contain any bytes, and libvirt returns the bytes unchanged.
        todo = "if the text is the name of a file in a storage pool, rename the file"
        raise HostError(f"{where}: libvirt returned text that is not valid UTF-8; {todo}") from error


def ensure_state(act: Callable[[], object], is_so: Callable[[], bool]) -> None:
    """
    Call libvirt unless the object is already in the desired state.

    An error is ignored if the object is in the desired state afterwards. A guest may shut down
    between the check and the call. libvirt then rejects the call with an error code that depends on
    the driver, although nothing has failed.

    Args:
        act: Calls libvirt to put the object into the desired state.
        is_so: Returns whether the object is in the desired state.

    Raises:
        libvirt.libvirtError: The call failed, and the object is not in the desired state.
    """
    if is_so():
        return
    try:
        act()
    except libvirt.libvirtError:
        if not is_so():
            raise


def _with_advice(why: str) -> str:
    """Return libvirt's message, followed by advice if there is any for this message."""
    found = ((todo, pattern.search(why)) for pattern, todo in _ADVICE)
    return next((f"{why}; {todo.format(*known.groups())}" for todo, known in found if known), why)


def error_class(code: int, domain: int, first: Mapping[int, ErrorClass]) -> ErrorClass:
    """
    Return the error class for a libvirt error.

    A general error of libvirt's transport means that the connection is lost.

    Args:
        code: libvirt's number VIR_ERR_*.
        domain: libvirt's number VIR_FROM_*.
        first: Error classes by code that take precedence over ERROR_CLASSES.
    """
    if code in _BROKEN and domain in _TRANSPORT:
        return Unavailable
    return first.get(code) or ERROR_CLASSES.get(code, HostError)
