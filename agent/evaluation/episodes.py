"""The closed loop: policies, floors, and episodes played from pairs.

Shapes: B episodes, T control steps, A action.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Pair, Task

Observed = Mapping[str, np.ndarray]


Observe = Callable[[np.ndarray], dict[str, np.ndarray]]  # what a policy sees of a simulator state


@runtime_checkable  # for the tests' check of annotations
class Policy(Protocol):
    """What can be evaluated: an agent, or a floor."""

    def reset(self, goal: Observed) -> None: ...

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        """Actions `[B, A]`; `still`: those that would keep each robot where it is."""


class Decider(Policy, Protocol):
    """A policy that decides once for `action_repeat` control steps: an agent, or the oracle."""

    action_repeat: int


class Floor:
    """A policy that knows nothing: holds the robot where it began, or acts at random (uniform, one stream per episode)."""

    def __init__(self, width: int, seed: int | None) -> None:
        self.width, self.seed = width, seed

    def reset(self, goal: Observed) -> None:
        batch = len(next(iter(goal.values())))
        self.streams = [np.random.default_rng([i, self.seed or 0]) for i in range(batch)]
        self.first: np.ndarray | None = None  # what kept the robots where they began

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        if self.seed is None:
            if self.first is None:
                self.first = np.zeros((len(self.streams), self.width), np.float32) if still is None else still
            return self.first
        return np.stack([rng.uniform(-1, 1, self.width) for rng in self.streams]).astype(np.float32)


@dataclass
class Played:
    """What happened: states after each step, the start included."""

    states: np.ndarray  # (T + 1, B, n) simulator states
    reached: np.ndarray  # (T + 1, B) bool
    distance: np.ndarray  # (T + 1, B) in the task's unit
    decision_s: list[float]  # time of each `act` of the whole batch [s]

    @property
    def end(self) -> np.ndarray:
        """Success of each episode after its last step, bool `[B]`."""
        return self.reached[-1]

    @property
    def any(self) -> np.ndarray:
        """Success at any time after the start, bool `[B]`."""
        return np.any(self.reached[1:], axis=0)

    @property
    def time_at_goal(self) -> float:
        """Fraction of control steps at the goal; rewards arriving early and staying."""
        return float(self.reached[1:].mean())


def play(
    policy: Policy,
    task: Task,
    pairs: list[Pair],
    steps: int,
    watch: Callable[[int, Observed], None] | None = None,
    told: str = "",
    observe: Observe | None = None,
) -> Played:
    """Play every pair at once, closed loop, all control steps: nothing ends early.

    Args:
        watch: called with (step, observations `[B, ...]`) after each action has been chosen; for pictures.
        told: what the progress says; none if empty.
        observe: what the policy sees of a simulator state; by default the task's observation.
    """
    observe = observe or task.observation
    policy.reset(stack([observe(pair.goal) for pair in pairs]))
    states = np.stack([pair.start for pair in pairs])
    history, times = [states], []
    for step in track(range(steps), told, steps, "control steps", shown=bool(told)):
        obs, still = stack([observe(state) for state in states]), still_actions(task, states)
        begin = time.perf_counter()
        action = policy.act(obs, still)
        times.append(time.perf_counter() - begin)
        if watch:
            watch(step, obs)
        states = np.stack([_advance(task, state, a) for state, a in zip(states, action, strict=True)])
        history.append(states)
    reached = np.array([[task.reached(s, pair.goal) for s, pair in zip(now, pairs, strict=True)] for now in history])
    distance = np.array([[task.distance(s, pair.goal) for s, pair in zip(now, pairs, strict=True)] for now in history])
    return Played(np.stack(history), reached, distance, times)


def outcomes(played: Played) -> dict[str, list[int]]:
    """Success of each pair, 1 or 0, at the end and at any time."""
    return {"end": played.end.astype(int).tolist(), "any": played.any.astype(int).tolist()}


def still_actions(task: Task, states: Iterable[np.ndarray]) -> np.ndarray:
    """What keeps the robot where it is in each of B simulator states, float32 `[B, A]`; the task is left at the last of them."""
    found = []
    for state in states:
        task.restore(state)
        found.append(task.still())
    return np.stack(found).astype(np.float32)


def _advance(task: Task, state: np.ndarray, action: np.ndarray) -> np.ndarray:
    task.restore(state)
    task.apply(action)
    return task.snapshot()


def stack(observations: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Observations of B episodes -> one, B first."""
    return {key: np.stack([obs[key] for obs in observations]) for key in observations[0]}
