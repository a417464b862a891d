"""Roles of callers by user, group and token."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from kvmreconcile.control.callers import (
    Caller,
    Peer,
    Role,
    find_token_owner,
    local_caller,
    peer_of,
    read_tokens,
)
from kvmreconcile.errors import SpecError
from kvmreconcile.settings.access import ControlSettings, UserListSettings

NOBODY = pwd.getpwnam("nobody")
SECRET = "0123456789abcdefghij"
PEOPLE = {
    "users": UserListSettings(users=("nobody",)),
    "groups": UserListSettings(groups=("adm",)),
    "others": UserListSettings(users=("root", "daemon"), groups=("no-such-group",)),
}


@pytest.mark.parametrize(
    ("operators", "admins", "role"),
    [
        ("others", "others", Role.VIEWER),
        ("users", "others", Role.OPERATOR),
        ("groups", "others", Role.OPERATOR),
        ("others", "users", Role.ADMIN),
        ("users", "groups", Role.ADMIN),
    ],
)
def test_role_comes_from_user_or_group(operators: str, admins: str, role: Role) -> None:
    settings = ControlSettings(operators=PEOPLE[operators], admins=PEOPLE[admins])
    peer = Peer(NOBODY.pw_uid, frozenset((NOBODY.pw_gid, 4)))  # "adm" is group 4 on all Linux distributions

    assert local_caller(peer, settings) == Caller("nobody", role)


@pytest.mark.parametrize("uid", [0, 12345678])
def test_root_and_daemon_user_are_admins(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345678)

    assert local_caller(Peer(uid, frozenset()), ControlSettings()).role is Role.ADMIN


def test_user_without_name_is_reported_by_uid() -> None:
    assert local_caller(Peer(12345678, frozenset()), ControlSettings()) == Caller("12345678", Role.VIEWER)


def test_peer_credentials_contain_user_and_groups() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert peer_of(here) == Peer(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))


def tokens(directory: Path, text: str, mode: int = 0o600) -> Path:
    file = directory / "tokens"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_token_must_match_completely(tmp_path: Path) -> None:
    text = f"# for the graphs\nprometheus viewer {SECRET}\n\nalice admin {SECRET}z\n"
    known = read_tokens(tokens(tmp_path, text))

    assert find_token_owner(f"Bearer {SECRET}", known) == Caller("prometheus", Role.VIEWER)
    assert find_token_owner(f"bearer {SECRET}z", known) == Caller("alice", Role.ADMIN)
    for header in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {SECRET[:-1]}",
        f"Basic {SECRET}",
        f"Bearer {SECRET}\xe9",
    ):
        assert find_token_owner(header, known) is None


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        (f"prometheus viewer {SECRET}", 0o644, "its mode 0644 gives its group or others more"),
        (f"prometheus viewer {SECRET}", 0o660, "its mode 0660 gives its group or others more"),
        (f"prometheus viewer {SECRET[:19]}", 0o600, ":1: this line is not a valid token entry"),
        (f"\nprometheus king {SECRET}", 0o600, ":2: this line is not a valid token entry"),
        (f"prometheus viewer {SECRET} and more", 0o600, ":1: this line is not a valid token entry"),
    ],
)
def test_invalid_token_lines_are_reported_without_token(
    tmp_path: Path, text: str, mode: int, problem: str
) -> None:
    with pytest.raises(SpecError, match=problem) as caught:
        read_tokens(tokens(tmp_path, text, mode))

    assert SECRET[:19] not in str(caught.value)


def test_missing_token_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_tokens(tmp_path / "absent")

    assert str(caught.value) == (
        f"{tmp_path}/absent: it cannot be read: No such file or directory; "
        'check control.tcp.tokens or the systemd credential "control-tokens"'
    )


def test_binary_token_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_bytes(b"\xff\xfe")

    with pytest.raises(SpecError, match="it is not UTF-8 text; check"):
        read_tokens(tmp_path / "tokens")
