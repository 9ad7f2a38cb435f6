"""Planners with gradients: the steps are those of torch's own Adam, and costs without gradients are
refused.
"""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Planner
from latent_mpc.planners.adam import Descent, slopes
from latent_mpc.planners.cost import VIOLATED

with_gradients = pytest.mark.parametrize(
    "name", sorted(n for n, a in planners.algorithms().items() if a.differentiates)
)


def planner(name: str, A: int = 1, H: int = 1, **fields) -> Planner:
    return planners.make(
        name, low=torch.full((A,), -1.0), high=torch.full((A,), 1.0), horizon=H, **fields
    )


def bumpy(a):
    """Valleys near x = -0.63 and, less deep, x = 0.57."""
    return ((a.square() - 0.36).square() + 0.1 * a).sum((-2, -1))


def adam(start: torch.Tensor, rate: float, steps: int) -> list[torch.Tensor]:
    """The plans that torch's Adam goes through within [-1, 1]."""
    x = start.clone().requires_grad_()
    optimiser, seen = torch.optim.Adam([x], lr=rate), []
    for _ in range(steps):
        seen.append(x.detach().clone())
        optimiser.zero_grad()
        bumpy(x).sum().backward()
        optimiser.step()
        x.data.clamp_(-1, 1)
    return seen


def test_the_steps_are_those_of_torchs_adam_from_every_start():
    """jepa-wms' "adam" never calls its step. Starts are compared as a set: ours are sorted by
    cost.
    """
    p, seen = planner("gradient", samples=5, iterations=12, rate=0.07), []
    p.plan(lambda a: seen.append(a.detach().clone()) or bumpy(a), p.init(2, seed=0))
    wanted = adam(seen[0], 0.07, 12)
    for ours, theirs in zip(seen, wanted, strict=True):
        torch.testing.assert_close(ours.sort(1).values, theirs.sort(1).values, atol=1e-5, rtol=0)


def test_the_rate_is_in_half_ranges_and_no_unit_of_cost_changes_the_plan():
    plans = []
    for half, scale in ((1.0, 1.0), (5.0, 1.0), (1.0, 1e-6), (1.0, 1e6)):
        p = planners.make(
            "gradient",
            low=torch.tensor([-half]),
            high=torch.tensor([half]),
            horizon=2,
            iterations=7,
        )
        plans.append(
            p.plan(
                lambda a, half=half, scale=scale: scale * bumpy(a / half), p.init(1, seed=0)
            ).actions
            / half
        )
    for other in plans[1:]:
        torch.testing.assert_close(other, plans[0], atol=1e-4, rtol=0)


def test_several_starts_leave_the_valley_that_the_plan_in_force_lies_in():
    p = planner("gradient", samples=32, std=1.0)
    warm = p.init(20, seed=0)
    warm = warm._replace(mean=torch.full_like(warm.mean, 0.57), known=warm.known + 1)
    assert (p.plan(bumpy, warm).actions + 0.63).abs().max() < 0.05
    alone = adam(warm.mean[:, None], 0.1, 30)[-1]
    assert (alone > 0.3).all()


def test_a_start_without_finite_cost_starts_anew_and_forgets_its_momentum():
    p, seen = planner("gradient", samples=4, iterations=3), []

    def cost(a):
        seen.append(a.detach().clone())
        return torch.where(a > 0.3, torch.inf, (a - 1).square()).sum((-2, -1))

    plan = p.plan(cost, p.init(50, seed=0))
    lost = (seen[0] > 0.3).sum()
    assert lost > 20
    assert (seen[1] > 0.3).sum() < lost
    assert plan.cost.isfinite().all()
    descent = Descent.begin(torch.zeros(1, 2, 1, 1), torch.tensor([[False, True]]))
    assert descent.candidates(torch.ones(1, 2, 1, 1)).flatten().tolist() == [0.0, 1.0]


def test_slopes_are_finite_where_scores_are_not_and_point_out_of_a_violation():
    plans = torch.tensor([[[[2.0]], [[-1.0]], [[0.5]]]], requires_grad=True)
    x = plans[:, :, 0, 0]
    score = torch.where(
        torch.tensor([[True, False, False]]), VIOLATED * (1 + x / (1 + x)), (x - 1).sqrt()
    )
    assert slopes(plans, score.nan_to_num(torch.inf)).flatten().tolist() == [
        pytest.approx(1 / 9),
        0.0,
        0.0,
    ]


@with_gradients
def test_a_cost_that_says_it_is_not_differentiable_is_refused_in_one_line(name):
    def cost(a):
        raise AssertionError("never called")

    cost.differentiable = False
    p = planner(name)
    with pytest.raises(
        ValueError,
        match=(
            rf"^planner '{name}' takes gradients, and this cost has none; cem, icem and mppi need"
            r" none$"
        ),
    ):
        p.plan(cost, p.init(1, seed=0))


@with_gradients
def test_a_cost_cut_off_from_autograd_is_refused(name):
    p = planner(name)
    with pytest.raises(ValueError, match="takes gradients, and what this cost returned has none"):
        p.plan(lambda a: a.detach().sum((-2, -1)), p.init(1, seed=0))


@with_gradients
def test_inference_mode_is_refused_with_what_would_do(name):
    p = planner(name)
    with (
        torch.inference_mode(),
        pytest.raises(
            ValueError, match="which torch.inference_mode forbids; plan under torch.no_grad"
        ),
    ):
        p.plan(bumpy, p.init(1, seed=0))
    with torch.no_grad():
        assert not p.plan(bumpy, p.init(1, seed=0)).actions.requires_grad


@with_gradients
def test_nothing_a_plan_returns_holds_on_to_the_graph(name):
    p = planner(name, A=2, H=3)
    plan = p.plan(bumpy, p.init(2, seed=0))
    assert not any(
        x.requires_grad for x in (plan.actions, plan.cost, *plan.warm, *plan.info.values())
    )


@with_gradients
def test_a_rate_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match="rate must be above 0, got 0.0"):
        planner(name, rate=0.0)
