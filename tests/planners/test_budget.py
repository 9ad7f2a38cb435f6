"""How a budget is divided into iterations, and what that is worth."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Budget, Planner
from latent_mpc.planners.cem import CEM
from latent_mpc.planners.gradient import Gradient
from latent_mpc.planners.hybrid import Hybrid
from latent_mpc.planners.icem import ICEM


@pytest.mark.parametrize(
    ("algorithm", "evaluations", "wanted"),
    [
        (CEM(samples=64, iterations=6), 384, [64] * 6),
        (CEM(samples=64, iterations=6), 120, [20] * 6),
        (CEM(samples=64, iterations=6), 40, [16, 24]),
        (CEM(samples=64, iterations=6), 125, [20, 20, 20, 20, 20, 25]),
        (CEM(samples=64, iterations=6), 5, [5]),
        (CEM(samples=64, iterations=6), 500, [64] * 7 + [52]),
        (CEM(samples=64, iterations=6, execute="mean"), 120, [20] * 5 + [19]),
        (CEM(samples=10, iterations=6, elites=4), 25, [10, 10, 5]),
        (ICEM(samples=64, iterations=3), 100, [41, 32, 27]),
        (Gradient(samples=8, iterations=30), 20, [8, 8, 4]),
        (Hybrid(samples=20, iterations=5, steps=3, elites=6, keep_elites=0.5), 30, [16, 14]),
    ],
)
def test_fewer_evaluations_than_usual_make_iterations_smaller_down_to_sixteen_candidates_and_more_make_them_more(
    algorithm, evaluations, wanted
):
    assert list(Budget(evaluations=evaluations).counts(algorithm)) == wanted


def test_iterations_and_evaluations_together_are_both_kept():
    cem = CEM(samples=64, iterations=6)
    assert list(Budget(evaluations=120, iterations=3).counts(cem)) == [40, 40, 40]
    assert list(Budget(evaluations=900, iterations=2).counts(cem)) == [64, 64]


def test_a_small_budget_finds_a_better_first_plan_than_the_same_spent_in_two_large_iterations_of_textbook_steps():
    """Six masses pushed to the origin within 16 steps, from rest at a distance of 2."""
    starts = 2 * torch.nn.functional.normalize(
        torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), dim=1
    )

    def cost(a):
        velocity = 0.1 * a.cumsum(2)
        position = starts[:, None, None] + 0.1 * velocity.cumsum(2)
        return (position.square() + 0.1 * velocity.square() + 0.01 * a.square()).sum((-2, -1))

    bounds = {"low": -torch.ones(6), "high": torch.ones(6), "horizon": 16}
    ours = planners.make("cem", **bounds)
    plain = Planner(CEM(samples=64, iterations=2, overshoot=0.0, cold_std=0.0), **bounds)
    warm = ours.init(20, seed=0)
    found = [p.plan(cost, warm, budget=Budget(evaluations=120)).cost for p in (ours, plain)]
    assert (found[0] < found[1]).all()
