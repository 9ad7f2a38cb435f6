"""The closed loop: policies, floors, and episodes as a stream of steps, which evaluation, demo,
exploration and study read.

Shapes: B episodes, T control steps, A action, n simulator state.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Pair, Task
from latent_mpc.planners import Plan

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
    """A policy that knows nothing: holds the robot where it began, or acts at random (uniform, one
    stream per episode, of which the first has the number `first`).
    """

    def __init__(self, width: int, seed: int | None, first: int = 0) -> None:
        self.width, self.seed, self.first_number = width, seed, first

    def reset(self, goal: Observed) -> None:
        numbers = range(self.first_number, self.first_number + len(next(iter(goal.values()))))
        self.streams = [np.random.default_rng([i, self.seed or 0]) for i in numbers]
        self.first: np.ndarray | None = None  # what kept the robots where they began

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        if self.seed is None:
            if self.first is None:
                self.first = (
                    np.zeros((len(self.streams), self.width), np.float32)
                    if still is None
                    else still
                )
            return self.first
        return np.stack([rng.uniform(-1, 1, self.width) for rng in self.streams]).astype(np.float32)


class Holder:
    """A policy that knows the simulator and learns nothing: the command that holds the goal, from
    the start on. It sees simulator states, see `physics`.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def reset(self, goal: Observed) -> None:
        self.policies = [self.task.holding(state) for state in goal["physics"]]

    def act(self, obs: Observed, still: np.ndarray | None = None) -> np.ndarray:
        actions = [
            policy(state)
            for policy, state in zip(self.policies, obs["physics"], strict=True)
            if policy is not None
        ]
        return np.stack(actions).astype(np.float32)


def physics(state: np.ndarray) -> dict[str, np.ndarray]:
    """What a policy observes that is given the simulator state `[n]` itself."""
    return {"physics": state}


class Step(NamedTuple):
    """One control step of B episodes."""

    number: int  # from 0
    states: np.ndarray  # (B, n) before it
    obs: Observed  # what the policy saw of them
    action: np.ndarray  # (B, A)
    after: np.ndarray  # (B, n)
    seconds: float  # that the policy took
    # what it decided; None where it went on with an earlier decision, or decides without plans
    plan: Plan | None


def steps(
    policy: Policy,
    task: Task,
    states: np.ndarray,
    count: int,
    observe: Observe | None = None,
    progress: str = "",
) -> Iterator[Step]:
    """Play B episodes at once from simulator states `[B, n]`, closed loop, all control steps:
    nothing ends early. The policy was reset.

    Args:
        observe: what the policy sees of a simulator state; by default the task's observation.
        progress: label of the progress bar; none if empty.
    """
    observe, before = observe or task.observation, getattr(policy, "last_plan", None)
    for number in track(range(count), progress, count, "control steps", shown=bool(progress)):
        obs, still = stack([observe(state) for state in states]), still_actions(task, states)
        begin = time.perf_counter()
        action = policy.act(obs, still)
        seconds, plan = time.perf_counter() - begin, getattr(policy, "last_plan", None)
        after = np.stack(
            [_advance(task, state, a) for state, a in zip(states, action, strict=True)]
        )
        yield Step(number, states, obs, action, after, seconds, None if plan is before else plan)
        states, before = after, plan


@dataclass
class Outcome:
    """What happened: states after each step, the start included."""

    states: np.ndarray  # (T + 1, B, n) simulator states
    reached: np.ndarray  # (T + 1, B) bool
    distance: np.ndarray  # (T + 1, B) in the task's unit
    decision_s: list[float]  # time of each `act` of a whole batch [s]
    # of each decision [B]: whether the plan violates a constraint
    infeasible: list[np.ndarray] = field(default_factory=list)
    fell_back: list[np.ndarray] = field(default_factory=list)  # and whether nothing was feasible
    batch: int = 0  # episodes at once, of which `decision_s` is

    @classmethod
    def collect(cls, stream: Iterable[Step], task: Task, pairs: list[Pair]) -> Outcome:
        """Of a stream of steps that began at the pairs' starts."""
        history, times, plans = [np.stack([pair.start for pair in pairs])], [], []
        for step in stream:
            history.append(step.after)
            times.append(step.seconds)
            plans += [step.plan.info] if step.plan and step.plan.info else []
        reached = np.array(
            [
                [task.reached(s, pair.goal) for s, pair in zip(now, pairs, strict=True)]
                for now in history
            ]
        )
        distance = np.array(
            [
                [task.distance(s, pair.goal) for s, pair in zip(now, pairs, strict=True)]
                for now in history
            ]
        )
        infeasible, fell_back = (
            [info[name].cpu().numpy() for info in plans] for name in ("infeasible", "fell_back")
        )
        return cls(
            np.stack(history), reached, distance, times, infeasible, fell_back, batch=len(pairs)
        )

    @classmethod
    def join(cls, outcomes: Sequence[Outcome]) -> Outcome:
        """Of batches of as many steps, one after another; times are those of the first."""

        def beside(per_step: Iterable[Sequence[np.ndarray]]) -> list[np.ndarray]:
            return [np.concatenate(batches) for batches in zip(*per_step, strict=True)]

        return replace(
            outcomes[0],
            states=np.concatenate([one.states for one in outcomes], axis=1),
            reached=np.concatenate([one.reached for one in outcomes], axis=1),
            distance=np.concatenate([one.distance for one in outcomes], axis=1),
            infeasible=beside(one.infeasible for one in outcomes),
            fell_back=beside(one.fell_back for one in outcomes),
        )

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


def begin(
    policy: Policy,
    task: Task,
    pairs: list[Pair],
    count: int,
    observe: Observe | None = None,
    progress: str = "",
) -> Iterator[Step]:
    """Reset the policy towards the pairs' goals; the steps from their starts, arguments as of
    `steps`.
    """
    policy.reset(stack([(observe or task.observation)(pair.goal) for pair in pairs]))
    return steps(policy, task, np.stack([pair.start for pair in pairs]), count, observe, progress)


def play(
    policy: Policy,
    task: Task,
    pairs: list[Pair],
    count: int,
    progress: str = "",
    observe: Observe | None = None,
) -> Outcome:
    """Every pair at once, arguments as of `steps`."""
    return Outcome.collect(begin(policy, task, pairs, count, observe, progress), task, pairs)


def outcomes(outcome: Outcome) -> dict[str, list[int]]:
    """Success of each pair, 1 or 0, at the end and at any time."""
    return {"end": outcome.end.astype(int).tolist(), "any": outcome.any.astype(int).tolist()}


def still_actions(task: Task, states: Iterable[np.ndarray]) -> np.ndarray:
    """What keeps the robot where it is in each of B simulator states, float32 `[B, A]`; the task is
    left at the last of them.
    """
    held = []
    for state in states:
        task.restore(state)
        held.append(task.still())
    return np.stack(held).astype(np.float32)


def _advance(task: Task, state: np.ndarray, action: np.ndarray) -> np.ndarray:
    task.restore(state)
    task.apply(action)
    return task.snapshot()


def stack(observations: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Observations of B episodes -> one, B first."""
    return {key: np.stack([obs[key] for obs in observations]) for key in observations[0]}
