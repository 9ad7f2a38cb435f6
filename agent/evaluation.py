"""How often goals are reached: all pairs in one batch, floors on the very same pairs, intervals, time per decision.

Shapes: B episodes, T control steps, A action.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from latent_mpc.agent.agent import Agent
from latent_mpc.agent.guidance import how_far, rank_correlation
from latent_mpc.agent.pairs import Pairs
from latent_mpc.agent.rates import rate, thirds
from latent_mpc.envs.progress import track
from latent_mpc.envs.task import Pair, Task

TIMED = 30  # decisions timed at B = 1
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
        """Share of all control steps after which the goal is reached: larger for who comes sooner and for who stays."""
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


def evaluate(agent: Agent, task: Task, drawn: Pairs, *, told: str = "", played: Played | None = None) -> tuple[dict[str, Any], Played]:
    """Success, floors, distances and times as `results.json` holds them, and what the agent did: `played`, if it has played them before."""
    played = played or play(agent, task, drawn.pairs, drawn.steps, told=told)
    decided = played.decision_s[:: agent.action_repeat]
    far, measure = how_far(task, drawn.pairs)
    by_third = thirds(played.end, far)
    result = {
        "episodes": len(drawn.pairs),
        "success_end": rate(played.end),
        "success_any": rate(played.any),
        "time_at_goal": played.time_at_goal,
        "outcomes": {"pairs": fingerprint(drawn), **outcomes(played)},
        "thirds": by_third and {**measure, **by_third},
        "cost_to_go": rank_correlation(agent, task, drawn.pairs),
        "floors": floors(task, drawn),
        "distance_end": {"median": float(np.median(played.distance[-1])), "unit": task.unit},
        "plan_ms": milliseconds(time_decisions(agent, task, drawn.pairs)),
        "plan_ms_batch": {**milliseconds(decided), "batch": len(drawn.pairs)},
        "pairs": {"drawn": drawn.drawn, "rejected": drawn.rejected},
    }
    return result, played


def floors(task: Task, drawn: Pairs) -> dict[str, dict[str, float]]:
    """Success at the end of policies that know nothing, on these pairs."""
    blind = task if task.obs_keys == ("state",) else task.without_pixels()
    policies = {"random": Floor(task.action_width, 0), "stay": Floor(task.action_width, None)}
    return {name: rate(play(policy, blind, drawn.pairs, drawn.steps).end) for name, policy in policies.items()}


def outcomes(played: Played) -> dict[str, list[int]]:
    """Success of each pair, 1 or 0, at the end and at any time."""
    return {"end": played.end.astype(int).tolist(), "any": played.any.astype(int).tolist()}


def fingerprint(drawn: Pairs) -> str:
    """16 hexadecimal digits; others as soon as any start or goal, their number or the episode's length are others."""
    digest = hashlib.sha256(str(drawn.steps).encode())
    for pair in drawn.pairs:
        digest.update(pair.start.tobytes() + pair.goal.tobytes())
    return digest.hexdigest()[:16]


def time_decisions(agent: Decider, task: Task, pairs: list[Pair], observe: Observe | None = None) -> list[float]:
    """Seconds of whole decisions at B = 1, encoding included; one episode, its first decisions left out as warm-up."""
    pair, observe = pairs[0], observe or task.observation
    agent.reset(stack([observe(pair.goal)]))
    state, times = pair.start, []
    for step in range((TIMED + 3) * agent.action_repeat):
        obs, still = stack([observe(state)]), still_actions(task, [state])
        begin = time.perf_counter()
        action = agent.act(obs, still)[0]
        if step % agent.action_repeat == 0:
            times.append(time.perf_counter() - begin)
        state = _advance(task, state, action)
    return times[3:]


def milliseconds(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile [ms]."""
    return {"median": float(np.median(seconds)) * 1e3, "p95": float(np.percentile(seconds, 95)) * 1e3}


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
