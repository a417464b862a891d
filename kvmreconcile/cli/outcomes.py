"""Render the outcomes of actions, and explain why changes remain after the last round of `apply`."""

from collections.abc import Sequence

from kvmreconcile.cli.terminal import counted
from kvmreconcile.model import Key, Outcome, Plan, Result, Settled
from kvmreconcile.render import Palette
from kvmreconcile.system.printable import visible

_MARKS = {Result.DONE: ("done", "+"), Result.FAILED: ("FAILED", "-"), Result.SKIPPED: ("skipped", "~")}


def outcome_line(outcome: Outcome, colours: Palette = Palette.PLAIN) -> str:
    """Return a line of text for the outcome of an action."""
    word, sign = _MARKS[outcome.result]
    took = f" ({outcome.took_s:.2f} s)" if outcome.result is not Result.SKIPPED else ""
    why = f": {visible('; '.join(filter(None, outcome.error.splitlines())))}" if outcome.error else ""
    what = f"{visible(outcome.action.verb.name)} {visible(str(outcome.action.key))}"
    return f"{colours.paint(f'{word:7}', sign)} {what}{took}{why}"


def settled_line(key: Key, settled: Settled) -> str:
    """Return a line of text for a value that libvirt stores differently from the spec."""
    words = (visible(w) for w in (str(key), settled.path, settled.asked, settled.answered))
    text = "settled {}: {} was set to {}, but libvirt stores {}; the value is set again only if the spec or the object changes"
    return text.format(*words)


def explain_unconverged(plan: Plan, done: Sequence[Plan], again: str) -> str:
    """
    Explain why actions remain after the last round, and what the user can do.

    Args:
        plan: The plan with the remaining actions.
        done: The executed plan of each round.
        again: The command that shows the plan again.
    """
    names = ", ".join(dict.fromkeys(str(action.key) for action in plan.actions))
    if all(plan.digest != each.digest for each in done):
        return f"not finished after {counted(len(done), 'round')}: there are new changes for {names}; run apply again"
    return f"not converged: changes that were just made are needed again for {names}; see: {again}"
