"""Provide a repository and a host that fetches it."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kvmreconcile.errors import SourceError
from kvmreconcile.kinds import KINDS
from kvmreconcile.source.file_names import Naming
from kvmreconcile.source.git import Remote, Repository
from kvmreconcile.source.load import load
from tests.origin import Origin
from tests.source.servers import put_ssh

NOBODY = 65534


@dataclass(frozen=True)
class Place:
    """A repository with one commit, and a host that has fetched nothing."""

    home: Path
    origin: Origin
    monkeypatch: pytest.MonkeyPatch
    is_full: bool = False

    @property
    def ssh(self) -> str:
        return f"ssh://git@localhost{self.origin.path}"

    def repository(self, url: str = "", **options: object) -> Repository:
        remote = replace(Remote(url or str(self.origin.path)), **options)  # type: ignore[arg-type]
        return Repository(remote, self.home / "state")

    def refusal(self, url: str = "", **options: object) -> str:
        with pytest.raises(SourceError) as caught:
            self.repository(url, **options).update()
        return str(caught.value)

    def put_ssh(self, program: str) -> None:
        self.monkeypatch.setenv("PATH", f"{put_ssh(self.home, program)}:{os.environ['PATH']}")

    def hide(self, program: str) -> None:
        """Set PATH so that git is found and this program is not."""
        directory = self.home / "programs"
        directory.mkdir()
        for each in {"git", "ssh-keygen"} - {program}:
            (directory / each).symlink_to(f"/usr/bin/{each}")
        self.monkeypatch.setenv("PATH", str(directory))

    @property
    def git_directory(self) -> Path:
        return self.home / "state/git"

    def specs(self, url: str = "", **options: object) -> Path:
        """Return the directory of the current specs."""
        found = self.repository(url, **options).in_force()
        assert found
        return found[1]

    def outcome(self, url: str = "", **options: object) -> str:
        """Fetch, and return the error, or the number of loaded objects and the problems in their files."""
        repository = self.repository(url, **options)
        try:
            repository.update()
        except SourceError as error:
            return str(error).removeprefix(f"{repository.name}: ")
        found = repository.in_force()
        assert found
        revision, directory = found
        naming = Naming(directory, revision.directory, revision.submodules or ())
        loaded = load([directory], {kind.name: kind for kind in KINDS}, "test", naming)
        return "; ".join([f"in force, objects: {len(loaded.desired)}", *map(str, loaded.problems)])

    def leftovers(self) -> list[str]:
        """Return the files in the git directory of the state that are not needed after a fetch."""
        names = (str(path.relative_to(self.git_directory)) for path in self.git_directory.rglob("*"))
        files = [name for name in names if not (self.git_directory / name).is_dir()]
        packs = {name.removesuffix(".pack") for name in files if name.endswith(".pack")}
        return [
            name
            for name in files
            if not _USED.fullmatch(name) or (name.endswith((".idx", ".rev")) and name[:-4] not in packs)
        ]


_USED = re.compile(
    r"lock|first-checked\.json|revisions/current|revisions/[0-9a-f]{12}-\w+/(revision\.json|specs/.*)|mirror\.git/("
    r"HEAD|FETCH_HEAD|config|description|packed-refs|info/(attributes|exclude|refs)|hooks/.*\.sample|refs/fetched/.*|objects/("
    r"[0-9a-f]{2}/[0-9a-f]{38}|info/(packs|commit-graph)|pack/pack-[0-9a-f]{40}\.(pack|idx|rev)))"
)
"""Files that git and kvmreconcile keep."""
