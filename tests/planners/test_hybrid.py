"""Hybrid: sampling first, then gradient steps on the mean and the elites, and only then a graph."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Budget
from latent_mpc.planners.hybrid import Hybrid

BOUNDS = {"low": -torch.ones(2), "high": torch.ones(2), "horizon": 4}


def test_the_last_iterations_are_gradient_steps_of_the_mean_and_the_kept_elites():
    hybrid = Hybrid(samples=20, iterations=5, steps=3, elites=6, keep_elites=0.5)
    assert list(islice(hybrid.counts(), 7)) == [20, 20, 4, 4, 4, 4, 4]
    assert list(islice(Hybrid(samples=20, iterations=2, steps=3, elites=6).counts(), 2)) == [20, 4]


def test_descent_starts_from_the_mean_and_the_best_plans_of_the_sampling_and_needs_no_graph_before():
    p = planners.make(
        "hybrid", **BOUNDS, samples=20, iterations=4, steps=2, elites=6, keep_elites=0.5
    )
    seen, graphs = [], []

    def cost(a):
        seen.append(a.detach().clone())
        graphs.append(a.requires_grad)
        return (a - 0.2).square().sum((-2, -1))

    p.plan(cost, p.init(1, seed=0))
    assert graphs == [False, False, True, True]
    sampled = torch.cat(seen[:2], 1)[0]
    best = sampled[(sampled - 0.2).square().sum((-2, -1)).argsort()[:3]]
    assert torch.equal(seen[2][0, 1:], best)


def test_a_cold_decision_is_better_than_one_of_cem_at_fewer_evaluations():
    target = torch.rand(8, 4, 2, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8

    def cost(a):
        return (a - target[:, None]).square().sum((-2, -1))

    found = {}
    for name in ("cem", "hybrid"):
        p = planners.make(name, **BOUNDS)
        found[name] = p.plan(cost, p.init(8, seed=0))
    assert found["hybrid"].info["evaluations"][0] < found["cem"].info["evaluations"][0]
    assert found["hybrid"].cost.mean() < found["cem"].cost.mean()


def test_elites_of_the_descent_warm_start_the_next_decision():
    p = planners.make("hybrid", **BOUNDS)
    plan = p.plan(lambda a: (a - 0.3).square().sum((-2, -1)), p.init(1, seed=0))
    assert plan.warm.elites.shape[1] == p.algorithm.kept
    assert torch.equal(plan.warm.elites[:, 0], plan.actions)


def test_a_budget_longer_than_the_iterations_goes_on_with_gradient_steps():
    p = planners.make("hybrid", **BOUNDS)
    cost = lambda a: (a - 0.3).square().sum((-2, -1))  # noqa: E731
    assert (
        p.plan(cost, p.init(1, seed=0), budget=Budget(iterations=40)).cost
        < p.plan(cost, p.init(1, seed=0)).cost
    )


def test_no_gradient_steps_at_all_are_refused():
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Hybrid(steps=0)
