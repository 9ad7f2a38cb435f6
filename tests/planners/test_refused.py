"""What a planner cannot work with is answered with the shape that would do."""

from __future__ import annotations

import pytest
import torch

from latent_mpc.planners import Budget
from tests.planners.test_planner import planner, quadratic


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3), r"cost must return \[B, N\] = \(2, 64\), got \(2, 3\)"),
        ((2, 64, 1), r"got \(2, 64, 1\)"),
    ],
)
def test_a_cost_of_another_shape_is_refused(shape, message):
    p = planner("cem")
    with pytest.raises(ValueError, match=message):
        p.plan(lambda a: torch.zeros(shape), p.init(2, seed=0))


def test_a_violation_of_another_shape_is_refused():
    p = planner("cem")
    with pytest.raises(
        ValueError, match=r"violation must be \[B, N, C\] = \(2, 64, C\), got \(2, 64\)"
    ):
        p.plan(lambda a: (torch.zeros(2, 64), torch.zeros(2, 64)), p.init(2, seed=0))


def test_proposals_and_warm_starts_that_do_not_fit_are_refused():
    p, cost = planner("cem"), quadratic(torch.zeros(4, 2))
    with pytest.raises(
        ValueError,
        match=r"proposals must be \[B, P, H, A\] = \(2, at most 63, 4, 2\), got \(2, 3, 5, 2\)",
    ):
        p.plan(cost, p.init(2, seed=0), proposals=torch.zeros(2, 3, 5, 2))
    with pytest.raises(ValueError, match=r"at most 63, 4, 2\), got \(2, 64, 4, 2\)"):
        p.plan(cost, p.init(2, seed=0), proposals=torch.zeros(2, 64, 4, 2))
    with pytest.raises(
        ValueError, match=r"warm must hold plans of \[H, A\] = \(4, 2\), got \(5, 2\)"
    ):
        p.plan(cost, planner("cem", H=5).init(2, seed=0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"evaluations": 1}, "evaluations must be at least 2, got 1"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"seconds": 0.0}, "seconds must be above 0, got 0.0"),
    ],
)
def test_a_budget_of_nothing_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Budget(**fields)
