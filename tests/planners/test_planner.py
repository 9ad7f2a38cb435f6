"""The conformance test: what holds for every planner there is. B problems, N candidates, H horizon,
A action.
"""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from latent_mpc import planners
from latent_mpc.planners import Budget, Plan, Planner, Warm

every_planner = pytest.mark.parametrize("name", sorted(planners.algorithms()))
# `random` looks at the whole range each time and does not close in on anything: it is the floor for
# those that do
every_search = pytest.mark.parametrize("name", sorted(planners.algorithms().keys() - {"random"}))
INF = float("inf")


def planner(
    name: str, A: int = 2, H: int = 4, low: float = -1.0, high: float = 1.0, **fields
) -> Planner:
    return planners.make(
        name, low=torch.full((A,), low), high=torch.full((A,), high), horizon=H, **fields
    )


def quadratic(target: Tensor):
    """Elementwise in its operations: equal bits alone and in a batch. target: [H, A] or [B, H,
    A].
    """
    return lambda actions: (
        (actions - (target if target.ndim == 2 else target[:, None])).square().sum((-2, -1))
    )


def some_target(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8


def decide(p: Planner, cost, warm: Warm, times: int) -> Plan:
    for _ in range(times):
        plan = p.plan(cost, warm)
        warm = plan.warm
    return plan


def same(a: Plan, b: Plan) -> bool:
    return all(
        torch.equal(x, y)
        for x, y in zip((a.actions, a.cost, *a.warm), (b.actions, b.cost, *b.warm), strict=True)
    )


@every_search
@pytest.mark.parametrize(("H", "A"), [(4, 2), (1, 1), (1, 3), (5, 1)])
def test_solves_a_quadratic_within_ten_warm_decisions(name, H, A):
    target = some_target(3, H, A)
    p = planner(name, A, H)
    plan = decide(p, quadratic(target), p.init(3, seed=0), 10)
    assert (plan.actions - target).abs().max() < 0.08


@every_planner
def test_reaches_an_optimum_in_a_corner_of_asymmetric_bounds_and_never_leaves_them(name):
    low, high = torch.tensor([-0.1, 2.0]), torch.tensor([0.7, 2.5])
    p = planners.make(name, low=low, high=high, horizon=3)
    seen = []

    def cost(actions):
        seen.append(actions.clone())
        return (actions - 10).square().sum((-2, -1))

    plan = decide(p, cost, p.init(2, seed=0), 10)
    assert all(((a >= low) & (a <= high)).all() for a in seen)
    assert ((plan.warm.mean >= low) & (plan.warm.mean <= high)).all()
    assert name == "random" or (plan.actions - high).abs().max() < 0.05


@every_planner
@pytest.mark.parametrize("bad", [float("nan"), INF])
def test_nan_and_infinite_costs_never_win(name, bad):
    target = some_target(4, 2)
    p = planner(name)

    def cost(actions):
        good = quadratic(target)(actions)
        return torch.where(actions[..., 0, 0] > 0.2, torch.full_like(good, bad), good)

    plan = decide(p, cost, p.init(2, seed=0), 10)
    assert (plan.actions[:, 0, 0] <= 0.2).all()
    assert plan.cost.isfinite().all()
    assert not plan.info["fell_back"].any()
    assert all(x.isfinite().all() for x in plan.warm[:3])


@every_planner
@pytest.mark.parametrize("bad", [float("nan"), INF])
def test_falls_back_to_the_nominal_where_nothing_is_feasible_and_says_so(name, bad):
    p = planner(name)
    good = quadratic(some_target(4, 2))
    before = p.plan(good, p.init(2, seed=0)).warm
    plan = p.plan(lambda a: torch.where(torch.tensor([[True], [False]]), bad, good(a)), before)
    assert plan.info["fell_back"].tolist() == [True, False]
    assert plan.info["infeasible"].tolist() == [True, False]
    assert torch.equal(plan.actions[0], before.mean[0])
    assert plan.cost[0] == INF
    assert torch.equal(plan.warm.mean[0], before.mean[0])
    assert same(
        plan, p.plan(lambda a: torch.where(torch.tensor([[True], [False]]), bad, good(a)), before)
    )
    again = decide(p, good, plan.warm, 10)  # and recovers
    assert (again.cost < (0.5 if name == "random" else 0.02)).all()


@every_planner
def test_minus_infinity_wins_without_poisoning_the_search(name):
    p = planner(name)
    plan = decide(
        p,
        lambda a: torch.where(a[..., 0, 0] > 0.5, -INF, 1.0) + 0 * a.sum((-2, -1)),
        p.init(1, seed=0),
        3,
    )
    assert plan.actions[0, 0, 0] > 0.5
    assert plan.warm.mean.isfinite().all()


@every_planner
def test_same_seed_gives_the_same_plan_and_another_seed_another(name):
    p, cost = planner(name), quadratic(some_target(4, 2))
    a, b, c = (decide(p, cost, p.init(2, seed=s), 3) for s in (7, 7, 8))
    assert same(a, b)
    assert not torch.equal(a.actions, c.actions)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    p.plan(cost, p.init(2, seed=7))
    assert torch.equal(state, torch.get_rng_state())


@every_planner
def test_each_decision_draws_new_numbers(name):
    p = planner(name)
    seen = []

    def cost(actions):
        seen.append(actions[:, 3:].clone())
        return 0 * actions.sum((-2, -1))

    warm = p.plan(cost, p.init(2, seed=0)).warm.reset(torch.tensor([True, True]))
    p.plan(cost, warm)
    first, second = seen[0], seen[len(seen) // 2]
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@every_planner
@pytest.mark.parametrize("execute", ["best", "mean"])
def test_the_returned_cost_is_the_cost_of_the_returned_actions_and_never_above_the_nominal(
    name, execute
):
    p = planner(name, execute=execute)

    def cost(actions):  # many local minima: the mean of good plans is often a bad one
        return (9 * actions).cos().sum((-2, -1)) + quadratic(some_target(5, 4, 2))(actions)

    warm = p.init(5, seed=1)
    for _ in range(6):
        nominal = cost(warm.mean[:, None])[:, 0]
        plan = p.plan(cost, warm)
        assert torch.equal(plan.cost, cost(plan.actions[:, None])[:, 0])
        assert (plan.cost <= nominal).all()
        warm = plan.warm


@every_planner
def test_candidate_0_of_the_first_iteration_is_the_nominal(name):
    p, seen = planner(name), []
    cost = quadratic(some_target(4, 2))
    warm = p.plan(cost, p.init(2, seed=0)).warm.shift(1)

    def watch(a):
        seen.append(a.clone())
        return cost(a)

    p.plan(watch, warm)
    assert torch.equal(seen[0][:, 0], warm.mean)


@every_search
@pytest.mark.parametrize("k", [1, 2])
def test_warm_start_shifted_by_k_steps_beats_cold_at_equal_budget(name, k):
    H, course = 6, some_target(20, 2)
    p = planner(name, H=H, samples=24, iterations=2)
    cold = p.init(16, seed=0)
    warm = decide(p, quadratic(course[:H]), cold, 5).warm
    later = quadratic(course[k : k + H])
    # 0.3 to 0.65 over seeds
    assert p.plan(later, warm.shift(k)).cost.mean() < 0.8 * p.plan(later, cold).cost.mean()
    assert p.plan(later, warm.shift(k)).cost.mean() < 0.9 * p.plan(later, warm).cost.mean()


@every_planner
def test_proposals_that_hold_the_optimum_are_found(name):
    H, A = 8, 4
    target = some_target(3, H, A)
    p = planner(name, A, H, samples=8, iterations=1, execute="best")
    proposals = torch.stack([some_target(3, H, A, seed=1), target], 1)
    plan = p.plan(quadratic(target), p.init(3, seed=0), proposals=proposals)
    assert torch.equal(plan.actions, target)
    assert (plan.cost == 0).all()


@every_planner
def test_proposals_outside_the_bounds_or_not_finite_are_made_candidates_inside(name):
    p = planner(name)
    proposals = torch.full((1, 2, 4, 2), 7.0)
    proposals[:, 1] = float("nan")

    def cost(actions):
        assert (actions.abs() <= 1).all()
        return quadratic(torch.ones(4, 2))(actions)

    assert torch.equal(
        p.plan(cost, p.init(1, seed=0), proposals=proposals, budget=Budget(iterations=1)).info[
            "best"
        ],
        torch.zeros(1, 1),
    )


@every_planner
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    B=st.integers(1, 3),
    H=st.integers(1, 7),
    A=st.integers(1, 4),
    low=st.floats(-3, 0.9),
    width=st.floats(0.01, 5),
    evaluations=st.integers(2, 150),
    knots=st.integers(0, 4),
)
@example(B=1, H=1, A=1, low=-1.0, width=0.5, evaluations=2, knots=0)
def test_any_shape_bounds_and_budget_give_a_plan_inside_the_bounds(
    name, B, H, A, low, width, evaluations, knots
):
    p = planner(name, A, H, low, low + width, knots=knots)
    calls = []

    def cost(actions):
        calls.append(actions.shape[1])
        assert actions.shape == (B, actions.shape[1], H, A)
        assert ((actions >= p.low) & (actions <= p.high)).all()
        return actions.square().sum((-2, -1))

    plan = p.plan(cost, p.init(B, seed=0), budget=Budget(evaluations=evaluations))
    assert sum(calls) == evaluations
    assert (plan.info["evaluations"] == evaluations).all()
    assert (plan.actions >= p.low).all()
    assert (plan.actions <= p.high).all()


@every_planner
def test_an_iteration_budget_is_kept_and_by_default_it_is_that_of_the_algorithm(name):
    p, cost = planner(name, samples=20, iterations=3), quadratic(some_target(4, 2))
    warm = p.init(2, seed=0)
    assert (
        p.plan(cost, warm).info["evaluations"].tolist()
        == [sum(islice(p.algorithm.counts(), 3))] * 2
    )
    plan = p.plan(cost, warm, budget=Budget(iterations=5))
    assert plan.info["best"].shape == (2, 5)
    assert plan.info["evaluations"].tolist() == [sum(islice(p.algorithm.counts(), 5))] * 2
    assert (plan.info["best"].diff(dim=1) <= 0).all()


@every_planner
@pytest.mark.parametrize("seconds", [0.001, 0.055, 0.0601])
@pytest.mark.parametrize("execute", ["best", "mean"])
def test_a_deadline_is_overshot_by_one_iteration_at_most_and_the_best_so_far_is_there(
    name, seconds, execute
):
    """The clock is the test's: an iteration takes 0.01 s, all else none. The first one is always
    there, no other ends too late.
    """
    starts, scores = [], []
    fields = planners.algorithms()[name](samples=8, execute=execute)
    bound = torch.ones(2)
    p = Planner(fields, low=-bound, high=bound, horizon=4, clock=lambda: 0.01 * len(starts))

    def cost(actions):
        starts.append(0.01 * len(starts))
        scores.append((9 * actions).cos().sum((-2, -1)) + actions.square().sum((-2, -1)))
        return scores[-1]

    plan = p.plan(cost, p.init(3, seed=0), budget=Budget(seconds=seconds))
    assert len(starts) == max(1, int(seconds / 0.01 + 1e-6))
    assert len(starts) == plan.info["best"].shape[1]
    assert torch.equal(plan.info["best"][:, -1], torch.cat(scores, 1).min(1).values)
    assert (plan.cost <= scores[0][:, 0]).all()
    if execute == "best":
        assert torch.equal(plan.cost, plan.info["best"][:, -1])
    assert torch.equal(plan.cost, cost(plan.actions[:, None])[:, 0])


@every_planner
def test_runs_on_meta_so_nothing_in_the_loop_reads_a_value_back(name):
    low = torch.full((2,), -1.0, device="meta")
    p = planners.make(name, low=low, high=-low, horizon=4, knots=2, global_share=0.2)
    warm = p.init(3, seed=0).shift(1)
    plan = p.plan(
        lambda a: a.square().sum((-2, -1)), warm, proposals=torch.zeros(3, 2, 4, 2, device="meta")
    )
    assert (plan.actions.device.type, plan.warm.key.device.type) == ("meta", "cpu")
    assert plan.actions.shape == (3, 4, 2)
