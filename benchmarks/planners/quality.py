"""Closed-loop cost against evaluations per decision, true dynamics: every planner of ours and each
peer, on the same starts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.planners.ours import OURS, Contender, Ours
from benchmarks.planners.peers import missing, peers
from benchmarks.planners.problems import PROBLEMS, Problem, RolloutCost
from benchmarks.planners.store import Job
from benchmarks.planners.textbook import SPLITS, Textbook

BUDGETS = tuple(SPLITS)
FINER = (60, 80, 100, 150, 200)  # for our default planner, to find the least that is enough
STARTS, PLANNER_SEEDS = 32, 3  # one seed where 3000 evaluations make it dear
START_SEED = 0  # settings were looked for with 100
TEXTBOOK = "textbook CEM, warm"


def jobs(quick: bool) -> list[Job]:
    """Every planner at every budget on both problems, the cheap ones first."""
    starts, seeds = (4, 1) if quick else (STARTS, PLANNER_SEEDS)
    budgets = BUDGETS[:2] if quick else tuple(sorted(BUDGETS + FINER))
    out = []
    for evaluations in budgets:
        for problem in PROBLEMS:
            for name, make in contenders(problem, evaluations).items():
                where = ("quality", problem.name, name, str(evaluations))
                out.append(
                    Job(
                        where,
                        partial(
                            measure,
                            problem,
                            make,
                            starts,
                            1 if evaluations == max(SPLITS) else seeds,
                        ),
                    )
                )
    return out


def contenders(problem: Problem, evaluations: int) -> dict[str, Callable[[], Contender]]:
    """Whoever takes part at this budget."""
    if evaluations in FINER:
        return {"cem": partial(Ours, problem, "cem", evaluations)}
    found: dict[str, Callable[[], Contender]] = {
        name: partial(Ours, problem, name, evaluations) for name in OURS
    }
    found[TEXTBOOK] = partial(Textbook, problem, evaluations)
    if not missing():
        found |= {name: partial(_same, peer) for name, peer in peers(problem, evaluations).items()}
    return found


def measure(
    problem: Problem, make: Callable[[], Contender], starts: int, seeds: int
) -> dict[str, Any]:
    """Mean cost of an episode, its standard error over starts, each start's mean over planner
    seeds, evaluations really made.
    """
    costs, evaluations = closed_loop(problem, make(), problem.starts(starts, START_SEED), seeds)
    each = costs.mean(0)
    return {
        "mean": round(float(each.mean()), 3),
        "se": round(float(each.std() / len(each) ** 0.5), 3),
        "starts": [round(float(x), 2) for x in each],
        "evaluations": evaluations,
    }


def closed_loop(
    problem: Problem, contender: Contender, starts: Float[Tensor, "B S"], seeds: int
) -> tuple[Float[Tensor, "R B"], float]:
    """Cost of an episode from each start, several times over, and the evaluations of its decisions
    on average.
    """
    states = starts.repeat(seeds, 1)
    total, asked = torch.zeros(len(states)), 0.0
    contender.reset(len(states), seed=0)
    for _ in range(problem.steps):
        cost = RolloutCost(problem, states)
        actions = contender.act(cost)
        states = problem.step(states, actions)
        total += problem.cost(states, actions)
        asked += cost.evaluations
    return total.view(seeds, -1), asked / problem.steps


def enough(cells: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any] | None:
    """The least budget from which on no mean cost is above the reference's, with the paired
    difference there; None if there is none.
    """
    least = None
    for evaluations in sorted(cells, key=int, reverse=True):
        if cells[evaluations]["mean"] > reference["mean"]:
            break
        least = evaluations
    if least is None:
        return None
    difference = torch.tensor(cells[least]["starts"]) - torch.tensor(reference["starts"])
    return {
        "evaluations": int(least),
        "difference": float(difference.mean()),
        "se": float(difference.std() / len(difference) ** 0.5),
    }


def _same(contender: Contender) -> Contender:
    return contender
