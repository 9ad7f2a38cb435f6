"""Latent world models that plan. The code stands in agent/, envs/, planners/ and configs/; this
package only gives it one name.

`import latent_mpc` registers the tasks in Gymnasium (`gym.make("latent_mpc/Reacher-v0")`) and
imports neither torch nor MuJoCo.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium

import latent_mpc.envs  # noqa: F401  before mujoco, whose import may need its help

if TYPE_CHECKING:
    from latent_mpc.agent.agent import Agent
    from latent_mpc.configs.errors import LatentMPCError
    from latent_mpc.envs.registry import make as make_task

__version__ = "0.1.0"
__all__ = ["Agent", "LatentMPCError", "__version__", "make_task"]

_LAZY = {
    "Agent": ("latent_mpc.agent.checkpoints.checkpoint", "Agent"),
    "make_task": ("latent_mpc.envs.registry", "make"),
}
_LAZY |= {"LatentMPCError": ("latent_mpc.configs.errors", "LatentMPCError")}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: help must not wait for torch."""
    if name not in _LAZY:
        raise AttributeError(f"latent_mpc has no {name!r}; there are: {', '.join(__all__)}")
    module, attribute = _LAZY[name]
    return getattr(import_module(module), attribute)


def gymnasium_id(task: str) -> str:
    """The name of a task in Gymnasium's registry: `pointmaze-umaze` ->
    `latent_mpc/PointMazeUmaze-v0`.
    """
    words = task.replace("pointmaze", "point-maze").split("-")
    return f"latent_mpc/{''.join(word.capitalize() for word in words)}-v0"


def _register() -> None:
    """Make every task known to `gymnasium.make`, by name: nothing is imported until one is made."""
    for path in sorted((Path(__file__).parent / "configs" / "task").glob("*.yaml")):
        if gymnasium_id(path.stem) not in gymnasium.registry:
            gymnasium.register(
                gymnasium_id(path.stem),
                entry_point="latent_mpc.envs.registry:make",
                kwargs={"name": path.stem},
            )


_register()
