"""Tasks by name, here and in Gymnasium's registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium

from latent_mpc.envs.mazes import MAPS
from latent_mpc.envs.pointmaze import PointMaze
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.task import Task

TASKS: dict[str, Callable[..., Task]] = {"reacher": Reacher, **{f"pointmaze-{maze}": partial(PointMaze, maze) for maze in MAPS}}


def make(name: str, **options: Any) -> Task:
    """Build a task by name, e.g. `make("reacher", obs=("pixels",))`. Raises KeyError listing the valid names."""
    if name not in TASKS:
        raise KeyError(f"no task {name!r}; there are: {', '.join(sorted(TASKS))}")
    return TASKS[name](**options)


def gymnasium_id(name: str) -> str:
    """The name in Gymnasium's registry: `pointmaze-umaze` -> `latent_mpc/PointMazeUmaze-v0`."""
    words = name.replace("pointmaze", "point-maze").split("-")
    return f"latent_mpc/{''.join(word.capitalize() for word in words)}-v0"


def register() -> None:
    """Make every task known to `gymnasium.make`."""
    for name in TASKS:
        if gymnasium_id(name) not in gymnasium.registry:
            gymnasium.register(gymnasium_id(name), entry_point="latent_mpc.envs.registry:make", kwargs={"name": name})
