"""Every value is read from its row as it was written."""

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from kvmreconcile.model import Applied, Key, Leftover, Reason, RememberedPending, Settled, StartedStep
from kvmreconcile.state.rows import read_applied, write_applied
from kvmreconcile.tree import NONE, Node

texts = st.text(max_size=8)
# Content that XML cannot represent, such as NUL and markers of absence, is read back, too.
nodes = st.recursive(
    st.builds(Node, texts | st.just(NONE), st.just(()), texts),
    lambda inner: st.builds(
        Node,
        texts,
        st.lists(st.tuples(texts, texts), max_size=3).map(lambda pairs: tuple(sorted(pairs))),
        texts,
        st.lists(inner, max_size=3).map(tuple),
        st.none() | texts,
    ),
)
pending = st.builds(
    RememberedPending, st.lists(texts, max_size=2).map(tuple), texts, st.none() | texts, st.none() | texts
)


@given(
    st.builds(
        Applied,
        key=st.builds(Key, texts, texts),
        uuid=texts,
        instance=texts,
        tree=nodes,
        digest=texts,
        complete=st.booleans(),
        settled=st.lists(st.builds(Settled, texts, texts, texts, texts), max_size=2).map(tuple),
        runtime_id=st.none() | st.integers(0, 2**31),
        pending=st.lists(pending, max_size=2).map(tuple),
        protect=st.booleans(),
        left=st.booleans(),
        removal=st.frozensets(st.sampled_from(Leftover)),
        secrets=st.lists(texts, max_size=2).map(tuple),
        begun=st.none()
        | st.builds(StartedStep, st.sampled_from([r.name for r in Reason]), st.just("0123456789abcdef")),
        sealed=texts,
    )
)
def test_rows_are_read_as_written(value: Applied) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        row = database.execute(f"SELECT {', '.join('?' * 16)}", write_applied(value)).fetchone()

    back = read_applied(row)

    assert back == value
    assert prefixes(back.tree) == prefixes(value.tree)
    database.close()


def prefixes(node: Node) -> list[object]:
    """A prefix is not part of a node's identity, so `==` ignores it."""
    return [node.prefix, *(prefixes(child) for child in node.children)]
