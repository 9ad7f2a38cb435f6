"""Tabletop: a force-driven puck has to push an object to a given place on a table of 1 m x 1 m.

Only the object counts, and no motor moves it. Disc, cube and T slide between walls; the cup stands
free on a table without any, so that a push too far loses it for good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.envs.pushing import Pushing, Shape
from latent_mpc.envs.task import Task

ASSETS = Path(__file__).parent / "assets"
HALF = 0.5  # [m] of the table
PUCK = 0.035  # [m] the puck's radius
TOP_SPEED = 0.6  # [m/s] of the puck's x and y: force over damping
COAST = 0.1  # [s] time constant: mass over damping
PUSH_SPEED = 0.39  # [m/s] of puck and object together: 4.7 N over 12 N s/m
TOLERANCE = 0.04  # [m] of the object's place
ANGLE = np.deg2rad(20)  # of its yaw, or its tilt [rad]
# [m] between object and wall at the start and at the goal: the puck fits in. With 0.08 `Follow` got
# 3 % of the cubes stuck at a wall, with 0.12 2 %
ROOM = 0.12
APART = 0.01  # [m] between puck and object at the start and at the goal
LYING = 0.5  # cosine of the tilt from which the puck cannot set a cup upright again
LOST = 1000.0  # [control steps] added where there is no way to the goal
SETTLE = 2.0  # [s] in which a cup that is put down comes to rest


@dataclass(frozen=True)
class Object:
    """What is pushed, and how long an episode has it."""

    episode_steps: int  # [control steps]
    shape: Shape
    angle: bool = False  # whether its yaw counts
    turns: bool = True  # whether it has a yaw
    falls: bool = False


def _boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


T_BOXES = _boxes((0, 0.051428571, 0.12, 0.03), (0, -0.068571429, 0.03, 0.09))
# The numbers are episode lengths [control steps]: 1.5 times what `Follow` needs for 95 % of pairs,
# rounded up to 10: `python -m benchmarks.tables.episode_lengths`
# Beside them: needed by 50 % / 95 % of the first 200 pairs of seed 0.
OBJECTS = {
    "disc": Object(50, Shape(_boxes(), 0.08, 0.0), turns=False),  # 20 / 33.0
    "cube": Object(70, Shape(_boxes((0, 0, 0.07, 0.07)), 0.0, 1 / 0.05**2)),  # 30 / 44.0
    "t": Object(120, Shape(T_BOXES, 0.0, 1 / 0.06**2), angle=True),  # 43 / 75.0
    "cup": Object(60, Shape(_boxes(), 0.055, 0.0), turns=False, falls=True),  # 23 / 39.0
}


class Tabletop(Task):
    """State: x, y of puck and object [m], cos and sin of the object's yaw where it turns, and their
    velocities [m/s, rad/s]; of the cup all three coordinates, its attitude as two axes and all six
    velocities. Distance: between the objects' places [m].

    Args:
        name: what is pushed, a name in OBJECTS.
        options: those of `Task`.

    Raises:
        KeyError: no object of that name.
    """

    unit = "m"
    control_period = 0.1
    pushes = True

    def __init__(self, name: str = "disc", **options: Any) -> None:
        if name not in OBJECTS:
            raise UnknownNameError(f"no object {name!r}; there are: {', '.join(sorted(OBJECTS))}")
        self.object = OBJECTS[name]
        self.name, self.episode_steps = f"tabletop-{name}", self.object.episode_steps
        model = mujoco.MjModel.from_xml_path(str(ASSETS / f"tabletop_{name}.xml"))
        self._shape, self._body = self.object.shape, model.body("object").id
        super().__init__(model, **options)
        self._length = TOLERANCE / ANGLE if self.object.angle else 0.0  # [m/rad]
        self._pushing = Pushing(
            self._shape,
            PUCK,
            self._length,
            TOLERANCE,
            TOP_SPEED,
            PUSH_SPEED,
            COAST,
            self.control_period,
        )
        self._height = self._settled() if self.object.falls else 0.0

    def draw_state(self, rng: np.random.Generator) -> np.ndarray:
        inside = HALF - ROOM
        while True:
            place, yaw = rng.uniform(-inside, inside, 2), rng.uniform(-np.pi, np.pi)
            puck = rng.uniform(-HALF + PUCK, HALF - PUCK, 2)
            corners = place + turned(self._shape.corners(), yaw)
            gap = self._shape.distance(turned(puck - place, -yaw)[None])[0] - PUCK
            if np.abs(corners).max() <= inside and gap >= APART:
                return self.rest_state(np.concatenate([puck, self._pose(place, yaw)]))

    def state_vector(self) -> np.ndarray:
        data = self.data
        if self.object.falls:
            axis = data.xmat[self._body].reshape(3, 3)[:, 2]
            numbers = [data.qpos[:5], axis, data.qvel]
        elif self.object.turns:
            yaw = data.qpos[4]
            numbers = [data.qpos[:4], [np.cos(yaw), np.sin(yaw)], data.qvel]
        else:
            numbers = [data.qpos, data.qvel]
        return np.concatenate(numbers).astype(np.float32)

    def counted(self, states: np.ndarray) -> np.ndarray:
        numbers = [self._places(states)]
        if self.object.angle:
            yaw = self._yaws(states)[..., None]
            numbers += [np.cos(yaw), np.sin(yaw)]
        if self.object.falls:
            numbers.append(self._axes(states))
        return np.concatenate(numbers, axis=-1)

    def distance(self, state: np.ndarray, goal: np.ndarray) -> float:
        return float(np.linalg.norm(self._places(state) - self._places(goal)))

    def distances(self, state: np.ndarray, goal: np.ndarray) -> dict[str, float]:
        place = self.distance(state, goal) / TOLERANCE
        if self.object.angle:
            return {"place": place, "angle": float(abs(self._turn(state, goal))) / ANGLE}
        if self.object.falls:
            tilt = np.arccos(np.clip(self._axes(state)[..., 2], -1.0, 1.0))
            return {"place": place, "tilt": float(tilt) / ANGLE}
        return {}

    def reached(self, state: np.ndarray, goal: np.ndarray) -> bool:
        each = self.distances(state, goal) or {"place": self.distance(state, goal) / TOLERANCE}
        return all(one <= 1.0 for one in each.values())

    def lost(self, states: np.ndarray) -> np.ndarray | None:
        if not self.object.falls:
            return None
        return (self._places(states)[..., 2] < 0) | (self._axes(states)[..., 2] < LYING)

    def steps_to_go(self, states: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The best contact's way there, its push, and what is left after it; see `pushing.py`."""
        puck, error, usable = self._seen_from_object(states, goal)
        steps = self._pushing.seconds(puck, error, usable).min(axis=1) / self.control_period
        lost = self.lost(states)
        return steps if lost is None else np.where(lost, steps + LOST, steps)

    def guide(self, goal: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return Follow(self, goal)

    def tracked_point(self, state: np.ndarray) -> np.ndarray:
        places = self._places(state)
        height = float(self.model.body_pos[self._body][2])
        if not self.object.falls:
            places = np.concatenate([places, np.full_like(places[..., :1], height)], axis=-1)
        return places

    def _places(self, states: np.ndarray) -> np.ndarray:
        """The object's coordinates `[..., 2]` [m]; three of the cup."""
        return self.qpos_qvel(states)[0][..., 2 : 5 if self.object.falls else 4]

    def _yaws(self, states: np.ndarray) -> np.ndarray:
        """`[...]` [rad]; 0 of what does not turn."""
        qpos = self.qpos_qvel(states)[0]
        return qpos[..., 4] if self.object.turns else np.zeros(qpos.shape[:-1])

    def _axes(self, states: np.ndarray) -> np.ndarray:
        """The cup's own upward direction `[..., 3]`."""
        w, x, y, z = np.moveaxis(self.qpos_qvel(states)[0][..., 5:9], -1, 0)
        return np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x**2 + y**2)], axis=-1)

    def _turn(self, states: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Goal's yaw minus the states' `[...]`, in [-pi, pi) [rad]."""
        return (self._yaws(goal) - self._yaws(states) + np.pi) % (2 * np.pi) - np.pi

    def _seen_from_object(
        self, states: np.ndarray, goal: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places of the puck `[M, 2]` and errors of the pose `[M, 3]`, in the object's frame; and
        at which of `Pushing.points` the puck has room, bool `[M, P]`.
        """
        place, yaw = self._places(states)[:, :2], self._yaws(states)
        puck = turned(self.qpos_qvel(states)[0][:, :2] - place, -yaw)
        error = turned(self._places(goal)[:2] - place, -yaw)
        turn = self._length * self._turn(states, goal)
        points = place[:, None] + turned(self._pushing.points, yaw[:, None])
        usable = (np.abs(points) < HALF - PUCK + APART).all(axis=2)
        return puck, np.concatenate([error, turn[:, None]], axis=1), usable

    def _pose(self, place: np.ndarray, yaw: float) -> np.ndarray:
        """The object's part of `qpos`, at rest."""
        if self.object.falls:
            return np.array([*place, self._height, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
        return np.array([*place, yaw] if self.object.turns else place)

    def _settled(self) -> float:
        """How high the cup's middle is where it stands [m]."""
        data = mujoco.MjData(self.model)
        data.qpos[:2] = HALF - PUCK
        mujoco.mj_step(self.model, data, round(SETTLE / self.model.opt.timestep))
        return float(data.qpos[4])


class Follow:
    """A privileged controller: simulator state `[n]` -> action `[2]`. It goes on with the best
    contact of `steps_to_go`, and keeps to it.
    """

    def __init__(self, task: Tabletop, goal: np.ndarray) -> None:
        self.task, self.goal = task, goal
        self.contact: int | None = None

    def __call__(self, state: np.ndarray) -> np.ndarray:
        puck, error, usable = self.task._seen_from_object(state[None], self.goal)
        yaw = self.task._yaws(state)
        velocity = turned(self.task.qpos_qvel(state)[1][:2], -yaw)
        action, self.contact = self.task._pushing.go_on(
            puck[0], error[0], velocity, usable[0], self.contact
        )
        return np.clip(turned(action, yaw), -1.0, 1.0)


def turned(points: np.ndarray, angle: np.ndarray | float) -> np.ndarray:
    """Points `[..., 2]` turned by angles `[...]` [rad]."""
    x, y = points[..., 0], points[..., 1]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
