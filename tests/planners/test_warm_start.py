"""Warm is a value: shifted, reset, selected and put back, problem by problem."""

from __future__ import annotations

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Warm


def planner(**fields):
    return planners.make("cem", low=-torch.ones(1), high=torch.ones(1), horizon=4, **fields)


def warm(B: int = 2) -> Warm:
    """A plan 1, 2, 3, 4 (plus ten times the problem) of which all is known."""
    steps = torch.arange(1.0, 5.0)[None, :, None] + 10 * torch.arange(B)[:, None, None]
    return Warm(
        steps,
        steps / 100,
        steps[:, None].expand(-1, 3, -1, -1),
        torch.full((B,), 4),
        torch.arange(B),
    )


def test_shift_moves_each_problem_by_its_own_steps_and_repeats_the_last_action():
    moved = warm().shift(torch.tensor([1, 3]))
    assert moved.mean[:, :, 0].tolist() == [[2, 3, 4, 4], [14, 14, 14, 14]]
    assert moved.elites[:, 2, :, 0].tolist() == [[2, 3, 4, 4], [14, 14, 14, 14]]
    assert moved.known.tolist() == [3, 1]
    assert moved.key.tolist() == [0, 1]
    assert warm().shift(9).known.tolist() == [0, 0]
    assert warm().shift(2).mean[0, :, 0].tolist() == [3, 4, 4, 4]


def test_a_shift_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="steps must be at least 0, got -1"):
        warm().shift(-1)
    with pytest.raises(ValueError, match=r"tensor of 2 problems, got shape \(3,\)"):
        warm().shift(torch.tensor([1, 2, 3]))


def test_select_and_put_take_out_and_bring_back_some_problems():
    some = warm(3).select(torch.tensor([2, 0]))
    assert some.mean[:, 0, 0].tolist() == [21, 1]
    assert some.key.tolist() == [2, 0]
    back = warm(3).put(torch.tensor([0, 1]), some)
    assert back.mean[:, 0, 0].tolist() == [21, 1, 21]
    assert back.key.tolist() == [2, 0, 2]
    mask = torch.tensor([False, True, False])
    assert warm(3).select(mask).mean[:, 0, 0].tolist() == [11]
    assert warm(3).put(mask, warm(1)).mean[:, 0, 0].tolist() == [1, 1, 21]


def test_after_reset_nothing_of_the_old_plan_is_left():
    """Kept elites across a reset are a defect of mbrl's iCEM."""
    p, seen = planner(), []
    cost = lambda a: (a - 0.9).square().sum((-2, -1))  # noqa: E731
    old = p.init(2, seed=0)
    for _ in range(5):
        old = p.plan(cost, old).warm

    def watch(a):
        seen.append(a.clone())
        return cost(a)

    p.plan(watch, old.reset(torch.tensor([True, False])))
    fresh = p.init(2, seed=5)._replace(key=old.key)
    p.plan(watch, fresh)
    cleared, new = seen[0], seen[p.algorithm.iterations]
    assert torch.equal(cleared[0], new[0])
    assert not torch.equal(cleared[1], new[1])


def test_elites_come_back_behind_the_nominal_shifted_and_with_a_freshly_sampled_tail():
    p, seen = planner(), []
    old = p.plan(lambda a: (a - 0.4).square().sum((-2, -1)), p.init(1, seed=0)).warm
    shifted = old.shift(1)

    def watch(a):
        seen.append(a.clone())
        return a.sum((-2, -1))

    p.plan(watch, shifted)
    K = p.algorithm.kept
    assert K == 3  # 0.3 of 8, rounded up
    returned = seen[0][0, 1 : K + 1]
    assert torch.equal(returned[:, :3], old.elites[0, :, 1:])
    assert not (returned[:, 3:] == shifted.elites[0, :, 3:]).any()


def test_a_shifted_plan_may_be_replanned_for_some_problems_without_touching_the_others():
    p, cost = planner(), lambda a: (a - 0.4).square().sum((-2, -1))
    all_of_them = p.init(3, seed=0)
    index = torch.tensor([1])
    after = all_of_them.put(index, p.plan(cost, all_of_them.select(index)).warm)
    whole = p.plan(cost, all_of_them)
    assert torch.equal(after.mean[1], whole.warm.mean[1])
    assert torch.equal(after.mean[0], all_of_them.mean[0])
    assert torch.equal(p.plan(cost, after.select(torch.tensor([0]))).actions[0], whole.actions[0])
