"""Each command in a message works when pasted into a shell, and does what the message says."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kvmreconcile.cli.adoptable import _PERSISTENT
from kvmreconcile.cli.hints import Hints
from kvmreconcile.control.callers import read_tokens
from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.domain import KIND as DOMAIN
from kvmreconcile.kinds.network import KIND as NETWORK
from kvmreconcile.kinds.pool import KIND as POOL
from kvmreconcile.kinds.volume.content import find_content_obstacle
from kvmreconcile.model import Commands, Content, HostId, Key, Manual, ManualCommands, StateReason
from kvmreconcile.model.commands import quote, virsh
from kvmreconcile.plan.compare import pauses
from kvmreconcile.settings import loading
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.sparse import submodules
from kvmreconcile.state import State
from kvmreconcile.tree import parse
from tests.hints import check, commands, templates
from tests.origin import ENVIRONMENT, Origin

PASTED: Mapping[str, tuple[str, ...]] = {
    "test_command_in_plan_approves_the_plan": ("kvmreconcile apply",),
    "test_commands_in_daemon_messages_work": (
        "kvmreconcile approve",
        "kvmreconcile history",
        "kvmreconcile status",
    ),
    "test_command_in_message_shows_plan_again": ("kvmreconcile plan",),
    "test_command_in_message_validates_specs": ("kvmreconcile validate",),
    "test_command_in_message_resumes_suspended_object": ("kvmreconcile resume",),
    "test_command_in_message_accepts_state_of_another_host": ("kvmreconcile state accept",),
    "test_command_in_message_fetches_repository": ("kvmreconcile fetch",),
    "test_command_in_message_explains_field": ("kvmreconcile explain",),
    "test_commands_in_message_make_root_own_settings_writable_by_others": ("chown root", "chmod go-w"),
    "test_command_in_message_makes_token_file_private": ("chmod 640",),
    "test_virsh_commands_in_messages_work": (
        *(f"virsh {verb}" for verb in ("resume", "start", "shutdown", "destroy", "managedsave-remove")),
        *(f"virsh {verb}" for verb in ("dumpxml", "define", "net-dumpxml", "net-define")),
        *(f"virsh {verb}" for verb in ("pool-dumpxml", "pool-define")),
        *(f"virsh {verb}" for verb in ("net-destroy", "net-undefine", "pool-destroy", "pool-undefine")),
    ),
    "test_command_in_message_decompresses_image": ("gzip", "xz", "zstd", "bzip2", "lz4", "lzip", "lzop"),
    "test_command_in_message_converts_image": ("qemu-img convert",),
    "test_command_in_message_checks_damaged_image": ("qemu-img check",),
    "test_command_in_message_checks_out_submodule": ("git {} submodule",),
    "test_command_in_message_fetches_history_of_shallow_clone": ("git fetch",),
}
"""The tests that run the commands of messages."""
NOT_PASTED = {
    "systemctl start": "it would start this machine's own daemon",
    "ip link delete": "it would delete a network device of this machine",
    "pip install": "it would install from an index of packages",
    "simg2img": "a program that few have",
    "partclone.restore": "a program that few have",
    "git DIRECTORY lfs": "an extension of git that few have",
    "git DIRECTORY annex": "an extension of git that few have",
}
_DOMAIN = """
<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
  <name>{}</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e19{}</uuid><memory>8192</memory><os><type>hvm</type></os>
  <test:runstate>{}</test:runstate>
</domain>"""
IT = "it's on"
NODE = f"""
<node>
  {_DOMAIN.format(IT, "30", 1)}{_DOMAIN.format("paused", "31", 3)}{_DOMAIN.format("off", "32", 5)}
  <network><name>keep</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1933</uuid><bridge name='virbr1'/></network>
  <network><name>drop</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1934</uuid><bridge name='virbr2'/></network>
  <pool type='dir'><name>images</name><uuid>6695eb01-f6a4-8304-79aa-97f2502e1935</uuid><target><path>/images</path></target></pool>
</node>
"""


class Shell:
    """A shell on a host that each command loads from a file."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.node = home / "node.xml"
        self.node.write_text(NODE)
        self.uri = f"test://{self.node}"
        self.options = ("--connect", self.uri, "--state", str(home / "a state"))

    def run(self, command: str, *, status: int = 0, **more: str) -> str:
        """Run a command, and return its output."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith("KVMRECONCILE_")}
        keep["PATH"] = f"{Path(sys.executable).parent}:{keep['PATH']}"
        keep["KVMRECONCILE_CONTROL"] = "{socket: none}"
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.home,
            env=keep | more,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == status, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def ours(self, *words: str, status: int = 0) -> str:
        """Run kvmreconcile on the host."""
        return self.run(" ".join(map(quote, ("kvmreconcile", *words))), status=status)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def named(text: str, begin: str) -> str:
    """Return the only command in a text with this prefix."""
    (command,) = dict.fromkeys(c for c in commands(text) if c.startswith(begin))
    return command


@pytest.mark.case("50")
def test_every_command_in_a_message_has_a_test() -> None:
    pasted = [template for each in PASTED.values() for template in each]

    assert sorted(templates()) == sorted([*pasted, *NOT_PASTED])
    assert PASTED.keys() <= globals().keys() | {"test_commands_in_daemon_messages_work"}


WAYS: Mapping[str, tuple[str, ...]] = {
    "path": ("--connect", "URI", "--state", "a state", "my specs"),
    "absolute path": ("--connect", "URI", "--state", "a state", "HOME/my specs"),
    "path like an option": ("--connect", "URI", "--state", "a state", "--", "-specs"),
    "one object": ("--connect", "URI", "--state", "a state", "--only", "StoragePool/images", "my specs"),
    "settings": ("--config", "my settings.yaml"),
}


@pytest.mark.case("50")
@pytest.mark.parametrize(
    ("command", "way"), [*(("plan", way) for way in WAYS), ("apply", "path"), ("apply", "settings")]
)
def test_command_in_plan_approves_the_plan(shell: Shell, command: str, way: str) -> None:
    specs = shell.home / "my specs"
    specs.mkdir()
    (shell.home / "-specs").symlink_to(specs)
    (shell.home / "my settings.yaml").write_text(
        f"connect: {shell.uri}\nstate: {shell.home}/a state\nspecs: {specs}\n"
    )
    # libvirt's test driver does not keep ownership marks, and pools have none.
    shell.ours("adopt", "StoragePool/images", *shell.options, "-o", str(specs))
    edited = specs / "storagepool-images.yaml"
    edited.write_text(
        edited.read_text().replace("path: /images", "path: /elsewhere") + "  update: {maxEffect: live}\n"
    )
    words = [w.replace("URI", shell.uri).replace("HOME", str(shell.home)) for w in WAYS[way]]
    more = ("--yes", "--max-effect", "live") if command == "apply" else ()

    output = shell.ours(command, *more, *words, status=3 if command == "apply" else 0)
    approve = named(output, "kvmreconcile apply")
    done = shell.run(approve)

    check(approve) if way.startswith("absolute") else None
    assert "done    define StoragePool/images" in done
    assert approve.startswith("kvmreconcile apply --approve")
    assert ("--max-effect live" in approve) == (command == "apply")


def test_command_in_message_shows_plan_again(shell: Shell) -> None:
    (shell.home / "specs").mkdir()
    (shell.home / "specs/keep.yaml").write_text(
        "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: keep}\nspec: {}\n"
    )
    settings = Settings(connect=shell.uri).with_options(shell.options)

    chosen = {"--max-effect": "live", "--prune": "auto"}
    command = Hints(settings, [Path("specs")], [Key("Network", "keep")], chosen).plan()

    assert " --prune auto " in command
    assert "Network/keep" in shell.run(command)


@pytest.mark.case("53d")
def test_command_in_message_validates_specs(shell: Shell) -> None:
    (shell.home / "a.yaml").write_text(
        "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"
    )
    (shell.home / "b.yaml").write_text(
        "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: bad}\nspec: {mod: nat, modd: nat}\n"
    )

    output = shell.ours("diff", "Network/lab", *shell.options, "a.yaml", "b.yaml")
    named_there = shell.run(named(output, "kvmreconcile validate"), status=1)

    assert "2 errors elsewhere in the specs; see: kvmreconcile validate" in output
    assert "b.yaml:4" not in output
    assert "b.yaml:4" in named_there
    assert "b.yaml:4" in shell.ours("diff", "Network/bad", *shell.options, "a.yaml", "b.yaml", status=1)


@pytest.mark.case("50")
def test_command_in_message_resumes_suspended_object(shell: Shell) -> None:
    shell.ours("adopt", "Network/keep", *shell.options, "-o", "a spec.yaml")
    shell.ours("suspend", "Network/keep", *shell.options)
    (shell.home / "a spec.yaml").write_text(
        (shell.home / "a spec.yaml").read_text().replace("virbr1", "virbr9")
    )

    output = shell.ours("plan", *shell.options, "a spec.yaml")
    shell.run(named(output, "kvmreconcile resume"))

    assert "it is suspended" in output
    assert "it is suspended" not in shell.ours("plan", *shell.options, "a spec.yaml")


@pytest.mark.case("50")
def test_command_in_message_accepts_state_of_another_host(shell: Shell) -> None:
    shell.ours("adopt", "Network/keep", *shell.options, "-o", "a.yaml")
    with closing(State.open(shell.home / "a state")) as state:
        state.binding.bind(HostId("1695eb01-f6a4-8304-79aa-97f2502e193a", "test:///default"))

    output = shell.ours("plan", *shell.options, "a.yaml", status=1)
    shell.run(named(output, "kvmreconcile state accept"))

    assert "Network/keep" in shell.ours("plan", *shell.options, "a.yaml")


def test_command_in_message_fetches_repository(shell: Shell) -> None:
    origin = Origin(shell.home)
    origin.commit("apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n")
    file = shell.home / "settings.yaml"
    file.write_text(f"connect: {shell.uri}\nstate: {shell.home}/state\ngit: {{url: {origin.path}}}\n")

    output = shell.ours("--config", "settings.yaml", "plan", status=1)
    shell.run(named(output, "kvmreconcile fetch"))

    assert "1 to create" in shell.ours("--config", "settings.yaml", "plan")


def test_command_in_message_explains_field(shell: Shell) -> None:
    (shell.home / "a.yaml").write_text(
        "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: a}\nspec: {memory: 1GiB, vcpus: many}\n"
    )

    output = shell.ours("validate", "a.yaml", status=1)

    assert "Domain.spec.vcpus" in shell.run(named(output, "kvmreconcile explain"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root obeys no file of others")
def test_commands_in_message_make_root_own_settings_writable_by_others(shell: Shell) -> None:
    file = shell.home / "it's mine.yaml"
    file.write_text("instance: lab\n")
    file.chmod(0o666)

    with pytest.raises(SpecError) as caught:
        loading.read_settings(file)
    shell.run(named(str(caught.value), "chown"))

    assert loading.read_settings(file).instance == "lab"


def test_command_in_message_makes_token_file_private(shell: Shell) -> None:
    file = shell.home / "it's mine"
    file.write_text("")
    file.chmod(0o644)

    with pytest.raises(SpecError) as caught:
        read_tokens(file)
    shell.run(named(str(caught.value), "chmod"))

    assert read_tokens(file) == ()


def _of_guest(commands: Commands, todo: str, manual: Manual | None, name: str) -> str:
    return ManualCommands(commands, DOMAIN.commands).after(todo, manual, name)


VIRSH: Mapping[str, tuple[Callable[[Commands], str], str]] = {
    "resume": (lambda c: _of_guest(c, *pauses._TODO[StateReason.IO_ERROR], "paused"), "resumed"),
    "resume after the watchdog": (
        lambda c: _of_guest(c, *pauses._TODO[StateReason.WATCHDOG], "paused"),
        "resumed",
    ),
    "destroy": (lambda c: _of_guest(c, *pauses._TODO[StateReason.PANIC], IT), "destroyed"),
    "power off": (lambda c: f"power it off: {virsh(c.uri, 'destroy', IT)}", "destroyed"),
    "start": (lambda c: _of_guest(c, "start it", Manual.START, "off"), "started"),
    "shut down": (lambda c: _of_guest(c, "shut it down", Manual.SHUT_DOWN, IT), "is being shutdown"),
    "discard": (lambda c: _of_guest(c, "or", Manual.DISCARD_SAVE, "off"), "removal skipped"),
    "remove a network": (
        lambda c: f"or: {c.filled(NETWORK.commands[Manual.REMOVE], 'drop')}",
        "drop destroyed",
    ),
    "remove a pool": (
        lambda c: f"or: {c.filled(POOL.commands[Manual.REMOVE], 'images')}",
        "images destroyed",
    ),
    "keep a guest": (lambda c: f"or: {c.filled(_PERSISTENT['Domain'], IT)}", "defined from"),
    "keep a network": (lambda c: f"or: {c.filled(_PERSISTENT['Network'], 'drop')}", "defined from"),
    "keep a pool": (lambda c: f"or: {c.filled(_PERSISTENT['StoragePool'], 'images')}", "defined from"),
}
"""Commands for virsh as in messages, with the output of virsh."""


@pytest.mark.case("50")
@pytest.mark.parametrize("name", VIRSH)
def test_virsh_commands_in_messages_work(shell: Shell, name: str) -> None:
    spelled, answer = VIRSH[name]
    command = named(spelled(Commands((), shell.uri)), "virsh")
    check(command)

    # Each command has its own test driver, in which nothing is destroyed yet.
    assert answer in shell.run(command, status=1 if name.startswith("remove") else 0)


def refused(path: Path, form: str = "raw") -> str:
    """Return what to do about a file that cannot become a volume of a format."""
    definition = parse(
        f"<volume pool='default'><name>a</name><target><format type='{form}'/></target></volume>"
    )
    obstacle = find_content_obstacle(definition, Content(path))
    assert obstacle is not None
    return obstacle.todo


@pytest.mark.case("50")
@pytest.mark.parametrize("program", ["gzip", "xz", "lzma", "zstd", "bzip2", "lz4", "lzip", "lzop"])
def test_command_in_message_decompresses_image(shell: Shell, program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    disk, packed = shell.home / "disk", shell.home / "it's packed"
    disk.write_bytes(b"\x00\x01" * 4096)
    shell.run(f"{program} -c <disk >{quote(str(packed))}")

    shell.run(named(refused(packed), ""))

    assert (shell.home / "it's packed.new").read_bytes() == disk.read_bytes()


@pytest.mark.case("50")
@pytest.mark.parametrize(("form", "wanted"), [("qcow2", "raw"), ("vdi", "raw"), ("raw", "qcow2")])
def test_command_in_message_converts_image(shell: Shell, form: str, wanted: str) -> None:
    shell.run(f"qemu-img create -q -f {form} 'it is.img' 1M")

    shell.run(named(refused(shell.home / "it is.img", wanted), "qemu-img"))

    assert f"file format: {wanted}" in shell.run("qemu-img info 'it is.img.new'")


@pytest.mark.case("50")
def test_command_in_message_checks_damaged_image(shell: Shell) -> None:
    image = shell.home / "it's.qcow2"
    shell.run('qemu-img create -q -f qcow2 "it\'s.qcow2" 1M')
    image.write_bytes(image.read_bytes()[:100])

    output = shell.run(named(refused(image, "qcow2"), "qemu-img"), status=1)

    assert "qemu-img: " in output


def test_command_in_message_checks_out_submodule(shell: Shell) -> None:
    inner, outer = Origin(shell.home / "inner"), Origin(shell.home / "it's outer")
    inner.commit("kind: Network\n")
    allowed: dict[str, Any] = ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": "file"}
    shell.run(
        f"git -C {quote(str(outer.path))} submodule --quiet add {quote(str(inner.path))} more", **allowed
    )
    outer.git("commit", "--quiet", "--message=more")
    shell.run(f"git clone --quiet {quote(str(outer.path))} 'a clone'", **allowed)
    clone = shell.home / "a clone"

    ((fault, _),) = submodules(clone, "specs")
    shell.run(named(str(fault.to_problem()), "git"), **allowed)

    assert (clone / "more/a.yaml").exists()
    assert not list(submodules(clone, "specs"))


def test_command_in_message_fetches_history_of_shallow_clone(shell: Shell) -> None:
    origin = Origin(shell.home)
    origin.commit("one")
    origin.commit("two")
    shell.run(f"git clone --quiet --depth=1 file://{origin.path} shallow")
    file = shell.home / "settings.yaml"
    file.write_text(f"state: {shell.home}/state\ngit: {{url: {shell.home}/shallow}}\n")

    output = shell.ours("--config", "settings.yaml", "fetch", status=1)
    shell.run(f"cd shallow; {named(output, 'git fetch')}")

    assert "is now in use" in shell.ours("--config", "settings.yaml", "fetch")
