"""What iCEM adds to CEM: candidates that get fewer, and the mean among the last of them."""

from __future__ import annotations

from itertools import islice
from typing import ClassVar

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Planner
from latent_mpc.planners.icem import ICEM


def test_candidates_decay_by_a_quarter_down_to_twice_the_elites():
    assert list(islice(ICEM(samples=100, elites=10).counts(), 10)) == [
        100,
        80,
        64,
        51,
        40,
        32,
        25,
        20,
        20,
        20,
    ]
    assert list(islice(ICEM(samples=8, elites=8).counts(), 3)) == [8, 8, 8]
    assert list(islice(ICEM(samples=40, decay=1.0).counts(), 3)) == [40, 40, 40]


def test_a_decision_evaluates_what_the_decay_says_and_less_than_cem():
    bounds = {"low": -torch.ones(1), "high": torch.ones(1), "horizon": 3}
    counts, evaluations = [], {}
    for name in ("icem", "cem"):
        p = planners.make(name, **bounds, samples=40, iterations=3)
        plan = p.plan(
            lambda a: counts.append(a.shape[1]) or a.square().sum((-2, -1)), p.init(1, seed=0)
        )
        evaluations[name] = plan.info["evaluations"].item()
    assert counts == [40, 32, 25, 40, 40, 40]
    assert evaluations == {"icem": 97, "cem": 120}


class Watched(ICEM):
    """Remembers the mean of each update."""

    means: ClassVar[list[torch.Tensor]] = []

    def update(self, search, candidates, score):
        new, told = super().update(search, candidates, score)
        self.means.append(new.mean)
        return new, told


def test_the_mean_is_evaluated_last():
    p, seen = Planner(Watched(iterations=4), low=-torch.ones(2), high=torch.ones(2), horizon=3), []
    Watched.means.clear()
    p.plan(lambda a: seen.append(a.clone()) or (a - 0.3).square().sum((-2, -1)), p.init(2, seed=0))
    assert torch.equal(seen[-1][:, 0], Watched.means[-2])
    assert (Watched.means[-2] != Watched.means[-1]).any()


def test_a_growing_number_of_candidates_is_refused():
    with pytest.raises(ValueError, match="decay must be at least 1, got 0.9"):
        ICEM(decay=0.9)
