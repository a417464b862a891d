"""
What came of an action, in one line.

Separate from the reporters that print it, one of which loads a library that the other does without.
"""

from kvmreconcile.model import Key, Outcome, Result, Settled
from kvmreconcile.render import Palette
from kvmreconcile.system.printable import visible

_MARKS = {Result.DONE: ("done", "+"), Result.FAILED: ("FAILED", "-"), Result.SKIPPED: ("skipped", "~")}


def told(outcome: Outcome, colours: Palette = Palette.PLAIN) -> str:
    """Return one line about what came of an action."""
    word, sign = _MARKS[outcome.result]
    took = f" ({outcome.took_s:.2f} s)" if outcome.result is not Result.SKIPPED else ""
    why = f": {visible('; '.join(filter(None, outcome.error.splitlines())))}" if outcome.error else ""
    what = f"{visible(outcome.action.verb.name)} {visible(str(outcome.action.key))}"
    return f"{colours.paint(f'{word:7}', sign)} {what}{took}{why}"


def told_settled(key: Key, settled: Settled) -> str:
    """Return one line about what libvirt keeps otherwise than asked."""
    words = (visible(w) for w in (str(key), settled.path, settled.asked, settled.answered))
    text = (
        "settled {}: {} was set to {}, but libvirt has {}; it is left so until the spec or the object changes"
    )
    return text.format(*words)
