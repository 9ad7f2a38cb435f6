"""What installed packages bring by entry point: tasks, and the dataclasses of their settings."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.tasks import TASK_CONFIGS, DefaultTask, TaskConfig

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


def task_config(name: str) -> type[TaskConfig]:
    """The dataclass of a task's settings. Raises ValueError if what a package brings is none."""
    if name in TASK_CONFIGS or name not in brought(CONFIG_POINTS):
        return TASK_CONFIGS.get(name, DefaultTask)
    found = load(CONFIG_POINTS, name)
    if not (isinstance(found, type) and issubclass(found, TaskConfig)):
        raise LatentMPCError(
            f"the entry point {name} of {CONFIG_POINTS} must be a subclass of latent_mpc.configs.tasks.TaskConfig, got {found!r}"
        )
    return found
