"""Hinges that gravity holds more strongly than their actuators: they come up by swinging, each
swing a little higher, and need that time.

Swung at the rhythm of gravity, an actuator of torque t adds about t times the arc of each swing to
an energy of G times an arc, where G is gravity's largest torque: G / t periods, as a rule of thumb.
"""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np

from latent_mpc.envs.adapters.joints import HINGE
from latent_mpc.envs.adapters.settle import control_range
from latent_mpc.envs.adapters.sizes import initial

ANGLES = 24  # of a turn, at which gravity is weighed
MARGIN = 1.5  # of the time that the best swings take


def swing_time(model: mujoco.MjModel, driven: Iterable[int]) -> float:
    """How long the slowest of these joints needs to be swung up [s], 0 where actuators lift all."""
    hinges = [j for j in driven if int(model.jnt_type[j]) == HINGE]
    return max((_time(model, joint) for joint in hinges), default=0.0)


def _time(model: mujoco.MjModel, joint: int) -> float:
    data, dof = initial(model), int(model.jnt_dofadr[joint])
    at = int(model.jnt_qposadr[joint])
    low, high = model.jnt_range[joint] if model.jnt_limited[joint] else (-np.pi, np.pi)
    gravity, torque = 0.0, np.inf
    for angle in np.linspace(low, high, ANGLES):
        data.qpos[at] = angle
        pushes = []
        for command in control_range(model).T:
            data.ctrl[:] = command
            mujoco.mj_forward(model, data)
            pushes.append(data.qfrc_actuator[dof])
        gravity = max(gravity, abs(float(data.qfrc_bias[dof])))
        torque = min(torque, max(abs(float(push)) for push in pushes))
    if not 0 < torque < gravity:
        return 0.0
    push, moved = np.zeros((1, model.nv)), np.zeros((1, model.nv))
    push[0, dof] = 1.0
    mujoco.mj_solveM(model, data, moved, push)
    period = 2 * np.pi / np.sqrt(gravity * moved[0, dof])
    return float(MARGIN * gravity / torque * period)
