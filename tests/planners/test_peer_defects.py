"""Defects seen in other planners, each as a test that ours do not have it. The numbers are those of
the project's field notes.

Elsewhere, for every planner, in test_planner.py: 1 bounds, 2 NaN wins, 7 cost of other actions, 8
warm start without effect, 12 shared random numbers, 13 device reads (`meta`). 3 Adam that is none:
test_gradient.py. 6 noise of another std, elites not shifted, no decay: test_noise.py,
test_warm_start.py, test_icem.py. 7 `var` that is a std, 9 a temperature that multiplies,
exponentials that overflow: test_algorithms.py.
"""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Planner

every_planner = pytest.mark.parametrize("name", sorted(planners.algorithms()))
every_search = pytest.mark.parametrize("name", sorted(planners.algorithms().keys() - {"random"}))


def planner(name: str, half: tuple[float, ...] = (1.0, 1.0), **fields) -> Planner:
    return planners.make(
        name, low=-torch.tensor(half), high=torch.tensor(half), horizon=4, **fields
    )


def cost(actions):
    return (actions - 0.3).square().sum((-2, -1))


def first_candidates(p: Planner, warm) -> torch.Tensor:
    """All but the nominal."""
    seen: list[torch.Tensor] = []

    def watched(actions):
        seen.append(actions.detach().clone())
        return cost(actions)

    p.plan(watched, warm)
    return seen[0][:, 1:]


@every_search
def test_04_the_std_asked_for_is_the_std_that_is_sampled(name):
    """mbrl's MPPI computes it and overwrites it with raw noise."""
    little, much = (
        first_candidates(p, p.init(2, seed=0))[:, :4]
        for p in (planner(name, std=x, cold_std=0.0) for x in (0.05, 0.2))
    )
    torch.testing.assert_close(much, 4 * little)


@every_planner
def test_04_nothing_of_the_old_plan_survives_a_reset(name):
    """mbrl's iCEM keeps its elites."""
    p = planner(name)
    old = p.plan(cost, p.init(2, seed=0)).warm
    fresh = p.init(2, seed=9)._replace(key=old.key)
    assert torch.equal(
        first_candidates(p, old.reset(torch.tensor([True, True]))), first_candidates(p, fresh)
    )


@every_planner
def test_05_actions_of_different_ranges_are_each_sampled_in_their_own_unit(name):
    """pytorch_icem refuses a vector of standard deviations."""
    half = (1.0, 10.0, 0.1)
    plain, scaled = (
        first_candidates(p, p.init(2, seed=0))
        for p in (planner(name, (1.0, 1.0, 1.0)), planner(name, half))
    )
    torch.testing.assert_close(scaled, plain * torch.tensor(half))


@every_planner
def test_05_no_global_random_generator_is_touched(name):
    """pytorch_icem draws from numpy's."""
    p = planner(name)
    before = (random.getstate(), str(np.random.get_state()), torch.get_rng_state())
    p.plan(cost, p.init(2, seed=0))
    assert (random.getstate(), str(np.random.get_state())) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


@every_planner
def test_10_one_infeasible_candidate_ends_nothing_for_the_others(name):
    """torchrl breaks off the rollout of all when one is done."""
    p, seen = planner(name, execute="best"), []

    def broken(a):
        score = torch.where(torch.arange(a.shape[1]) == 2, torch.inf, cost(a))
        seen.append(score.detach().clone())
        return score

    plan = p.plan(broken, p.init(2, seed=0))
    assert plan.info["evaluations"][0] == p.plan(cost, p.init(2, seed=0)).info["evaluations"][0]
    assert torch.equal(plan.cost, torch.cat(seen, 1).min(1).values)


def test_11_planners_cannot_ask_the_true_environment():
    """dino_wm's planner evaluates in it at each iteration and stops on success."""
    code = (
        "import sys; from latent_mpc import planners; planners.algorithms(); assert not {'mujoco',"
        " 'latent_mpc.envs.task', 'latent_mpc.agent', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@every_planner
def test_13_nothing_is_printed(name, capfd):
    """stable-worldmodel, dino_wm, jepa-wms and eb_jepa print in the loop, a device sync each."""
    p = planner(name)
    p.plan(cost, p.init(2, seed=0))
    assert capfd.readouterr() == ("", "")


@every_planner
def test_14_the_first_plan_and_the_one_after_a_reset_start_from_the_middle_of_the_bounds(name):
    """pytorch_mppi starts from random noise: its first action is noise."""
    p = planners.make(name, low=torch.tensor([-1.0, 2.0]), high=torch.tensor([2.0, 4.0]), horizon=3)
    seen = []

    def watch(a):
        seen.append(a[:, 0].detach().clone())
        return cost(a)

    warm = p.plan(watch, p.init(1, seed=0)).warm
    first, decisions = seen[0], len(seen)
    p.plan(watch, warm.reset(torch.tensor([True])))
    for nominal in (first, seen[decisions]):
        assert torch.equal(nominal, torch.tensor([0.5, 3.0]).expand(1, 3, 2))
