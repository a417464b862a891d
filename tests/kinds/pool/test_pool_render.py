"""Rendering, creation defaults and adoption of pools."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.pool import KIND
from kvmreconcile.kinds.pool.spec import StoragePoolSpec
from kvmreconcile.model import (
    Actual,
    Applied,
    Apply,
    Desired,
    Key,
    Observation,
    OwnershipMark,
    Plan,
    Power,
    Source,
    Surroundings,
    World,
)
from kvmreconcile.plan import plan
from kvmreconcile.tree import Effect, Node, diff, forget, overlay, parse

UUID = "0f6bd1ae-8a4f-4b2e-a6a5-0d3c1a8b7c6d"
ACTUAL = f"""
<pool type='dir'>
  <name>images</name>
  <uuid>{UUID}</uuid>
  <capacity unit='bytes'>270553174016</capacity>
  <allocation unit='bytes'>26181402624</allocation>
  <available unit='bytes'>244371771392</available>
  <source>
  </source>
  <target>
    <path>/srv/images</path>
    <permissions>
      <mode>0711</mode>
      <owner>0</owner>
      <group>0</group>
      <label>some_label_t</label>
    </permissions>
  </target>
</pool>"""


def document(**fields: Any) -> Document:
    spec = StoragePoolSpec.model_validate(fields)
    return Document("StoragePool", "images", spec, {"tier": "web"}, Source("pool.yaml", 3, 1), Path())


def desire(**fields: Any) -> Desired:
    return KIND.desire(document(**fields), UUID)


def changes(actual: str, desired: Desired) -> list[str]:
    tree = parse(actual)
    return [c.path for c in diff(tree, overlay(tree, desired.tree, KIND.rules), KIND.rules)]


def born(desired: Desired, uuid: str = UUID) -> Node:
    whole = overlay(KIND.rules.creation_default("", desired.tree), desired.tree, KIND.rules)
    return KIND.complete(
        whole, Surroundings(uuid, OwnershipMark("lab", "StoragePool/images", uuid), False, lambda _: None)
    )


def test_spec_renders_only_its_fields() -> None:
    wish = desire(path="/srv/images")

    assert wish.key == Key("StoragePool", "images")
    assert wish.tree == parse("<pool><name>images</name><target><path>/srv/images</path></target></pool>")
    assert (wish.power, wish.autostart, wish.creation.uuid) == (Power.RUNNING, None, UUID)
    assert wish.labels == (("tier", "web"),)


def test_all_fields_are_rendered_to_the_desired_object() -> None:
    wish = desire(
        path="/srv/images", type="dir", uuid=UUID, state="stopped", autostart=True, apply="merge", adopt=True,
        permissions={"mode": "0750", "owner": 107, "group": 108}, update={"maxEffect": "restart"}, protect=True,
    )  # fmt: skip

    assert wish.tree == parse(
        f"<pool type='dir'><name>images</name><uuid>{UUID}</uuid><target><path>/srv/images</path>"
        "<permissions><mode>0750</mode><owner>107</owner><group>108</group></permissions></target></pool>"
    )
    assert (wish.power, wish.autostart) == (Power.STOPPED, True)
    assert (wish.policy.max_effect, wish.policy.apply) == (Effect.RESTART, Apply.MERGE)
    assert wish.policy.adopt
    assert wish.policy.protect


def test_xml_is_merged_over_the_fields() -> None:
    wish = desire(
        path="/srv/images", xml="<pool type='fs'><source><device path='/dev/sdb1'/></source></pool>"
    )

    assert wish.tree.attr("type") == "fs"
    assert wish.tree.find("source/device") == Node("device", (("path", "/dev/sdb1"),))
    assert wish.tree.get("target/path") == "/srv/images"


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<pool", "not well-formed XML"),
        ("<network/>", "write it as <pool>"),
        ("<pool><name>other</name></pool>", 'has the <name> "other"'),
    ],
)
def test_unusable_xml_is_an_error_with_its_place(xml: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        desire(path="/srv/images", xml=xml)

    assert "pool.yaml:3:1: StoragePool/images: spec.xml" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, 'needs a "path"'),
        ({"path": "srv/images"}, "pattern"),
        ({"path": "/srv", "permissions": {"owner": 107}}, 'require "mode"'),
        ({"path": "/srv", "permissions": {"mode": "0799"}}, "pattern"),
        ({"path": "/srv", "uuid": "none"}, "pattern"),
    ],
)
def test_invalid_field_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        document(**fields)


def test_mount_options_are_last_as_libvirts_schema_requires() -> None:
    uri = "http://libvirt.org/schemas/storagepool/fs/1.0"
    options = f"<fs:mount_opts xmlns:fs='{uri}'><fs:option name='noatime'/></fs:mount_opts>"

    whole = born(desire(path="/srv/images", type="fs", xml=f"<pool>{options}</pool>"))

    assert [child.tag for child in whole.children][-2:] == ["target", f"{{{uri}}}mount_opts"]


def test_new_pool_is_a_directory_with_derived_uuid() -> None:
    whole = born(desire(path="/srv/images"))

    assert (whole.attr("type"), whole.get("uuid")) == ("dir", UUID)


def test_creation_defaults_do_not_replace_values_of_the_spec() -> None:
    other = UUID.replace("0f", "ff")

    whole = born(desire(xml=f"<pool type='netfs'><uuid>{other}</uuid></pool>"))

    assert (whole.attr("type"), whole.get("uuid")) == ("netfs", other)


def test_different_spelling_is_not_a_change() -> None:
    wish = desire(
        path="//srv/images/",
        uuid=UUID.upper().replace("-", ""),
        permissions={"mode": "711", "owner": 0, "group": 0},
    )

    assert changes(ACTUAL, wish) == []


def test_changed_path_resets_permissions_of_the_old_directory() -> None:
    tree = parse(ACTUAL)

    proposed = overlay(tree, desire(path="/srv/other").tree, KIND.rules)

    assert proposed.get("target/path") == "/srv/other"
    assert proposed.find("target/permissions") is None
    said = desire(path="/srv/other", permissions={"mode": "0700"})
    assert overlay(tree, said.tree, KIND.rules).get("target/permissions/mode") == "0700"


def test_permissions_removed_from_spec_are_kept() -> None:
    tree = parse(ACTUAL)
    before, after = desire(path="/srv/images", permissions={"mode": "0711"}), desire(path="/srv/images")

    assert forget(tree, before.tree, after.tree, KIND.rules) is tree


def test_owner_minus_one_keeps_the_actual_owner() -> None:
    wish = desire(
        path="/srv/images",
        xml="<pool><target><permissions><owner>-1</owner><group>-1</group></permissions></target></pool>",
    )
    bare = ACTUAL.replace("<owner>0</owner>", "").replace("<group>0</group>", "")

    assert changes(bare, wish) == []


NETFS = """
<pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'
      xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'>
  <source>
    <host name='one' port='2049'/>
    <host name='two' port='2049'/>
    <dir path='/export'/>
  </source>
  <target>
    <permissions>
      <mode>0711</mode>
      <owner>0</owner>
      <group>7</group>
    </permissions>
  </target>
  <fs:mount_opts>
    <fs:option name='sync'/>
    <fs:option name='lazytime'/>
  </fs:mount_opts>
  <rbd:config_opts>
    <rbd:option name='a' value='1'/>
    <rbd:option name='b' value='2'/>
  </rbd:config_opts>
</pool>"""


def test_list_in_different_order_and_spelling_is_not_a_change() -> None:
    xml = (
        NETFS.replace("name='one'", "name='three'").replace("name='two'", "name='one'").replace("three", "two")
        .replace("'2049'", "'02049'").replace("/export", "//export/").replace(">0<", ">00<").replace(">7<", ">07<")
        .replace("name='sync'", "name='x'").replace("lazytime", "sync").replace("name='x'", "name='lazytime'")
        .replace("name='a' value='1'", "name='c' value='2'").replace("name='b' value='2'", "name='a' value='1'")
        .replace("name='c'", "name='b'")
    )  # fmt: skip

    assert changes(NETFS, desire(xml=xml)) == ["name"]


def test_members_removed_from_list_are_removed() -> None:
    xml = NETFS.replace("<host name='two' port='2049'/>", "").replace("<fs:option name='sync'/>", "")

    found = changes(NETFS, desire(xml=xml.replace("<rbd:option name='b' value='2'/>", "")))

    # A mount option is named by its place, as it may be "password=…".
    assert [path.rpartition("[")[2].rpartition(":")[2] for path in found] == ["2049]", "option", "b]", "name"]


def test_values_that_libvirt_only_reports_are_not_changes() -> None:
    xml = "<pool><capacity>1</capacity><allocation>1</allocation><available>1</available></pool>"

    assert changes(ACTUAL, desire(path="/srv/images", xml=xml)) == []
    later = ACTUAL.replace("26181402624", "1").replace("244371771392", "2").replace("270553174016", "3")
    assert list(diff(parse(ACTUAL), parse(later), KIND.rules)) == []


def test_required_elements_of_a_pool_are_kept_when_removed_from_spec() -> None:
    tree = parse(ACTUAL)
    before = desire(path="/srv/images", type="dir", uuid=UUID)

    assert forget(tree, before.tree, Node("pool"), KIND.rules) is tree


def planned(actual: str, live: str, desired: Desired) -> Plan:
    found = Actual(desired.key, UUID, actual, live, active=True)
    applied = Applied(desired.key, UUID, "lab", desired.tree, "")
    observed = Observation({desired.key: found})
    world = World("lab", "", datetime.now(UTC), {desired.key: desired}, observed, {desired.key: applied})
    return plan(world, {KIND.name: KIND})


def test_changed_uuid_is_held_as_a_replacement() -> None:
    wish = desire(path="/srv/images", uuid=UUID.replace("0f", "ff"))

    held, *follow = planned(ACTUAL, ACTUAL, wish).held

    assert {after.action.verb.name for after in follow} <= {"autostart", "start"}
    assert (held.action.verb.name, held.action.effect) == ("replace", Effect.REPLACE)


def test_changed_path_is_stored_and_then_pending() -> None:
    wish = desire(path="/srv/other")
    start = ACTUAL.index("<permissions>"), ACTUAL.index("</permissions>")
    stored = (ACTUAL[: start[0]] + ACTUAL[start[1] + len("</permissions>") :]).replace(
        "/srv/images", "/srv/other"
    )

    first, second = planned(ACTUAL, ACTUAL, wish), planned(stored, ACTUAL, wish)

    assert [(a.verb.name, a.effect) for a in first.actions] == [("define", Effect.NEXT_BOOT)]
    assert second.actions == ()
    assert [c.path for c in second.pending[wish.key]] == ["target/path"]


def test_device_removed_from_spec_is_removed() -> None:
    actual = "<pool type='logical'><source><device path='/dev/a'/><device path='/dev/b'/></source></pool>"
    wish = desire(xml="<pool><source><device path='/dev/b'/></source></pool>")

    assert changes(actual, wish) == ["source/device[/dev/a]", "name"]


def test_adopted_pool_has_typed_fields_and_no_change() -> None:
    actual = Actual(Key("StoragePool", "images"), UUID, ACTUAL, ACTUAL, active=True, autostart=False)

    fields = KIND.adopt(actual)

    assert fields == {
        "state": "running",
        "autostart": False,
        "uuid": UUID,
        "type": "dir",
        "path": "/srv/images",
        "permissions": {"mode": "0711", "owner": 0, "group": 0},
        "xml": "<pool>\n  <target>\n    <permissions>\n      <label>some_label_t</label>\n"
        "    </permissions>\n  </target>\n</pool>",
    }
    assert changes(ACTUAL, desire(**fields)) == []
    assert overlay(parse(ACTUAL), desire(**fields).tree, KIND.rules) == parse(ACTUAL)
