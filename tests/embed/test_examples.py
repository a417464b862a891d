"""libvirt's own QEMU driver accepts every domain of the examples, which is then in sync."""

from collections.abc import Iterator

import pytest

from kvmreconcile.errors import Rejected
from kvmreconcile.host.oracle import Oracle
from kvmreconcile.kinds.ownership_mark import read_mark
from kvmreconcile.model import Action, Actual
from kvmreconcile.tree import parse, to_xml
from tests.examples import SPECS, loaded, plan_of

NEEDS = {
    "TPM version '2.0' is not supported": "swtpm",
    "No emulator found for arch 'aarch64'": "QEMU for ARM",
    "SEV launch security is not supported": "AMD SEV",
    "'sev' launch security is not supported": "AMD SEV",  # libvirt 10.5 and newer
    "Unable to find 'efi' firmware": "UEFI firmware with what it asks for",
    "Extra element launchSecurity in interleave": "libvirt 10.5",
}
"""How libvirt says that the host lacks something that an example asks for."""

DEMO_AND_EXAMPLES = loaded([SPECS / "demo", SPECS / "examples"])
NEW_DOMAINS = [
    action
    for action in plan_of(DEMO_AND_EXAMPLES).actions
    if action.key.kind == "Domain" and action.verb.name == "create"
]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


@pytest.mark.parametrize("action", NEW_DOMAINS, ids=lambda action: action.key.name)
def test_domain_is_accepted_and_then_in_sync(action: Action, oracle: Oracle) -> None:
    assert action.tree is not None
    xml = canonical(oracle, to_xml(action.tree))
    actual = Actual(action.key, action.tree.get("uuid") or "", xml, ownership_mark=read_mark(parse(xml)))

    made = plan_of(DEMO_AND_EXAMPLES, [actual])

    again = [
        a for a in made.actions if a.key == action.key and a.verb.name not in ("start", "ready", "autostart")
    ]
    assert again == []


def canonical(oracle: Oracle, xml: str) -> str:
    try:
        return oracle.canonical(xml, validate=True)
    except Rejected as error:
        missing = next((need for words, need in NEEDS.items() if words in str(error)), None)
        if missing is None:
            raise
        pytest.skip(f"this host lacks {missing}")
