"""
Put a unique value into every secret field and at every secret path, run the real program, and search for it.

Rows and fields are read from the tables and models; a row or field that no document here covers fails the test.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.system import journal
from tests.canaries import (
    FIELDS,
    MARK,
    Planter,
    Witness,
    bare,
    documents,
    found,
    secret_fields,
    secret_places,
    written,
)
from tests.cli.conftest import Host
from tests.cli.conftest import host as host  # noqa: PLC0414  a fixture is used by its name
from tests.control.served import request
from tests.daemon.process import Process
from tests.notify.http import Http, http
from tests.origin import Origin

pytestmark = pytest.mark.case("24")

BY_NAME = {kind.name: kind for kind in KINDS}
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {name: default-pool}
spec: {type: dir, path: /default-pool}
"""


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_every_secret_row_and_field_has_a_canary(kind: Kind) -> None:
    planter = Planter()
    texts = documents(kind, planter)

    assert [row for row, is_planted in secret_places(kind).items() if not is_planted] == []
    assert set(secret_fields(kind)) <= set(planter.was.values()), FIELDS.get(kind.name)
    assert all(MARK in text for text in texts.values())


@pytest.fixture
def lines(tmp_path: Path, host: Host) -> Iterator[list[bytes]]:
    """Yield the log lines that commands send to the journal."""
    came: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(journal.SOCKET))
        end.settimeout(0.1)
        over = threading.Event()

        def take() -> None:
            while not over.is_set():
                try:
                    came.append(end.recv(1 << 20))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        yield came
        over.set()
        thread.join()


def stages(kind: Kind, planter: Planter) -> Iterator[dict[str, str]]:
    """Yield stages of documents: refused by libvirt, valid, with other canaries, without canaries, none."""
    yield documents(kind, replace(planter, is_odd=True))
    yield documents(kind, planter)
    yield documents(kind, planter)
    yield bare(kind)
    yield {}


def outputs_for(host: Host, texts: dict[str, str], kind: Kind) -> Iterator[str]:
    """Yield the output of commands about documents before and while they are applied."""
    for old in host.specs.glob("*.yaml"):
        old.unlink()
    if kind.name == "Volume":
        host.write("pool.yaml", POOL)
    for name, text in texts.items():
        host.write(f"{name}.yaml", text)
    specs = str(host.specs)
    yield host.run("validate", specs).output
    for output in ("text", "json", "markdown"):
        yield host.run("plan", specs, "-o", output).output
    for name in ("rows", "fields", "called"):
        key = f"canary-{name}" if kind.name != "Volume" else f"default-pool/canary-{name}"
        yield host.run("diff", f"{kind.name}/{key}", specs).output
    yield host.run("apply", specs, "--yes", "--prune", "auto").output
    for output in ("text", "json"):
        yield host.run("history", "-o", output).output
        yield host.run("plan", specs, "-o", output).output


@pytest.mark.parametrize("kind", KINDS, ids=BY_NAME)
def test_no_command_shows_or_stores_a_canary(host: Host, lines: list[bytes], kind: Kind) -> None:
    planter, said = Planter(), ""
    for texts in stages(kind, planter):
        for text in outputs_for(host, texts, kind):
            said += text
            assert found(text) == set()
        assert written(host.state) == {}

    assert "(secret)" in said
    assert f"create {kind.name}/" in said
    assert lines
    assert found(b"".join(lines)) == set()


BROKEN = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {name: canary-broken}
spec:
  checkSchema: false
  secret: [clock/@offset]
  xml: |
    <domain type="test"><memory>65536</memory><os><type>hvm</type></os><clock offset="CANARY"/></domain>
"""
"""A definition that libvirt rejects with an error that quotes the value."""
STATE = ("state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "suspensions.json")


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as server:
        yield server


@pytest.fixture
def process(tmp_path: Path, server: Http) -> Iterator[Process]:
    notify = (
        f"[{{url: '{server.url.replace('hunter2', f'{MARK}-url')}', on: [failed, held, recovered, healed]}}]"
    )
    settings = {
        "KVMRECONCILE_GIT": f"{{url: {tmp_path}/origin, poll: 1s}}",
        "KVMRECONCILE_CONTROL": f"{{socket: {tmp_path}/control.sock}}",
        "KVMRECONCILE_METRICS": "{domains: true}",
        "KVMRECONCILE_NOTIFY": notify,
    }
    process = Process(tmp_path, settings)
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


def answer(process: Process, page: str) -> bytes:
    """Return the answers of the daemon on its socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(process.home / "control.sock"))
        connection.sendall(request(f"GET {page}"))
        return b"".join(iter(partial(connection.recv, 65536), b""))


def asked(process: Process) -> bytes:
    """Return the output of the daemon and of the commands that query it."""
    pages = ("/v1/status", "/metrics", "/v1/objects/Domain/canary-rows", "/v1/objects/Network/canary-called")
    said = b"".join(answer(process, page) for page in pages)
    environment = os.environ | process.settings | {"KVMRECONCILE_STATE": str(process.home / "state")}
    for words in (("status",), ("status", "-o", "json"), ("history",), ("history", "-o", "json")):
        command = [sys.executable, "-m", "kvmreconcile", *words]
        said += subprocess.run(command, env=environment, capture_output=True, check=False).stdout
    return said


def passes_until(process: Process, **counts: int) -> None:
    """Read the log until a pass ends with the given counts."""
    while not counts.items() <= process.wait_for("pass.ended").items():
        continue


@pytest.mark.timeout(300)
def test_daemon_shows_or_stores_no_canary(process: Process, server: Http, tmp_path: Path) -> None:
    origin, planter = Origin(tmp_path), Planter()
    kinds = (BY_NAME["Domain"], BY_NAME["Network"])
    said = b""

    def commit(texts: dict[str, str]) -> None:
        for name, text in texts.items():
            (origin.path / f"{name}.yaml").write_text(text)
        (origin.path / "broken.yaml").write_text(BROKEN.replace("CANARY", planter.plant("clock/@offset")))
        origin.git("add", "--all")
        origin.git("commit", "--quiet", "--message=another")

    def all_documents() -> dict[str, str]:
        return {f"{kind.name}-{n}": text for kind in kinds for n, text in documents(kind, planter).items()}

    commit(all_documents())
    process.start()
    assert process.popen
    with Witness(process.popen.pid) as witness:
        passes_until(process, in_sync=len(all_documents()))
        said += asked(process)
        commit(all_documents())
        passes_until(process, done=len(all_documents()))
        said += asked(process)
        commit({f"{kind.name}-{n}": text for kind in kinds for n, text in bare(kind).items()})
        passes_until(process, done=len(all_documents()))
        for file in origin.path.glob("*-*.yaml"):
            file.unlink()
        commit({})
        passes_until(process, held=len(all_documents()))
        said += asked(process)
        process.popen.terminate()
        _, rest = process.end()

    notices = []
    while not server.came.empty():
        notices.append(server.came.get())
    assert "unknown clock offset '(secret)'" in process.read
    assert found(process.read + rest) == set()
    assert b"(secret)" in said
    assert found(said) == set()
    assert notices
    assert found(str(notices)) == set()
    assert {"git"} <= witness.seen
    assert witness.hits == set()
    files = [file for name in STATE if (file := tmp_path / "state" / name).exists()]
    assert files
    assert {hit for file in files for hit in found(file.read_bytes())} == set()


HEAD = "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: vault}\nspec:\n  memory: 64MiB\n"
PASSWORD = "  graphics:\n    - type: vnc\n      password: %s\n"
GRAPHICS = "  graphics: [{type: vnc, password: %s}]\n"
ATTRIBUTE = "  xml: |\n    <domain><devices><graphics type='vnc' passwd=%s/></devices></domain>\n"
ELEMENT = "  xml: |\n    <domain><sysinfo type='smbios'><oemStrings><entry>%s</entry></oemStrings></sysinfo></domain>\n"
C = f"{MARK}01"
MISTAKES: dict[str, tuple[str, ...]] = {
    PASSWORD: (
        f"*{C}", f"!{C}", f"!!{C}", f"!<{C}>", f"%{C}", f"@{C}", f"`{C}", f"|{C}", f">{C}", f"'{C}", f'"{C}', f"'a'{C}'",
        f'"\\{C}"', f'"{C}\\x01"', f"{{{C}", f"[{C}", f"[{C}]", f"{{{C}: 1}}", f"{{a: {C}}}", f"a: {C}", C * 3,
        f"{C}\n      password: {C}", f"\n        <<: *{C}", f"\n      ? {C}\n      : 1", f"&{C} *{C}", f"- {C}", f"]{C}",
    ),
    GRAPHICS: (f"a, {C}", f"a, {C}: b", f"a: {C}", f"a}}, {C}", f"'a'{C}", f"[a, {C}", f"a], {C}: [{{b: c"),
    ATTRIBUTE: (
        f"'a'{C}'", f"'a' {C}'", C, f"'<{C}'", f"'&{C};'", f"'&{C}'", f"'{C}\"", f"'a' {C}=b", f"'a' {C}='b' {C}='c'",
        f"'a' {C}:x='b'", f"'&#{C};'", f"'&#x{C};'", f"'{C}'>", f"'{C}' passwd='{C}'",
    ),
    ELEMENT: (
        f"a<{C}", f"a<{C}>b", f"a</{C}>", f"&{C};", f"&{C}", f"<!{C}", f"<?{C}", f"<![CDATA[{C}", f"a<{C}:b/>", f"]]>{C}",
        f"<!--{C}", f"<!-- -- {C} -->", f"<{C} {C}>", f"&#{C};", f"<a {C}='1' {C}='2'/>", f"<?xml {C}?>",
    ),
}  # fmt: skip
"""Passwords without quotes, and other problems that make a line with a password invalid."""


@pytest.mark.parametrize(
    "text", [form % value for form, values in MISTAKES.items() for value in values], ids=lambda _: "mistake"
)
def test_no_message_about_a_document_repeats_a_canary(host: Host, text: str) -> None:
    file = host.write("vault.yaml", HEAD + text)

    said = host.run("validate", str(file)).output + host.run("plan", str(file), "-o", "json").output

    assert "vault" in said
    assert found(said) == set()
