"""Rules of sections, combined into the rules of a kind."""

import pytest

from kvmreconcile.tree import Identity, Invisible, Reset, Rules, Table, Update, combined, paths

DISK = Rules(
    actions=Table(
        {
            "": (Update("attach"),),
            "@type": (Update("change", at="."),),
            "iotune/*": (Update("limit", at="iotune", after="@type"),),
        }
    ),
    identities=Table({"": (Identity("disk", ("source/@file",)),)}),
    copies=Table({"@listen": "listen/@address"}),
    invisible=Table({"alias": Invisible("", bool)}),
    ignored=paths("mirror"),
)


def test_paths_of_a_section_get_the_path_of_its_element_as_prefix() -> None:
    rules = DISK.below("devices/disk")

    assert rules.ignored.rows == (("devices/disk/mirror", True),)
    assert rules.identities.get("devices/disk") == (Identity("disk", ("source/@file",)),)


def test_actions_of_a_section_apply_to_its_element_or_to_inner_elements() -> None:
    actions = DISK.below("devices/disk").actions

    assert actions.get("devices/disk") == (Update("attach"),)
    assert actions.get("devices/disk/@type") == (Update("change", at="devices/disk"),)
    assert actions.get("devices/disk/iotune/total") == (
        Update("limit", at="devices/disk/iotune", after="devices/disk/@type"),
    )


def test_paths_inside_rows_get_the_path_of_the_section_as_prefix() -> None:
    rules = DISK.below("devices/disk")

    assert rules.copies.rows == (("devices/disk/@listen", "devices/disk/listen/@address"),)
    assert rules.invisible.get("devices/disk/alias") == Invisible("devices/disk", bool)


def test_most_specific_row_wins_regardless_of_order() -> None:
    rows = ("**/@a", "devices/**", "devices/*/@a", "devices/disk/**", "devices/disk/@a", "devices/*")
    rules = combined(*(Rules(rebooting=Table({row: row})) for row in rows))

    assert rules.rebooting.get("devices/disk/@a") == "devices/disk/@a"
    assert rules.rebooting.get("devices/disk/b") == "devices/disk/**"
    assert rules.rebooting.get("devices/nic/@a") == "devices/*/@a"
    assert rules.rebooting.get("devices/nic") == "devices/*"
    assert rules.rebooting.get("devices/nic/b") == "devices/**"
    assert rules.rebooting.get("memory/@a") == "**/@a"


def test_two_sections_with_a_row_for_one_path_are_an_error() -> None:
    rules = Rules(ignored=paths("mirror"))

    with pytest.raises(ValueError, match="ignored: 'mirror' has two rows"):
        combined(rules, rules)


def test_lists_of_two_sections_for_one_path_are_concatenated() -> None:
    memory, cpu = (Rules(resets=Table({"": (Reset(name, ()),)})) for name in ("memory", "vcpu"))

    assert combined(memory, cpu).resets.get("") == (Reset("memory", ()), Reset("vcpu", ()))
