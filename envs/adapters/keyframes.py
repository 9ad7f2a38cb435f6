"""Where a model begins that names keyframes: at its `home`, or at the first key that it can take.

A robot that stands or rolls begins near the key and as upright, for a random pose of a legged robot
is a fall. One that is bolted to the world begins anywhere, as without keys: its home must not
narrow its workspace. Objects begin about where the key has them.
"""

from __future__ import annotations

import mujoco
import numpy as np

from latent_mpc.envs.adapters.coordinates import ANGLE
from latent_mpc.envs.adapters.driven import driven_joints, driven_trees, moved_joints
from latent_mpc.envs.adapters.feasible import constraint_violation
from latent_mpc.envs.adapters.joints import (
    FREE,
    HINGE,
    SLIDE,
    first_body,
    joint_trees,
    joints_above,
    joints_of,
)
from latent_mpc.envs.adapters.roles import read_roles
from latent_mpc.envs.adapters.settle import (
    FILTERS,
    INTEGRATOR,
    Hold,
    control_range,
    hold,
    servos,
    settle,
)
from latent_mpc.envs.adapters.sizes import initial, vertical, weighs

HOME = "home"
NEAR = 0.1  # of its range: how far from the key a joint begins
TILT = 0.5  # [rad] by which the base of a robot that stands may lean other than at the key
UPRIGHT = 0.5  # vertical part of the axis of a hinge that turns a base and does not tip it
MOVED = 0.02  # of the model's extent: how far from the key an object begins, in the plane


class Beginning:
    """Random poses of a model and what its actuators hold there.

    Where no key is usable: limited joints within their limits, hinges at most once round, but for
    those by which a base would tip over; everything else as the model has it.

    Attributes:
        mobile: there is a key, and a robot that begins near it.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self.model, self.key, self.mobile = model, home_key(model), False
        self.centre = home_pose(model)
        self._near = np.zeros(model.njnt, bool)  # joints that begin near the key
        self._objects: list[int] = []  # free joints of what no actuator moves
        self._commanded = np.zeros(model.nu, bool)  # servos that are given the key's command
        self._down: dict[int, np.ndarray] = {}  # of each mobile base: gravity in its frame
        if self.key is None:
            self._near[_tipping(model)] = True
            return
        robots, mobile, tree = driven_trees(model), unheld_trees(model), joint_trees(model)
        # what is passive begins near the key too, where no robot is bolted down
        self._near[:] = robots == mobile or np.isin(tree, list(mobile))
        self._objects = np.flatnonzero(
            (model.jnt_type == FREE) & ~np.isin(tree, list(robots))
        ).tolist()
        if model.key_ctrl[self.key].any():  # else nobody wrote any
            pushing = [not mobile.isdisjoint(tree[list(m)].tolist()) for m in moved_joints(model)]
            self._commanded = servos(model) & (model.actuator_dyntype != INTEGRATOR) & pushing
        data = mujoco.MjData(model)
        self.reset(data)
        mujoco.mj_forward(model, data)
        self._lengths = data.actuator_length.copy()
        self.mobile = bool(mobile)
        bases = {first_body(model, each) for each in mobile}
        self._down = {body: _gravity(data, body) for body in bases}
        settle(model, data, held=self.held(data))
        if not self.stands(data):  # nor will it anywhere near
            self._down = {}

    def reset(self, data: mujoco.MjData) -> None:
        """The key, or the model's own pose, without velocities."""
        if self.key is None:
            mujoco.mj_resetData(self.model, data)
        else:
            mujoco.mj_resetDataKeyframe(self.model, data, self.key)
            data.qvel[:] = 0.0

    def pose(self, rng: np.random.Generator) -> np.ndarray:
        """Random positions `[nq]`."""
        model, centre = self.model, self.centre
        qpos = centre.copy()
        for joint in range(model.njnt):
            kind, place = int(model.jnt_type[joint]), model.jnt_qposadr[joint]
            limited, range_ = model.jnt_limited[joint], model.jnt_range[joint]
            if kind == HINGE and limited:
                range_ = _one_turn(range_, centre[place])
            if kind in (HINGE, SLIDE) and limited:
                about = centre[place] + NEAR * np.ptp(range_) * np.array([-1.0, 1.0])
                range_ = np.clip(about, *range_) if self._near[joint] else range_
                qpos[place] = rng.uniform(*range_)
            elif kind == HINGE and self._near[joint]:
                qpos[place] = centre[place] + rng.uniform(-ANGLE, ANGLE)
            elif kind == HINGE:
                qpos[place] = rng.uniform(-np.pi, np.pi)
        for joint in self._objects:
            place = model.jnt_qposadr[joint]
            qpos[place : place + 2] += MOVED * model.stat.extent * rng.uniform(-1.0, 1.0, 2)
        return qpos

    def held(self, data: mujoco.MjData) -> Hold:
        """What actuators hold at the positions of `data`: the pose itself; a mobile robot's servos
        the key's command, moved as far as their joints are from the key.
        """
        control, activation = hold(self.model, data)
        if self._commanded.any():
            command = self.model.key_ctrl[self.key] + data.actuator_length - self._lengths
            command = np.clip(command, *control_range(self.model).T)
            control = np.where(self._commanded, command, control)
            kinds = self.model.actuator_dyntype
            for i in np.flatnonzero(self._commanded & np.isin(kinds, FILTERS)):
                last = self.model.actuator_actadr[i] + self.model.actuator_actnum[i] - 1
                activation[last] = control[i]
        return Hold(control, activation)

    def stands(self, data: mujoco.MjData) -> bool:
        """Whether mobile robots are as upright as at the key, where that holds itself."""
        return all(_gravity(data, body) @ down > np.cos(TILT) for body, down in self._down.items())


def home_key(model: mujoco.MjModel) -> int | None:
    """The key called `home`, else the first; those that the mechanism cannot take are passed
    over.
    """
    keys = sorted(range(model.nkey), key=lambda k: model.key(k).name != HOME)
    return next((key for key in keys if _usable(model, key)), None)


def home_pose(model: mujoco.MjModel) -> np.ndarray:
    """Positions `[nq]` at that key, or the model's own."""
    key = home_key(model)
    pose: np.ndarray = model.qpos0 if key is None else model.key_qpos[key]
    return pose


def unheld_trees(model: mujoco.MjModel) -> set[int]:
    """Kinematic trees of robots whose base no actuator moves: it is free, slides, rolls or swings,
    and where it is follows from the pose above it.

    Not those of `Roles.bases`, which say what a robot travels with. An acrobot's base swings, so
    that its pose matters, and travels nowhere; a quadrotor travels, and its rotors hold its base.
    """
    driven = driven_joints(model)
    return {
        tree
        for tree in driven_trees(model)
        if driven.isdisjoint(joints_of(model, first_body(model, tree)))
    }


def _tipping(model: mujoco.MjModel) -> list[int]:
    """Hinges on which the base of a mobile robot falls over, as in a plane of slides."""
    data, driven = initial(model), driven_joints(model)
    return [
        joint
        for body in read_roles(model).bases
        for joint in joints_above(model, body) - driven
        if model.jnt_type[joint] == HINGE and not model.jnt_limited[joint]
        if weighs(model) and vertical(model, data, joint) < UPRIGHT
    ]


def _usable(model: mujoco.MjModel, key: int) -> bool:
    """Whether the mechanism can take it: finite, within limits, loops closed, no overlap."""
    parts = (model.key_qpos, model.key_qvel, model.key_act, model.key_ctrl)
    if not all(np.isfinite(part[key]).all() for part in parts):
        return False
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, key)
    mujoco.mj_forward(model, data)
    return constraint_violation(model, data) <= 1.0


def _one_turn(range_: np.ndarray, centre: float) -> np.ndarray:
    """The part of a hinge's range `[2]` half a turn about the middle of the pose, for what is
    beyond it are the same poses again: an arm whose joints turn twice has 2^6 ways to stand in one.
    """
    low, high = range_
    if high - low <= 2 * np.pi:
        return range_
    middle = np.clip(centre, low + np.pi, high - np.pi)
    turn: np.ndarray = middle + np.pi * np.array([-1.0, 1.0])
    return turn


def _gravity(data: mujoco.MjData, body: int) -> np.ndarray:
    """Which way is down in the body's frame `[3]`, of `data` whose kinematics are up to date."""
    down: np.ndarray = -data.xmat[body].reshape(3, 3)[2]
    return down
