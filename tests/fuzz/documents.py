"""
What becomes of a document that was changed: it is loaded, its definition is made, written and compared, and planned.

Everything here runs in a worker with limits of memory and CPU. Anything but an answer in words is a fault.
"""

import re
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import yaml

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.domain import KIND as DOMAIN
from kvmreconcile.model import Actual, Key
from kvmreconcile.render import render_json, render_markdown, render_text
from kvmreconcile.source.load import Loaded, load
from kvmreconcile.tree import diff, parse, to_xml
from tests.examples import EXAMPLES, plan_of
from tests.fuzz.mutations import by_bytes, by_field
from tests.peak import peak_mib, start_peak

CPU_S, MEMORY_MIB = 5.0, 300
"""What one document may cost: time, and memory beside what the worker has before."""
BY_NAME = {kind.name: kind for kind in KINDS}
RULES = {kind.name: kind.rules for kind in KINDS}
INTACT = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: intact}\nspec: {mode: nat, addresses: [192.0.2.1/24]}\n"
EVERY_INTACT = 5
"""Every so many documents one stands beside it that nobody changed."""
_UUID = "6f3c1f0e-8d5b-4c8e-9a55-0d8a3f2b7c11"
"""Of a definition that says none, as libvirt would give it one."""
_NAME = re.compile("<name>(.+?)</name>")
_PYTHONS_WORDS = re.compile(
    r"Traceback|<class '|object at 0x|[a-z]+Error\b|invalid literal|NoneType|unhashable|sys\.set_int"
)


ERRORS = {
    "XML": r"xml: ",
    "unknown name": r"unknown |there is no|names no|is not known",
    "limit": r"more than|at most|larger than",
    "value": r"should (be|have)|: spec|: metadata",
    "no text": r"the file (is|holds)|byte 0x|character U\+",
    "syntax": r"quote|bracket|brace|indent|tab|tag|alias|anchor|field|mapping|list|directive|document|YAML|colon|block|text",
}
"""Classes of errors, by what they say; the first that fits counts."""


class TooSlowError(Exception):
    """A document took more CPU than it may."""


@dataclass
class Tally:
    """What was seen: how often each class of answer and of error came, the slowest document, and the most memory."""

    classes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    slowest_s: float = 0.0
    memory_mib: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.classes += other.classes
        self.errors += other.errors
        self.documents += other.documents
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.memory_mib = max(self.memory_mib, other.memory_mib)
        self.faults += other.faults

    def __str__(self) -> str:
        kinds, errors = (
            ", ".join(f"{name} {count}" for name, count in counts.most_common())
            for counts in (self.classes, self.errors)
        )
        return f"{self.documents} documents: {kinds}; errors: {errors}; slowest {self.slowest_s:.2f} s, largest {self.memory_mib} MiB"


def corpus(folder: Path | None, *, adopt: bool) -> list[list[bytes]]:
    """
    Return what is changed: all examples, and libvirt's own domain definitions as specs.

    Args:
        adopt: Whether those are specs as `adopt` writes them, which takes a minute, or only hold the XML.
    """
    files = sorted(folder.glob("domain/*.xml")) if folder else []
    # What libvirt gives back has no comments.
    texts = [re.sub("<!--.*?-->", "", file.read_text(errors="replace"), flags=re.DOTALL) for file in files]
    specs = [_adopted(text) if adopt else _held(text) for text in texts if _NAME.search(text)]
    return [[file.read_bytes() for file in EXAMPLES], *([specs] if specs else [])]


def _adopted(text: str) -> bytes:
    tree = parse(text)
    actual = Actual(Key("Domain", tree.get("name") or ""), tree.get("uuid") or _UUID, text)
    return _document(actual.key.name, DOMAIN.adopt(actual))


def _held(text: str) -> bytes:
    found = _NAME.search(text)
    return _document(found[1] if found else "", {"xml": re.sub("<[?]xml.*?[?]>", "", text)})


def _document(name: str, spec: dict[str, Any]) -> bytes:
    head = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": name}}
    return yaml.safe_dump({**head, "spec": spec}, sort_keys=False, allow_unicode=True).encode()


def unsound(contents: Sequence[Sequence[bytes]], directory: Path) -> Iterator[str]:
    """Yield which documents are refused before anything was changed in them: those of them would show nothing."""
    for number, content in enumerate(chain(*contents)):
        problems = _loaded(directory, content, intact=False).problems
        yield from (f"document {number} is refused as it is: {problem}" for problem in problems)


def changed(contents: Sequence[Sequence[bytes]], seed: int, count: int) -> Iterator[bytes]:
    """Yield so many changed documents, always the same ones for a seed."""
    dice = Random(seed)
    for _ in range(count):
        content = dice.choice(dice.choice(contents))
        if dice.random() < 0.5:
            try:
                yield by_field(content.decode(), dice)
                continue
            except (ValueError, KeyError, IndexError, RecursionError, TypeError):
                pass  # What one change left has no place for the next one.
        yield by_bytes(content, dice)


def work(contents: Sequence[Sequence[bytes]], seed: int, count: int, directory: Path) -> Tally:
    """Try so many documents in this process, which is limited from now on."""
    tally, before = Tally(), start_peak()
    resource.setrlimit(resource.RLIMIT_DATA, ((before + 2 * MEMORY_MIB) << 20, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _stop)
    expected = _definitions(_loaded(directory, b"", intact=True))
    for number, content in enumerate(changed(contents, seed, count)):
        began_s = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        beside = number % EVERY_INTACT == 0
        try:
            wrong = list(_try_out(directory, content, tally, expected if beside else None))
        except Exception as error:  # noqa: BLE001  each is a fault, and the next document is tried
            wrong = [f"{type(error).__name__}: {error}"]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took_s = time.process_time() - began_s
        tally.documents += 1
        tally.slowest_s = max(tally.slowest_s, took_s)
        tally.memory_mib = max(tally.memory_mib, peak_mib() - before)
        if wrong:
            kept = directory.parent / f"fault-{seed}-{number}.yaml"
            kept.write_bytes(content)
            tally.faults += [f"seed {seed}, document {number} ({kept}): {each}" for each in wrong]
    if tally.memory_mib > MEMORY_MIB:
        tally.faults.append(f"seed {seed}: {tally.memory_mib} MiB were taken")
    return tally


def _try_out(directory: Path, content: bytes, tally: Tally, expected: dict[str, str] | None) -> Iterator[str]:
    """Take a document through all that a pass does with it; yield what is wrong with the answers."""
    specs = _loaded(directory, content, intact=expected is not None)
    yield from (f"loading raised {crash!r}" for crash in specs.crashes)
    for problem in specs.problems:
        tally.errors[
            next((name for name, says in ERRORS.items() if re.search(says, problem.what)), "other")
        ] += 1
        if _PYTHONS_WORDS.search(str(problem)):
            yield f"in the words of Python: {problem}"
        if not problem.where or not problem.todo:
            yield f"without a place or what to do: {problem}"
    plan = plan_of(specs)
    yield from (f"comparing {key} raised {crash!r}" for key, crash in plan.crashes.items())
    for desired in specs.desired.values():
        assert to_xml(desired.tree)
        assert not any(diff(desired.tree, desired.tree, RULES[desired.key.kind]))
    for render in (render_text, render_json, render_markdown):
        assert render(plan, RULES) is not None
    known = _definitions(specs)
    if expected is not None and any(known.get(key) != xml for key, xml in expected.items()):
        yield "the document beside it is not what it was"
    tally.classes["refused" if specs.problems else "planned" if specs.desired else "says nothing"] += 1


def _loaded(directory: Path, content: bytes, *, intact: bool) -> Loaded:
    directory.mkdir(exist_ok=True)
    (directory / "changed.yaml").write_bytes(content)
    beside = directory / "intact.yaml"
    if intact:
        beside.write_text(INTACT)
    else:
        beside.unlink(missing_ok=True)
    return load([directory], BY_NAME, "fuzz")


def _definitions(specs: Loaded) -> dict[str, str]:
    return {str(key): to_xml(each.tree) for key, each in specs.desired.items()}


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise TooSlowError(f"it took more than {CPU_S:g} s of CPU")
