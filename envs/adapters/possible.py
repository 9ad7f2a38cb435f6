"""What is refused of a task made of a model: options that cannot be met, and goals that nothing
misses.

Shapes: M poses, n positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters import time_scale
from latent_mpc.envs.adapters.coordinates import Coordinates
from latent_mpc.envs.adapters.default_goal import OBJECTS, robot_success
from latent_mpc.envs.adapters.joints import FREE, SLIDE, joint_of_position, joint_trees
from latent_mpc.envs.adapters.lines import first_few
from latent_mpc.envs.adapters.places import body_names
from latent_mpc.envs.adapters.roles import Roles
from latent_mpc.envs.cameras.ray import find_camera
from latent_mpc.envs.cameras.view import split_names

# tolerances: a goal within which full actions stay, for all of the first probes, is refused without
# drawing any pairs
LOOSE = 0.25
AWAY, DEEP = 100.0, 10.0  # of the model's extent: what went as far, or as deep, is told


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


def strays(name: str, model: mujoco.MjModel, poses: np.ndarray) -> list[str]:
    """Lines that name what flew or fell out of the scene in the probes `[M, n]`.

    Raises ValueError where the simulation diverged.
    """
    names, lines = body_names(model), list[str]()
    for joint in range(model.njnt):
        kind, start = int(model.jnt_type[joint]), int(model.jnt_qposadr[joint])
        body = names[int(model.jnt_bodyid[joint])]
        if not np.isfinite(poses[:, start]).all():
            raise LatentMPCError(
                f"{name}: the simulation must stay finite under full actions, but {body!r}"
                " diverged; lower the model's timestep or its actuators' ranges"
            )
        if kind not in (FREE, SLIDE) or model.jnt_limited[joint]:
            continue
        numbers = slice(start, start + (3 if kind == FREE else 1))
        moved = np.abs(poses[:, numbers] - poses[0, numbers])
        far, extent = float(moved.max()), float(model.stat.extent)
        fell = float((poses[0, numbers] - poses[:, numbers].min(axis=0))[-1]) * (kind == FREE)
        if far > AWAY * extent or fell > DEEP * extent:
            how = f"falls {fell:.3g} m deep" if fell > DEEP * extent else f"gets {far:.3g} m away"
            lines.append(
                f"beware: {body!r} {how} in {time_scale.LONGEST:g} s of full actions, so goals may"
                " lie as far; walls or a floor keep it"
            )
    return lines


def untouched(
    model: mujoco.MjModel, roles: Roles, success: Sequence[str], poses: np.ndarray
) -> list[str]:
    """A line where no probe `[K, T, n]` moved the one object that is the goal by its tolerance."""
    if len(roles.objects) != OBJECTS:
        return []
    tree = int(model.body_treeid[roles.objects[0]])
    mine = np.flatnonzero(joint_trees(model)[joint_of_position(model)] == tree)
    moved = float(np.abs(poses[:, -1, mine] - poses[:, 0, mine]).max())
    if moved > float(success[0].rpartition(":")[2]):
        return []
    instead = ",".join(first_few(robot_success(model, roles)))
    return [
        f"beware: {time_scale.PROBES} times {time_scale.LONGEST:g} s of full actions never moved"
        f" {success[0].rpartition(':')[0]} by its tolerance; the robot's own goal would be"
        f" task.success='[{instead}]'"
    ]


def _asked(goal: Coordinates) -> str:
    return f"task.success=[{','.join(goal.written())}]"
