"""Goals from somebody's hands: a pose of the joints, or a place that what has to reach the goal is
brought to. What is no state of the robot is refused in one line.

Shapes: n simulator state, nq positions, nv velocities.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import mujoco
import numpy as np

from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.envs.adapters.drawn_states import DrawnStates
from latent_mpc.envs.adapters.feasible import constraint_violation, penetration
from latent_mpc.envs.adapters.joints import (
    FREE,
    HINGE,
    SLIDE,
    joint_kinds,
    joint_names,
    joint_of_position,
)
from latent_mpc.envs.simulator_state import set_integration_state
from latent_mpc.envs.task import Task

STEPS = 60  # of the search for a pose
DRAWN = 64  # states that are drawn to know where goals may lie
SIMULATED = 16  # the same where each is simulated first, for up to half a second
TRIES = 8  # poses that a search begins from
FLAT = 0.02  # of their width: goals that are no farther apart in height lie in a plane
ROOM = 0.1  # beyond what was drawn [of its width]
NEAR = 0.02  # of the model's extent: how far from the place that was asked for a goal may lie
DAMPING = 1e-3  # of the least squares [of the largest eigenvalue]
LONGEST = 0.5  # of a step's velocities [rad, m]


class Slider(NamedTuple):
    """One number of a pose."""

    name: str
    position: int  # index into qpos
    low: float
    high: float
    unit: str


class Poser:
    """What poses a task's robot can take.

    Args:
        task: whose own draws say how far goals may lie from one another.
        rng: of these draws, and of all searches.
    """

    def __init__(self, task: Task, rng: np.random.Generator) -> None:
        self.task, self.model, self._rng = task, task.model, rng

    @cached_property
    def _drawn(self) -> np.ndarray:
        """Simulator states that the task draws `[M, n]`."""
        count = SIMULATED if isinstance(self.task, DrawnStates) else DRAWN
        return np.stack([self.task.draw_state(self._rng) for _ in range(count)])

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest of the places of goals, with some room `[3]` each [m]."""
        places = np.stack([self.task.tracked_point(state) for state in self._drawn])
        low, high = places.min(axis=0), places.max(axis=0)
        room = ROOM * (high - low).max()
        return low - room, high + room

    @property
    def width(self) -> float:
        """How far apart goals lie at most, along an axis [m]."""
        low, high = self._box
        return float((high - low).max())

    @cached_property
    def _usual_depth(self) -> float:
        """How deep things overlap in states that are drawn [m]."""
        data = mujoco.MjData(self.model)
        depths = []
        for state in self._drawn:
            set_integration_state(self.model, data, state)
            depths.append(penetration(data))
        return max(depths)

    def sliders(self) -> list[Slider]:
        """The numbers of a pose that can be dragged: hinges, slides, and the places of free
        bodies.
        """
        model, found = self.model, []
        for joint, (name, kind) in enumerate(
            zip(joint_names(model), joint_kinds(model).tolist(), strict=True)
        ):
            at = int(model.jnt_qposadr[joint])
            free = kind == FREE
            for i, axis in enumerate([" x", " y", " z"] if free else [""]):
                if not free and kind not in (HINGE, SLIDE):
                    continue
                if model.jnt_limited[joint]:
                    ends = tuple(model.jnt_range[joint])
                else:
                    ends = (-np.pi, np.pi) if kind == HINGE else self._range(at + i)
                unit = "rad" if kind == HINGE else "m"
                if ends[0] < ends[1]:
                    found.append(Slider(name + axis, at + i, float(ends[0]), float(ends[1]), unit))
        return found

    def _range(self, position: int) -> tuple[float, float]:
        """Least and greatest of one of the positions that were drawn, with some room."""
        drawn = self.task.qpos_qvel(self._drawn)[0][:, position]
        room = ROOM * np.ptp(drawn)
        return drawn.min() - room, drawn.max() + room

    def on_ray(self, origin: np.ndarray, direction: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """The place `[3]` [m] that a ray from an eye `[3]` means: where it meets the plane in which
        goals lie, or else, where they fill a space, the one through the goal `[n]` that faces the
        eye. Raises ValueError if it meets none.
        """
        low, high = self._box
        here, upright = self.task.tracked_point(goal), np.array([0.0, 0.0, 1.0])
        places = np.stack([self.task.tracked_point(state) for state in self._drawn])
        normal = upright if np.ptp(places[:, 2]) < FLAT * (high - low).max() else direction
        along = float(normal @ direction)
        distance = float(normal @ (here - origin)) / along if abs(along) > 1e-6 else -1.0
        if distance <= 0:
            raise LatentMPCError("a click must meet the plane of the goals; click on the ground")
        place: np.ndarray = origin + distance * direction
        return place

    def pose_goal(self, qpos: np.ndarray) -> np.ndarray:
        """The simulator state `[n]` at rest at positions `[nq]`.

        Raises ValueError for positions that are not the robot's: of another number, beyond a
        joint's limits, things within one another.
        """
        model, qpos = self.model, np.asarray(qpos, dtype=np.float64)
        if qpos.shape != (model.nq,) or not np.isfinite(qpos).all():
            raise LatentMPCError(
                f"a pose must be {model.nq} finite numbers, the positions of"
                f" {', '.join(joint_names(model))}, got {list(qpos.ravel())[:8]}"
            )
        for joint in np.flatnonzero(model.jnt_limited).tolist():
            low, high = model.jnt_range[joint]
            value, room = float(qpos[model.jnt_qposadr[joint]]), 1e-3 * (high - low)
            inside = low - room <= value <= high + room
            if joint_kinds(model)[joint] in (HINGE, SLIDE) and not inside:
                raise LatentMPCError(
                    f"{joint_names(model)[joint]} must be within {low:.3g} and {high:.3g}, got"
                    f" {value:.3g}"
                )
        state = self.task.rest_state(qpos)
        self._require_box(self.task.tracked_point(state))
        data = mujoco.MjData(model)
        set_integration_state(model, data, state)
        if constraint_violation(model, data, self._usual_depth) > 1:
            deep = penetration(data)
            why = f"things overlap by {1e3 * deep:.3g} mm" if deep > 0 else "it does not hold"
            raise LatentMPCError(f"this pose is no state of the robot: {why} there; give another")
        return state

    def place_goal(self, place: np.ndarray, state: np.ndarray) -> np.ndarray:
        """A simulator state `[n]` at rest in which what has to reach the goal is at a place `[3]`
        [m], as near to a state `[n]` as a search finds. What the place does not depend on may stand
        elsewhere.

        Raises ValueError where there is none.
        """
        asked, reach = np.asarray(place, dtype=np.float64), NEAR * self.model.stat.extent
        self._require_box(asked)
        nearest, refused = np.inf, None
        for begin in (state, *self._drawn[: TRIES - 1]):
            found, missed = bring(self.task, begin, asked)
            nearest = min(nearest, missed)
            if missed > reach:
                continue
            try:
                return self._free_of_others(found)
            except LatentMPCError as error:
                refused = refused or error
        if refused is not None:
            raise refused
        raise LatentMPCError(
            f"{written(asked)} is out of reach: the nearest found is {nearest:.3g} m away"
        )

    def _require_box(self, place: np.ndarray) -> None:
        low, high = self._box
        if ((place < low) | (place > high)).any():
            raise LatentMPCError(
                f"{written(place)} is out of reach: goals lie between {written(low)} and"
                f" {written(high)}"
            )

    def _free_of_others(self, state: np.ndarray) -> np.ndarray:
        """The pose as a goal; where that is refused, with what its place does not depend on
        standing as it was drawn.
        """
        model, qpos = self.model, self.task.qpos_qvel(state)[0]
        try:
            return self.pose_goal(qpos)
        except LatentMPCError as error:
            still = np.abs(_jacobian(self.task, state)).max(axis=0) < 1e-9  # (nv,)
            mine = [bool(still[model.jnt_dofadr[j]]) for j in joint_of_position(model)]
            for other in self._drawn if any(mine) and not all(mine) else ():
                try:
                    return self.pose_goal(np.where(mine, self.task.qpos_qvel(other)[0], qpos))
                except LatentMPCError:
                    continue
            raise error


def written(place: np.ndarray) -> str:
    """A place for people."""
    return f"({', '.join(f'{x:.3g}' for x in place)}) m"


def bring(task: Task, state: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, float]:
    """The state with its joints moved so that what has to reach the goal comes to a place `[3]`
    [m], and how far from it it stays [m]: damped least squares.
    """
    best, least = state, float(np.linalg.norm(task.tracked_point(state) - place))
    rate = 1.0
    for _ in range(STEPS):
        error = place - task.tracked_point(best)
        jacobian = _jacobian(task, best)
        scale = DAMPING * max(float(np.square(jacobian).sum()), 1e-12)
        step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + scale * np.eye(3), error)
        step *= rate * min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        moved = _moved(task, best, step)
        missed = float(np.linalg.norm(task.tracked_point(moved) - place))
        if missed < least - 1e-9:
            best, least, rate = moved, missed, min(1.0, 2 * rate)
        elif (rate := rate / 2) < 0.05:
            break
        if least < 1e-4:
            break
    return best, least


def _jacobian(task: Task, state: np.ndarray) -> np.ndarray:
    """Of the place by the velocities `[3, nv]`, by finite differences."""
    here, columns = task.tracked_point(state), []
    for i in range(task.model.nv):
        step = np.zeros(task.model.nv)
        step[i] = 1e-5
        columns.append((task.tracked_point(_moved(task, state, step, False)) - here) / 1e-5)
    return np.stack(columns, axis=-1)


def _moved(task: Task, state: np.ndarray, velocity: np.ndarray, limited: bool = True) -> np.ndarray:
    """The state with its joints moved by `[nv]`, within their limits."""
    model, moved = task.model, state.copy()
    qpos = moved[1 : 1 + model.nq].copy()
    mujoco.mj_integratePos(model, qpos, velocity, 1.0)
    for joint in np.flatnonzero(model.jnt_limited).tolist() if limited else ():
        at = int(model.jnt_qposadr[joint])
        if joint_kinds(model)[joint] in (HINGE, SLIDE):
            qpos[at] = np.clip(qpos[at], *model.jnt_range[joint])
    moved[1 : 1 + model.nq] = qpos
    return moved
