"""What installed packages bring by entry point: tasks, and the dataclasses of their settings."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from latent_mpc.configs.tasks import TASK_CONFIGS, DefaultTask, TaskConfig

TASKS = "latent_mpc.tasks"  # name -> callable(**options) -> Task
CONFIGS = "latent_mpc.configs"  # the same name -> subclass of TaskConfig, where the task has options of its own


@cache
def brought(group: str = TASKS) -> dict[str, EntryPoint]:
    """The entry points of a group by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def task_config(name: str) -> type[TaskConfig]:
    """The dataclass of a task's settings. Raises ValueError if what a package brings is none."""
    entry = brought(CONFIGS).get(name)
    if name in TASK_CONFIGS or entry is None:
        return TASK_CONFIGS.get(name, DefaultTask)
    found = entry.load()
    if not (isinstance(found, type) and issubclass(found, TaskConfig)):
        raise ValueError(f"the entry point {name} of {CONFIGS} must be a subclass of latent_mpc.configs.tasks.TaskConfig, got {found!r}")
    return found
