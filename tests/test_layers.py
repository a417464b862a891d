"""Packages import only packages of lower layers; checked in the source."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model.verbs import STANDARD

ROOT = Path(__file__).parents[1]
PACKAGE = "kvmreconcile"
LAYERS = {
    "errors": set[str](),
    "system": set[str](),
    "tree": {"errors"},
    "model": {"tree", "errors"},
    "schema": {"tree", "errors"},
    "plan": {"model", "tree", "errors"},
    "render": {"plan", "model", "system", "tree", "errors"},
    "host": {"model", "tree", "errors"},
    "kinds": {"host", "schema", "model", "tree", "errors"},
    "source": {"kinds", "schema", "model", "system", "tree", "errors"},
    "state": {"plan", "model", "system", "tree", "errors"},
    "execute": {"kinds", "state", "plan", "host", "model", "tree", "errors"},
    "settings": {"source", "schema", "model", "errors"},
    "events": {"execute", "source", "model"},
    "status": {"events", "settings", "render", "plan", "model", "tree", "errors"},
    "session": {
        "settings",
        "execute",
        "source",
        "state",
        "kinds",
        "host",
        "render",
        "plan",
        "model",
        "system",
        "tree",
        "errors",
    },
    "reconcile": {
        "session",
        "events",
        "settings",
        "execute",
        "source",
        "state",
        "kinds",
        "plan",
        "model",
        "tree",
        "errors",
    },
    "notify": {"status", "events", "reconcile", "settings", "model", "errors"},
    "metrics": {"notify", "status", "events", "reconcile", "host", "model"},
    "control": {
        "status",
        "events",
        "reconcile",
        "settings",
        "source",
        "schema",
        "state",
        "model",
        "system",
        "errors",
    },
}
"""What each package may import besides itself; packages that are not listed are above all of these."""
DRIVERS = (
    "kinds/*/driver.py",
    "kinds/domain/calls/*.py",
    "kinds/pool/activation.py",
    *(f"kinds/network/{module}.py" for module in ("bridge", "guests", "host_conflicts")),
    *(
        f"kinds/volume/{module}.py"
        for module in ("creation", "damage", "pool_refresh", "pools", "upload", "users")
    ),
)
"""The drivers; the domain's is a module and a folder, those of networks, pools and volumes a few modules."""
LIBVIRT = ("host/*.py", *DRIVERS)
"""Where libvirt may be imported."""
LAZY = {"kinds/domain/adopt.py": {"host"}}
"""Named exceptions: adopting asks the oracle, and loads it only then."""


def modules() -> list[str]:
    return sorted(str(f.relative_to(ROOT / PACKAGE)) for f in (ROOT / PACKAGE).rglob("*.py"))


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield the imports of a module, and whether each is at module level."""
    tree = ast.parse((ROOT / PACKAGE / module).read_text())
    at_once = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from ((f"{node.module}.{alias.name}", id(node) in at_once) for alias in node.names)


def part(name: str) -> str:
    """Return the part of the package that a module or name belongs to."""
    return name.removeprefix(f"{PACKAGE}.").partition(".")[0].partition("/")[0].removesuffix(".py")


def is_driver(module: str) -> bool:
    return any(Path(module).match(pattern) for pattern in DRIVERS)


def own(module: str) -> Iterator[tuple[str, bool]]:
    return ((name, at_once) for name, at_once in imports(module) if name.startswith(f"{PACKAGE}."))


@pytest.mark.parametrize("module", [m for m in modules() if part(m) in LAYERS])
def test_module_imports_only_lower_layers(module: str) -> None:
    allowed = LAYERS[part(module)] | {part(module)} | LAZY.get(module, set())

    assert {part(name) for name, _ in own(module)} <= allowed


def test_only_the_driver_of_a_kind_imports_the_host_package() -> None:
    knowing = {m for m in modules() if part(m) == "kinds" and "host" in {part(name) for name, _ in own(m)}}

    assert {m for m in knowing if not is_driver(m)} == set(LAZY)


@pytest.mark.parametrize("module", LAZY)
def test_exceptions_are_loaded_only_when_needed(module: str) -> None:
    assert not [name for name, at_once in own(module) if at_once and part(name) in LAZY[module]]


def test_only_drivers_and_the_host_layer_call_libvirt() -> None:
    callers = {m for m in modules() for name, _ in imports(m) if name.partition(".")[0] == "libvirt"}

    assert callers
    assert not [m for m in callers if not any(Path(m).match(pattern) for pattern in LIBVIRT)]


@pytest.mark.parametrize(
    "module", [m for m in modules() if part(m) in ("plan", "tree", "kinds", "status") and not is_driver(m)]
)
def test_pure_modules_use_no_clock_and_no_log(module: str) -> None:
    forbidden = {"logging", "structlog", "time", "random", "socket", "subprocess"}

    assert not forbidden & {name.partition(".")[0] for name, _ in imports(module)}


def test_packages_do_not_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for module in modules():
        graph.setdefault(part(module), set()).update(part(n) for n, at_once in own(module) if at_once)

    assert list(TopologicalSorter({p: needs - {p} for p, needs in graph.items()}).static_order())


def test_there_are_no_circular_imports() -> None:
    known = {m.removesuffix(".py").removesuffix("/__init__").replace("/", "."): m for m in modules()}
    graph = {
        module: {
            target
            for name, at_once in own(path)
            if at_once and (target := _module(name.removeprefix(f"{PACKAGE}."), known)) not in ("", module)
        }
        for module, path in known.items()
    }

    assert list(TopologicalSorter(graph).static_order())


def _module(name: str, known: dict[str, str]) -> str:
    return next((n for n in (name, name.rpartition(".")[0]) if n in known), "")


def test_every_package_is_assigned_to_a_layer() -> None:
    assert {part(m) for m in modules()} == LAYERS.keys() | {"cli", "daemon", "__init__", "__main__"}


ENGINE = ("plan", "model", "execute", "reconcile", "daemon")
WORDS = {*STANDARD, *(kind.name for kind in KINDS), "virsh"}
NAMED = {("model/verbs.py", verb) for verb in STANDARD} | {
    ("model/commands.py", "virsh"),  # where command lines are written
    ("plan/gates/suspended.py", "resume"),  # the command of kvmreconcile
}
"""Where the engine may name a verb, a kind or virsh, and why."""


def test_engine_contains_no_name_of_a_kind_or_verb() -> None:
    """Facts about kinds and verbs are in the rows of their tables."""
    found = set()
    for module in (m for m in modules() if part(m) in ENGINE):
        tree = ast.parse((ROOT / PACKAGE / module).read_text())
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in prose)
        found |= {(module, word) for n in texts if isinstance(n.value, str) for word in named_in(n.value)}

    assert found == NAMED


def named_in(text: str) -> Iterator[str]:
    """Yield the text if it is a verb or kind, and "virsh" if the text contains it."""
    if text in WORDS:
        yield text
    elif "virsh" in text:
        yield "virsh"


PICTURE = ROOT / "docs/how-it-works.md"


def drawn_rows() -> list[set[str]]:
    """Return the packages of each row of the package diagram, from the top."""
    picture = PICTURE.read_text().partition("## Packages and layers")[2].split("```")[1]
    return [set(line[:27].split()) for line in picture.strip("\n").splitlines()]


def test_package_diagram_shows_all_packages_and_imports() -> None:
    """Every package is drawn once, and imports only packages that are drawn below it."""
    rows = drawn_rows()
    row_of = {package: row for row, packages in enumerate(rows) for package in packages}
    upward = {
        (part(module), part(name))
        for module in modules()
        for name, _ in own(module)
        if part(module) != part(name)
        and part(module) in row_of
        and row_of.get(part(name), 0) <= row_of[part(module)]
    }

    assert sum(map(len, rows)) == len(row_of)
    assert row_of.keys() == {part(m) for m in modules()} - {"__init__", "__main__"}
    assert not upward
