"""Values that libvirt chooses when it starts an object are not compared with the running definition."""

import pytest

from kvmreconcile.tree import Automatic, Measure, Rules, Table, is_satisfied_by, parse
from kvmreconcile.tree.automatic import without_automatic
from kvmreconcile.tree.variants import for_running

RULES = Rules(
    automatic=Table(
        {
            "screen": (Automatic("@port", "-1"), Automatic("@port", when=(("@auto", "yes"),))),
            "nic": (Automatic("target/@dev", ".*%d"),),
        }
    ),
    measures=Table({"memory": Measure(start_step=1 << 20), "disk": Measure()}),
)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('<d><screen port="-1" kind="a"/></d>', '<d><screen kind="a"/></d>'),
        ('<d><screen auto="yes" port="5"/></d>', '<d><screen auto="yes"/></d>'),
        ('<d><nic><target dev="tap%d"/></nic></d>', "<d><nic><target/></nic></d>"),
    ],
)
def test_automatic_value_is_removed(said: str, left: str) -> None:
    assert without_automatic(parse(said), RULES) == parse(left)


@pytest.mark.parametrize(
    "said",
    [
        '<d><screen port="-12"/></d>',
        '<d><screen port="5" auto="no"/></d>',
        '<d><screen auto="yes"/></d>',
        '<d><nic><target dev="tap1"/></nic></d>',
        '<d port="-1"><other port="-1"/></d>',
    ],
)
def test_values_that_are_not_automatic_are_kept(said: str) -> None:
    tree = parse(said)

    assert without_automatic(tree, RULES) is tree


def test_size_rounded_up_at_start_is_accepted_in_the_running_object_only() -> None:
    asked, runs = (parse(f"<d><memory>{size}</memory></d>") for size in ("99001", "99328"))

    assert is_satisfied_by(asked, runs, for_running(RULES))
    assert not is_satisfied_by(asked, runs, RULES)
    assert not is_satisfied_by(parse("<d><memory>100001</memory></d>"), runs, for_running(RULES))


def test_size_without_an_alignment_row_is_compared_exactly() -> None:
    asked, runs = (parse(f"<d><disk>{size}</disk></d>") for size in ("99001", "99328"))

    assert not is_satisfied_by(asked, runs, for_running(RULES))


def test_element_without_automatic_values_is_linked_to_the_original() -> None:
    said = parse('<d><nic><target dev="tap%d"/></nic><nic/></d>')

    first, second = without_automatic(said, RULES).children

    assert first.known_as is said.children[0]
    assert second is said.children[1]
