"""Networks for Open vSwitch, as other tools define them: adopted, and edited by their VLANs."""

import re
from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.lab.session import Session, run_virsh_with_xml

TRUNK = """\
<network><name>ovs1</name><forward mode='bridge'/><bridge name='ovsbr0'/><virtualport type='openvswitch'/>
<portgroup name='vlan-0001' default='yes'/><portgroup name='vlan-1001'><vlan><tag id='1001'/></vlan></portgroup>
<portgroup name='vlan-all'><vlan trunk='yes'><tag id='1001'/><tag id='1002'/></vlan></portgroup></network>
"""
NATIVE = """\
<network><name>ovs2</name><forward mode='bridge'/><bridge name='br0'/><virtualport type='openvswitch'/>
<portgroup name='overcloud'><vlan trunk='yes'><tag id='700' nativeMode='untagged'/><tag id='710'/></vlan></portgroup></network>
"""


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    session = Session(lab, tmp_path)
    for xml in (TRUNK, NATIVE):
        run_virsh_with_xml(lab, "net-define", xml)
    session.specs.mkdir(parents=True)
    adopted = session.run("adopt", "--all", "-o", str(session.specs))
    assert adopted.exit_code == 0, adopted.output
    session.assert_in_sync()
    return session


@pytest.mark.case("39")
@pytest.mark.parametrize(
    ("name", "old", "new", "lines"),
    [
        (
            "ovs1",
            r'(name="vlan-1001">\s*<vlan>\s*<tag id=)"1001"',
            r'\1"1003"',
            ["- portgroup[vlan-1001]/vlan/tag[1001]", "+ portgroup[vlan-1001]/vlan/tag[1003]"],
        ),
        ("ovs1", r'<tag id="1002"/>', r'<tag id="1002"/><tag id="1004"/>', ["+ portgroup[vlan-all]/vlan/tag[1004]"]),
        ("ovs1", r'<portgroup default="yes" ', "<portgroup ", ["- portgroup[vlan-0001]/@default"]),
        ("ovs2", r'<tag id="710"/>', r'<tag id="720"/>', ["- portgroup[overcloud]/vlan/tag[710]", "+ portgroup[overcloud]/vlan/tag[720]"]),
        ("ovs2", r' nativeMode="untagged"', "", ["- portgroup[overcloud]/vlan/tag[700]/@nativeMode"]),
        ("ovs2", r"bridge: br0", "bridge: br1", ["~ bridge/@name"]),
    ],
)  # fmt: skip
def test_plan_shows_only_the_edited_lines_and_the_network_is_then_in_sync(
    session: Session, name: str, old: str, new: str, lines: list[str]
) -> None:
    file = session.specs / f"network-{name}.yaml"
    text, edited = file.read_text(), re.sub(old, new, file.read_text(), count=1)
    assert edited != text
    file.write_text(edited)

    changes = {line.partition(" ")[2] for line in session.drift()}

    assert {line for line in changes if line[0] in "+-~"} == set(lines)
    assert "http://" not in session.run("plan", str(session.specs)).output
    session.converge()
    session.assert_in_sync()
