"""The resource usage of domains, grouped by disk and interface."""

from kvmreconcile.host.connection import connect
from kvmreconcile.host.statistics import DomainStatistics, group_statistics, read_statistics
from tests.mock import OWN


def test_active_and_inactive_domains_have_statistics() -> None:
    with connect(OWN) as connection:
        off = connection.virt.lookupByName("test").XMLDesc().replace("<name>test", "<name>off")
        connection.virt.defineXML(off.replace("6695eb01", "00000000"))

        found = read_statistics(connection)

    assert [(each.domain, each.numbers["state.state"]) for each in found] == [("off", 5), ("test", 1)]


def test_flat_list_is_grouped_by_disk_and_interface() -> None:
    said = {
        "cpu.time": 587936950,
        "net.count": 2,
        "net.0.name": "vnet0",
        "net.0.rx.bytes": 90,
        "net.1.rx.bytes": 7,
        "block.count": 2,
        "block.0.name": "vda",
        "block.0.path": "/var/lib/libvirt/images/web1.qcow2",
        "block.0.rd.reqs": 1,
        "block.1.name": "sda",
    }

    figures = group_statistics("web1", said)

    assert figures.numbers["cpu.time"] == 587936950
    assert figures.disks == {"vda": {"rd.reqs": 1}, "sda": {}}
    assert figures.interfaces == {"vnet0": {"rx.bytes": 90}}


def test_domain_without_statistics_is_listed() -> None:
    assert group_statistics("web1", {}) == DomainStatistics("web1", {}, {}, {})
