"""Consequences of removing an object of each kind, as text for users."""

from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Cost, Key, Leftover, Lifecycle, Policy, Removal, ShutdownPolicy
from kvmreconcile.tree import Effect

BY_NAME = {kind.name: kind for kind in KINDS}
DISKS = """
<disk device='disk'><source file='/srv/a.raw'/><target dev='vda'/></disk>
<disk><source pool='images' volume='data'/><target dev='vdb'/><alias name='ua-data'/></disk>
<disk device='cdrom'><source file='/srv/a.iso'/><target dev='sda'/></disk>
<disk device='disk'><source protocol='rbd' name='pool/image'/></disk>
<disk device='disk'><target dev='vdd'/></disk>
"""
NVRAM = "<os><nvram>/var/n.fd</nvram></os>"
TPM = "<devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm></devices>"


def cost(key: str, xml: str, removal: tuple[Leftover, ...] = (), **more: Any) -> Cost:
    policy = Policy(lifecycle=replace(more.pop("lifecycle", Lifecycle()), removal=frozenset(removal)))
    users, contents, unlisted = (more.pop(each, ()) for each in ("users", "contents", "unlisted"))
    name = Key.read(key)
    return BY_NAME[name.kind].cost(Removal(Actual(name, "u", xml, **more), policy, users, contents, unlisted))


@pytest.mark.case("13a")
def test_removal_of_a_volume_reports_its_path_and_size() -> None:
    xml = (
        "<volume><capacity unit='bytes'>10737418240</capacity><allocation unit='bytes'>3221225472</allocation>"
        "<target><path>/srv/images/data</path></target></volume>"
    )

    assert cost("Volume/images/data", xml) == Cost(
        Effect.DATA_LOSS, ("/srv/images/data is deleted (capacity 10GiB, allocated 3GiB)",)
    )


def test_removal_of_a_volume_of_unknown_size_is_reported() -> None:
    assert cost("Volume/images/data", "<volume/>").notes == (
        "images/data is deleted (capacity unknown, allocated unknown)",
    )


@pytest.mark.case("13b")
def test_removal_shuts_down_a_running_guest_and_keeps_its_disks() -> None:
    known = cost("Domain/web1", f"<domain><devices>{DISKS}</devices></domain>", active=True)

    assert known == Cost(
        Effect.REPLACE,
        (
            "the guest is active; it is asked to shut down; if it is not off after 60 s, the removal fails",
            "disks that are kept: vda (/srv/a.raw), data (Volume/images/data), disk (pool/image)",
        ),
    )


def test_removal_reports_that_the_guest_may_be_powered_off() -> None:
    lifecycle = Lifecycle(shutdown=ShutdownPolicy(timeout_s=90, force=True))

    assert cost("Domain/web1", "<domain/>", active=True, lifecycle=lifecycle).notes == (
        "the guest is active; it is asked to shut down; if it is not off after 90 s, it is powered off",
    )


def test_removal_without_shutdown_methods_powers_the_guest_off_at_once() -> None:
    lifecycle = Lifecycle(shutdown=ShutdownPolicy(ways=(), force=True))

    assert cost("Domain/web1", "<domain/>", active=True, lifecycle=lifecycle).notes == (
        "the guest is active, and is powered off without a shutdown",
    )


@pytest.mark.case("13b")
@pytest.mark.parametrize(
    ("xml", "goes", "notes", "effect"),
    [
        (NVRAM, (), ("the variables of its firmware (/var/n.fd) are kept",), Effect.REPLACE),
        (NVRAM, (Leftover.NVRAM,), ("the variables of its firmware (/var/n.fd) are deleted",), Effect.DATA_LOSS),
        (NVRAM.replace("/var/n.fd", "<source file='/n'/>"), (), ("the variables of its firmware (/n) are kept",), Effect.REPLACE),
        (TPM, (), ("the state of its TPM is kept",), Effect.REPLACE),
        (TPM, (Leftover.TPM,), ("the state of its TPM is deleted",), Effect.DATA_LOSS),
        (TPM.replace("emulator", "passthrough"), (Leftover.TPM,), (), Effect.REPLACE),
        ("", (Leftover.NVRAM, Leftover.TPM), (), Effect.REPLACE),
    ],
)  # fmt: skip
def test_firmware_and_tpm_state_is_kept_or_deleted_by_policy(
    xml: str, goes: tuple[Leftover, ...], notes: tuple[str, ...], effect: Effect
) -> None:
    known = cost("Domain/web1", f"<domain>{xml}</domain>", goes)

    assert (known.notes, known.effect, known.kept) == (notes, effect, None)


@pytest.mark.case("13b")
@pytest.mark.parametrize(
    ("there", "what", "effect"),
    [
        ({"leftovers": frozenset({Leftover.SNAPSHOTS})}, "snapshots", Effect.REPLACE),
        ({"leftovers": frozenset({Leftover.CHECKPOINTS})}, "checkpoints", Effect.REPLACE),
        ({"saved": True}, "a managed save image", Effect.DATA_LOSS),
    ],
)
def test_removal_is_held_by_data_that_the_policy_keeps_and_deletes_other_data(
    there: dict[str, Any], what: str, effect: Effect
) -> None:
    held = cost("Domain/web1", "<domain/>", **there)
    let_go = cost("Domain/web1", "<domain/>", tuple(Leftover), **there)

    fate = "which is also deleted" if "saved" in there else "whose metadata is also deleted"
    assert held.kept is not None
    assert held.kept[0] == f"it has {what}"
    assert 'or restore the spec of web1 with "removal: {' in held.kept[1]
    assert (let_go.kept, let_go.notes, let_go.effect) == (
        None,
        (f"it has {what}, {fate}",),
        effect,
    )
    # A transient guest has nothing that libvirt requires a flag for.
    assert cost("Domain/web1", "<domain/>", persistent=False, **there).kept is None


@pytest.mark.case("13b")
def test_removal_of_a_network_reports_the_number_of_its_running_guests() -> None:
    live = "<domain><devices><interface><source network='lan'/></interface></devices></domain>"
    users = (
        Actual(Key("Domain", "web1"), "", "<domain/>", live),
        Actual(Key("Domain", "web2"), "", live, live),
        Actual(Key("Domain", "off"), "", live),
    )
    xml = "<network><bridge name='virbr9'/></network>"

    assert cost("Network/lan", xml, active=True, users=users).notes == (
        "it is active (bridge virbr9); running guests on it: 2 (web1, web2)",
    )
    assert cost("Network/lan", "<network/>", active=True).notes == (
        "it is active; no running guest is on it",
    )
    assert cost("Network/lan", xml, users=users).notes == ("it is not active",)
    unread = ("Domain/web3",)
    assert cost("Network/lan", xml, active=True, users=users, unlisted=unread).notes == (
        "it is active (bridge virbr9); running guests on it: 2 (web1, web2) and perhaps others",
    )
    assert cost("Network/lan", "<network/>", active=True, unlisted=unread).notes == (
        "it is active; guests may be on it: not all domains could be read",
    )


@pytest.mark.case("13b")
def test_removal_of_a_pool_keeps_its_volumes() -> None:
    xml = "<pool><target><path>/srv/images</path></target></pool>"
    inside = tuple(Key("Volume", f"images/v{n}") for n in range(10))

    assert cost("StoragePool/images", xml, active=True, contents=inside[:2]).notes == (
        "volumes that are kept: 2 in /srv/images (v0, v1)",
    )
    assert cost("StoragePool/images", xml, active=True, contents=inside).notes == (
        "volumes that are kept: 10 in /srv/images (v0, v1, v2, v3, v4, v5, v6, v7 and 2 more)",
    )
    assert cost("StoragePool/images", xml, active=True).notes == (
        "libvirt lists no volumes in it; files in /srv/images are kept",
    )
    assert cost("StoragePool/images", xml).notes == ("files in /srv/images are kept",)
    assert cost("StoragePool/images", "<pool/>").notes == ("the contents of its storage are kept",)


@pytest.mark.parametrize("unlisted", ["Volume/", "Volume/images/"])
def test_pool_whose_volumes_could_not_be_listed_is_not_reported_as_empty(unlisted: str) -> None:
    xml = "<pool><target><path>/srv/images</path></target></pool>"

    assert cost("StoragePool/images", xml, active=True, unlisted=(unlisted, "Volume/other/")).notes == (
        "its volumes could not be listed; files in /srv/images are kept",
    )
