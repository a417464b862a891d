"""Rules adapted to a libvirt version."""

from kvmreconcile.tree import Rules, Table, Update
from kvmreconcile.tree.variants import for_version

OLD, NEW = Update("change"), Update("adjust", since=(10, 4, 0))
RULES = Rules(actions=Table({"memory": (NEW, OLD), "vcpu": (NEW,)}))


def test_verb_is_not_used_before_its_libvirt_version() -> None:
    assert for_version(RULES, (10, 3, 9)).actions.get("memory") == (OLD,)
    assert for_version(RULES, (10, 3, 9)).actions.get("vcpu") == ()


def test_verb_is_used_from_its_libvirt_version_on() -> None:
    assert for_version(RULES, (10, 4, 0)).actions.get("memory") == (NEW, OLD)
    assert for_version(RULES, (11, 0, 0)).actions.get("vcpu") == (NEW,)
