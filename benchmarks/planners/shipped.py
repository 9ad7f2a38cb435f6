"""The shipped Reacher, which sees pixels: its agent with any planner, and the very cost that the
agent hands its planner.
"""

from __future__ import annotations

import statistics
from functools import cache
from typing import Any

import numpy as np

from latent_mpc.agent.agent import Agent, FlatDecision
from latent_mpc.agent.build import Parts, make_agent, make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.evaluation.evaluate import time_decisions
from latent_mpc.agent.evaluation.pairs import draw_pairs
from latent_mpc.envs.task import Task
from latent_mpc.planners import Budget, Plan, Planner, Warm

CHECKPOINT = "reacher-pixels"
PAIRS = 100  # seed of the pairs that times and bits are looked at on


@cache
def parts() -> Parts:
    return load_parts(CHECKPOINT)


@cache
def task() -> Task:
    return make_task(parts().config)


@cache
def observed(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of starts and goals."""
    pairs = draw_pairs(task(), count, PAIRS).pairs
    return tuple(
        np.stack([task().observation(getattr(p, end))["pixels"] for p in pairs])
        for end in ("start", "goal")
    )  # type: ignore[return-value]


def agent(planner: dict[str, Any] | None = None) -> Agent:
    """The agent as it ships, or with another planner and the same cost."""
    return make_agent(parts(), planner=planner)


def planner(name: str, horizon: int, **fields: Any) -> Planner:
    return agent({"name": name, "horizon": horizon, **fields}).planner


class Kept(Planner):
    """A planner that keeps the cost it was given."""

    def plan(self, cost: Any, warm: Warm, **more: Any) -> Plan:
        self.cost = cost
        return super().plan(cost, warm, **more)


def costs(count: int, index: list[int] | None = None) -> Any:
    """The cost of the first decision of `count` problems, or of some of them as if there were no
    others.
    """
    starts, goals = observed(count)
    chosen = range(count) if index is None else index
    made = agent()
    kept = Kept(
        made.planner.algorithm,
        low=made.planner.low,
        high=made.planner.high,
        horizon=made.planner.horizon,
    )
    made = made.deciding(FlatDecision(kept, made.plan_cost))
    made.reset({"pixels": goals[list(chosen)]})
    made.act({"pixels": starts[list(chosen)]})
    return kept.cost


class Budgeted(Planner):
    """A planner that spends a number of evaluations per decision, whoever asks."""

    evaluations: int

    def plan(self, cost: Any, warm: Warm, **more: Any) -> Plan:
        return super().plan(cost, warm, **{**more, "budget": Budget(evaluations=self.evaluations)})


def decision(episodes: int) -> dict[str, float]:
    """Whole decisions at B = 1, pixels to action, as the agent ships: median and 95th percentile
    [ms], and how many a second.
    """
    pairs = draw_pairs(task(), episodes, PAIRS).pairs
    made = agent()
    spent = [1e3 * t for pair in pairs for t in time_decisions(made, task(), [pair])]
    return {
        "median": statistics.median(spent),
        "p95": float(np.percentile(spent, 95)),
        "per_second": 1e3 / statistics.median(spent),
    }
