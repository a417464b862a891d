"""What is secret by an object's own word: at and below paths, and not the names of a list's members."""

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


def test_rules_of_an_object_that_names_none_are_those_of_its_kind() -> None:
    assert for_secrets(RULES, ()) is RULES
    assert "password" not in for_secrets_alone(RULES, ("title",)).secrets


def test_names_of_members_stay_as_a_plan_calls_parts_by_them() -> None:
    rules = for_secrets(RULES, ("disk", "host"))
    old, new = parse("<a><disk name='root' file='b'/></a>"), parse("<a><disk name='root' file='c'/></a>")

    assert key_paths(RULES) == ("disk/@name", "host")
    assert "disk/@name" not in rules.secrets
    assert [(c.path, c.is_secret) for c in diff(old, new, rules)] == [("disk[root]/@file", True)]


def test_members_whose_key_is_secret_in_every_object_are_called_by_their_place() -> None:
    rules = Rules(members=RULES.members, secrets=paths("disk/@name"))
    old, new = parse("<a/>"), parse("<a><disk name='hunter1'/><disk name='hunter2'/></a>")

    assert [c.path for c in diff(old, new, rules)] == ["disk", "disk[#2]"]
