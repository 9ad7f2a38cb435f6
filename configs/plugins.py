"""What there is by name: the classes of a folder, and what installed packages bring by entry point.

A seam is a folder whose files each hold a class derived from one base. Adding a choice is adding
its file; a package adds one by an entry point of the seam's group, `NAME = "module:Class"`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Hashable
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from operator import attrgetter
from typing import Any

from latent_mpc.configs.errors import LatentMPCError

TASK_POINTS = "latent_mpc.tasks"  # name -> callable(**options) -> Task
# the same name -> subclass of TaskConfig, where the task has options of its own
CONFIG_POINTS = "latent_mpc.configs"
BY_NAME = attrgetter("name")


@cache
def plugins(group: str = TASK_POINTS) -> dict[str, EntryPoint]:
    """The entry points of a group by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def load(group: str, name: str) -> Any:
    """What an entry point stands for. Raises ValueError if it cannot be imported."""
    entry = plugins(group)[name]
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise LatentMPCError(
            f"the entry point {name} of {group} must be importable, got {entry.value}: {error};"
            " mend that package"
        ) from error


def registered(
    folder: str, base: type[Any], group: str, key: Callable[[Any], Hashable] = BY_NAME
) -> dict[Any, Any]:
    """The classes derived from `base` that have a name: those of a folder's files, then those of a
    group of entry points.

    Args:
        key: what they are found by.

    Raises ValueError if what a package brings is none.
    """
    kind: Any = base
    return dict(_registered(folder, kind, group, key))


@cache
def _registered(
    folder: str, base: Any, group: str, key: Callable[[Any], Hashable]
) -> dict[Any, Any]:
    modules = [
        importlib.import_module(f"{folder}.{module.name}")
        for module in pkgutil.iter_modules(importlib.import_module(folder).__path__)
    ]
    members = [
        (module, member)
        for module in modules
        for member in vars(module).values()
        if isinstance(member, type)
    ]
    own = [
        kind
        for module, kind in members
        if kind.__module__ == module.__name__ and issubclass(kind, base) and hasattr(kind, "name")
    ]
    return {
        key(kind): kind
        for kind in (*own, *(_derived(group, name, base) for name in plugins(group)))
    }


def _derived(group: str, name: str, base: type[Any]) -> Any:
    found = load(group, name)
    if not (
        isinstance(found, type) and issubclass(found, base) and getattr(found, "name", "") == name
    ):
        raise LatentMPCError(
            f"the entry point {name} of {group} must be a subclass of"
            f" {base.__module__}.{base.__name__} with name = {name!r}, got {found!r}"
        )
    return found


@cache  # a study asks for each of its results
def package_version(name: str) -> str:
    """The version that is installed, or "unknown" of a checkout that is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
