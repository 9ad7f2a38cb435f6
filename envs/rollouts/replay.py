"""What recorded numbers mean for a task: simulator states are rebuilt from them and played again,
and must do what was recorded.

A layout is a way in which others write a state down. Which column holds what is not read from
names: it is measured by showing random states, and confirmed or refuted by playing recorded steps
again.

Shapes: T control steps, K recorded steps, S observed numbers, A action, M simulator numbers (qpos,
qvel, actuators' own state), n simulator state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mujoco
import numpy as np

from latent_mpc.envs.adapters.joints import HINGE, joint_of_position
from latent_mpc.envs.simulator_state import integration_state, set_integration_state
from latent_mpc.envs.task import Task

PROBES = 16  # random states that are shown
# of random states [m/s, rad/s]; Gymnasium's environments that clip velocities do so at 10
SPEED = 3.0
FAST = 1e4  # at which an observation that clips velocities shows it [m/s, rad/s]
PLAYED = 20  # random control steps that tell which numbers stand still
# of what a step changes: played with the right meaning it misses by 1e-6 of it, with half the
# action by 0.5
AGREE = 0.1
LEAST = 1e-3  # a change that counts as one [m, rad, m/s, rad/s]
MOST_STEPS = 10  # of the task's own that a recorded step may last


class Layout(NamedTuple):
    """How a state is written down."""

    name: str
    width: int  # S
    # an episode's observations [T, S] -> simulator numbers [T, M], NaN where lost
    decode: Callable[[np.ndarray], np.ndarray]
    missing: list[str]  # what it does not show; with any, no state can be rebuilt


class Replay:
    """Rebuilds a task's simulator states and plays from them; the task is left as it was."""

    def __init__(self, task: Task) -> None:
        self.task = task
        here, rng = task.snapshot(), np.random.default_rng(0)
        self._data = mujoco.MjData(task.model)
        # what numbers do not say is as after a reset
        set_integration_state(task.model, self._data, task.draw_state(rng))
        self._data.time = 0.0
        numbers = []
        for _ in range(2):
            task.restore(task.draw_state(rng))
            for _ in range(PLAYED):
                numbers.append(_numbers(task.data))
                task.apply(rng.uniform(-1, 1, task.action_width))
        task.restore(here)
        self._usual, self._still = numbers[0], np.ptp(numbers, axis=0) == 0

    def layouts(self) -> Iterator[Layout]:
        """An environment's own observation, where there is one, the task's state, and qpos and qvel
        in a row.
        """
        # what all MuJoCo environments of Gymnasium have
        task, own = self.task, getattr(getattr(self.task, "env", None), "_get_obs", None)
        data = task.data
        if own is not None:
            yield self.measure(f"the observation of {task.name}", lambda: _vector(own()))
        yield self.measure(f"the state of {task.name}", task.state_vector)
        yield self.measure("qpos and qvel", lambda: np.concatenate([data.qpos, data.qvel]))

    def measure(self, name: str, show: Callable[[], np.ndarray]) -> Layout:
        """The layout of what `show` reads off `task.data`.

        A number is shown by a column that equals it, or by two that are its cosine and sine. One
        that stands still need not be shown, as a marker's velocity.
        """
        model, here, usual, still = self.task.model, self.task.snapshot(), self._usual, self._still
        velocity = (index := np.arange(len(usual))) >= model.nq
        numbers = np.random.default_rng(1).normal(size=(PROBES, len(usual))) * np.where(
            velocity, SPEED, 1.0
        )
        for number in numbers:
            mujoco.mj_normalizeQuat(model, number[: model.nq])

        def shown(number: np.ndarray) -> np.ndarray:
            self.task.restore(self.rebuild(number[None], np.zeros((1, 0)))[0])
            return np.asarray(show(), np.float64)

        columns = np.stack([shown(number) for number in numbers])
        low, high = (shown(np.where(velocity, speed, numbers[0])) for speed in (-FAST, FAST))
        self.task.restore(here)
        direct, cosine, sine = (
            # (S, M)
            np.isclose(columns[:, :, None], values[:, None, :], rtol=1e-5, atol=1e-5).all(axis=0)
            for values in (numbers, np.cos(numbers), np.sin(numbers))
        )
        equal, turned = direct.any(axis=0), cosine.any(axis=0) & sine.any(axis=0)
        by, by_cosine, by_sine = direct.argmax(axis=0), cosine.argmax(axis=0), sine.argmax(axis=0)
        clips = velocity & equal & (high[by] < FAST * (1 - 1e-4))
        # of each number
        position = np.r_[
            index[: model.nq], model.jnt_qposadr[model.dof_jntid], index[model.nq + model.nv :]
        ]

        def decode(observations: np.ndarray) -> np.ndarray:
            values = np.asarray(observations, np.float64)
            angles = np.arctan2(values[:, by_sine], values[:, by_cosine])
            result = np.where(equal, values[:, by], np.where(turned, angles, usual))
            lost = clips & ((result >= high[by]) | (result <= low[by]))
            # it moves here, so it does not stand still
            lost |= ~equal & ~turned & (np.ptp(result[:, position], axis=0) > LEAST)
            return np.where(lost, np.nan, result)

        return Layout(
            name,
            columns.shape[1],
            decode,
            list(dict.fromkeys(_names(model)[~(equal | turned | still)].tolist())),
        )

    def rebuild(self, numbers: np.ndarray, controls: np.ndarray) -> np.ndarray:
        """Simulator states `[T, n]` of simulator numbers `[T, M]`, each with the controls `[T, A]`
        that led to it.
        """
        model, data, states = self.task.model, self._data, []
        for number, control in zip(numbers, controls, strict=True):
            data.qpos[:], data.qvel[:], data.act[:] = np.split(
                number, [model.nq, model.nq + model.nv]
            )
            if model.nu == len(control):
                data.ctrl[:] = control
            states.append(integration_state(model, data))
        return np.stack(states)

    def misses(self, before: np.ndarray, controls: np.ndarray, after: np.ndarray) -> np.ndarray:
        """By what share of their change recorded steps are missed, the median, if they last 1, 2, …
        steps of the task's own.

        Args:
            before, after: simulator numbers `[K, M]`.
            controls: held in between `[K, A]`.
        """
        here, shares = self.task.snapshot(), []
        for now, control, then in zip(before, controls, after, strict=True):
            way = self._difference(now, then)
            if np.isfinite(control).all() and LEAST < way.max() < np.inf:  # false of NaN
                state = self.rebuild(now[None], control[None])[0]
                ends = self._play(state, control)
                shares.append(
                    [(self._difference(end, then) / np.maximum(way, LEAST)).max() for end in ends]
                )
        self.task.restore(here)
        return (
            np.nan_to_num(np.median(shares, axis=0), nan=np.inf) if shares else np.full(1, np.inf)
        )

    def _play(self, state: np.ndarray, control: np.ndarray) -> list[np.ndarray]:
        """Simulator numbers after 1, 2, … steps of the task's own."""
        task = self.task
        begin_env, step = getattr(task, "begin_env", None), getattr(task, "advance_step", None)
        if begin_env is not None:
            begin_env(0)  # an environment may refuse to be stepped after its end
        task.restore(state)
        ends = []
        for _ in range(MOST_STEPS if step else 1):
            try:
                (step or task.advance)(control)
                ends.append(_numbers(task.data))
            # an environment's own: it does not go on from here, so no recorded step did
            except Exception:
                ends.append(np.full_like(self._usual, np.nan))
        return ends

    def _difference(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """How far apart simulator numbers are: positions, hinges the short way round, and the rest
        `[2]`.
        """
        model, turn = self.task.model, np.empty(self.task.model.nv)
        mujoco.mj_differentiatePos(model, turn, 1.0, a[: model.nq], b[: model.nq])
        hinge = model.jnt_dofadr[model.jnt_type == HINGE]
        turn[hinge] = (turn[hinge] + np.pi) % (2 * np.pi) - np.pi
        with np.errstate(over="ignore"):
            return np.array([np.linalg.norm(turn), np.linalg.norm(b[model.nq :] - a[model.nq :])])


def _numbers(data: mujoco.MjData) -> np.ndarray:
    return np.concatenate([data.qpos, data.qvel, data.act])


def _names(model: mujoco.MjModel) -> np.ndarray:
    """What each simulator number is, `[M]`."""
    joints = [model.joint(j).name or f"joint {j}" for j in range(model.njnt)]
    positions = [f"position of {joints[j]}" for j in joint_of_position(model)]
    return np.array(
        [
            *positions,
            *[f"velocity of {joints[j]}" for j in model.dof_jntid],
            *["an actuator's state"] * model.na,
        ]
    )


def _vector(shown: Any) -> np.ndarray:
    """What an environment shows, as a vector: of a goal environment its "observation"."""
    return np.ravel(
        shown["observation"] if isinstance(shown, dict) and "observation" in shown else shown
    )
