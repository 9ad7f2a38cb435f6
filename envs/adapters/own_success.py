"""An environment's own test of success, written as `task.success`: OGBench's (Park et al. 2025,
ogbench 1.2) and gymnasium_robotics' (1.4).

A row for each module that defines an environment. Tolerances are read from the environment where
it keeps them. Goals are our own, states that random actions lead to: markers of theirs, such as
`target:joint`, never count. What of their test cannot be said is left out, in a printed note.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.coordinates import PLANE
from latent_mpc.envs.adapters.joints import FREE, joint_names
from latent_mpc.envs.adapters.places import ATTITUDE, UPRIGHT

CUBE = 0.04  # [m] from a cube's centre to that of its goal: `CubeEnv._compute_successes`
MAZE = 0.45  # [m] to the goal: `MazeEnv.compute_terminated`
TIPS = ("fftip", "mftip", "rftip", "lftip", "thtip")  # of HandReach's fingers


class OwnSuccess(NamedTuple):
    """What `task.success` is where nothing else is said; empty = what is so for any model."""

    written: tuple[str, ...] = ()
    note: str = ""  # what of the environment's own test is not in it, for people


def own_success(env: Any) -> OwnSuccess:
    """The environment's own test. Raises ValueError if it has one of which nothing can be said."""
    for kind in type(env).__mro__:
        if row := ROWS.get(kind.__module__):
            return row(env)
    return OwnSuccess()


def _maze(tolerance: Callable[[Any], float]) -> Callable[[Any], OwnSuccess]:
    def row(env: Any) -> OwnSuccess:
        """The place of the robot, in soccer of the ball."""
        model, names = env.model, joint_names(env.model)
        # the robot's root, then the ball
        free = [names[j] for j in range(model.njnt) if int(model.jnt_type[j]) == FREE]
        place = f"{free[-1]}.{PLANE}" if free else "+".join(names[:2])
        return OwnSuccess((f"{place}:{tolerance(env):g}",))

    return row


def _cubes(env: Any) -> OwnSuccess:
    names = [name for name in joint_names(env.model) if name.startswith("object_joint_")]
    return OwnSuccess(tuple(f"{name}:{CUBE}" for name in names))


def _near(place: str) -> Callable[[Any], OwnSuccess]:
    return lambda env: OwnSuccess((f"{place}:{env.distance_threshold:g}",))


def _fingertips(env: Any) -> OwnSuccess:
    """Stricter by as much as the five may differ: all five together are within the threshold."""
    each = env.distance_threshold / np.sqrt(len(TIPS))
    return OwnSuccess(
        tuple(f"site:robot0:S_{tip}:{each:.4g}" for tip in TIPS),
        f"its own test is the five fingertips' distance together, {env.distance_threshold:g} m",
    )


def _in_hand(env: Any) -> OwnSuccess:
    """The object's place, and how it is turned, or its vertical axis where the turn about that is
    free.
    """
    written = list[str]()
    if env.target_position != "ignore":
        written.append(f"object:joint:{env.distance_threshold:g}")
    if env.target_rotation != "ignore":
        kind = UPRIGHT if env.ignore_z_target_rotation else ATTITUDE
        written.append(f"{kind}:object:{env.rotation_threshold:g}")
    return OwnSuccess(tuple(written))


def _pen(env: Any) -> OwnSuccess:
    """Adroit's: its similarity of directions above 0.95 is an angle of 0.318 rad at most."""
    return OwnSuccess(("OBJTx+OBJTy+OBJTz:0.075", "upright:Object:0.318"))


def _left_out(text: str) -> Callable[[Any], OwnSuccess]:
    """What random actions never come to, so that no drawn goal could differ from its start."""
    return lambda env: OwnSuccess(note=f"its own success does not count, {text}")


def _refused(what: str) -> Callable[[Any], OwnSuccess]:
    def row(env: Any) -> OwnSuccess:
        raise LatentMPCError(
            f"{type(env).__name__} of OGBench is not supported: {what}; supported are its mazes"
            " (pointmaze, antmaze, humanoidmaze), soccer (antsoccer) and cubes (cube-single, …)."
            " To plan for a part of it, name what counts: task.success=[JOINT:TOLERANCE]"
        )

    return row


_ROBOTICS = "gymnasium_robotics.envs"
_ADROIT = f"{_ROBOTICS}.adroit_hand.adroit"
ROWS: dict[str, Callable[[Any], OwnSuccess]] = {
    "ogbench.locomaze.maze": _maze(lambda env: env._goal_tol),
    "ogbench.manipspace.envs.cube_env": _cubes,
    "ogbench.manipspace.envs.scene_env": _refused("buttons, drawer and window cannot be goals"),
    "ogbench.manipspace.envs.puzzle_env": _refused("buttons cannot be goals"),
    f"{_ROBOTICS}.fetch.reach": _near("site:robot0:grip"),
    f"{_ROBOTICS}.fetch.push": _near("object0:joint"),
    f"{_ROBOTICS}.fetch.slide": _near("object0:joint"),
    f"{_ROBOTICS}.fetch.pick_and_place": _near("object0:joint"),
    f"{_ROBOTICS}.shadow_dexterous_hand.reach": _fingertips,
    f"{_ROBOTICS}.shadow_dexterous_hand.manipulate": _in_hand,
    f"{_ADROIT}_door": _left_out(
        "the hinge beyond 1.35 rad: random actions do not open the door (task.success=[door_hinge])"
    ),
    f"{_ADROIT}_hammer": _left_out(
        "the nail in the board: random actions do not drive it in (task.success=[nail_dir:0.01])"
    ),
    f"{_ADROIT}_relocate": _left_out(
        "the ball within 0.1 m: random actions do not carry it"
        " (task.success=[OBJTx+OBJTy+OBJTz:0.1])"
    ),
    f"{_ADROIT}_pen": _pen,
    f"{_ROBOTICS}.maze.maze": _maze(lambda env: MAZE),
    f"{_ROBOTICS}.maze.maze_v4": _maze(lambda env: MAZE),
}
