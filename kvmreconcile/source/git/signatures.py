"""
Check who signed a commit, at the time when this host first had the commit.

Git itself judges a signer's validity by the commit's own date, which its author may choose. Only signatures by ssh are
believed; those by OpenPGP and X.509 would be judged by keyrings of this host.

Source: ssh-keygen(1), "-Y"; gitformat-signature(5).
"""

import json
import os
from base64 import b64decode, b64encode
from binascii import Error as NoBase64Error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from kvmreconcile.bounded import read_bounded
from kvmreconcile.source.git.command import Git

_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")
_SSH = b"-----BEGIN SSH SIGNATURE-----"
_REMEMBERED = 1000
"""Of how many commits it is remembered when this host first had them; the oldest are forgotten."""
_LONGEST = 1 << 20
"""Maximum size of the file of allowed signers, and of that of remembered commits, in bytes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a commit's signature is worth.

    Attributes:
        signer: As the allowed signers call him, "" if none of them signed it.
        doubt: What is wrong with the signature, "" if nothing is.
        may_be_old: Whether the signer's key was allowed at another time.
    """

    signer: str = ""
    doubt: str = ""
    may_be_old: bool = False


class Signatures:
    """
    Checks signatures.

    Args:
        directory: Where files may be put meanwhile, and where it is remembered since when commits are here.
    """

    def __init__(self, git: Git, directory: Path) -> None:
        self._git = git
        self._signature, self._payload = directory / "signature", directory / "payload"
        self._seen = directory / "first-fetched.json"

    def check(self, commit: str, signers: Path) -> Verdict:
        """
        Return what the signature of a commit is worth.

        Raises:
            OSError: A file cannot be read or written.
            SourceError: git or ssh-keygen cannot be called.
        """
        payload, signature = _parts(self._git.content("cat-file", "commit", commit))
        if not signature:
            return Verdict(doubt="is not signed")
        if not signature.startswith(_SSH):
            return Verdict(doubt="is signed by OpenPGP or X.509, and only signatures by ssh are believed")
        at = self._first_fetched(commit)
        try:
            self._signature.write_bytes(signature)
            self._payload.write_bytes(payload)
            return self._judged(signers, at)
        finally:
            self._signature.unlink(missing_ok=True)
            self._payload.unlink(missing_ok=True)

    def _judged(self, signers: Path, at: datetime) -> Verdict:
        sound = self._keygen("check-novalidate", "-n", "git")
        if sound is None:
            return Verdict(doubt="has a bad signature")
        # In the time zone of this host, as the times in the file.
        when = f"-Overify-time={at.astimezone():%Y%m%d%H%M%S}"
        found = self._keygen("find-principals", "-f", str(signers), when)
        signer = (found or "").partition("\n")[0]
        if signer and self._keygen("verify", "-f", str(signers), "-I", signer, "-n", "git", when) is not None:
            return Verdict(signer)
        if any(fingerprint in sound.split() for fingerprint in _fingerprints(signers)):
            doubt = f"is signed by a key that was not valid when this host first had the commit ({at:%Y-%m-%d %H:%M} UTC)"
            return Verdict(doubt=doubt, may_be_old=True)
        return Verdict(doubt="is signed by a key that is not among the allowed ones")

    def _keygen(self, verb: str, *words: str) -> str | None:
        """Return what ssh-keygen says of the signature, None if it says no."""
        command = ("ssh-keygen", "-Y", verb, *words, "-s", str(self._signature))
        with self._payload.open("rb") as payload:
            said = self._git.call(command, "ssh-keygen", stdin=payload.fileno())
        return said.stdout.decode(errors="replace").strip() if said.returncode == 0 else None

    def _first_fetched(self, commit: str) -> datetime:
        """Return when this host first had a commit, which is now if it has not had it before."""
        seen = self._remembered()
        if commit not in seen:
            kept = list(seen.items())[1 - _REMEMBERED :]
            seen = {**dict(kept), commit: datetime.now(UTC).isoformat()}
            new = self._seen.with_suffix(".new")
            new.write_text(json.dumps(seen, indent=0))
            new.replace(self._seen)
        return datetime.fromisoformat(seen[commit])

    def _remembered(self) -> dict[str, str]:
        try:
            seen = json.loads(read_bounded(self._seen, _LONGEST))
            return {str(commit): datetime.fromisoformat(at).isoformat() for commit, at in seen.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return {}


def _parts(commit: bytes) -> tuple[bytes, bytes]:
    """Return what of a commit was signed, and the signature; b"" if there is none."""
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


def _fingerprints(signers: Path) -> Iterator[str]:
    """Yield the fingerprints of the keys in a file of allowed signers, whatever else their lines say."""
    for line in os.fsdecode(read_bounded(signers, _LONGEST)).splitlines():
        for word in line.split():
            if word.startswith("AAAA"):
                try:
                    digest = sha256(b64decode(word, validate=True)).digest()
                except NoBase64Error:
                    continue
                yield "SHA256:" + b64encode(digest).decode().rstrip("=")
