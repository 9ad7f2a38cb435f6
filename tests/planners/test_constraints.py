"""Costs with violations, on problems whose constrained optimum is known in closed form."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from tests.planners.test_planner import decide, planner

every_planner = pytest.mark.parametrize("name", sorted(planners.algorithms()))


def nearest_within_budget(wish: torch.Tensor, budget: float) -> torch.Tensor:
    """The nearest point with sum <= budget: all of them lowered by the same, as the Lagrangian
    says.
    """
    return wish - (wish.sum() - budget).clamp(min=0) / len(wish)


@every_planner
def test_the_constrained_optimum_is_found_and_no_constraint_is_broken(name):
    """Least |x - wish|^2 with sum x <= 0.3 and x[0] >= 0.3, both binding: the rest shares what is
    left.
    """
    wish, budget, least = torch.tensor([0.5, 0.6]), 0.3, 0.3
    rest = nearest_within_budget(wish[1:], budget - least)
    optimum = torch.cat([torch.tensor([least]), rest])
    lowest = (optimum - wish).square().sum().item()
    p = planners.make(name, low=-torch.ones(1), high=torch.ones(1), horizon=2)

    def cost(a):
        x = a[..., 0]  # (B, N, H)
        violation = torch.stack([x.sum(-1) - budget, least - x[..., 0]], -1)  # (B, N, 2)
        return (x - wish).square().sum(-1), violation

    warm = p.init(4, seed=0)
    for _ in range(10):
        plan = p.plan(cost, warm)
        warm = plan.warm
    value, violation = cost(plan.actions[:, None])
    assert torch.equal(plan.cost, value[:, 0])
    assert (violation <= 0).all()
    assert not plan.info["infeasible"].any()
    assert (plan.cost >= lowest - 1e-5).all()
    assert (plan.cost < lowest + (0.2 if name == "random" else 0.1)).all()


@every_planner
def test_a_feasible_nominal_is_never_left_for_a_cheaper_violation(name):
    p = planners.make(name, low=-torch.ones(1), high=torch.ones(1), horizon=2)
    # only doing nothing is feasible
    plan = p.plan(lambda a: (-100 * a.sum((-2, -1)), a.abs().sum(-2)), p.init(3, seed=0))
    assert torch.equal(plan.actions, torch.zeros(3, 2, 1))
    assert not plan.info["infeasible"].any()


@every_planner
def test_infeasible_candidates_lose_to_feasible_ones_whatever_their_cost(name):
    """Least (x - 1)^2 + (y - 1)^2 with x + y <= 0.5: x = y = 0.25 by the Lagrangian, cost 1.125."""
    p = planner(name, A=2, H=1)

    def cost(a):
        return (a - 1).square().sum((-2, -1)), a.sum((-2, -1))[..., None] - 0.5

    plan = decide(p, cost, p.init(3, seed=0), 10)
    assert (plan.actions.sum((1, 2)) <= 0.5).all()
    assert (plan.cost < 1.125 + 0.06).all()
    assert (plan.cost >= 1.125 - 1e-5).all()
    assert not plan.info["infeasible"].any()


@every_planner
def test_a_feasible_set_outside_the_first_samples_is_found_by_least_violation(name):
    p = planner(name, A=1, H=1, std=0.1)
    plan = decide(p, lambda a: (a.sum((-2, -1)), (0.9 - a[..., 0, :])), p.init(2, seed=0), 10)
    assert (plan.actions >= 0.9).all()
    assert plan.actions.max() < 0.95
    assert not plan.info["infeasible"].any()


def test_a_plan_that_violates_says_so():
    p = planner("cem", A=1, H=1)
    plan = p.plan(lambda a: (a.sum((-2, -1)), torch.ones(1, a.shape[1], 1)), p.init(1, seed=0))
    assert plan.info["infeasible"].all()
    assert not plan.info["fell_back"].any()
