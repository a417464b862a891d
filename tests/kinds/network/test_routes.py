"""Routes of the host that conflict with a network's subnet, and how the kernel lists routes."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from kvmreconcile.kinds.network.routes import HostRoute, read_routes, subnets_of
from kvmreconcile.tree import parse

IPV4 = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0000000A\t0901A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0
wg0\t000010AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
gone\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
*\t000012AC\t00000000\t0201\t0\t0\t0\t0000F0FF\t0\t0\t0
"""
IPV6 = """\
20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
20010db8000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001     eth0
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000004 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000005 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo
"""


def test_kernel_routes_are_read_without_default_routes_and_own_addresses(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(IPV4)
    (tmp_path / "ipv6_route").write_text(IPV6)
    for device, flags in (("eth0", "0x1003"), ("tun0", "0x1003"), ("wg0", "0x10091")):
        (tmp_path / device).mkdir()
        (tmp_path / device / "flags").write_text(f"{flags}\n")

    files = [tmp_path / "route", tmp_path / "ipv6_route", tmp_path / "missing"]

    assert list(read_routes(files, tmp_path)) == [
        HostRoute(ip_network("192.168.1.0/24"), "eth0", is_direct=True),
        HostRoute(ip_network("10.0.0.0/8"), "tun0", is_direct=False),
        HostRoute(ip_network("172.16.0.0/16"), "wg0", is_direct=False),
        HostRoute(ip_network("172.17.0.0/16"), "gone", is_direct=False),
        HostRoute(ip_network("2001:db8::/64"), "eth0", is_direct=True),
    ]


@pytest.mark.case("37")
@pytest.mark.parametrize(
    ("to", "is_direct", "subnet", "conflicts"),
    [
        ("192.168.1.0/24", True, "192.168.1.0/24", True),
        ("192.168.1.0/24", True, "192.168.1.128/25", True),
        ("192.168.1.0/24", True, "192.168.0.0/16", True),
        ("192.168.1.0/24", True, "192.168.2.0/24", False),
        ("10.1.2.0/24", False, "10.1.2.0/24", True),
        ("10.1.2.7/32", False, "10.1.2.0/24", True),
        ("10.0.0.0/8", False, "10.1.2.0/24", False),
        ("2001:db8::/48", True, "2001:db8:0:1::/64", True),
        ("2001:db8::/64", True, "192.168.1.0/24", False),
    ],
)
def test_overlap_with_a_route_is_a_conflict_except_for_ordinary_routing(
    to: str, subnet: str, *, is_direct: bool, conflicts: bool
) -> None:
    route = HostRoute(ip_network(to), "eth0", is_direct)

    assert route.conflicts_with(ip_network(subnet)) == conflicts


def test_subnets_are_derived_from_the_addresses() -> None:
    network = parse(
        "<network><ip address='192.0.2.1' netmask='255.255.255.0'/><ip family='ipv6' address='2001:db8::1' prefix='64'/>"
        "<ip address='none' prefix='8'/></network>"
    )

    assert list(map(str, subnets_of(network))) == ["192.0.2.0/24", "2001:db8::/64"]
