"""
Load, compare, plan and render mutated documents.

This runs in a worker process with limits on memory and CPU time. Any failure other than an error message
for users is a problem.
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
from kvmreconcile.session.kinds import document_kinds
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import diff, parse, to_xml
from tests.examples import EXAMPLES, plan_of
from tests.fuzz.mutations import by_bytes, by_field
from tests.peak import peak_mib, start_peak

CPU_S, MEMORY_MIB = 5.0, 300
"""Limits for one document: CPU time, and memory in addition to what the worker had before."""
BY_NAME = document_kinds({kind.name: kind for kind in KINDS})
RULES = {kind.name: kind.rules for kind in KINDS}
INTACT = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: intact}\nspec: {mode: nat, addresses: [192.0.2.1/24]}\n"
EVERY_INTACT = 5
"""Interval of documents that are loaded together with an unchanged one."""
_UUID = "6f3c1f0e-8d5b-4c8e-9a55-0d8a3f2b7c11"
"""UUID of definitions without one, as libvirt would generate it."""
_NAME = re.compile("<name>(.+?)</name>")
_PYTHON_TEXT = re.compile(
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
"""Classes of errors, by their messages; the first that matches is used."""


class TooSlowError(Exception):
    """A document exceeded the CPU limit."""


@dataclass
class Tally:
    """The number of results and errors of each class, the slowest document, the peak memory, and all problems."""

    classes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    slowest_s: float = 0.0
    memory_mib: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.classes += other.classes
        self.errors += other.errors
        self.documents += other.documents
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.memory_mib = max(self.memory_mib, other.memory_mib)
        self.problems += other.problems

    def __str__(self) -> str:
        kinds, errors = (
            ", ".join(f"{name} {count}" for name, count in counts.most_common())
            for counts in (self.classes, self.errors)
        )
        return f"{self.documents} documents: {kinds}; errors: {errors}; slowest {self.slowest_s:.2f} s, largest {self.memory_mib} MiB"


def corpus(folder: Path | None, *, adopt: bool) -> list[list[bytes]]:
    """
    Return the documents to mutate: all examples, and libvirt's own domain definitions as specs.

    Args:
        adopt: Whether the latter are specs as `adopt` writes them, which takes a minute, or only contain the XML.
    """
    files = sorted(folder.glob("domain/*.xml")) if folder else []
    # Definitions from libvirt have no comments.
    texts = [re.sub("<!--.*?-->", "", file.read_text(errors="replace"), flags=re.DOTALL) for file in files]
    specs = [_adopted(text) if adopt else _with_xml(text) for text in texts if _NAME.search(text)]
    return [[file.read_bytes() for file in EXAMPLES], *([specs] if specs else [])]


def _adopted(text: str) -> bytes:
    tree = parse(text)
    actual = Actual(Key("Domain", tree.get("name") or ""), tree.get("uuid") or _UUID, text)
    return _document(actual.key.name, DOMAIN.adopt(actual))


def _with_xml(text: str) -> bytes:
    found = _NAME.search(text)
    return _document(found[1] if found else "", {"xml": re.sub("<[?]xml.*?[?]>", "", text)})


def _document(name: str, spec: dict[str, Any]) -> bytes:
    head = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": name}}
    return yaml.safe_dump({**head, "spec": spec}, sort_keys=False, allow_unicode=True).encode()


def find_invalid(contents: Sequence[Sequence[bytes]], directory: Path) -> Iterator[str]:
    """Yield the problems of unmutated documents: mutating an invalid document would test nothing."""
    for number, content in enumerate(chain(*contents)):
        problems = _loaded(directory, content, intact=False).problems
        yield from (f"document {number} is refused as it is: {problem}" for problem in problems)


def changed(contents: Sequence[Sequence[bytes]], seed: int, count: int) -> Iterator[bytes]:
    """Yield a number of mutated documents; a seed always yields the same documents."""
    dice = Random(seed)
    for _ in range(count):
        content = dice.choice(dice.choice(contents))
        if dice.random() < 0.5:
            try:
                yield by_field(content.decode(), dice)
                continue
            except (ValueError, KeyError, IndexError, RecursionError, TypeError):
                pass  # The first mutation left no place for the next one.
        yield by_bytes(content, dice)


def work(contents: Sequence[Sequence[bytes]], seed: int, count: int, directory: Path) -> Tally:
    """Process a number of documents in this process, after limiting its memory."""
    tally, before = Tally(), start_peak()
    resource.setrlimit(resource.RLIMIT_DATA, ((before + 2 * MEMORY_MIB) << 20, resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _stop)
    expected = _definitions(_loaded(directory, b"", intact=True))
    for number, content in enumerate(changed(contents, seed, count)):
        began_s = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        beside = number % EVERY_INTACT == 0
        try:
            problems = list(_process(directory, content, tally, expected if beside else None))
        except Exception as error:  # noqa: BLE001  each is a problem, and the next document is processed
            problems = [f"{type(error).__name__}: {error}"]
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took_s = time.process_time() - began_s
        tally.documents += 1
        tally.slowest_s = max(tally.slowest_s, took_s)
        tally.memory_mib = max(tally.memory_mib, peak_mib() - before)
        if problems:
            kept = directory.parent / f"problem-{seed}-{number}.yaml"
            kept.write_bytes(content)
            tally.problems += [f"seed {seed}, document {number} ({kept}): {each}" for each in problems]
    if tally.memory_mib > MEMORY_MIB:
        tally.problems.append(f"seed {seed}: {tally.memory_mib} MiB were used")
    return tally


def _process(directory: Path, content: bytes, tally: Tally, expected: dict[str, str] | None) -> Iterator[str]:
    """Process a document as a pass does, and yield the problems of the results."""
    specs = _loaded(directory, content, intact=expected is not None)
    yield from (f"loading raised {crash!r}" for crash in specs.crashes)
    for problem in specs.problems:
        tally.errors[
            next((name for name, says in ERRORS.items() if re.search(says, problem.what)), "other")
        ] += 1
        if _PYTHON_TEXT.search(str(problem)):
            yield f"message of Python: {problem}"
        if not problem.where or not problem.todo:
            yield f"message without place or advice: {problem}"
    plan = plan_of(specs)
    yield from (f"comparing {key} raised {crash!r}" for key, crash in plan.crashes.items())
    for desired in specs.desired.values():
        assert to_xml(desired.tree)
        assert not any(diff(desired.tree, desired.tree, RULES[desired.key.kind]))
    for render in (render_text, render_json, render_markdown):
        assert render(plan, RULES) is not None
    known = _definitions(specs)
    if expected is not None and any(known.get(key) != xml for key, xml in expected.items()):
        yield "the unchanged document has another result"
    tally.classes["refused" if specs.problems else "planned" if specs.desired else "empty"] += 1


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
