"""Plans, errors and the state contain no secret values that are added, changed or removed."""

from collections.abc import Iterator

import libvirt
import pytest

from kvmreconcile.host.oracle import oracle
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.plan import plan as plan_for
from kvmreconcile.render import render_json, render_markdown, render_text
from kvmreconcile.render.values import holds_secret
from kvmreconcile.session.exact import exact
from kvmreconcile.tree import Node, diff, parse
from tests.embed.embedded import KINDS, Embedded, make_desired

pytestmark = pytest.mark.case("24")

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
DEFINITION = f"""\
<domain type='qemu' xmlns:qemu='{QEMU}'>
  <name>vault</name><memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel></os>
  <sysinfo type='smbios'>
    <system><entry name='serial'>ds=nocloud;s=https://h/CANARY-serial</entry></system>
    <oemStrings><entry>token=CANARY-oem</entry></oemStrings>
  </sysinfo>
  <sysinfo type='fwcfg'><entry name='opt/com.example/key'>CANARY-fwcfg</entry></sysinfo>
  <devices>
    <disk type='network' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <source protocol='https' name='image.iso' query='token=CANARY-query'>
        <host name='example.org' port='443'/>
        <cookies><cookie name='session'>CANARY-cookie</cookie></cookies>
      </source>
      <target dev='sda' bus='sata'/>
    </disk>
    <graphics type='vnc' port='-1' passwd='CANARY-p'/>
    <graphics type='spice' autoport='yes' passwd='CANARY-spice'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-fw_cfg'/><qemu:arg value='name=opt/a,string=CANARY-arg'/>
    <qemu:env name='TOKEN' value='CANARY-env'/>
  </qemu:commandline>
  <qemu:override><qemu:device alias='ua-root'><qemu:frontend>
    <qemu:property name='serial' type='string' value='CANARY-property'/>
  </qemu:frontend></qemu:device></qemu:override>
</domain>
"""
CANARY = "CANARY"


def stages() -> Iterator[str]:
    """Yield the definition as it is, with other secrets, and without secrets."""
    yield DEFINITION
    yield DEFINITION.replace("CANARY-p'", "CANARY-q'").replace("CANARY-", "CANARY_")
    # One display is kept, since libvirt adds a sound device for it that cannot be removed.
    yield (
        "<domain type='qemu'><name>vault</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
        "<devices><graphics type='spice' autoport='yes'/></devices></domain>"
    )


def test_value_that_libvirt_shows_only_with_secrets_is_a_secret(hypervisor: Embedded) -> None:
    domain = hypervisor.connection.virt.defineXML(DEFINITION)
    secure = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    plain, whole = (parse(domain.XMLDesc(flags)) for flags in (libvirt.VIR_DOMAIN_XML_INACTIVE, secure))

    hidden = list(diff(plain, whole, RULES))

    assert len(hidden) >= 3
    for change in hidden:
        inside = isinstance(change.new, Node) and holds_secret(change.new, change.rule, RULES)
        assert inside or RULES.is_secret(change.rule), change.rule


def test_plan_and_state_contain_no_secret_that_is_added_changed_or_removed(hypervisor: Embedded) -> None:
    rules = {name: kind.rules for name, kind in KINDS.items()}
    for xml in stages():
        spec = make_desired("vault", {"xml": xml, "state": "stopped", "update": {"maxEffect": "data-loss"}})

        plan = hypervisor.plan(spec)
        shown = [render(plan, rules) for render in (render_text, render_json, render_markdown)]
        report = hypervisor.apply(spec, plan)

        assert plan.actions
        assert not report.failed
        assert "(secret)" in shown[0]
        assert CANARY not in "".join(shown)
        assert CANARY not in repr(hypervisor.state.applied())
        assert hypervisor.plan(spec).is_empty


def test_libvirt_error_contains_no_secret(hypervisor: Embedded) -> None:
    broken = DEFINITION.replace("type='smbios'", "type='CANARY'", 1).replace(
        "passwd='CANARY-p'", "passwd='CANARY-too-long'"
    )
    spec = make_desired("vault", {"xml": broken, "state": "stopped", "checkSchema": False})

    report = hypervisor.apply(spec, hypervisor.plan(spec))

    assert report.failed
    assert not any("CANARY-" in outcome.error for outcome in report.failed)


CALLED = """\
<domain type='qemu'>
  <name>vault</name><memory unit='MiB'>64</memory><description>CANARY-d</description>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>/boot/vmlinuz</kernel><cmdline>CANARY-c</cmdline></os>
  <devices><serial type='dev'><source path='/dev/CANARY'/><target port='0'/></serial></devices>
</domain>
"""
PATHS = ["description", "os/cmdline", "devices/serial/source"]


def test_values_at_secret_paths_are_masked_even_where_libvirt_copies_them(
    hypervisor: Embedded,
) -> None:
    rules = {name: kind.rules for name, kind in KINDS.items()}
    bare = (
        "<domain type='qemu'><memory unit='MiB'>64</memory><os><type machine='q35'>hvm</type></os></domain>"
    )
    for fields in (
        {"xml": CALLED, "secret": PATHS},
        {"xml": CALLED.replace("CANARY", "CANARY2"), "secret": PATHS},
        {"xml": bare},
    ):
        spec = make_desired("vault", {**fields, "state": "stopped", "update": {"maxEffect": "data-loss"}})
        plan = hypervisor.plan(spec)
        shown = [render(plan, rules) for render in (render_text, render_json, render_markdown)]
        judged = exact(plan, hypervisor.world(spec), rules, {"domain": oracle().canonical})
        shown += [render(judged, rules) for render in (render_text, render_json, render_markdown)]
        report = hypervisor.apply(spec, plan)

        assert plan.actions
        assert not report.failed
        assert CANARY not in "".join(shown)
        assert CANARY not in repr(hypervisor.state.applied())


def test_exact_plan_masks_secrets_that_libvirt_quotes(hypervisor: Embedded) -> None:
    xml = DEFINITION.replace("CANARY-cookie", "CANARY<;>".replace("<", "&lt;").replace(">", "&gt;"))
    spec = make_desired("vault", {"xml": xml, "state": "stopped"})
    world = hypervisor.world(spec)
    rules = {name: kind.rules for name, kind in KINDS.items()}

    judged = exact(plan_for(world, KINDS), world, rules, {"domain": oracle().canonical})

    (problem,) = judged.problems
    assert "value of cookie '(secret)'" in problem.what
    assert CANARY not in render_json(judged, rules)
