"""
The verbs of actions: what the engine needs to know of each, as data.

The standard verbs are the constants below; a kind's driver may have others, such as "attach", of which the engine needs
to know nothing but the name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """
    What an action does to its object.

    Attributes:
        name: As the kind's driver, plans and the history name it.
        creates: Makes an object that did not exist; half of one may be left if it is cut short.
        replaces: Removes the object and makes it again, with the same risk.
        stores: Stores a whole definition that was made from the spec.
        overwrites: Writes over or deletes what was observed, which must not have changed since.
        removes: Nothing of the object is remembered afterwards.
        renames: The object is remembered under another name afterwards.
        activates: The object is active afterwards, with what its stored definition claims.
        boots: The object runs from its beginning afterwards; fails if what is stored cannot run.
        resumes: The object runs on afterwards.
        stops: The object does not run afterwards.
        is_ordered: The spec asks for it outright, and it changes no more of a definition than its name, so that it waits
            for no maintenance window.
        probes: Only waits until something is so; changes nothing.
        spans_passes: Is done when what it began is over, which is asked again and again.
    """

    name: str
    creates: bool = False
    replaces: bool = False
    stores: bool = False
    overwrites: bool = False
    removes: bool = False
    renames: bool = False
    activates: bool = False
    boots: bool = False
    resumes: bool = False
    stops: bool = False
    is_ordered: bool = False
    probes: bool = False
    spans_passes: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def makes(self) -> bool:
        """Whether it makes an object, be it in place of another."""
        return self.creates or self.replaces

    @property
    def edits(self) -> bool:
        """Whether it stores a definition in place of the one that an object had."""
        return self.stores and not self.creates


CREATE = Verb("create", creates=True, stores=True)
RECREATE = Verb("recreate", creates=True)
"""Make what an earlier run left half made."""
DEFINE = Verb("define", stores=True, overwrites=True)
OWN = Verb("own", overwrites=True)
"""Write our ownership mark into an object."""
REPLACE = Verb("replace", replaces=True, stores=True, overwrites=True)
REMOVE = Verb("remove", removes=True, overwrites=True)
RENAME = Verb("rename", renames=True, is_ordered=True)
"""Give an object that is off another name."""
AUTOSTART, NO_AUTOSTART = Verb("autostart"), Verb("no-autostart")
START = Verb("start", activates=True, boots=True, is_ordered=True)
START_PAUSED = Verb("start-paused", activates=True, is_ordered=True)
RESTART = Verb("restart", activates=True, boots=True)
RESUME = Verb("resume", resumes=True, is_ordered=True)
SUSPEND = Verb("suspend", stops=True, is_ordered=True)
STOP = Verb("stop", stops=True, is_ordered=True)
READY = Verb("ready", probes=True)
"""Wait until a guest does its work."""
MOVE = Verb("move", spans_passes=True)
"""Take a part elsewhere with all that is in it, which one pass may begin and a later one end."""

STANDARD = {
    verb.name: verb
    for verb in (
        CREATE, RECREATE, DEFINE, OWN, REPLACE, REMOVE, RENAME, AUTOSTART, NO_AUTOSTART,
        START, START_PAUSED, RESTART, RESUME, SUSPEND, STOP, READY, MOVE,
    )
}  # fmt: skip


def verb_of(name: str) -> Verb:
    """Return the verb of a name; one of a kind's own is nothing but a name."""
    return STANDARD.get(name) or Verb(name)
