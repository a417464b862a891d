"""Reading and writing XML, and finding elements in it."""

import pytest

from kvmreconcile.tree import (
    NONE,
    Members,
    Node,
    Rules,
    Table,
    Update,
    brief,
    diff,
    forget_unused,
    locate,
    make,
    parse,
    to_xml,
)
from kvmreconcile.tree.diff import child_step
from kvmreconcile.tree.paths import short, shorten_uris
from kvmreconcile.tree.variants import for_policy


def test_malformed_xml_is_refused_with_the_line_of_the_error() -> None:
    with pytest.raises(ValueError, match="line 1"):
        parse("<a>")


def test_comments_prefixes_and_text_between_elements_are_preserved() -> None:
    xml = '<a><!--why--><o:b xmlns:o="urn:o" x="1">some <c/> words<!--how--> more</o:b></a>'
    tree = parse(xml)

    assert to_xml(tree).replace("\n", "").replace("  ", "") == xml
    assert [c.prefix for c in tree.children] == [None, "o"]


def test_processing_instructions_and_whitespace_are_dropped() -> None:
    assert parse("<a> <?x y?> <b/> </a>") == parse("<a><b/></a>")


def test_paths_select_elements_texts_and_attributes() -> None:
    tree = parse('<d x="0"><a y="1"><b>t</b><b>u</b></a><a><b>v</b></a></d>')

    assert (tree.get("@x"), tree.get("a/@y"), tree.get("a/b"), tree.get("")) == ("0", "1", "t", "")
    assert (tree.get("z"), tree.get("z/@y"), tree.get("a/@z")) == (None, None, None)
    assert [b.text for b in tree.all("a/b")] == ["t", "u", "v"]
    assert tree.without("a/b").without("a/@y").without("@x") == parse("<d><a/><a/></d>")
    assert tree.find("") is tree
    assert tree.child("a/b") is None
    assert list(parse("<d><z/><a/></d>").all("a")) == [Node("a")]


def test_short_elements_are_on_one_line_and_long_ones_on_several() -> None:
    row = make("row", {"x": "1" * 20})
    long = make("d", children=(row, row, make("rest", children=(row, row))))

    assert brief(make("d", children=(row,))) == f'<d><row x="{"1" * 20}"/></d>'
    assert brief(long, 60).splitlines()[0] == "<d>"
    assert parse(brief(long, 60)) == long
    assert (
        brief(make("d", children=(make("a"), make("b"), row, row)), 60)
        .splitlines()[1]
        .startswith("  <a/><b/>")
    )
    assert "\n" in brief(make("a", children=(long,)), 60)
    assert "\n" not in brief(parse(f"<d>{'words ' * 40}<a/></d>"))


@pytest.mark.case("39")
@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("a", "a"),
        ("{http://libvirt.org/schemas/domain/qemu/1.0}arg", "qemu:arg"),
        ("{http://libvirt.org/schemas/storagepool/fs/1.0}option", "fs:option"),
        ("{http://libosinfo.org/xmlns/libvirt/domain/1.0}os", "libosinfo:os"),
        ("{http://openstack.org/xmlns/libvirt/nova/1.1}flavor", "nova:flavor"),
        ("{urn:other}a", "urn:other:a"),
    ],
)
def test_well_known_namespace_is_read_as_a_prefix(tag: str, written: str) -> None:
    assert short(tag) == written
    assert shorten_uris(f"metadata/{tag.lstrip('{').replace('}', ':')}") == f"metadata/{written}"


PORTS = Rules(members=Table({"port": Members((("@id",), ("@dev",)))}))


def test_elements_with_the_same_key_have_different_steps() -> None:
    tree = parse('<d><port id="ua-x" n="1"/><port dev="x" n="2"/><port n="3"/><port n="4"/><z/><z/></d>')
    names = [child_step(c, tree, PORTS, c.tag) for c in tree.children]

    assert names == ["port[x]", "port[x#2]", "port", "port[#2]", "z[0]", "z[1]"]
    assert [locate(tree, (name,), PORTS) for name in names] == list(tree.children)


def test_element_is_located_by_any_of_its_keys() -> None:
    tree = parse('<d><port id="1" dev="x"><a/></port></d>')

    assert locate(tree, ("port[x]", "a"), PORTS) == Node("a")
    assert locate(tree, ("port[y]",), PORTS) is None


def test_changes_have_paths_and_signs() -> None:
    old = parse('<d x="1"><port id="1" n="1"/><t>1</t><t>2</t><u/></d>')
    new = parse('<d><port id="1" n="2"/><t>1</t><t>3</t><v/><!--no change--></d>')

    assert [(c.path, c.sign) for c in diff(old, new, PORTS)] == [
        ("@x", "-"),
        ("u", "-"),
        ("port[1]/@n", "~"),
        ("t[1]", "~"),
        ("v", "+"),
    ]


def test_policy_adapts_a_copy_of_the_rules() -> None:
    bent = for_policy(PORTS, plain=False, shared=True, ignored=("a",))

    assert bent.ignored.get("a/b/@c")
    assert PORTS.ignored.get("a") is None


def test_interrupting_verbs_are_omitted_if_policy_forbids_them() -> None:
    rules = Rules(actions=Table({"a": (Update("set"), Update("again", interrupts=True))}))

    calm = for_policy(rules, plain=False, shared=False, ignored=(), interrupts=False)

    assert [u.verb for u in calm.actions.get("a") or ()] == ["set"]
    assert for_policy(rules, plain=False, shared=False, ignored=()).actions is rules.actions


def test_one_asterisk_matches_one_step_and_two_match_any_number() -> None:
    table = Table({"a/*/@x": 1, "a/**": 2})

    assert [table.get(p) for p in ("a/b/@x", "a/b/c/@x", "b")] == [1, 2, None]
    assert list(table.all("a/b/@x")) == [1, 2]
    assert table.used == {"a/*/@x", "a/**"}


def test_absence_markers_are_not_written() -> None:
    assert to_xml(Node("d", children=(Node(NONE, (), "a"), Node("b")))) == "<d>\n  <b/>\n</d>"


def test_whitespace_around_elements_is_not_text() -> None:
    assert parse("<d>text <a/> \n<b/></d>").children[0] == Node("#text", (), "text ")
    assert parse("<d><a/>&#32;<b/></d>") == parse("<d><a/><b/></d>")
    assert parse("<d>&#32;<a>x</a></d>") == parse("<d><a>x</a></d>")


def test_document_stays_cached_while_each_generation_reads_it() -> None:
    first = parse("<forgotten/>")
    forget_unused()

    assert parse("<forgotten/>") is first
    forget_unused()
    forget_unused()
    assert parse("<forgotten/>") is not first
