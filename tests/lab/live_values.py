"""What a running guest is changed in by calls of their own: a value, not a device."""

from collections.abc import Callable

from tests.lab.live_rows import Edit, Group, Guest


def _processors(count: int) -> Callable[[Guest], bool]:
    return lambda guest: guest.sh("nproc") == str(count)


def _lifecycle(event: str, action: str) -> Callable[[Guest], bool]:
    return lambda guest: f"<{event}>{action}</{event}>" in guest.virsh("dumpxml")


VALUES = Group(
    "values",
    spec={"title": "One", "vcpus": {"count": 1, "maximum": 3}, "currentMemory": "128MiB"},
    edits=(
        Edit(
            "balloon shrinks",
            rows=("currentMemory:set-memory",),
            change={"currentMemory": "100MiB"},
            shown=("set-memory ~ currentMemory",),
            seen=lambda guest: "<currentMemory unit='KiB'>102400<" in guest.virsh("dumpxml"),
        ),
        Edit(
            "processors are added",
            rows=("vcpu/@current:set-vcpus",),
            change={"vcpus.count": 2},
            shown=("set-vcpus ~ vcpu/@current",),
            seen=_processors(2),
        ),
        Edit(
            "title",
            rows=("title:set-title",),
            change={"title": "Two"},
            shown=("set-title ~ title",),
            seen=lambda guest: guest.virsh("desc", "--title").strip() == "Two",
        ),
        Edit(
            "description",
            rows=("description:set-description",),
            change={"description": "Serves"},
            shown=("set-description + description",),
            seen=lambda guest: guest.virsh("desc").strip() == "Serves",
        ),
        Edit(
            "poweroff becomes a reboot",
            rows=("on_poweroff:set-lifecycle",),
            change={"onPoweroff": "restart"},
            shown=("set-lifecycle ~ on_poweroff",),
            seen=_lifecycle("on_poweroff", "restart"),
            passing=True,
        ),
        Edit(
            "and no longer",
            rows=("on_poweroff:set-lifecycle",),
            change={"onPoweroff": "destroy"},
            shown=("set-lifecycle ~ on_poweroff",),
            seen=_lifecycle("on_poweroff", "destroy"),
        ),
        Edit(
            "reboot and crash",
            rows=("on_reboot:set-lifecycle", "on_crash:set-lifecycle"),
            change={"onReboot": "destroy", "onCrash": "restart"},
            shown=("set-lifecycle ~ on_reboot", "set-lifecycle ~ on_crash"),
            seen=_lifecycle("on_reboot", "destroy"),
        ),
    ),
)

GROUPS = (VALUES,)
NOT_RUN: dict[str, str] = {"uuid:replace": "is no live change: the guest is made anew"}
"""Rows that this machine cannot exercise, and why."""
