"""When and how far an object may be changed, in each form that specs accept."""

from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.kinds.domain.render import desire
from kvmreconcile.kinds.domain.spec import DomainSpec
from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.update import WindowSpec
from kvmreconcile.model import Lifecycle, Policy, ShutdownBy, ShutdownPolicy, Source, Window
from kvmreconcile.tree import Effect

BERLIN = Window("0 2 * * SUN", 7200, "Europe/Berlin")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Sun 02:00 +2h Europe/Berlin", BERLIN),
        ("0 2 * * SUN +2h Europe/Berlin", BERLIN),
        ({"at": "Sun 02:00", "duration": "2h", "zone": "Europe/Berlin"}, BERLIN),
        ({"at": "sun 2:00 +120min", "zone": "Europe/Berlin"}, BERLIN),
        ("02:30 +1d", Window("30 2 * * *", 86400, "UTC")),
        ("Mon-Fri 22:00 +90min UTC", Window("0 22 * * MON-FRI", 5400, "UTC")),
        ({"at": "Sat,Sun 00:05 +1h", "maxEffect": "data-loss"}, Window("5 0 * * SAT,SUN", 3600, "UTC", Effect.DATA_LOSS)),
    ],
)  # fmt: skip
def test_window_is_read_from_plain_and_cron_syntax(said: object, meant: Window) -> None:
    assert WindowSpec.model_validate(said).window == meant


def stopped(**how: Any) -> Policy:
    return Policy(lifecycle=Lifecycle(shutdown=ShutdownPolicy(**how)))


@pytest.mark.parametrize(
    ("update", "meant"),
    [
        ({"shutdown": {"timeout": "5min", "force": True}}, stopped(timeout_s=300, force=True)),
        ({"shutdown": {"acpi": False}}, stopped(ways=(ShutdownBy.AGENT,))),
        ({"shutdown": {"agent": False}}, stopped(ways=(ShutdownBy.ACPI,))),
        (
            {"shutdown": {"agent": False, "acpi": False, "force": True}},
            stopped(ways=(), force=True),
        ),
        (
            {"group": "tier", "maxUnavailable": 2, "order": 1},
            Policy(group="tier=web", max_unavailable=2, order=1),
        ),
        ({"onGuestReboot": "apply"}, Policy(lifecycle=Lifecycle(reboot_applies=True))),
        ({}, Policy()),
        ({"maxEffect": "restart"}, Policy(max_effect=Effect.RESTART)),
        ({"windows": ["Sun 02:00 +2h Europe/Berlin"]}, Policy(windows=(BERLIN,))),
        ({"outside": "nothing", "whenOff": "wait"}, Policy(waits_when_off=True)),
        ({"outside": "next-boot"}, Policy(outside=Effect.NEXT_BOOT)),
    ],
)
def test_policy_is_read_from_the_update_field(update: dict[str, Any], meant: Policy) -> None:
    spec = DomainSpec.model_validate({"memory": "1GiB", "update": update})

    assert desire(Document("Domain", "web", spec, {"tier": "web"}, Source(), Path()), "").policy == meant
