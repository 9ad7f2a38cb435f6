"""A plan does not depend on its company: the same alone, in a batch, and in another place of it."""

from __future__ import annotations

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from latent_mpc.planners import Plan, Planner, Warm
from tests.planners.test_planner import every_planner, planner, quadratic, some_target


def decisions(p: Planner, warm: Warm, target: Tensor) -> Plan:
    """Three warm decisions on a moving quadratic."""
    for t in range(3):
        plan = p.plan(quadratic(target.roll(-t, 1)), warm)
        warm = plan.warm.shift(1)
    return plan


@every_planner
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    H=st.integers(1, 9),
    A=st.integers(1, 5),
    N=st.integers(8, 80),
    beta=st.sampled_from([0.0, 2.0]),
    knots=st.sampled_from([0, 3]),
    share=st.sampled_from([0.0, 0.3]),
    execute=st.sampled_from(["best", "mean"]),
)
@example(H=1, A=1, N=8, beta=2.0, knots=1, share=0.0, execute="best")
def test_a_plan_has_the_same_bits_alone_in_a_batch_and_permuted(
    name, H, A, N, beta, knots, share, execute
):
    B = 12
    target = some_target(B, H, A)
    p = planner(
        name, A, H, samples=N, noise_beta=beta, knots=knots, global_share=share, execute=execute
    )
    warm = p.init(B, seed=3)
    batch = decisions(p, warm, target)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(0))
    permuted = decisions(p, warm.select(order), target[order])
    assert torch.equal(permuted.actions, batch.actions[order])
    for i in (0, 5, B - 1):
        alone = decisions(p, warm.select(torch.tensor([i])), target[i : i + 1])
        assert torch.equal(alone.actions[0], batch.actions[i])
        assert torch.equal(alone.warm.mean[0], batch.warm.mean[i])
        assert torch.equal(alone.warm.key[0], batch.warm.key[i])


@every_planner
def test_a_problem_among_a_hundred_is_the_same_as_alone_and_as_among_ten_and_as_in_another_place(
    name,
):
    p, cost = planner(name), quadratic(some_target(4, 2))
    warm = p.init(100, seed=4)
    hundred = p.plan(cost, warm).actions
    assert torch.equal(p.plan(cost, p.init(10, seed=4)).actions, hundred[:10])
    assert torch.equal(p.plan(cost, warm.select(torch.tensor([73]))).actions[0], hundred[73])
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(p.plan(cost, warm.select(order)).actions, hundred[order])
