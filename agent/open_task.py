"""From what a user says of a task to the task itself, with all that was left open filled in and told."""

from __future__ import annotations

from dataclasses import replace

from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task


def open_task(config: TaskConfig, observations: tuple[str, ...]) -> tuple[Task, TaskConfig]:
    """The task and its config, complete: making it again from that config needs no probing. Prints what was chosen."""
    task = make(config.name, obs=observations, **config.options())
    for line in task.about():
        print(line, flush=True)
    return task, replace(config, **task.settings())
