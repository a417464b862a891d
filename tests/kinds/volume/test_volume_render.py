"""Rendering, creation defaults, effects of changes and adoption of volumes."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kvmreconcile.errors import SpecError
from kvmreconcile.kinds import pool
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.volume import KIND
from kvmreconcile.kinds.volume.naming import with_names
from kvmreconcile.kinds.volume.spec import VolumeSpec
from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Desired,
    Key,
    Observation,
    OwnershipMark,
    Source,
    Surroundings,
    World,
)
from kvmreconcile.plan import plan
from kvmreconcile.plan.order.references import references
from kvmreconcile.tree import Effect, Node, diff, forget, overlay, parse

KEY = Key("Volume", "default/root")
ACTUAL = """
<volume type='file'>
  <name>root</name>
  <key>/srv/root</key>
  <capacity unit='bytes'>67108864</capacity>
  <allocation unit='bytes'>200704</allocation>
  <physical unit='bytes'>196616</physical>
  <target>
    <path>/srv/root</path>
    <format type='qcow2'/>
    <permissions>
      <mode>0600</mode>
      <owner>0</owner>
      <group>0</group>
    </permissions>
    <timestamps>
      <atime>1795403680.858925392</atime>
    </timestamps>
    <compat>1.1</compat>
    <clusterSize unit='B'>65536</clusterSize>
    <features/>
  </target>
  <backingStore>
    <path>/srv/base</path>
    <format type='qcow2'/>
    <permissions>
      <mode>0600</mode>
    </permissions>
    <timestamps>
      <atime>1795403680.832321696</atime>
    </timestamps>
  </backingStore>
</volume>"""
PLAIN = ACTUAL[: ACTUAL.index("  <backingStore>")] + "</volume>"


def document(**fields: Any) -> Document:
    spec = VolumeSpec.model_validate({"pool": "default"} | fields)
    return Document("Volume", "root", spec, {}, Source("volume.yaml", 3, 1), Path("/specs"))


def desire(**fields: Any) -> Desired:
    return KIND.desire(document(**fields), "")


def actual(xml: str) -> Actual:
    return Actual(KEY, "", with_names(xml, "default", {"/srv": "default", "/other": "other"}))


def changes(xml: str, desired: Desired) -> list[str]:
    tree = actual(xml).tree
    return [c.path for c in diff(tree, overlay(tree, desired.tree, KIND.rules), KIND.rules)]


def complete(desired: Desired, pool_xml: str | None, *, plain: bool = False) -> Node:
    def lookup(key: Key) -> Node | None:
        return parse(pool_xml) if pool_xml and key == Key("StoragePool", "default") else None

    return KIND.complete(desired.tree, Surroundings("", OwnershipMark("lab", str(KEY), ""), plain, lookup))


def planned(xml: str, desired: Desired, before: Desired | None = None) -> tuple[Action, ...]:
    """Return the planned and held actions for a volume of ours."""
    applied = Applied(KEY, "", "lab", (before or desired).tree, "")
    pool_key = Key("StoragePool", "default")
    golden = Key("Volume", "default/golden")
    seen = {
        KEY: actual(xml),
        pool_key: Actual(pool_key, "", "<pool type='dir'/>"),
        golden: Actual(golden, "", "<volume pool='default'><name>golden</name></volume>"),
        Key("Volume", "default/base"): Actual(Key("Volume", "default/base"), "", "<volume/>"),
    }
    world = World("lab", "", datetime.now(UTC), {KEY: desired}, Observation(seen), {KEY: applied})
    result = plan(world, {"Volume": KIND, "StoragePool": pool.KIND})
    return (*result.actions, *(h.action for h in result.held))


def test_spec_renders_only_its_fields() -> None:
    wish = desire(capacity="10GiB")

    assert wish.key == KEY
    assert wish.tree == parse(
        "<volume pool='default'><name>root</name><capacity unit='bytes'>10737418240</capacity></volume>"
    )
    assert (wish.power, wish.autostart, wish.creation.uuid, wish.creation.content) == (None, None, "", None)


def test_all_fields_are_rendered_to_the_desired_object() -> None:
    wish = desire(
        capacity="1MiB", allocation="0B", format="qcow2", permissions={"mode": "0640", "owner": 1, "group": 2},
        backing={"volume": "base", "format": "qcow2"}, xml="<volume><target><compat>1.1</compat></target></volume>",
    )  # fmt: skip

    assert wish.tree == parse(
        "<volume pool='default'><name>root</name><capacity unit='bytes'>1048576</capacity>"
        "<allocation unit='bytes'>0</allocation><target><format type='qcow2'/><permissions><mode>0640</mode>"
        "<owner>1</owner><group>2</group></permissions><compat>1.1</compat></target>"
        "<backingStore pool='default' volume='base'><format type='qcow2'/></backingStore></volume>"
    )


def test_source_path_is_relative_to_the_spec_and_sets_format() -> None:
    wish = desire(source={"file": "images/debian.qcow2", "format": "qcow2"})

    assert wish.creation.content is not None
    assert wish.creation.content.path == Path("/specs/images/debian.qcow2")
    assert wish.tree.get("target/format/@type") == "qcow2"
    absolute = desire(source={"file": "/srv/a.img"}).creation.content
    assert absolute is not None
    assert absolute.path == Path("/srv/a.img")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, 'needs a "capacity"'),
        ({"capacity": "10"}, "number with a unit"),
        ({"capacity": "1GiB", "source": {"file": "a"}, "backing": {"volume": "b"}}, "cannot be combined"),
        ({"source": {"file": "a", "format": "raw"}, "format": "qcow2"}, "images are not converted"),
        ({"backing": {"volume": "a/b/c"}}, "in another pool"),
        ({"capacity": "1GiB", "format": "qcow3"}, "Input should be"),
        ({"capacity": "1GiB", "pool": "a/b"}, 'must not contain "/"'),
    ],
)  # fmt: skip
def test_invalid_field_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        document(**fields)


def test_xml_that_names_another_volume_is_an_error() -> None:
    with pytest.raises(SpecError, match='has the <name> "other"'):
        desire(xml="<volume><name>other</name></volume>")


def test_volume_requires_its_pool_and_backing() -> None:
    wish = desire(backing={"volume": "golden/base"})

    assert [key for key, _ in references(wish.tree, KIND.rules)] == [
        Key("StoragePool", "default"),
        Key("Volume", "golden/base"),
    ]


@pytest.mark.parametrize("pool_xml", [None, "<pool/>", "<pool type='dir'/>", "<pool type='netfs'/>"])
def test_new_volume_in_a_directory_is_qcow2(pool_xml: str | None) -> None:
    assert complete(desire(capacity="1GiB"), pool_xml).get("target/format/@type") == "qcow2"


def test_new_volume_outside_directory_pools_or_with_libvirt_defaults_has_no_format() -> None:
    wish = desire(capacity="1GiB")

    assert complete(wish, "<pool type='logical'/>") is wish.tree
    assert complete(wish, "<pool type='dir'/>", plain=True) is wish.tree
    assert complete(desire(capacity="1GiB", format="raw"), None).get("target/format/@type") == "raw"


@pytest.mark.parametrize(
    "fields",
    [
        {"capacity": "64MiB"},
        {"capacity": "67108863B"},
        {"capacity": "64MiB", "allocation": "1GiB", "permissions": {"mode": "600", "owner": 0}},
        {"xml": "<volume type='block'><capacity unit='M'>64</capacity><key>/x</key><source/></volume>"},
        {"xml": "<volume><capacity>67108864</capacity><target><path>/x</path></target></volume>"},
        {"xml": "<volume><allocation unit='MiB'>9</allocation></volume>"},
        {"backing": {"volume": "base"}},
        {"backing": {"volume": "default/base", "format": "qcow2"}},
        {"xml": "<volume><backingStore><path>//srv/base</path></backingStore></volume>"},
        {
            "capacity": "64MiB",
            "xml": "<volume><target><clusterSize unit='KiB'>64</clusterSize></target></volume>",
        },
    ],
)
def test_different_spelling_and_creation_only_fields_are_not_changes(fields: dict[str, Any]) -> None:
    assert changes(ACTUAL, desire(**fields)) == []


def test_larger_capacity_is_a_resize() -> None:
    (action,) = planned(ACTUAL, desire(capacity="1GiB"))

    assert (action.verb.name, action.effect) == ("resize", Effect.LIVE)
    assert action.tree == parse("<capacity unit='bytes'>1073741824</capacity>")


def test_smaller_capacity_is_data_loss() -> None:
    (action,) = planned(ACTUAL, desire(capacity="1MiB"))

    assert (action.verb.name, action.effect) == ("replace", Effect.DATA_LOSS)


def test_changed_format_or_backing_is_one_replacement_with_data_loss() -> None:
    wish = desire(capacity="64MiB", source={"file": "new.img", "format": "raw"})

    (action,) = planned(PLAIN, wish)

    assert (action.verb.name, action.effect) == ("replace", Effect.DATA_LOSS)
    assert action.content is not None
    assert action.content.path == Path("/specs/new.img")
    assert [c.path for c in action.changes] == ["target/format/@type"]
    assert action.tree is not None
    assert action.tree.get("target/format/@type") == "raw"
    (action,) = planned(ACTUAL, desire(format="raw", backing={"volume": "golden"}))
    assert {c.path for c in action.changes} >= {"target/format/@type", "backingStore/@volume"}


def test_changed_backing_resets_values_of_the_old_backing() -> None:
    proposed = overlay(actual(ACTUAL).tree, desire(backing={"volume": "other/base2"}).tree, KIND.rules)

    assert proposed.find("backingStore") == Node("backingStore", (("pool", "other"), ("volume", "base2")))


def test_changed_backing_path_resets_pool_and_volume_name() -> None:
    wish = desire(xml="<volume><backingStore><path>/tmp/x</path></backingStore></volume>")

    proposed = overlay(actual(ACTUAL).tree, wish.tree, KIND.rules)

    assert proposed.find("backingStore") == parse("<backingStore><path>/tmp/x</path></backingStore>")


def test_removing_creation_only_fields_changes_nothing() -> None:
    before = desire(capacity="64MiB", format="qcow2", allocation="0B", permissions={"mode": "0600"})

    assert planned(PLAIN, desire(source={"file": "x"}), before) == ()


def test_values_that_change_while_a_volume_is_in_use_are_not_drift() -> None:
    permissions = {"mode": "0600", "owner": 0, "group": 0}
    label = "<volume><target><permissions><label>a:b</label></permissions></target></volume>"
    wish = desire(capacity="64MiB", allocation="0B", permissions=permissions, xml=label)
    used = PLAIN.replace("<owner>0", "<owner>64055").replace("<group>0", "<group>108")
    used = used.replace("</group>", "</group><label>c:d</label>").replace(">200704<", ">67108864<")

    assert changes(used, wish) == []
    later = used.replace(">196616<", ">67109999<").replace("<atime>1", "<atime>2")
    assert list(diff(parse(used), parse(later), KIND.rules)) == []


def test_required_elements_of_a_volume_are_kept_when_removed_from_spec() -> None:
    tree = actual(PLAIN).tree

    assert forget(tree, desire(capacity="64MiB").tree, Node("volume"), KIND.rules) is tree


def test_removed_backing_field_is_data_loss() -> None:
    (action,) = planned(
        ACTUAL, desire(capacity="64MiB"), desire(capacity="64MiB", backing={"volume": "base"})
    )

    assert action.effect is Effect.DATA_LOSS
    assert [c.path for c in action.changes] == ["backingStore"]


def test_backing_volume_gets_the_name_of_the_pool_at_its_directory() -> None:
    elsewhere = ACTUAL.replace("/srv/base", "/other/base")
    nowhere = ACTUAL.replace("/srv/base", "/nowhere/base")

    assert changes(elsewhere, desire(backing={"volume": "other/base"})) == []
    assert actual(nowhere).tree.get("backingStore/@volume") is None
    assert actual(PLAIN).tree.attr("pool") == "default"


@pytest.mark.parametrize(
    ("xml", "fields"),
    [
        (PLAIN, {"pool": "default", "capacity": "64MiB", "format": "qcow2"}),
        (
            ACTUAL,
            {
                "pool": "default",
                "capacity": "64MiB",
                "format": "qcow2",
                "backing": {"volume": "base", "format": "qcow2"},
            },
        ),
        (
            PLAIN.replace("0600", "0644").replace("<compat>1.1", "<compat>0.10"),
            {
                "pool": "default",
                "capacity": "64MiB",
                "format": "qcow2",
                "permissions": {"mode": "0644", "owner": 0, "group": 0},
                "xml": "<volume>\n  <target>\n    <compat>0.10</compat>\n  </target>\n</volume>",
            },
        ),
    ],
)
def test_adopted_volume_has_typed_fields_and_no_change(xml: str, fields: dict[str, Any]) -> None:
    adopted = KIND.adopt(actual(xml))

    assert adopted == fields
    assert changes(xml, desire(**adopted)) == []


def test_sparse_image_created_from_adopted_spec_is_sparse() -> None:
    raw = PLAIN.replace("qcow2", "raw")
    full = raw.replace(">200704<", ">67108864<")

    assert KIND.adopt(actual(raw))["allocation"] == "0B"
    assert "allocation" not in KIND.adopt(actual(full))
    assert changes(raw, desire(**KIND.adopt(actual(raw)))) == []


def test_adopted_backing_outside_of_pools_stays_a_path() -> None:
    xml = ACTUAL.replace("/srv/base", "/nowhere/base")

    adopted = KIND.adopt(actual(xml))

    assert "<path>/nowhere/base</path>" in adopted["xml"]
    assert changes(xml, desire(**adopted)) == []


def test_interrupted_volume_creation_is_repeated() -> None:
    wish = desire(capacity="64MiB")
    applied = replace(Applied(KEY, "", "lab", wish.tree, ""), complete=False)
    world = World(
        "lab", "", datetime.now(UTC), {KEY: wish}, Observation({KEY: actual(PLAIN)}), {KEY: applied}
    )

    (action,) = plan(world, {"Volume": KIND}).actions

    assert action.verb.name == "recreate"
