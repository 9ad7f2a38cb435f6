"""What is refused of a task made of a model: options that cannot be met, and goals that nothing
misses.

Shapes: M poses, n positions.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters import time_scale
from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.cameras.ray import find_camera
from latent_mpc.envs.cameras.view import split_names

# tolerances: a goal within which full actions stay, for all of the first probes, is refused without
# drawing any pairs
LOOSE = 0.25


def require_possible(
    name: str,
    model: mujoco.MjModel,
    step: float,
    control_period: float,
    goal: Coordinates | None,
    camera: str,
) -> None:
    """Raise ValueError or KeyError for what is wrong with these options whatever the robot does."""
    if goal and goal.longest(model) <= 1.0:
        raise LatentMPCError(
            f"{name}: a goal must be missed somewhere, but every pose within the joints' limits"
            f" reaches {_asked(goal)}; lower these tolerances"
        )
    for one in split_names(camera) if camera else []:
        find_camera(model, one)
    if control_period:
        require_multiple(name, control_period, step)


def require_multiple(name: str, control_period: float, step: float) -> None:
    """Raise ValueError unless a control period is a multiple of the adapter's own step [s]."""
    held = round(control_period / step)
    if held < 1 or abs(held * step - control_period) > 1e-6:
        raise LatentMPCError(
            f"{name}: task.control_period must be a multiple of its step of {step:g} s, got"
            f" {control_period:g}"
        )


def require_apart(name: str, goal: Coordinates, poses: np.ndarray) -> None:
    """Raise ValueError if all of the positions `[M, n]`, where the first probes led, lie well
    within the tolerances.
    """
    if (spread := goal.spread(poses)) < LOOSE:
        raise LatentMPCError(
            f"{name}: a goal must be missed somewhere, but {time_scale.LONGEST:g} s of full actions"
            f" from {time_scale.FIRST} resets never lead more than {spread:.2g} tolerances apart by"
            f" {_asked(goal)}; lower these tolerances, or name joints that actions move"
        )


def _asked(goal: Coordinates) -> str:
    return f"task.success=[{','.join(goal.written())}]"
