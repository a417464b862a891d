"""Load planners, executors and reporters by name from the entry points of installed packages."""

import os
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.execute.plugin_files import find_distrusted, is_of_another, user_name
from kvmreconcile.model.commands import quote

PLANNERS = "kvmreconcile.planners"
EXECUTORS = "kvmreconcile.executors"
REPORTERS = "kvmreconcile.reporters"
GATES = "kvmreconcile.gates"


@cache
def load_plugin(group: str, name: str) -> Any:
    """
    Load the entry point of the given name; the result is cached until the process ends.

    Raises:
        SpecError: No package offers the name, more than one package offers it, the code cannot be
            loaded, or another user can change its files.
    """
    offered = {point.value: point for point in entry_points(group=group) if point.name == name}
    match list(offered.values()):
        case [point]:
            return _load(point)
        case []:
            raise _problem(group, f'no plug-in is called "{name}"', _suggestion(group, name))
        case points:
            places = ", ".join(sorted(point.value for point in points))
            raise _problem(
                group, f'"{name}" is offered by {len(points)} packages: {places}', "uninstall all but one"
            )


def load_all(group: str) -> tuple[Any, ...]:
    """
    Load what all installed packages offer in a group, in the order of the names.

    Raises:
        SpecError: As `load_plugin` raises it.
    """
    return tuple(load_plugin(group, name) for name in sorted({p.name for p in entry_points(group=group)}))


def _load(point: EntryPoint) -> Any:
    package = point.dist.name if point.dist else "the package that offers it"
    if distrusted := find_distrusted(point):
        path, why = distrusted
        what = f'"{point.name}" ({point.value}) is not loaded: {path} {why}, and its code would run as {user_name(os.geteuid())}'
        place = quote(str(path))
        if not is_of_another(path):
            close = f"or: chmod go-w {place}"
        elif path.is_file() and not path.is_symlink():
            close = f"or: chown root {place} && chmod go-w {place}"
        else:
            # The path may be a home directory, which its owner needs. For a link, chown would
            # change the target.
            close = "or install it where no other user can change it"
        raise _problem(point.group, what, f"uninstall {package}, {close}")
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise _problem(
            point.group,
            f'"{point.name}" ({point.value}) cannot be loaded: {error}',
            f"reinstall {package} with its dependencies, or upgrade it",
        ) from error


def _suggestion(group: str, name: str) -> str:
    names = sorted({point.name for point in entry_points(group=group)})
    close = get_close_matches(name, names, n=1)
    meant = f'did you mean "{close[0]}"? ' if close else ""
    return f"{meant}installed: {', '.join(names) or 'none'}"


def _problem(group: str, what: str, todo: str) -> SpecError:
    return SpecError([Problem(group, what, todo)])
