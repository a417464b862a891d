"""Different spellings and libvirt's defaults are not differences."""

import pytest

from kvmreconcile.kinds.network.spelling import (
    mode_of,
    normalize_network,
    normalize_observed,
    without_defaults,
)
from kvmreconcile.tree import parse


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<ip address='192.0.2.1' netmask='255.255.255.0'/>", "<ip address='192.0.2.1' prefix='24'/>"),
        ("<ip family='ipv4' address='192.0.2.1'/>", "<ip address='192.0.2.1'/>"),
        ("<route address='192.0.2.0' netmask='255.255.254.0'/>", "<route address='192.0.2.0' prefix='23'/>"),
        ("<forward/>", "<forward mode='nat'/>"),
        ("<forward mode='nat' dev='eth0'/>", "<forward mode='nat'><interface dev='eth0'/></forward>"),
        (
            "<forward mode='route' dev='eth0'><interface dev='eth0' connections='2'/></forward>",
            "<forward mode='route'><interface dev='eth0'/></forward>",
        ),
        (
            "<forward mode='hostdev'><pf dev='eth0'/><address type='pci' bus='3'/></forward>",
            "<forward mode='hostdev'><pf dev='eth0'/></forward>",
        ),
    ],
)
def test_equal_spellings_are_normalized(one: str, other: str) -> None:
    assert normalize_network(parse(f"<network connections='1'>{one}</network>")) == normalize_network(
        parse(f"<network>{other}</network>")
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<ip address='192.0.2.1' netmask='255.255.255.0'/>", "<ip address='192.0.2.1' prefix='25'/>"),
        ("<ip address='192.0.2.1' netmask='nonsense'/>", "<ip address='192.0.2.1'/>"),
        ("<ip family='ipv6' address='fd00::1'/>", "<ip address='fd00::1'/>"),
        ("<forward mode='route'/>", "<forward/>"),
        ("<forward mode='route' dev='eth0'/>", "<forward mode='route'/>"),
        ("<forward mode='hostdev'><address bus='3'/></forward>", "<forward mode='hostdev'/>"),
    ],
)
def test_different_definitions_are_not_normalized_to_the_same_form(one: str, other: str) -> None:
    assert normalize_network(parse(f"<network>{one}</network>")) != normalize_network(
        parse(f"<network>{other}</network>")
    )


def test_libvirts_default_port_range_of_a_running_network_is_ignored() -> None:
    live = "<network connections='1'><forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward></network>"

    assert normalize_observed(live) == normalize_observed("<network><forward mode='nat'/></network>")
    assert normalize_observed(live) != normalize_observed(live.replace("1024", "2000"))


@pytest.mark.parametrize(
    "xml",
    [
        "<network><name>a</name></network>",
        "<network><forward mode='nat'><nat ipv6='yes'/></forward><ip address='192.0.2.1' prefix='24'/></network>",
        "<network><forward mode='bridge'/><bridge name='br0'/></network>",
        "<network><dns enable='no'/><ip address='192.0.2.1' prefix='24'><dhcp><bootp file='a'/></dhcp></ip></network>",
    ],
)
def test_defaults_added_by_normalization_can_be_removed(xml: str) -> None:
    assert without_defaults(parse(normalize_observed(xml))) == parse(xml)


@pytest.mark.parametrize(
    ("xml", "mode"), [("<network/>", None), ("<network><forward/></network>", "nat"), ("<network><forward mode='open'/></network>", "open")]
)  # fmt: skip
def test_mode_is_read_from_forward(xml: str, mode: str | None) -> None:
    assert mode_of(parse(xml)) == mode
