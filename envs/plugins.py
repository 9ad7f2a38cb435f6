"""Plugins: what installed packages bring by entry point, tasks and the dataclasses of their settings. And the version of a package."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any

from latent_mpc.configs.errors import LatentMPCError

TASK_POINTS = "latent_mpc.tasks"  # name -> callable(**options) -> Task
CONFIG_POINTS = "latent_mpc.configs"  # the same name -> subclass of TaskConfig, where the task has options of its own


@cache
def brought(group: str = TASK_POINTS) -> dict[str, EntryPoint]:
    """The entry points of a group by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def load(group: str, name: str) -> Any:
    """What an entry point stands for. Raises ValueError if it cannot be imported."""
    entry = brought(group)[name]
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise LatentMPCError(
            f"the entry point {name} of {group} must be importable, got {entry.value}: {error}; mend that package"
        ) from error


@cache  # a study asks for each of its results
def package_version(name: str) -> str:
    """The version that is installed, or "unknown" of a checkout that is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
