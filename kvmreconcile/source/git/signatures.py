"""
Check the signature of a commit, as of the time when this host first checked the commit.

Git itself checks whether a key was valid at the commit's own date, which the author can choose.
Only SSH signatures are accepted. OpenPGP and X.509 signatures would be checked with this host's
keyrings.

Source: ssh-keygen(1), "-Y"; gitformat-signature(5).
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from kvmreconcile.source.git.command import Git
from kvmreconcile.system.bounded_read import read_bounded

_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_SSH = b"-----BEGIN SSH SIGNATURE-----"
_RECORDED = 1000
"""
Maximum number of commits for which the time of the first check is recorded.

When there are more commits, the oldest are dropped.
"""
_LONGEST = 1 << 20
"""Maximum size in bytes of the file of allowed signers, and of the file of recorded commits."""
_LONGEST_COMMIT, _LONGEST_SIGNATURE = 1 << 20, 1 << 16
"""
Maximum size of a commit and of a signature in bytes.

The limits are needed because anyone who can push chooses the size.
"""
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_BAD = "has a bad signature"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """
    The result of checking a commit's signature.

    Attributes:
        signer: The principal in the file of allowed signers who signed the commit; "" if none of
            them signed it.
        problem: What is wrong with the signature, as text that follows the commit's name; "" if the
            signature is accepted.
        may_be_old: Whether the signer's key is listed, but may only be valid at another time.
        is_unlisted: Whether the signature is valid, but its key does not belong to an allowed
            signer.
        is_too_large: Whether the commit is too large for its signature to be checked.
    """

    signer: str = ""
    problem: str = ""
    may_be_old: bool = False
    is_unlisted: bool = False
    is_too_large: bool = False

    def todo(self, commit: str, signers: Path) -> str:
        """
        Return the advice for a commit whose signature is not accepted.

        Args:
            signers: The file of allowed signers.
        """
        if self.is_too_large:
            return f"push a commit with a shorter message and headers, or set git.trustCommit: {commit}"
        if self.may_be_old:
            return f"push a new commit that is signed with a valid key, or set git.trustCommit: {commit}"
        todo = f"sign the commit with an SSH key that {signers} lists"
        if not self.is_unlisted:
            return todo
        return f"{todo}, or add the signer's key to that file (namespaces, if set, must include git)"


class Signatures:
    """
    Verifies the signatures of commits.

    Args:
        directory: Directory for temporary files and for the record of when each commit was first
            checked.
    """

    def __init__(self, git: Git, directory: Path) -> None:
        self._git = git
        self._signature, self._payload = directory / "signature", directory / "payload"
        self._record_file = directory / "first-checked.json"

    def check(self, commit: str, signers: Path) -> SignatureCheck:
        """
        Check the signature of a commit.

        Args:
            signers: The file of allowed signers.

        Raises:
            OSError: A file cannot be read or written.
            SourceError: git or ssh-keygen cannot be run.
        """
        if int(self._git.output("cat-file", "-s", commit)) > _LONGEST_COMMIT:
            problem = f"is larger than {_LONGEST_COMMIT >> 20} MiB, so its signature is not checked"
            return SignatureCheck(problem=problem, is_too_large=True)
        payload, signature = _split_signature(self._git.output_bytes("cat-file", "commit", commit))
        if not signature:
            return SignatureCheck(problem="is not signed")
        if not signature.startswith(_SSH):
            return SignatureCheck(
                problem="has an OpenPGP or X.509 signature, but only SSH signatures are accepted"
            )
        if len(signature) > _LONGEST_SIGNATURE:
            return SignatureCheck(problem=_BAD)
        recorded = self._recorded()
        at = recorded.get(commit) or datetime.now(UTC)
        try:
            _write(self._signature, signature)
            _write(self._payload, payload)
            checked = self._verify(signers, at)
        finally:
            self._signature.unlink(missing_ok=True)
            self._payload.unlink(missing_ok=True)
        if commit not in recorded and (checked.signer or checked.may_be_old):
            self._record({**recorded, commit: at})
        return checked

    def _verify(self, signers: Path, at: datetime) -> SignatureCheck:
        sound = self._keygen("check-novalidate", "-n", "git")
        if sound is None:
            return SignatureCheck(problem=_BAD)
        # The time is in this host's time zone, like the times in the file.
        when = f"-Overify-time={at.astimezone():%Y%m%d%H%M%S}"
        found = self._keygen("find-principals", "-f", str(signers), when)
        signer = (found or "").partition("\n")[0]
        if signer and self._keygen("verify", "-f", str(signers), "-I", signer, "-n", "git", when) is not None:
            return SignatureCheck(signer)
        if any(fingerprint in sound.split() for fingerprint in _limited_keys(signers)):
            moment = f"{at:%Y-%m-%d %H:%M} UTC"
            problem = f"is signed by a key that was not allowed to sign commits when this host first checked the commit ({moment})"
            return SignatureCheck(problem=problem, may_be_old=True)
        problem = "is signed by a key that git.allowedSigners does not allow to sign commits"
        return SignatureCheck(problem=problem, is_unlisted=True)

    def _keygen(self, verb: str, *words: str) -> str | None:
        """Return ssh-keygen's output for the signature, or None if ssh-keygen rejects it."""
        command = ("ssh-keygen", "-Y", verb, *words, "-s", str(self._signature))
        with self._payload.open("rb") as payload:
            finished = self._git.call(command, "ssh-keygen", stdin=payload.fileno())
        return finished.stdout.decode(errors="replace").strip() if finished.returncode == 0 else None

    def _record(self, recorded: Mapping[str, datetime]) -> None:
        """Store when this host first checked each commit by an allowed signer."""
        kept = list(recorded.items())[-_RECORDED:]
        new = self._record_file.with_suffix(".new")
        _write(new, json.dumps({commit: at.isoformat() for commit, at in kept}, indent=0).encode())
        new.replace(self._record_file)

    def _recorded(self) -> dict[str, datetime]:
        try:
            recorded = json.loads(read_bounded(self._record_file, _LONGEST))
            times = {str(commit): datetime.fromisoformat(at) for commit, at in recorded.items()}
            return {commit: at for commit, at in times.items() if _EARLIEST < at < datetime.now(UTC)}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}


def _write(path: Path, content: bytes) -> None:
    """
    Write a new file.

    An existing file of this name, such as a pipe, is removed without being opened.
    """
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _split_signature(commit: bytes) -> tuple[bytes, bytes]:
    """Return the signed part of a commit, and its signature (b"" if the commit is not signed)."""
    head, separator, message = commit.partition(b"\n\n")
    signed: list[bytes] = []
    signature: list[bytes] = []
    is_signature = False
    for line in head.split(b"\n"):
        header = next((each for each in _HEADERS if line.startswith(each)), b"")
        is_signature = bool(header) or (is_signature and line.startswith(b" "))
        if is_signature:
            signature.append(line.removeprefix(header or b" "))
        else:
            signed.append(line)
    return b"\n".join(signed) + separator + message, b"\n".join([*signature, b""]) if signature else b""


def _limited_keys(signers: Path) -> Iterator[str]:
    """
    Yield the fingerprints of keys that are valid only for a limited time.

    Args:
        signers: The file of allowed signers, which lists the keys.
    """
    for line in os.fsdecode(read_bounded(Path(os.path.realpath(signers)), _LONGEST)).splitlines():
        words = line.split()
        if line.startswith("#") or not any(
            "valid-after=" in word or "valid-before=" in word for word in words
        ):
            continue
        for word in words:
            if word.startswith("AAAA"):
                with suppress(ValueError):
                    digest = sha256(b64decode(word, validate=True)).digest()
                    yield "SHA256:" + b64encode(digest).decode().rstrip("=")
