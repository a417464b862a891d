"""
A git repository with keys to sign commits.
"""

import os
import subprocess
from pathlib import Path

ENVIRONMENT = os.environ | {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "An Author",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "An Author",
    "GIT_COMMITTER_EMAIL": "author@example.org",
}


class Origin:
    """
    A repository with keys to sign.

    Args:
        objects: Hash algorithm of its objects.
    """

    def __init__(self, directory: Path, objects: str = "sha1") -> None:
        self.path = directory / "origin"
        self.keys = directory / "keys"
        self.path.mkdir(parents=True)
        self.keys.mkdir()
        self.git("init", "--quiet", "--initial-branch=main", f"--object-format={objects}")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.path, env=ENVIRONMENT, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, text: str, *, name: str = "a.yaml", key: str = "") -> str:
        """Commit a file, signed if a key is named, and return the commit."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "--all")
        signed = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={self.key(key)}"] if key else []
        self.git(*signed, "commit", "--quiet", *(["--gpg-sign"] if key else []), f"--message={text}")
        return self.git("rev-parse", "HEAD")

    def put(self, commit: str) -> None:
        """Make a raw commit the newest one of the branch; its signature need not be valid."""
        made = subprocess.run(
            ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
            cwd=self.path, env=ENVIRONMENT, input=commit, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.git("update-ref", "refs/heads/main", made.stdout.strip())

    def store(self, kind: str, content: bytes) -> str:
        """Store a raw object, which need not be well-formed, and return its name."""
        command = ["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"]
        done = subprocess.run(
            command, cwd=self.path, env=ENVIRONMENT, input=content, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def key(self, name: str) -> Path:
        """Return a private key, which is generated at its first use."""
        path = self.keys / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return path

    def allow(self, *names: str) -> Path:
        """Return a file of allowed signers with these keys."""
        file = self.keys / "allowed"
        keys = (self.key(name).with_suffix(".pub").read_text().split()[:2] for name in names)
        file.write_text("".join(f"{n} {' '.join(k)}\n" for n, k in zip(names, keys, strict=True)))
        return file
