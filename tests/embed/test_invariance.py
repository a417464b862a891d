"""
Only planned changes are visible to guests, tested with seeded random edits of the corpus.

libvirt's definitions from before and after an edit are compared value by value, without the
product's rules.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.ownership_mark import without_mark
from kvmreconcile.model import Actual, Plan, Result
from kvmreconcile.tree import Change, Node, Rules, diff
from tests.embed.embedded import Embedded, files, make_desired

pytestmark = [pytest.mark.figures, pytest.mark.timeout(900)]

SLICES = 2
EDITS_EACH = 3
Fields = dict[str, Any]
Edit = Callable[[Fields, random.Random], None]


def _title(fields: Fields, dice: random.Random) -> None:
    fields["title"] = f"edited {dice.random()}"


def _processors(fields: Fields, _dice: random.Random) -> None:
    fields["cputune"] = {**(fields.get("cputune") or {}), "shares": 777}


def _crash(fields: Fields, dice: random.Random) -> None:
    fields["onCrash"] = dice.choice(["destroy", "restart"])


def _memory(fields: Fields, dice: random.Random) -> None:
    has_cells = "numa" in (fields.get("cpu") or {})
    if isinstance(fields.get("memory"), str) and "currentMemory" not in fields and not has_cells:
        fields["memory"] = f"{dice.randrange(256, 512)}MiB"


def _more_disk(fields: Fields, _dice: random.Random) -> None:
    fields["disks"] = [*(fields.get("disks") or []), {"name": "extra", "file": "/nowhere/extra.img"}]


def _more_interface(fields: Fields, _dice: random.Random) -> None:
    fields["interfaces"] = [*(fields.get("interfaces") or []), {"name": "extra-lan", "network": "default"}]


def _fewer(field: str) -> Edit:
    def take_out(fields: Fields, dice: random.Random) -> None:
        if have := fields.get(field):
            fields[field] = [item for item in have if item is not dice.choice(have)]

    return take_out


def _order(field: str) -> Edit:
    def shuffle(fields: Fields, dice: random.Random) -> None:
        if have := fields.get(field):
            fields[field] = dice.sample(have, len(have))

    return shuffle


EDITS: Sequence[Edit] = (
    _title,
    _processors,
    _crash,
    _memory,
    _more_disk,
    _more_interface,
    _fewer("disks"),
    _fewer("interfaces"),
    _order("disks"),
    _order("interfaces"),
)
SEEN = (
    "address",
    "alias",
    "mac",
    "serial",
    "wwn",
    "loader",
    "nvram",
    "target",
    "model",
    "tpm",
    "uuid",
    "genid",
)
"""Elements by which a guest identifies its devices, regardless of their order."""


@pytest.fixture(params=range(SLICES))
def corpus(request: pytest.FixtureRequest, hypervisor: Embedded) -> list[Path]:
    """Return a part of the corpus, or a quarter of it without --full. Adoption takes long."""
    step = 1 if request.config.getoption("--full") else 4
    return hypervisor.accepted(files()[request.param :: SLICES][::step])


def test_only_planned_values_change(hypervisor: Embedded, corpus: list[Path]) -> None:
    dice = random.Random(20)
    kept = edited = refused = 0
    for file in corpus:
        # Stored once more, because libvirt does not always return its normalized form at first.
        before = _defined(hypervisor, _defined(hypervisor, file.read_text()).xml)
        fields = {**KIND.adopt(before), "adopt": True}
        for edit in dice.sample(EDITS, EDITS_EACH):
            edit(fields, dice)
        spec = make_desired(before.key.name, fields)
        todo = hypervisor.plan(spec)

        report = hypervisor.apply(spec, todo)

        edited += 1
        if any(outcome.result is Result.FAILED for outcome in report.outcomes):
            refused += 1
            continue
        after = _only(hypervisor)
        moved = [str(c.path) for c in _differences(before, after) if _is_seen(c) and not _is_named(c, todo)]
        assert not moved, (file.name, moved)
        kept += sum(1 for _ in _addresses(before.tree))
    print(
        f"\n{edited} definitions edited, {refused} of them refused by libvirt; {kept} addresses where they were"
    )
    assert refused < edited / 3
    assert kept > edited


def _defined(hypervisor: Embedded, xml: str) -> Actual:
    hypervisor.clear()
    hypervisor.define(xml)
    return _only(hypervisor)


def _only(hypervisor: Embedded) -> Actual:
    (actual,) = hypervisor.observed().objects.values()
    assert isinstance(actual, Actual)
    return actual


def _differences(before: Actual, after: Actual) -> Iterator[Change]:
    return diff(without_mark(before.tree), without_mark(after.tree), Rules(members=RULES.members))


def _is_seen(change: Change) -> bool:
    """Return whether a guest could notice a change. Addresses of new devices are not counted."""
    tags = change.rule.split("/")
    # A new port may share the slot of an older one, which keeps its address and becomes multifunction.
    if change.sign == "+" and tags[-1] == "@multifunction":
        return False
    is_new_device = change.sign == "+" and len(tags) <= len(("devices", "disk"))
    return not is_new_device and (tags[0] == "devices" or "@machine" in tags or bool({*SEEN} & {*tags}))


def _is_named(change: Change, todo: Plan) -> bool:
    named = [c.steps for action in todo.actions for c in action.changes]
    return any(
        change.steps[: len(steps)] == steps or steps[: len(change.steps)] == change.steps for steps in named
    )


def _addresses(node: Node) -> Iterator[Node]:
    if node.tag == "address":
        yield node
    for child in node.children:
        yield from _addresses(child)


def test_device_keeps_its_address_after_the_address_is_removed_from_spec(hypervisor: Embedded) -> None:
    before = _defined(
        hypervisor,
        "<domain type='qemu'><name>short</name><memory>65536</memory><os><type machine='q35'>hvm</type></os>"
        "<devices><disk type='file' device='disk'><source file='/nowhere/a.img'/><target dev='vda' bus='virtio'/>"
        "<address type='pci' bus='0x07'/></disk></devices></domain>",
    )
    adopted = {**KIND.adopt(before), "adopt": True}
    (disk,) = adopted["disks"]
    assert 'bus="0x07"' in disk["xml"]
    hypervisor.apply(full := make_desired("short", adopted), hypervisor.plan(full))

    shortened = make_desired("short", {**adopted, "disks": [{k: v for k, v in disk.items() if k != "xml"}]})

    assert not any(action.changes for action in hypervisor.plan(shortened).actions)
    assert list(_addresses(_only(hypervisor).tree)) == list(_addresses(before.tree))


def test_different_order_of_controllers_is_not_a_change(hypervisor: Embedded) -> None:
    ports = [f"<controller type='pci' index='{n}' model='pcie-root-port'/>" for n in range(1, 5)]
    xml = (
        "<domain type='qemu'><name>order</name><memory>65536</memory><os><type machine='q35'>hvm</type></os>"
        "<devices><controller type='pci' index='0' model='pcie-root'/>{}</devices></domain>"
    )
    before = _defined(hypervisor, xml.format("".join(ports)))
    spec = make_desired(
        before.key.name, {"adopt": True, "state": "any", "xml": xml.format("".join(reversed(ports)))}
    )

    assert not any(action.changes for action in hypervisor.plan(spec).actions)


def _ports(actual: Actual) -> int:
    return sum(c.attr("model") == "pcie-root-port" for c in actual.tree.all("devices/controller"))


def test_hot_plug_slots_are_added_at_creation_only(hypervisor: Embedded) -> None:
    fields: dict[str, object] = {"type": "qemu", "memory": "64MiB", "state": "any", "hotplug": {"slots": 20}}
    made = make_desired("roomy", fields)
    assert not hypervisor.apply(made, hypervisor.plan(made)).failed
    assert _ports(_only(hypervisor)) == 20

    fewer = make_desired("roomy", fields | {"hotplug": {"slots": 4}})
    assert hypervisor.plan(fewer).is_empty
    silent = make_desired("roomy", {k: v for k, v in fields.items() if k != "hotplug"})
    assert hypervisor.plan(silent).is_empty
    assert not hypervisor.apply(silent, hypervisor.plan(silent)).failed
    assert _ports(_only(hypervisor)) == 20


def test_guest_without_hot_plug_setting_has_twelve_slots(hypervisor: Embedded) -> None:
    made = make_desired("usual", {"type": "qemu", "memory": "64MiB", "state": "any"})

    assert not hypervisor.apply(made, hypervisor.plan(made)).failed

    assert _ports(_only(hypervisor)) == 12
