"""Rendering, validation and adoption of networks."""

import jsonschema
import pytest
from pydantic import ValidationError

from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.network import KIND
from kvmreconcile.kinds.network.render import derived_mac
from kvmreconcile.kinds.network.spelling import normalize_observed
from kvmreconcile.model import Actual, Apply, Key, OwnershipMark, Power, Surroundings
from kvmreconcile.tree import NONE, Effect, Node, parse, to_xml
from tests.kinds.network.bench import desired_from, fields_from

UUID = "81ff0d90-c91e-6742-64da-4a736edb9a9b"
WHOLE = """
state: stopped
autostart: true
uuid: 81ff0d90-c91e-6742-64da-4a736edb9a9b
mode: nat
devices: [eth0]
nat: {addresses: {start: 203.0.113.1, end: 203.0.113.2}, ports: {start: 2000, end: 3000}, ipv6: true}
bridge: virbr7
stp: false
zone: trusted
mac: 52:54:00:00:00:07
mtu: 1400
domain: {name: lab.test, localOnly: true}
addresses:
  - address: 192.0.2.1/24
    tftp: /srv/tftp
    dhcp:
      ranges: [{start: 192.0.2.10, end: 192.0.2.20, leaseTime: 12h}]
      hosts: [{mac: 52:54:00:00:00:01, name: web, ip: 192.0.2.7, leaseTime: infinite}]
      bootp: {file: pxelinux.0, server: 192.0.2.2}
  - address: fd00::1/64
    dhcp: {hosts: [{id: '0:1', ip: fd00::7}]}
routes: [{to: 198.51.100.0/24, via: 192.0.2.2, metric: 5}]
dns:
  enable: true
  forwardPlainNames: false
  forwarders: [{address: 192.0.2.9, domain: a.test}]
  hosts: [{ip: 192.0.2.8, names: [a, b]}]
  txt: [{name: t, value: some text}]
  srv: [{service: ldap, protocol: tcp, domain: d, target: t, port: 389, priority: 1, weight: 2}]
isolatePorts: true
"""
WHOLE_XML = f"""
<network>
  <name>lab</name>
  <uuid>{UUID}</uuid>
  <forward mode='nat'>
    <interface dev='eth0'/>
    <nat ipv6='yes'>
      <address start='203.0.113.1' end='203.0.113.2'/>
      <port start='2000' end='3000'/>
    </nat>
  </forward>
  <bridge name='virbr7' stp='off' zone='trusted'/>
  <mac address='52:54:00:00:00:07'/>
  <mtu size='1400'/>
  <domain name='lab.test' localOnly='yes'/>
  <ip address='192.0.2.1' prefix='24'>
    <dhcp>
      <range start='192.0.2.10' end='192.0.2.20'><lease expiry='12' unit='hours'/></range>
      <host mac='52:54:00:00:00:01' name='web' ip='192.0.2.7'><lease expiry='0'/></host>
      <bootp file='pxelinux.0' server='192.0.2.2'/>
    </dhcp>
    <tftp root='/srv/tftp'/>
  </ip>
  <ip address='fd00::1' prefix='64' family='ipv6'>
    <dhcp><host id='0:1' ip='fd00::7'/></dhcp>
  </ip>
  <route address='198.51.100.0' prefix='24' gateway='192.0.2.2' metric='5'/>
  <dns enable='yes' forwardPlainNames='no'>
    <forwarder addr='192.0.2.9' domain='a.test'/>
    <host ip='192.0.2.8'><hostname>a</hostname><hostname>b</hostname></host>
    <txt name='t' value='some text'/>
    <srv service='ldap' protocol='tcp' domain='d' target='t' port='389' priority='1' weight='2'/>
  </dns>
  <port isolated='yes'/>
</network>"""


def sorted_tree(node: Node) -> tuple[object, ...]:
    return (node.tag, node.attrs, node.text, tuple(sorted((sorted_tree(c) for c in node.children), key=str)))


def completed(text: str, name: str = "lab") -> Node:
    desired = desired_from(text, name)
    around = Surroundings(
        desired.creation.uuid,
        OwnershipMark("bench", str(desired.key), desired.creation.uuid),
        desired.creation.plain,
        lambda _: None,
    )
    return KIND.complete(desired.tree, around)


def adopted(xml: str) -> dict[str, object]:
    return KIND.adopt(
        Actual(Key("Network", "lab"), UUID, normalize_observed(xml), active=True, autostart=False)
    )


def test_every_field_is_rendered_at_its_place_in_the_xml() -> None:
    desired = desired_from(WHOLE)

    assert sorted_tree(desired.tree) == sorted_tree(parse(WHOLE_XML))
    assert (desired.power, desired.autostart, desired.creation.uuid) == (Power.STOPPED, True, UUID)


def test_every_rendered_field_is_adopted_without_extra_xml() -> None:
    fields = adopted(WHOLE_XML)

    assert "xml" not in fields
    assert (
        fields.keys() == KIND.spec.model_validate(fields).model_dump(by_alias=True, exclude_unset=True).keys()
    )
    again = KIND.spec.model_validate(fields)
    assert again == KIND.spec.model_validate(fields_from(WHOLE)).model_copy(
        update={"state": "running", "autostart": None}
    )


def test_empty_spec_renders_only_the_name() -> None:
    assert desired_from("").tree == parse("<network><name>lab</name></network>")
    assert desired_from("").power is Power.RUNNING
    assert desired_from("").autostart is None


def test_address_may_be_given_as_a_string() -> None:
    assert desired_from("addresses: [192.0.2.1/24]") == desired_from("addresses: [{address: 192.0.2.1/24}]")


def test_isolated_mode_removes_the_forward_element() -> None:
    assert Node(NONE, (), "forward") in desired_from("mode: isolated").tree.children


def test_policy_is_read_from_the_spec() -> None:
    policy = desired_from("adopt: true\napply: merge\nignore: [mtu]\nupdate: {maxEffect: restart}").policy

    assert (policy.adopt, policy.apply, policy.ignore, policy.max_effect) == (
        True,
        Apply.MERGE,
        ("mtu",),
        Effect.RESTART,
    )


def test_xml_adds_to_the_fields_and_to_the_entries_of_their_lists() -> None:
    xml = "<network><ip address='192.0.2.1' localPtr='yes'/><mtu size='1400'/></network>"
    tree = desired_from(f"addresses: [192.0.2.1/24]\nxml: {xml}").tree

    assert [dict(ip.attrs) for ip in tree.all("ip")] == [
        {"address": "192.0.2.1", "prefix": "24", "localPtr": "yes"}
    ]
    assert tree.get("mtu/@size") == "1400"


def test_list_entry_may_consist_of_xml_only() -> None:
    alone = "<ip address='198.51.100.1' netmask='255.255.255.0'/>"
    tree = desired_from(
        f'addresses: [{{address: 192.0.2.1/24, xml: <ip localPtr="yes"/>}}, {{xml: "{alone}"}}]'
    ).tree

    assert [dict(ip.attrs) for ip in tree.all("ip")] == [
        {"address": "192.0.2.1", "prefix": "24", "localPtr": "yes"},
        {"address": "198.51.100.1", "prefix": "24"},
    ]


@pytest.mark.parametrize(
    ("fields", "inside", "what"),
    [
        (
            "addresses: [192.0.2.1/24]",
            "<ip address='198.51.100.1' prefix='24'/>",
            r'xml:ip\[1\]: .*<ip> "198.51.100.1".* "addresses"',
        ),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {hosts: [{ip: 192.0.2.7, name: one}]}}]",
            "<ip address='192.0.2.1'><dhcp><host name='one'/><host name='two'/></dhcp></ip>",
            r'xml:ip\[1\]/dhcp/host\[2\]: .*<host> "two".* "hosts"',
        ),
        (
            "dns: {hosts: [{ip: 192.0.2.9, names: [a]}]}",
            "<dns><host ip='192.0.2.8'><hostname>b</hostname></host></dns>",
            r'xml:dns/host\[1\]: .*<host> "192.0.2.8".* "hosts"',
        ),
    ],
)
def test_xml_element_that_matches_no_entry_is_refused(fields: str, inside: str, what: str) -> None:
    with pytest.raises(SpecError, match=what):
        desired_from(f"{fields}\nxml: <network>{inside}</network>")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mode: bridged", "Input should be 'isolated', 'nat', 'route', 'open' or 'bridge'"),
        ("mode: isolated\ndevices: [eth0]", 'isolated network has neither "devices" nor "nat"'),
        ("mode: route\nnat: {ipv6: true}", '"nat" is not valid in mode route'),
        ("mode: bridge\nstp: true\naddresses: [192.0.2.1/24]", "remove stp, addresses"),
        ("mode: bridge\nbridge: br0\ndevices: [eth0]", 'either "bridge" or "devices"'),
        ("addresses: [192.0.2.1]", "write the address with its prefix length"),
        ("addresses: [192.0.2.1/33]", "does not appear to be"),
        ("addresses: [{address: 192.0.2.300/24}]", "does not appear to be"),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {hosts: [{ip: 192.0.2.7}]}}]",
            'needs at least one of "mac", "id" and "name"',
        ),
        ("addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.7}]}}]", "Field required"),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.7, end: 192.0.2.9, leaseTime: 1d}]}}]",
            'such as "12h"',
        ),
        ("dns: {forwarders: [{}]}", "needs an address, a domain, or both"),
        ("dns: {hosts: [{ip: 192.0.2.7, names: []}]}", "at least 1 item"),
        ("dns: {srv: [{service: a, protocol: sctp}]}", "'tcp' or 'udp'"),
        ("bridge: a-name-that-is-too-long", "at most 15 characters"),
        ("mac: 52:54:00:00:00", "should match pattern"),
        ("mtu: 67", "greater than or equal to 68"),
        ("nat: {ports: {start: 1, end: 65536}}", "less than or equal to 65535"),
        ("uuid: nonsense", "should match pattern"),
        ("adresses: []", "Extra inputs are not permitted"),
    ],
)
def test_invalid_field_is_refused_with_reason(text: str, what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        desired_from(text)

    assert what in str(caught.value)


def test_json_schema_accepts_the_specs_that_the_model_accepts() -> None:

    schema = KIND.spec.model_json_schema(by_alias=True)

    jsonschema.validate(fields_from(WHOLE), schema)
    jsonschema.validate({"addresses": ["192.0.2.1/24"]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"addresses": [{"adress": "192.0.2.1/24"}]}, schema)


def test_new_network_gets_identity_derived_from_its_name() -> None:
    tree, other = completed("mode: nat"), completed("mode: nat", "other")

    assert tree.get("uuid") == desired_from("").creation.uuid
    assert tree.get("mac/@address") == derived_mac(desired_from("").creation.uuid)
    assert tree.get("mac/@address") != other.get("mac/@address")
    assert completed("mode: nat") == tree


def test_identity_in_spec_is_kept() -> None:
    tree = completed(f"uuid: {UUID}\nmac: 52:54:00:00:00:07")

    assert (tree.get("uuid"), tree.get("mac/@address")) == (UUID, "52:54:00:00:00:07")


@pytest.mark.parametrize("text", ["mode: bridge\nbridge: br0", "mode: nat\ndefaults: libvirt"])
def test_mac_is_omitted_for_host_bridge_or_libvirt_defaults(text: str) -> None:
    assert completed(text).child("mac") is None


def test_adopting_omits_libvirts_defaults() -> None:
    xml = f"""<network connections='3'><name>lab</name><uuid>{UUID}</uuid><forward mode='nat' dev='eth0'/>
      <bridge name='virbr0' stp='on' delay='0'/><mac address='52:54:00:00:00:07'/>
      <ip address='192.168.122.1' netmask='255.255.255.0'/></network>"""

    assert adopted(xml) == {
        "uuid": UUID,
        "mode": "nat",
        "devices": ["eth0"],
        "bridge": "virbr0",
        "mac": "52:54:00:00:00:07",
        "addresses": ["192.168.122.1/24"],
    }


def test_adopting_writes_elements_without_field_as_xml() -> None:
    fields = adopted(
        "<network><name>lab</name><bandwidth><inbound average='1000'/></bandwidth>"
        "<forward mode='vepa'><interface dev='eth0'/></forward>"
        "<ip address='10.24.10.1' localPtr='yes'/></network>"
    )

    assert sorted_tree(parse(str(fields["xml"]))) == sorted_tree(
        parse("<network><bandwidth><inbound average='1000'/></bandwidth><forward mode='vepa'/></network>")
    )
    assert fields["addresses"] == [{"xml": '<ip address="10.24.10.1" localPtr="yes"/>'}]
    assert fields["devices"] == ["eth0"]


def test_adopting_omits_ownership_mark_and_keeps_other_metadata() -> None:
    marked = to_xml(completed("mtu: 1400\nxml: <network><metadata><a xmlns='urn:a'/></metadata></network>"))

    fields = adopted(marked)

    assert "urn:kvmreconcile:1" not in str(fields["xml"])
    assert parse(str(fields["xml"])).find("metadata/{urn:a}a") is not None
    assert "xml" not in adopted(to_xml(completed("mtu: 1400")))
