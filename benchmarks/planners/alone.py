"""A problem's plan alone, in a batch of 100 and in a batch in another order: how many are equal, to
the bit and to 1e-4 in actions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.planners import shipped
from benchmarks.planners.ours import Ours
from benchmarks.planners.problems import DoubleIntegrator, RolloutCost
from benchmarks.planners.store import Job
from latent_mpc.planners import Planner

COUNT, CLOSE = 100, 1e-4


def jobs(quick: bool) -> list[Job]:
    count = 10 if quick else COUNT
    return [
        Job(("alone", name), partial(measure, name, count)) for name in ("elementwise", "network")
    ]


def measure(name: str, count: int) -> dict[str, Any]:
    """Of `count` problems, how many have the same plan alone, and in another order, as in the
    batch.
    """
    planner, costs = (
        elementwise(count)
        if name == "elementwise"
        else (shipped.planner("cem", 3), partial(shipped.costs, count))
    )
    warm = planner.init(count, 0)
    everyone = list(range(count))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()

    def plan(index: list[int]) -> torch.Tensor:
        return planner.plan(costs(index), warm.select(torch.tensor(index))).actions

    batch = plan(everyone)
    single = torch.cat([plan([i]) for i in everyone])
    moved = torch.empty_like(batch)
    moved[order] = plan(order)
    found: dict[str, Any] = {"problems": count}
    for label, other in (("alone", single), ("permuted", moved)):
        difference = (other - batch).abs().flatten(1).amax(1)
        found[label] = {
            "equal": int((difference == 0).sum()),
            "close": int((difference <= CLOSE).sum()),
            "largest": float(difference.max()),
        }
    return found


def elementwise(count: int) -> tuple[Planner, Callable[[list[int]], RolloutCost]]:
    """The default planner on the double integrator, whose cost has no matrix product."""
    problem = DoubleIntegrator()
    states = problem.starts(count, 0)
    return Ours(problem, "cem", 384).planner, lambda index: RolloutCost(problem, states[index])
