"""Values at and below secret paths are secret, except values that identify list members."""

import pytest

from kvmreconcile.tree import Members, Owner, Rules, Table, diff, parse, paths
from kvmreconcile.tree.variants import for_secrets, for_secrets_alone, key_paths

RULES = Rules(
    members=Table({"disk": Members((("@name",),), Owner.SPEC), "host": Members((("",),), Owner.SPEC)}),
    secrets=paths("password"),
    copies=Table({"serial": "console"}),
)


@pytest.mark.parametrize(
    ("named", "path", "is_secret"),
    [
        ((), "password", True),
        ((), "title", False),
        (("title",), "title", True),
        (("title",), "title/in/@a", True),
        (("title",), "titles", False),
        (("*/in",), "title/in/deep", True),
        (("disk",), "disk/source/@file", True),
        (("serial",), "console/source/@path", True),
        (("serial/source",), "console/source/@path", True),
        (("serial/source",), "console/target/@port", False),
        (("console",), "serial/source", False),
    ],
)
def test_values_at_and_below_a_path_are_secret(named: tuple[str, ...], path: str, *, is_secret: bool) -> None:
    assert (path in for_secrets(RULES, named).secrets) is is_secret


def test_object_without_secret_paths_uses_the_rules_of_its_kind() -> None:
    assert for_secrets(RULES, ()) is RULES
    assert "password" not in for_secrets_alone(RULES, ("title",)).secrets


def test_identities_of_members_are_not_masked() -> None:
    rules = for_secrets(RULES, ("disk", "host"))
    old, new = parse("<a><disk name='root' file='b'/></a>"), parse("<a><disk name='root' file='c'/></a>")

    assert key_paths(RULES) == ("disk/@name", "host")
    assert "disk/@name" not in rules.secrets
    assert [(c.path, c.is_secret) for c in diff(old, new, rules)] == [("disk[root]/@file", True)]


def test_members_with_a_secret_key_are_identified_by_position() -> None:
    rules = Rules(members=RULES.members, secrets=paths("disk/@name"))
    old, new = parse("<a/>"), parse("<a><disk name='hunter1'/><disk name='hunter2'/></a>")

    assert [c.path for c in diff(old, new, rules)] == ["disk", "disk[#2]"]
