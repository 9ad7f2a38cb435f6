"""Tasks by name. `import latent_mpc` makes them known to `gymnasium.make` too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.plugins import TASK_POINTS, load, plugins
from latent_mpc.envs.adapters.gymnasium_task import GymnasiumTask
from latent_mpc.envs.adapters.mjcf_task import MjcfTask
from latent_mpc.envs.mazes import MAPS
from latent_mpc.envs.pointmaze import PointMaze
from latent_mpc.envs.reacher import Reacher
from latent_mpc.envs.tabletop import OBJECTS, Tabletop
from latent_mpc.envs.task import Task

TASKS: dict[str, Callable[..., Task]] = {
    "reacher": Reacher,
    **{f"pointmaze-{maze}": partial(PointMaze, maze) for maze in MAPS},
    **{f"tabletop-{name}": partial(Tabletop, name) for name in OBJECTS},
}
# need to know what of
ADAPTERS: dict[str, Callable[..., Task]] = {"gymnasium": GymnasiumTask, "mjcf": MjcfTask}


def make(name: str, **options: Any) -> Task:
    """Build a task by name, e.g. `make("reacher", obs=("pixels",))`. Raises KeyError listing the
    valid names.
    """
    known = TASKS | ADAPTERS
    if name in known:
        return known[name](**options)
    if name not in plugins():
        raise UnknownNameError(
            f"no task {name!r}; there are: {', '.join(sorted({*known, *plugins()}))}"
        )
    task: Task = load(TASK_POINTS, name)(**options)
    return task
