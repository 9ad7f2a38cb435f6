"""Random shooting against the order statistics of the uniform distribution."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners


def test_the_best_of_n_uniform_draws_is_as_good_as_order_statistics_say():
    """The least of |x| over 9 draws and the nominal 1 has the mean 1/10; its standard error over
    4000 problems is 0.0014.
    """
    p = planners.make("random", low=-torch.ones(1), high=torch.ones(1), horizon=1, samples=10)
    warm = p.init(4000, seed=0)
    plan = p.plan(
        lambda a: a.abs().sum((-2, -1)),
        warm._replace(mean=torch.ones_like(warm.mean), known=warm.known + 1),
    )
    assert plan.cost.mean().item() == pytest.approx(0.1, abs=0.006)


@pytest.mark.parametrize("noise_beta", [0.0, 2.0])
def test_candidates_are_uniform_over_the_whole_range_wherever_the_plan_in_force_is(noise_beta):
    low, high = torch.tensor([-3.0, 1.0]), torch.tensor([1.0, 1.5])
    p = planners.make("random", low=low, high=high, horizon=3, samples=4001, noise_beta=noise_beta)
    seen = []

    def cost(a):
        seen.append(a[:, 1:].clone())
        return a.sum((-2, -1))

    first = p.plan(cost, p.init(2, seed=0))
    p.plan(cost, first.warm._replace(key=p.init(2, seed=0).key))
    assert torch.equal(seen[0], seen[1])
    share = (seen[0] - low) / (high - low)
    for quantile in (0.1, 0.5, 0.9):
        assert ((share < quantile).float().mean(1) - quantile).abs().max() < 0.04
