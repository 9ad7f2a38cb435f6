"""Actions that are increments of a position servo's command: zero keeps the robot where it is, and
no command runs ahead of what it moves.

A servo that is given positions outright leaps across its range in one step, and to rest a planner
must find the one command that holds. With increments resting is the middle of the action's range,
and a random walk of commands covers the range as a robot would that somebody drives.

Shapes: nu actuators, n simulator state.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.configs.names import ABSOLUTE
from latent_mpc.envs.adapters.driven import JOINTS
from latent_mpc.envs.adapters.joints import HINGE
from latent_mpc.envs.adapters.settle import FIXED, INTEGRATOR, servos

SHARE = 1 / 45  # of a command's range in a control step


def incremented(model: mujoco.MjModel, actions: str) -> np.ndarray:
    """Actuators whose command an action changes, bool `[nu]`: servos that are given a position,
    unless `actions` is "absolute".
    """
    positions = (
        servos(model)
        & (model.actuator_gaintype == FIXED)
        & (model.actuator_gainprm[:, 0] > 0)
        & (model.actuator_dyntype != INTEGRATOR)
    )
    chosen: np.ndarray = positions & (actions != ABSOLUTE)
    return chosen


def full_change(model: mujoco.MjModel, ranges: np.ndarray) -> np.ndarray:
    """What full actions change commands of these ranges `[nu, 2]` by: a share of each; of a hinge's
    that turns further than once, of a turn, within which it begins.
    """
    wide = np.ptp(ranges, axis=1)
    joint, of_joint = model.actuator_trnid[:, 0], np.isin(model.actuator_trntype, JOINTS)
    hinge = of_joint & (model.jnt_type[np.where(of_joint, joint, 0)] == HINGE)
    turn = np.where(hinge, 2 * np.pi * np.abs(model.actuator_gear[:, 0]), np.inf)
    change: np.ndarray = SHARE * np.minimum(wide, turn)
    return change


def change_to(control: np.ndarray, before: np.ndarray, full: np.ndarray) -> np.ndarray:
    """The action `[nu]` that brings commands from `before` as near to `control` as one control step
    allows.

    Args:
        full: as of `full_change`.
    """
    return np.clip((control - before) / np.where(full == 0, 1.0, full), -1.0, 1.0)
