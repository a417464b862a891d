"""Objects with unusable content are held and not in sync."""

from kvmreconcile.model import Key, Obstacle
from kvmreconcile.plan import Overrides
from tests.plan.worlds import done, held, planned, remembered, seen, wish, world

POOL = wish("StoragePool/default")
ROOT = wish("Volume/default/root", "<volume pool='default'/>")
NEEDS_ROOT = "<domain><disk dev='vda' pool='default' volume='root'/></domain>"
BAD = {ROOT.key: Obstacle("root.img is an HTML page", "fetch it again")}


def test_object_with_unusable_content_is_not_created() -> None:
    made = planned(world([POOL, ROOT], [seen(POOL)], [remembered(POOL)], obstacles=BAD))

    assert done(made) == []
    assert held(made) == [("create Volume/default/root", "CONTENT")]
    assert (made.held[0].detail, made.held[0].release) == ("root.img is an HTML page", "fetch it again")


def test_dependents_of_unusable_content_are_held_with_the_reason() -> None:
    web = wish("Domain/web", NEEDS_ROOT)
    made = planned(world([POOL, ROOT, web], [seen(POOL)], [remembered(POOL)], obstacles=BAD))

    assert [(h.action.key, h.hold.name) for h in made.held] == [(ROOT.key, "CONTENT"), (web.key, "BROKEN")]
    assert "root.img is an HTML page" in made.held[1].detail


def test_existing_object_with_damaged_content_is_not_in_sync() -> None:
    made = planned(
        world([POOL, ROOT], [seen(POOL), seen(ROOT)], map(remembered, (POOL, ROOT)), obstacles=BAD)
    )

    assert held(made) == [("define Volume/default/root", "CONTENT")]
    assert made.in_sync == (POOL.key,)


def test_object_with_damaged_content_is_held() -> None:
    larger = wish("Volume/default/root", "<volume pool='default' capacity='2'/>")
    actual = seen(ROOT, "<volume pool='default' capacity='1'/>")
    made = planned(world([POOL, larger], [seen(POOL), actual], map(remembered, (POOL, ROOT)), obstacles=BAD))

    assert done(made) == []
    assert [h.hold.name for h in made.held] == ["CONTENT"]


def test_approval_does_not_make_content_usable() -> None:
    here = world([POOL, ROOT], [seen(POOL)], [remembered(POOL)], obstacles=BAD)
    made = planned(here, Overrides(approved=planned(here).digest))

    assert held(made) == [("create Volume/default/root", "CONTENT")]


def test_objects_with_usable_content_are_not_held() -> None:
    data = wish("Volume/default/data", "<volume pool='default'/>")
    made = planned(world([POOL, ROOT, data], [seen(POOL)], [remembered(POOL)], obstacles=BAD))

    assert done(made) == ["create Volume/default/data"]
    assert made.actions[0].key == Key("Volume", "default/data")
