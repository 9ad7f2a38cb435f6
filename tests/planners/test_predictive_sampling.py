"""Predictive sampling: two scales of noise, and the best plan so far is always the next nominal."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Search
from latent_mpc.planners.predictive_sampling import PredictiveSampling


def test_four_candidates_in_five_lie_near_the_nominal_and_one_lies_far():
    ps = PredictiveSampling(samples=10, std=0.1, wide_std=0.5, wide=0.2)
    half, none = torch.tensor([1.0, 4.0]), torch.zeros(1, 0, 3, 2)
    search = Search(
        torch.full((1, 3, 2), 7.0),
        (0.1 * half).expand(1, 3, 2),
        none,
        none[:, :, 0, 0],
        half,
        torch.zeros(2),
    )
    offsets = ps.sample(search, torch.ones(1, 10, 3, 2)) - 7
    torch.testing.assert_close(offsets[0, :8], torch.tensor([0.1, 0.4]).expand(8, 3, 2))
    torch.testing.assert_close(offsets[0, 8:], torch.tensor([0.5, 2.0]).expand(2, 3, 2))


def test_the_nominal_of_each_iteration_is_the_best_plan_seen_before_it():
    p = planners.make(
        "predictive_sampling", low=-torch.ones(2), high=torch.ones(2), horizon=3, iterations=5
    )
    seen, cost = [], lambda a: (9 * a).cos().sum((-2, -1)) + a.sum((-2, -1))

    def watch(a):
        seen.append(a.clone())
        return cost(a)

    plan = p.plan(watch, p.init(1, seed=0))
    for i in range(1, 5):
        before = torch.cat(seen[:i], 1)
        assert torch.equal(seen[i][0, 0], before[0, cost(before)[0].argmin()])
    assert torch.equal(plan.warm.mean, plan.actions)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"wide_std": 0.05}, "wide_std must be at least 0.1, got 0.05"),
        ({"wide": 1.5}, r"wide must be within \[0, 1\], got 1.5"),
    ],
)
def test_scales_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        PredictiveSampling(**fields)
