"""Play: the collector looks ahead in the simulator for what moves an object, with any robot and any
object, from the model alone. No goal, no controller, no learning; random noise that was chosen.

Every STRETCH steps some coloured sequences of AHEAD steps are simulated from where the robot is:
what is left of the one being played, a few fresh ones, and changes of the best so far. The one is
begun that moves an object most which no actuator moves; if none does, that which comes nearest.

Shapes: T control steps, A action width.
"""

from __future__ import annotations

import copy
from typing import Protocol

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.joints import joint_trees
from latent_mpc.envs.adapters.roles import Roles, read_roles
from latent_mpc.envs.adapters.sizes import geoms_of_tree, touched
from latent_mpc.envs.behaviour import BehaviourConfig, ornstein_uhlenbeck
from latent_mpc.envs.simulator_state import integration_state, set_integration_state
from latent_mpc.envs.task import Task

STRETCH = 4  # [control steps] between choices
AHEAD = 12  # [control steps] of a sequence; an arm needs as long to come near
REST = 0.1  # share of stretches in which the robot is held where it is
CHOSEN = 0.8  # share of stretches that are chosen; the others are a fresh sequence
SEQUENCES = 16
SLOW_SEQUENCES = 8  # where the task's own code has to be run
FRESH = 4  # of them, before the best is changed
CHANGE = 0.5  # of noise that changes it
STEADY = 16  # times the correlation of every second sequence: one direction all along
SCALE = (0.4, 1.2)  # of the noise's std, uniform
TURN = (0.02, 0.2)  # [m/rad] what a turn counts beside a way, uniform
AFTER = 5  # [control steps] in which what tips over the edge falls
MOVED = 0.002  # [m] from which an object counts as moved


class Play:
    """One episode's actions, as `behaviour.Motion` gives them.

    Args:
        task: that is played with.
        config: correlation and std of the noise.

    Raises ValueError if the task has no object that the robot can only touch.
    """

    def __init__(self, rng: np.random.Generator, task: Task, config: BehaviourConfig) -> None:
        roles = read_roles(task.model)
        if not roles.objects:
            raise LatentMPCError(
                f"behaviour play needs an object that no actuator moves, {task.name} has none; give"
                " behaviour.name=coloured"
            )
        self.rng, self.task, self.config = rng, task, config
        self.objects = np.array(roles.objects)
        self.touching = touching_geoms(task.model, roles)
        direct = task.actuator_range() is not None
        self.ahead: _Ahead = _Actuators(task) if direct else _Itself(task)
        self.plan = np.zeros((0, task.action_width))

    def action(self, t: int, task: Task) -> np.ndarray:
        """The action float32 `[A]` of step t of a task that has come to it; asked of each step in
        order.
        """
        if t % STRETCH == 0:
            self.plan = self._choose(task).astype(np.float32)
        return self.plan[t % STRETCH]

    def _choose(self, task: Task) -> np.ndarray:
        kind = self.rng.random()
        period, correlation = task.control_period / task.pace, self.config.correlation
        noise = [
            ornstein_uhlenbeck(
                self.rng, AHEAD, task.action_width, period, correlation * (STEADY if i % 2 else 1)
            )
            for i in range(self.ahead.sequences)
        ]
        scales = self.config.std * self.rng.uniform(*SCALE, len(noise))
        turn = self.rng.uniform(*TURN)
        plans = np.clip(scales[:, None, None] * np.stack(noise), -1.0, 1.0)
        if kind < REST:
            return np.repeat(task.still()[None], AHEAD, axis=0)
        if kind > REST + CHOSEN:
            return plans[0]
        if len(self.plan):
            plans[0] = np.concatenate([self.plan[STRETCH:], plans[0, :STRETCH]])
        start, best, most = task.snapshot(), plans[0], (-np.inf, -np.inf)
        for i, fresh in enumerate(plans):
            plan = fresh if i < FRESH else np.clip(best + CHANGE * fresh, -1.0, 1.0)
            moved, near = self._try(start, plan, turn)
            if (rank := (moved if moved >= MOVED else min(moved, 0.0), -near)) > most:
                best, most = plan, rank
        self.ahead.leave(start)
        return best

    def _try(self, start: np.ndarray, plan: np.ndarray, turn: float) -> tuple[float, float]:
        """How far a plan moves an object [m], and how near the robot comes to one [m]; -1 and inf
        where the simulation breaks or what is moved is lost for good.
        """
        ahead, near = self.ahead, np.inf
        ahead.begin(start)
        data = ahead.data
        place, attitude = data.xpos[self.objects].copy(), data.xquat[self.objects].copy()
        for action in plan:
            before = data.time
            ahead.step(action)
            if not data.time > before or not np.isfinite(data.qpos).all():
                return -1.0, np.inf
            gaps = data.geom_xpos[self.touching][:, None] - data.xpos[self.objects]
            near = min(near, float(np.linalg.norm(gaps, axis=2).min()))
        moved = float(motion(place, attitude, data, self.objects, turn).max())
        return (-1.0, np.inf) if self._loses() else (moved, near)

    def _loses(self) -> bool:
        """Whether what is going on ends where no action leads back from."""
        if self.task.lost(self.task.snapshot()) is None:
            return False
        for _ in range(AFTER):
            self.ahead.step(self.task.still())
        return bool(np.any(self.task.lost(integration_state(self.ahead.model, self.ahead.data))))


class _Ahead(Protocol):
    """A simulation that looks ahead of a task."""

    sequences: int  # that it is fast enough for
    model: mujoco.MjModel

    @property
    def data(self) -> mujoco.MjData:
        """Of the simulation."""

    def begin(self, state: np.ndarray) -> None:
        """From a simulator state of the task."""

    def step(self, action: np.ndarray) -> None:
        """A control step; places of bodies and geoms are brought up to date."""

    def leave(self, state: np.ndarray) -> None:
        """Put the task back where it was, if it was moved."""


class _Actuators:
    """A copy of a task whose actions are given to actuators, at twice its timestep, where that
    divides its control period.
    """

    sequences = SEQUENCES

    def __init__(self, task: Task) -> None:
        self.task, self.model, self.substeps = task, copy.copy(task.model), task.substeps
        if self.substeps % 2 == 0:
            self.model.opt.timestep *= 2
            self.substeps //= 2
        self._data = mujoco.MjData(self.model)

    @property
    def data(self) -> mujoco.MjData:
        return self._data

    def begin(self, state: np.ndarray) -> None:
        set_integration_state(self.model, self.data, state)

    def step(self, action: np.ndarray) -> None:
        self.data.ctrl[:] = self.task.control(action, self.data.ctrl)
        mujoco.mj_step(self.model, self.data, self.substeps)
        mujoco.mj_kinematics(self.model, self.data)

    def leave(self, state: np.ndarray) -> None:
        pass


class _Itself:
    """The task itself, whose own code makes controls of actions; slower, so it tries less."""

    sequences = SLOW_SEQUENCES

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, task.model

    @property
    def data(self) -> mujoco.MjData:
        return self.task.data

    def begin(self, state: np.ndarray) -> None:
        self.task.restore(state)

    def step(self, action: np.ndarray) -> None:
        self.task.apply(action)

    def leave(self, state: np.ndarray) -> None:
        self.task.restore(state)


def touching_geoms(model: mujoco.MjModel, roles: Roles) -> np.ndarray:
    """The robot's geoms that can touch an object."""
    robots = set(joint_trees(model)[list(roles.driven)].tolist())
    objects = np.concatenate(
        [geoms_of_tree(model, int(model.body_treeid[b])) for b in roles.objects]
    )
    geoms = np.concatenate([geoms_of_tree(model, tree) for tree in sorted(robots)])
    return geoms[touched(model, objects, geoms)]


def motion(
    place: np.ndarray, attitude: np.ndarray, data: mujoco.MjData, objects: np.ndarray, turn: float
) -> np.ndarray:
    """How far each object `[O]` is from where it was [m], its turn times `turn` [m/rad] added."""
    way = np.linalg.norm(data.xpos[objects] - place, axis=1)
    cos = np.abs((data.xquat[objects] * attitude).sum(axis=1))
    return way + turn * 2 * np.arccos(np.minimum(1.0, cos))
