"""Bringing a state to rest: velocities to zero, the robot held where it is, everything else left to fall and come to a stop."""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.coordinates import actuator_moment

LONGEST = 2.0  # [s]
CHECKED = 0.1  # [s] between looks
STILL = 0.01  # [rad/s, m/s] largest velocity that counts as rest


def settle(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Set velocities to zero and simulate, actuators holding, until nothing moves, 2 s at most; then to zero again, and the time too."""
    data.qvel[:] = 0.0
    data.ctrl[:] = holding_control(model, data)
    steps = max(1, round(CHECKED / model.opt.timestep))
    for _ in range(round(LONGEST / CHECKED)):
        mujoco.mj_step(model, data, steps)
        if np.abs(data.qvel).max(initial=0.0) < STILL:
            break
    data.qvel[:], data.ctrl[:], data.time = 0.0, 0.0, 0.0
    data.qacc_warmstart[:] = 0.0
    mujoco.mj_forward(model, data)


def holding_control(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Controls `[nu]` that keep the robot where it is as well as its actuators can: a servo's own position, a motor's share of gravity.

    Least squares over linear actuators without state of their own; others get the middle of their range. Contacts are left out.
    """
    low, high = control_range(model).T
    data.ctrl[:] = 0.0
    mujoco.mj_forward(model, data)
    linear = (model.actuator_gaintype == int(mujoco.mjtGain.mjGAIN_FIXED)) & (model.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_NONE))
    effect = actuator_moment(model, data).T * np.where(linear, model.actuator_gainprm[:, 0], 0.0)
    missing = data.qfrc_bias - data.qfrc_passive - data.qfrc_actuator
    control = np.linalg.lstsq(effect, missing, rcond=1e-6)[0]
    return np.clip(np.where(linear, control, (low + high) / 2), low, high)


def control_range(model: mujoco.MjModel) -> np.ndarray:
    """Lowest and highest control of each actuator `[nu, 2]`: its own limits; without, its joint's if it is a servo, else -1 and 1."""
    found = np.where(model.actuator_ctrllimited[:, None].astype(bool), model.actuator_ctrlrange, [-1.0, 1.0])
    for i in np.flatnonzero(servos(model) & ~model.actuator_ctrllimited.astype(bool)):
        joint = model.actuator_trnid[i, 0]
        if int(model.actuator_trntype[i]) == int(mujoco.mjtTrn.mjTRN_JOINT) and model.jnt_limited[joint]:
            found[i] = model.jnt_range[joint] * model.actuator_gear[i, 0]
    return found


def servos(model: mujoco.MjModel) -> np.ndarray:
    """Actuators that pull towards a position, bool `[nu]`."""
    return (model.actuator_biastype == int(mujoco.mjtBias.mjBIAS_AFFINE)) & (model.actuator_biasprm[:, 1] < 0)
