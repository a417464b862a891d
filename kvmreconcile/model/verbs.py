"""
Define the verbs of actions, with the properties that the engine uses.

The driver of a kind may have further verbs, such as "attach"; the engine only uses the names of these.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """
    What an action does to its object.

    Attributes:
        name: The name in drivers, plans and the history.
        creates: Creates an object. If interrupted, the action may leave an incomplete object.
        replaces: Removes and recreates the object. If interrupted, the action may leave an incomplete
            object.
        stores: Stores a whole definition that is made from the spec.
        overwrites: Overwrites or deletes the observed object, which must be unchanged since it was
            observed.
        removes: The object is deleted from the state afterwards.
        renames: The object has another name afterwards.
        activates: The object is active afterwards, with the resources of its stored definition.
        boots: The object has booted afterwards. The action fails if the stored definition cannot run.
        resumes: The object is no longer paused afterwards.
        stops: The object does not run afterwards.
        is_ordered: The spec requests the action directly, and the action changes nothing in the
            definition except the name. It does not wait for a maintenance window.
        probes: Waits until a condition is met, and changes nothing.
        spans_passes: Starts a job and polls until the job has ended.
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
        """Whether the verb creates an object, including as a replacement."""
        return self.creates or self.replaces

    @property
    def edits(self) -> bool:
        """Whether the verb replaces the definition of an existing object."""
        return self.stores and not self.creates


CREATE = Verb("create", creates=True, stores=True)
RECREATE = Verb("recreate", creates=True)
"""Recreate an object that an earlier run left incomplete."""
DEFINE = Verb("define", stores=True, overwrites=True)
OWN = Verb("own", overwrites=True)
"""Write the ownership mark of this instance into an object."""
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
"""Copy a part with its data to another place; the copy may outlast the pass that starts it."""

STANDARD = {
    verb.name: verb
    for verb in (
        CREATE, RECREATE, DEFINE, OWN, REPLACE, REMOVE, RENAME, AUTOSTART, NO_AUTOSTART,
        START, START_PAUSED, RESTART, RESUME, SUSPEND, STOP, READY, MOVE,
    )
}  # fmt: skip


def verb_of(name: str) -> Verb:
    """Return the verb with a name; a verb that is not in `STANDARD` has no properties."""
    return STANDARD.get(name) or Verb(name)
