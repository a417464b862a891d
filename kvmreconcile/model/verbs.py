"""
Define the verbs of actions, with what the engine needs to know of each.

A kind's driver may have further verbs, such as "attach", of which the engine only needs the name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """
    What an action does to its object.

    Attributes:
        name: The name in drivers, plans and the history.
        creates: Creates an object that did not exist; if interrupted, an incomplete one may be left.
        replaces: Removes the object and creates it again, with the same risk.
        stores: Stores a whole definition, made from the spec.
        overwrites: Overwrites or deletes the observed object, which must not have changed since.
        removes: The state forgets the object afterwards.
        renames: The object has another name afterwards.
        activates: The object is active afterwards, with the resources of its stored definition.
        boots: The object has booted afterwards; fails if its stored definition cannot run.
        resumes: The object continues to run afterwards.
        stops: The object does not run afterwards.
        is_ordered: The spec requests it directly and it changes at most the name in the definition, so that it does not
            wait for a maintenance window.
        probes: Waits until a condition is met, and changes nothing.
        spans_passes: Ends when the job that it started has ended, for which it polls.
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
        """Whether it creates an object, also in place of another."""
        return self.creates or self.replaces

    @property
    def edits(self) -> bool:
        """Whether it replaces the definition of an existing object."""
        return self.stores and not self.creates


CREATE = Verb("create", creates=True, stores=True)
RECREATE = Verb("recreate", creates=True)
"""Recreate an object that an earlier run left incomplete."""
DEFINE = Verb("define", stores=True, overwrites=True)
OWN = Verb("own", overwrites=True)
"""Write our ownership mark into an object."""
REPLACE = Verb("replace", replaces=True, stores=True, overwrites=True)
REMOVE = Verb("remove", removes=True, overwrites=True)
RENAME = Verb("rename", renames=True, is_ordered=True)
"""Rename an inactive object."""
AUTOSTART, NO_AUTOSTART = Verb("autostart"), Verb("no-autostart")
START = Verb("start", activates=True, boots=True, is_ordered=True)
START_PAUSED = Verb("start-paused", activates=True, is_ordered=True)
RESTART = Verb("restart", activates=True, boots=True)
RESUME = Verb("resume", resumes=True, is_ordered=True)
SUSPEND = Verb("suspend", stops=True, is_ordered=True)
STOP = Verb("stop", stops=True, is_ordered=True)
READY = Verb("ready", probes=True)
"""Wait until a guest is ready."""
MOVE = Verb("move", spans_passes=True)
"""Copy a part with its data to another place; one pass may begin it and a later one end it."""

STANDARD = {
    verb.name: verb
    for verb in (
        CREATE, RECREATE, DEFINE, OWN, REPLACE, REMOVE, RENAME, AUTOSTART, NO_AUTOSTART,
        START, START_PAUSED, RESTART, RESUME, SUSPEND, STOP, READY, MOVE,
    )
}  # fmt: skip


def verb_of(name: str) -> Verb:
    """Return the verb of a name; a verb that is not a standard one has no properties."""
    return STANDARD.get(name) or Verb(name)
