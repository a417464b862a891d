"""Show what kvmreconcile does, from nothing to three converged guests and back: `./dev demo`."""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from kvmreconcile.state import State
from kvmreconcile.state.history import EntryKind
from tests.lab.background import PROGRAM, Background
from tests.lab.guest import build_guest, wait_for_agent
from tests.lab.lab import Lab, LabError
from tests.lab.replies import address, disks, kernel
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
GUESTS = ("web1", "web2", "db1")
BOOT_FILES = "lib/boot/demo"  # /var/lib/libvirt/boot/demo inside the lab
MORE_DISKS = """\
    - {name: data, volume: {pool: demo, name: db1-data.qcow2}}
---
apiVersion: kvmreconcile/v1
kind: Volume
metadata:
  name: db1-data.qcow2
spec:
  pool: demo
  capacity: 256MiB
"""


def main() -> int:
    """Run the demo and return its exit status."""
    options = _options()
    begin = time.monotonic()
    try:
        with Lab(f"demo-{os.getpid()}") as lab:
            print(f"A private libvirtd is up, in {lab.path}")
            demo = Demo(lab, options.within)
            demo.rows.append(("start a libvirtd of its own", time.monotonic() - begin))
            return _show(demo, is_kept=options.keep)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _show(demo: "Demo", *, is_kept: bool) -> int:
    try:
        demo.run()
    except (AssertionError, LabError, subprocess.SubprocessError) as error:
        demo.fail(error)
        return 1
    finally:
        demo.daemon.stop()
    if is_kept:
        demo.keep()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description="From nothing to three converged guests.")
    parser.add_argument(
        "--keep", action="store_true", help="keep the hypervisor, and print how to inspect it"
    )
    parser.add_argument(
        "--within", type=float, default=60, metavar="SECONDS", help="longest wait of any step"
    )
    return parser.parse_args()


class Demo:
    """One demonstration on one lab."""

    def __init__(self, lab: Lab, within_s: float) -> None:
        self.lab = lab
        self.within_s = within_s
        self.home = lab.path / "demo"
        self.specs = self.home / "specs"
        self.settings = {
            "KVMRECONCILE_CONNECT": lab.uri,
            "KVMRECONCILE_STATE": str(self.home / "state"),
            "KVMRECONCILE_SPECS": str(self.specs),
        }
        self.environment = {**os.environ, **self.settings}
        self.daemon = Background(self.environment, self.home / "daemon.log")
        self.rows: list[tuple[str, float]] = []

    def run(self) -> None:
        """Run all parts of the demo."""
        self.step("put the specs and the guests' kernel in place", self.prepare)
        title("A host without guests, and what the specs ask of it")
        self.step("plan nine objects", self.plan_in_short)
        title("The daemon makes it so")
        command("kvmreconcile run &")
        self.daemon.start()
        self.step("make and start them, until all guests answer", self.guests_answer)
        title("A spec is edited: the database gets a second disk, while it runs")
        self.step("make the disk, and plug it in", self.edit)
        title("A guest is destroyed by hand")
        self.step("start it again, until it answers", self.destroy)
        title("Nothing is left to do")
        self.step("plan again", self.settle)
        self.table()

    def prepare(self) -> None:
        """Copy the specs, and the tiny Linux to the path that they name."""
        shutil.copytree(ROOT / "specs/demo", self.specs)
        files, directory = build_guest(), self.lab.path / BOOT_FILES
        directory.mkdir(parents=True)
        shutil.copy(files.vmlinuz, directory)
        shutil.copy(files.initrd, directory)

    def plan_in_short(self) -> None:
        """Show the lines of a plan that name objects."""
        command("kvmreconcile plan | grep '^[^ ]'")
        print("\n".join(line for line in self.planned().splitlines() if line[:1].strip()))

    def planned(self) -> str:
        """Return what `kvmreconcile plan` prints."""
        return subprocess.run(
            (str(PROGRAM), "plan"),
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=self.within_s,
        ).stdout

    def guests_answer(self) -> None:
        """Wait until the agent of each guest answers."""
        for name in GUESTS:
            self.wait(lambda name=name: self.is_running(name), f"{name} runs")  # type: ignore[misc]
            self.answer(name)

    def answer(self, name: str) -> None:
        """Print what a guest reports through its agent."""
        wait_for_agent(self.lab, name, self.within_s)
        self.wait(lambda: address(self.lab, name), f"{name} has an address")
        release, where, seen = (ask(self.lab, name) for ask in (kernel, address, disks))
        print(f"{name} answers: Linux {release}, {where}, disks {seen}")

    def edit(self) -> None:
        """Add a disk to a guest's spec, and wait until the guest sees it."""
        path, draft = self.specs / "db1.yaml", self.specs / "db1.new"
        before = path.read_text()
        after = before + MORE_DISKS
        draft.write_text(after)
        draft.replace(path)
        difference = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "specs/db1.yaml", "specs/db1.yaml", n=1, lineterm=""
        )
        print("\n".join(difference))
        self.wait(lambda: disks(self.lab, "db1") == "vda vdb", "db1 sees its second disk")
        print(f"db1 sees disks {disks(self.lab, 'db1')}")

    def destroy(self) -> None:
        """Destroy a guest, and wait until it runs again."""
        was = self.runtime_id("web2")
        command("virsh destroy web2")
        self.lab.virsh("destroy", "web2")
        self.wait(lambda: self.is_running("web2") and self.runtime_id("web2") != was, "web2 runs again")
        self.answer("web2")

    def settle(self) -> None:
        """Wait until nothing is planned, and show that."""
        self.wait(lambda: "Nothing to do" in self.planned(), "nothing is left to do")
        command("kvmreconcile plan")
        print(self.planned(), end="")

    def is_running(self, name: str) -> bool:
        """Return whether a guest runs."""
        return name in self.lab.virsh("list", "--name").split()

    def runtime_id(self, name: str) -> str:
        """Return the id of a running guest, which changes at each start."""
        return self.lab.virsh("domid", name).strip()

    def wait(self, is_met: Callable[[], object], what: str) -> None:
        """Check repeatedly until the condition holds, as long as the daemon runs."""

        def check() -> object:
            self.daemon.check()
            try:
                return is_met()
            except LabError:  # such as an agent that does not answer yet
                return False

        wait_until(check, what, self.within_s)

    def step(self, what: str, do: Callable[[], None]) -> None:
        """Run a part of the demo, and record how long it took."""
        begin = time.monotonic()
        do()
        self.rows.append((what, time.monotonic() - begin))

    def table(self) -> None:
        """Print what was done, by the user or the daemon, and how long it took."""
        title("What was done                                        seconds")
        for what, took_s in self.rows:
            print(f"{what:<52}{took_s:8.2f}")
        print(f"{'all':<52}{sum(took_s for _, took_s in self.rows):8.2f}")
        print("\nof which the daemon's own actions")
        with closing(State.open_readonly(self.home / "state")) as state:
            for entry in reversed(state.history(1000)):
                if entry.what is EntryKind.STEP:
                    print(f"  {entry.verb:<10}{entry.key!s:<40}{entry.took_s:8.2f}")

    def fail(self, error: Exception) -> None:
        """Print the error, and the daemon's log until then."""
        print(f"\ndemo: {error}", file=sys.stderr)
        if isinstance(error, subprocess.CalledProcessError):
            print(error.stderr, file=sys.stderr)
        if self.daemon.log.exists():
            print(f"The daemon's log:\n{self.daemon.log.read_text()}", file=sys.stderr)

    def keep(self) -> None:
        """Keep the lab for the user."""
        self.lab.keep()
        title("Kept; to inspect it")
        for name, value in self.settings.items():
            print(f"export {name}='{value}'")
        program, lab = PROGRAM.relative_to(ROOT), f"./dev lab -n {self.lab.name}"
        print(f"{program} plan     # after an edit of a spec; then apply, or run for the daemon")
        print(f"{lab} shell        # inside; such as virsh list")
        print(f"{lab} down         # the end")


def title(text: str) -> None:
    """Print the title of a part."""
    allow_restart, plain = (
        ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    )
    print(f"\n{allow_restart}{text}{plain}", flush=True)


def command(words: str) -> None:
    """Print a command that is run."""
    print(f"$ {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
