"""The examples are valid for the models and for libvirt's schema."""

from pathlib import Path

import pytest

from kvmreconcile.host.connection import connect
from tests.kinds.network.bench import Bench, desired_by, fields_from, verbs
from tests.mock import OWN

EXAMPLES = sorted((Path(__file__).parents[3] / "specs" / "examples").glob("network-*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_accepted_by_libvirt_and_is_in_sync_after_it(path: Path) -> None:
    document = fields_from(path.read_text())
    assert document["kind"] == "Network"
    desired = desired_by(document["spec"], document["metadata"]["name"])
    with connect(OWN) as connection:
        bench = Bench(connection)

        assert verbs(bench.apply(desired))[0] == "create"

        assert bench.plan(desired).is_empty


def test_examples_exist() -> None:
    assert len(EXAMPLES) >= 6
