"""Our planners as contenders: one class, any algorithm, a budget of evaluations per decision.

B problems, N candidates, H horizon, A action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.planners.problems import Problem, RolloutCost
from latent_mpc.planners import Budget, Planner, Warm, algorithms

OURS = ("random", "cem", "icem", "mppi", "predictive_sampling", "gradient", "hybrid")


class Contender(Protocol):
    """Something that plans for B problems at once, decision after decision."""

    @property
    def evaluations(self) -> int:
        """Of each problem in each decision."""

    def reset(self, B: int, seed: int) -> None:
        """Begin B episodes."""

    def act(self, cost: RolloutCost) -> Float[Tensor, "B A"]:
        """The first actions of the plans from the states of the cost."""


@dataclass
class Ours:
    """A planner of this package, warm: its plan moves on by one step from decision to decision.

    Args:
        algorithm: name in `planners.algorithms()`.
        fields: those that differ from the defaults.
        evaluations: per decision and problem. Beyond its default an algorithm other than `cem`
            takes more candidates in as many iterations; below, its last iterations are cut. `cem`
            is left as it is: `Budget(evaluations=…)` and nothing else.
    """

    problem: Problem
    algorithm: str
    evaluations: int
    fields: dict[str, Any] = field(default_factory=dict)
    warm: Warm | None = None

    def __post_init__(self) -> None:
        algorithm = algorithms()[self.algorithm](**self.fields)
        if self.algorithm != "cem":
            algorithm = enlarged(algorithm, self.evaluations)
        bound = torch.ones(self.problem.actions)
        self.planner = Planner(algorithm, low=-bound, high=bound, horizon=self.problem.horizon)

    def reset(self, B: int, seed: int) -> None:
        self.warm = self.planner.init(B, seed)

    def act(self, cost: RolloutCost) -> Tensor:
        assert self.warm is not None, "reset comes first"
        plan = self.planner.plan(cost, self.warm, budget=Budget(evaluations=self.evaluations))
        self.warm = plan.warm.shift(1)
        return plan.actions[:, 0]


def enlarged(algorithm: Any, evaluations: int) -> Any:
    """The algorithm with as many candidates as its own number of iterations needs for these
    evaluations; never fewer than by default.
    """
    usual = sum(islice(algorithm.counts(), algorithm.iterations))
    return replace(
        algorithm,
        samples=max(algorithm.samples, math.ceil(algorithm.samples * evaluations / usual)),
    )
