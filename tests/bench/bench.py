"""
How long a plan takes, beside a plain libvirt loop that reads the same XML: `./dev bench`.

Separate from the tests because it measures and judges nothing. Both are timed by turns in the same run, so that
whatever else the machine does falls on both.
"""

import argparse
import cProfile
import pstats
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import libvirt

from kvmreconcile.cli.site import open_site, read_specs
from kvmreconcile.execute.executor import SilentReporter
from kvmreconcile.model import Plan
from kvmreconcile.plan import Overrides
from kvmreconcile.reconcile import Site, known_kinds
from kvmreconcile.settings import Settings
from kvmreconcile.sight import observe
from kvmreconcile.source.load import Loaded
from tests.lab.lab import Lab, LabError

SPEC = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: {name}, labels: {{tier: bench}}}}
spec:
  type: qemu
  state: stopped
  title: Guest {number}
  memory: 1GiB
  vcpus: {{count: 1, maximum: 4}}
  disks:
    - {{name: root, file: /var/lib/libvirt/images/{name}.qcow2}}
    - {{name: media, device: cdrom}}
  interfaces:
    - {{name: lan, network: bench}}
"""
NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: bench}
spec: {mode: nat, addresses: [192.0.2.1/24]}
"""
READ = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


def main() -> int:
    """Print the figures and return the exit status."""
    options = _options()
    print(f"{'domains':>7}  {'what':<34}{'median':>9}{'best':>9}{'ratio':>8}")
    try:
        for count in options.domains:
            with bench(count) as subject:
                report(subject, options.runs)
                if options.profile:
                    profile(subject)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description="How long a plan takes.")
    parser.add_argument("domains", nargs="*", type=int, default=[100, 1000], help="how many are defined")
    parser.add_argument("--runs", type=int, default=7, help="how often each is timed")
    parser.add_argument("--profile", action="store_true", help="say in which functions a plan's time goes")
    return parser.parse_args()


@dataclass(frozen=True)
class Subject:
    """A lab with domains that are as their specs say."""

    lab: Lab
    site: Site
    specs: Loaded
    directory: Path
    made_in_s: float

    def read(self) -> None:
        """Read every definition, as the shortest program would."""
        for domain in self.site.connection.virt.listAllDomains():
            domain.XMLDesc(READ)

    def observe(self) -> None:
        """Read all that a plan reads."""
        observe(self.site.kinds.values(), self.site.connection)

    def plan(self) -> Plan:
        """Make a plan as the daemon does: connected, its specs loaded."""
        return self.site.plan(self.site.look(self.specs, datetime.now(UTC)), Overrides())

    def load(self) -> None:
        """Load the specs."""
        read_specs([self.directory], self.site.settings, self.site.kinds)

    def command(self) -> None:
        """Run the whole command, as a person does."""
        settings = self.site.settings
        words = ("plan", str(self.directory), "--connect", settings.connect, "--state", str(settings.state))
        subprocess.run((sys.executable, "-m", "kvmreconcile", *words), check=True, capture_output=True)


@contextmanager
def bench(count: int) -> Iterator[Subject]:
    """Yield a lab with so many domains, made by an apply."""
    with Lab() as lab:
        directory = lab.path / "specs"
        directory.mkdir()
        (directory / "network.yaml").write_text(NETWORK)
        for number in range(count):
            name = f"guest{number:04}"
            (directory / f"{name}.yaml").write_text(SPEC.format(name=name, number=number))
        settings = Settings(connect=lab.uri, state=lab.path / "state", specs=directory)
        kinds = known_kinds()
        specs = read_specs([directory], settings, kinds)
        assert not specs.problems, specs.problems
        with open_site(settings, kinds) as site:
            begin = time.monotonic()
            world = site.look(specs, datetime.now(UTC))
            made = site.execute(site.plan(world, Overrides()), world, SilentReporter())
            assert not made.failed, made.failed
            subject = Subject(lab, site, specs, directory, time.monotonic() - begin)
            plan = subject.plan()
            assert plan.is_empty, plan
            assert len(plan.in_sync) == len(specs.desired)
            yield subject


def report(subject: Subject, runs: int) -> None:
    """Print a line for each thing that was timed."""
    count = len(subject.specs.desired) - 1  # the network
    rows: dict[str, Callable[[], object]] = {
        "plain libvirt loop": subject.read,
        "plan": subject.plan,
        "  of which reading the host": subject.observe,
        "loading the specs": subject.load,
        "the whole command": subject.command,
    }
    times: dict[str, list[float]] = {what: [] for what in rows}
    for _ in range(runs):
        for what, do in rows.items():
            times[what].append(timed(do))
    plain = median(times["plain libvirt loop"])
    for what, seconds in times.items():
        middle = median(seconds)
        print(f"{count:>7}  {what:<34}{middle:>8.3f}s{min(seconds):>8.3f}s{middle / plain:>8.2f}")
    print(f"{count:>7}  {'making them, once, by apply':<34}{subject.made_in_s:>8.3f}s", flush=True)


def timed(do: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


def profile(subject: Subject) -> None:
    """Print in which functions the time of a plan goes."""
    profiler = cProfile.Profile()
    profiler.runcall(subject.plan)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    sys.exit(main())
