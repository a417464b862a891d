"""What of the content of objects cannot be used is asked once, and again when it may have changed."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from kvmreconcile.kinds.volume import KIND
from kvmreconcile.model import Actual, Desired, Key, Observation, Obstacle, World
from kvmreconcile.obstacles import Obstacles
from kvmreconcile.tree import parse

KEY = Key("Volume", "default/root")
DAMAGED = Obstacle("it is damaged", "restore it")


@dataclass
class Damage:
    """Finds every volume damaged whose definition says so, and counts how often it was asked."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, _connection: Any, actual: Actual) -> Obstacle | None:
        self.asked.append(actual.xml)
        return DAMAGED if "bad" in actual.xml else None


def world(*seen: Actual) -> World:
    wish = Desired(KEY, parse("<volume pool='default'/>"))
    return World("lab", "", datetime.now(UTC), {KEY: wish}, Observation({a.key: a for a in seen}), {})


def test_content_is_looked_at_when_the_object_has_changed() -> None:
    damage = Damage()
    obstacles = Obstacles({"Volume": replace(KIND, damage=damage)}, None)
    good, bad = Actual(KEY, "", "<volume/>"), Actual(KEY, "", "<bad/>")

    assert [obstacles.in_existing(world(each)) for each in (good, good, bad, bad)] == [
        {},
        {},
        {KEY: DAMAGED},
        {KEY: DAMAGED},
    ]
    assert damage.asked == ["<volume/>", "<bad/>"]
    assert obstacles.in_existing(world()) == {}
    assert obstacles.in_existing(world(bad)) == {KEY: DAMAGED}
    assert len(damage.asked) == 3


def test_what_no_spec_names_is_not_looked_at() -> None:
    damage = Damage()
    obstacles = Obstacles({"Volume": replace(KIND, damage=damage)}, None)
    other = Actual(Key("Volume", "default/other"), "", "<bad/>")

    assert obstacles.in_existing(world(other)) == {}
    assert damage.asked == []
