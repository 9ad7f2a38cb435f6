"""Costs with violations, on problems whose constrained optimum is known in closed form."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners

every_planner = pytest.mark.parametrize("name", sorted(planners.algorithms()))


def nearest_within_budget(wish: torch.Tensor, budget: float) -> torch.Tensor:
    """The nearest point with sum <= budget: all of them lowered by the same, as the Lagrangian says."""
    return wish - (wish.sum() - budget).clamp(min=0) / len(wish)


@every_planner
def test_the_constrained_optimum_is_found_and_no_constraint_is_broken(name):
    """Least |x - wish|^2 with sum x <= 0.3 and x[0] >= 0.3, both binding: the rest shares what is left."""
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
    plan = p.plan(lambda a: (-100 * a.sum((-2, -1)), a.abs().sum(-2)), p.init(3, seed=0))  # only doing nothing is feasible
    assert torch.equal(plan.actions, torch.zeros(3, 2, 1))
    assert not plan.info["infeasible"].any()
