"""
Run the commands of root repeatedly in one process, which a test traces with strace(1).

    python -m tests.state.root_commands RUNS MARKS

Before each command a file with its name below MARKS, which does not exist, is accessed to mark the place in the trace.
"""

import json
import os
import sys
import traceback
from collections import Counter

from typer.testing import CliRunner

from kvmreconcile.cli.app import app

COMMANDS = {
    "fetch": ("fetch",),
    "apply": ("apply", "--yes"),
    "approve": ("apply", "--yes", "--approve"),
    "suspend": ("suspend", "--all"),
    "resume": ("resume", "--all"),
    "history": ("history",),
    "adopt": ("adopt", "--all"),
}
NO_DIGEST = "0" * 12


def main(runs: int, marks: str) -> None:
    succeeded: Counter[str] = Counter()
    escaped: list[str] = []
    for number in range(runs):
        for name, words in COMMANDS.items():
            digest = (_digest(),) if name == "approve" else ()
            os.access(f"{marks}/{name}-{number}", os.R_OK)
            done = CliRunner().invoke(app, [*words, *digest])
            if not isinstance(done.exception, SystemExit | None):
                escaped.append(name + ": " + "".join(traceback.format_exception(done.exception)))
            succeeded[name] += done.exit_code == 0
    os.access(f"{marks}/end", os.R_OK)
    print(json.dumps({"succeeded": succeeded, "escaped": escaped}))


def _digest() -> str:
    """Return the digest of the plan that is to be approved."""
    planned = CliRunner().invoke(app, ["plan", "--output", "json"])
    return json.loads(planned.stdout)["digest"] if planned.exit_code == 0 else NO_DIGEST


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
