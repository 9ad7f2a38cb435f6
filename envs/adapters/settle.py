"""Standing still: what keeps a robot where it is, and bringing a state to rest with it.

An actuator's *input* is what its force depends on: its control, or its activation where it has one
of its own (a filtered servo's activation follows the control and comes to equal it, an integrator's
is moved by the control and stays at zero control).

Shapes: nu actuators, na activations, nv degrees of freedom.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

LONGEST = 2.0  # [s]
CHECKED = 0.1  # [s] between looks
STILL = 0.01  # [rad/s, m/s] largest velocity that counts as rest

DIRECT, INTEGRATOR, *FILTERS = (
    int(getattr(mujoco.mjtDyn, f"mjDYN_{name}"))
    for name in ("NONE", "INTEGRATOR", "FILTER", "FILTEREXACT")
)
MUSCLE = int(mujoco.mjtDyn.mjDYN_MUSCLE)
FIXED, AFFINE_GAIN = (
    int(getattr(mujoco.mjtGain, f"mjGAIN_{name}")) for name in ("FIXED", "AFFINE")
)
NO_BIAS, AFFINE = (int(getattr(mujoco.mjtBias, f"mjBIAS_{name}")) for name in ("NONE", "AFFINE"))


class Hold(NamedTuple):
    """What the actuators are given so that the robot stays where it is."""

    control: np.ndarray  # (nu,)
    activation: np.ndarray  # (na,) that the controls leave unchanged


def settle(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    kept: np.ndarray | None = None,
    held: Hold | None = None,
) -> np.ndarray:
    """Set velocities to zero and simulate, actuators holding, until nothing moves, 2 s at most;
    then to zero again, and the time too. Returns the speeds `[nv]` before that, above STILL of what
    did not come to rest.

    Args:
        kept: actuators that go on holding, bool `[nu]`; the controls of the others are zero again.
        held: what they hold, if not the robot where it is.
    """
    data.qvel[:] = 0.0
    data.ctrl[:], data.act[:] = held or hold(model, data)
    steps = max(1, round(CHECKED / model.opt.timestep))
    for _ in range(round(LONGEST / CHECKED)):
        mujoco.mj_step(model, data, steps)
        if np.abs(data.qvel).max(initial=0.0) < STILL:
            break
    speeds: np.ndarray = np.abs(data.qvel)
    data.qvel[:], data.time = 0.0, 0.0
    data.ctrl[:] = 0.0 if kept is None else np.where(kept, data.ctrl, 0.0)
    data.qacc_warmstart[:] = 0.0
    mujoco.mj_forward(model, data)
    return speeds


def hold(model: mujoco.MjModel, data: mujoco.MjData, contacts: bool = False) -> Hold:
    """What keeps the robot at the positions of `data`, whose velocities must be zero, as well as
    its actuators can.

    Each begins at the input without effect: a servo's own position, zero of a force or a velocity,
    or the nearest that its range has. The least change that balances gravity and springs is added
    (least squares) and clipped to the range. Actuators whose force is not linear in their input get
    the middle of it. Controls, activations and accelerations of `data` are overwritten.

    Args:
        contacts: what touches or ends at a limit bears its share, by inverse dynamics. Exact where
            the robot rests; for a pose that was drawn, and may overlap with things, leave them out.
    """
    gain, bias = _linear_force(model, data)
    low, high = _input_range(model).T
    linear = np.isfinite(gain)
    effective = linear & (gain != 0)
    neutral = np.where(servos(model), -bias / np.where(effective, gain, 1.0), 0.0)
    start = np.clip(np.where(effective, neutral, control_range(model).mean(axis=1)), low, high)
    data.ctrl[:], data.act[:] = as_hold(model, start, data.act)
    mujoco.mj_forward(model, data)
    effect = actuator_moment(model, data).T * np.where(effective, gain, 0.0)
    missing = data.qfrc_bias - data.qfrc_passive - data.qfrc_actuator
    if contacts:
        data.qacc[:] = 0.0
        mujoco.mj_inverse(model, data)
        missing = data.qfrc_inverse - data.qfrc_actuator
    change = np.linalg.lstsq(effect, missing, rcond=1e-6)[0]
    return as_hold(model, np.clip(start + np.where(effective, change, 0.0), low, high), data.act)


def control_range(model: mujoco.MjModel) -> np.ndarray:
    """Lowest and highest control of each actuator `[nu, 2]`: its own limits; without, its joint's
    if it is a servo, else -1 and 1.
    """
    ranges = np.where(
        model.actuator_ctrllimited[:, None].astype(bool), model.actuator_ctrlrange, [-1.0, 1.0]
    )
    # an integrator's control is a velocity
    positions = servos(model) & (model.actuator_dyntype != INTEGRATOR)
    for i in np.flatnonzero(positions & ~model.actuator_ctrllimited.astype(bool)):
        joint = model.actuator_trnid[i, 0]
        if (
            int(model.actuator_trntype[i]) == int(mujoco.mjtTrn.mjTRN_JOINT)
            and model.jnt_limited[joint]
        ):
            ranges[i] = model.jnt_range[joint] * model.actuator_gear[i, 0]
    return ranges


def servos(model: mujoco.MjModel) -> np.ndarray:
    """Actuators that pull towards a position, bool `[nu]`."""
    return (model.actuator_biastype == AFFINE) & (model.actuator_biasprm[:, 1] < 0)


def actuator_moment(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """How forces of actuators act on the degrees of freedom, `[nu, nv]`."""
    dense = np.zeros((model.nu, model.nv))
    if model.nu:
        mujoco.mju_sparse2dense(
            dense,
            data.actuator_moment.ravel(),
            data.moment_rownnz,
            data.moment_rowadr,
            data.moment_colind.ravel(),
        )
    return dense


def _linear_force(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Gain and bias `[nu]` of each actuator's force at rest, force = gain * input + bias; NaN where
    it is not linear.
    """
    mujoco.mj_fwdPosition(model, data)
    length = data.actuator_length
    gain, bias = model.actuator_gainprm[:, 0].copy(), np.zeros(model.nu)
    affine = model.actuator_gaintype == AFFINE_GAIN
    gain[affine] += (model.actuator_gainprm[:, 1] * length)[affine]
    pulls = model.actuator_biastype == AFFINE
    bias[pulls] = (model.actuator_biasprm[:, 0] + model.actuator_biasprm[:, 1] * length)[pulls]
    known = np.isin(model.actuator_gaintype, (FIXED, AFFINE_GAIN)) & np.isin(
        model.actuator_biastype, (NO_BIAS, AFFINE)
    )
    known &= np.isin(model.actuator_dyntype, (DIRECT, INTEGRATOR, *FILTERS))
    return np.where(known, gain, np.nan), np.where(known, bias, np.nan)


def _input_range(model: mujoco.MjModel) -> np.ndarray:
    """Lowest and highest input of each actuator `[nu, 2]`."""
    ranges = control_range(model)
    ranges[model.actuator_dyntype == INTEGRATOR] = -np.inf, np.inf
    own, limited = model.actuator_actrange, model.actuator_actlimited.astype(bool)
    ranges[limited] = np.stack(
        [np.maximum(ranges[:, 0], own[:, 0]), np.minimum(ranges[:, 1], own[:, 1])], axis=-1
    )[limited]
    return ranges


def as_hold(model: mujoco.MjModel, inputs: np.ndarray, activation: np.ndarray) -> Hold:
    """Controls and activations that give the inputs `[nu]` and leave them so; activations of other
    kinds stay as they are.
    """
    control, activation = inputs.copy(), activation.copy()
    for i in np.flatnonzero(np.isin(model.actuator_dyntype, (INTEGRATOR, MUSCLE, *FILTERS))):
        activation[model.actuator_actadr[i] + model.actuator_actnum[i] - 1] = inputs[i]
    integrates = model.actuator_dyntype == INTEGRATOR
    control[integrates] = np.clip(0.0, *control_range(model)[integrates].T)
    return Hold(control, activation)
