"""Options that every planner has, on every planner; what a field does to one algorithm's arithmetic
is in test_algorithms.py.
"""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Planner
from latent_mpc.planners.predictive_sampling import PredictiveSampling

every_planner = pytest.mark.parametrize("name", sorted(planners.algorithms()))
every_search = pytest.mark.parametrize("name", sorted(planners.algorithms().keys() - {"random"}))


def planner(name: str, A: int = 2, H: int = 6, **fields) -> Planner:
    return planners.make(name, low=-torch.ones(A), high=torch.ones(A), horizon=H, **fields)


def candidates(p: Planner, warm, **said) -> list[torch.Tensor]:
    """Of each iteration, the nominal left out."""
    seen: list[torch.Tensor] = []

    def cost(a):
        seen.append(a.detach()[:, 1:].clone())
        return a.square().sum((-2, -1))

    p.plan(cost, warm, **said)
    return seen


@every_planner
def test_with_one_knot_a_candidate_is_one_action_all_the_time_and_with_two_held_ones_it_changes_once(
    name,
):
    p = planner(name, knots=1)
    first = candidates(p, p.init(3, seed=0))[0]
    assert (first == first[:, :, :1]).all()
    assert first.std() > 0.05
    p = planner(name, knots=2, interpolation="zero")
    change = candidates(p, p.init(3, seed=0))[0].diff(dim=2) != 0
    assert not change[:, :, [0, 1, 3, 4]].any()
    assert change[:, :, 2].float().mean() > 0.4  # all but what the bounds cut off to the same


@every_search
def test_a_global_share_finds_a_deep_valley_that_the_search_alone_does_not(name):
    """A narrow search in a shallow bowl around 0; the deep one lies at 0.8, in one of two actions
    and one step.
    """

    def cost(a):
        return (a.square() - 4 * torch.exp(-30 * (a - 0.8).square())).sum((-2, -1))

    found = {}
    for share in (0.0, 0.25):
        fields = {"wide": 0.0} if name == "predictive_sampling" else {}
        p = planner(
            name, A=1, H=1, samples=32, std=0.05, cold_std=0.0, global_share=share, **fields
        )
        found[share] = p.plan(cost, p.init(16, seed=0)).cost
    assert (found[0.0] > -1).all()
    assert (found[0.25] < -2).float().mean() > 0.8


@every_planner
def test_the_global_share_is_the_last_candidates_of_every_iteration_and_spans_the_bounds(name):
    p = planner(name, samples=40, iterations=3, std=0.05, cold_std=0.0, global_share=0.25)
    for number, seen in enumerate(candidates(p, p.init(20, seed=0))):
        N = 1 + seen.shape[1]
        if N == 1 or (number and name in ("gradient", "hybrid")):
            continue  # the mean alone; a descent, which goes on from where it is
        wide = seen[:, -round(N / 4) :]
        assert 0.5 < wide.std() < 0.65  # 1 / sqrt(3)
        assert wide.abs().max() > 0.95
        assert (
            name in ("random", "predictive_sampling")
            or number
            or seen[:, : -round(N / 4)].std() < 0.1
        )


@every_planner
def test_proposals_take_their_share_at_most_the_first_ones_first(name):
    p, warm = (
        planner(name, samples=8, proposal_share=0.25),
        planner(name, samples=8).init(2, seed=0),
    )
    proposals = torch.linspace(0.1, 0.9, 20)[None, :, None, None].expand(2, 20, 6, 2)
    first = candidates(p, warm, proposals=proposals)[0]
    assert torch.equal(first[:, :2], proposals[:, :2])
    assert not (first[:, 2:, 0, 0, None] == proposals[:, None, :, 0, 0]).any()
    least = planner(name, samples=8, proposal_share=0.0)
    assert torch.equal(candidates(least, warm, proposals=proposals)[0][:, :1], proposals[:, :1])


@every_search
def test_the_first_plan_is_looked_for_with_a_std_of_its_own(name):
    p = planner(name, std=0.05, cold_std=0.15)
    usual = planner(name, std=0.05, cold_std=0.0)
    cold = p.init(8, seed=0)
    torch.testing.assert_close(candidates(p, cold)[0][:, :5], 3 * candidates(usual, cold)[0][:, :5])
    warm = cold._replace(known=cold.known + 1)
    assert torch.equal(candidates(p, warm)[0], candidates(usual, warm)[0])


@every_search
def test_the_std_is_never_below_its_floor(name):
    p = planner(
        name,
        std=0.1,
        cold_std=0.0,
        std_floor=0.3,
        **({"wide_std": 0.3} if name == "predictive_sampling" else {}),
    )
    plan = p.plan(lambda a: (a - 0.2).square().sum((-2, -1)), p.init(4, seed=0))
    assert (plan.info["std"] > 0.3 - 1e-6).all()
    assert candidates(p, p.init(4, seed=0))[0].std() > 0.25


def test_momentum_leaves_a_share_of_the_old_plan_in_predictive_sampling():
    p = Planner(
        PredictiveSampling(momentum=0.25, iterations=1),
        low=-torch.ones(1),
        high=torch.ones(1),
        horizon=2,
    )
    plan = p.plan(lambda a: -a.sum((-2, -1)), p.init(3, seed=0))
    torch.testing.assert_close(plan.warm.mean, 0.75 * plan.actions)  # the nominal is 0


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("cem", {"knots": -1}, "knots must be at least 0, got -1"),
        (
            "cem",
            {"interpolation": "spline"},
            "interpolation must be one of zero, linear, cubic; got 'spline'",
        ),
        ("cem", {"global_share": 1.5}, r"global_share must be within \[0, 1\], got 1.5"),
        ("cem", {"proposal_share": -0.5}, r"proposal_share must be within \[0, 1\], got -0.5"),
        ("cem", {"cold_std": -0.5}, "cold_std must be at least 0, got -0.5"),
        ("cem", {"overshoot": -0.5}, "overshoot must be at least 0, got -0.5"),
        (
            "gradient",
            {"momentum": 0.1},
            "momentum must be 0 for gradient, as Adam has its own, got 0.1",
        ),
    ],
)
def test_what_is_out_of_range_is_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        planner(name, **fields)
