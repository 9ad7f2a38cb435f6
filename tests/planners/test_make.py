"""Making a planner by name, and every way in which that is refused."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from latent_mpc import planners
from latent_mpc.planners import Algorithm, Planner

BOUNDS: dict[str, Any] = {"low": -torch.ones(2), "high": torch.ones(2), "horizon": 4}


def test_an_unknown_planner_is_answered_with_the_names():
    with pytest.raises(KeyError, match=r"no planner 'cmaes'; there are: cem, .*mppi"):
        planners.make("cmaes", **BOUNDS)


def test_an_unknown_field_is_answered_with_the_fields():
    with pytest.raises(
        KeyError,
        match=(
            r"planner 'cem' has no field 'num_sample'; there are: samples, iterations, std,"
            r" .*std_floor"
        ),
    ):
        planners.make("cem", **BOUNDS, num_sample=3)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("cem", {"samples": 1}, "samples must be at least 2, got 1"),
        ("cem", {"iterations": 0}, "iterations must be at least 1, got 0"),
        ("cem", {"std": 0.0}, "std must be above 0, got 0.0"),
        ("cem", {"noise_beta": -1.0}, "noise_beta must be at least 0, got -1.0"),
        ("cem", {"execute": "first"}, "execute must be one of best, mean; got 'first'"),
        ("cem", {"elites": 65}, r"elites must be within \[1, 64\], got 65"),
        ("cem", {"keep_elites": 1.5}, r"keep_elites must be within \[0, 1\], got 1.5"),
        ("cem", {"momentum": -0.1}, r"momentum must be within \[0, 1\], got -0.1"),
        ("cem", {"std_floor": -0.1}, "std_floor must be at least 0, got -0.1"),
        ("cem", {"std": float("nan")}, "std must be above 0, got nan"),
        ("mppi", {"temperature": -1.0}, "temperature must be at least 0, got -1.0"),
        ("mppi", {"effective": 0.0}, r"effective must be within \(0, 1\], got 0.0"),
        ("cem", {"block": 3}, "action width 2 must be a multiple of block, got block 3"),
        ("cem", {"horizon": 0}, "horizon must be at least 1 model step, got 0"),
        (
            "cem",
            {"low": torch.ones(2)},
            r"low must be below high, both finite, got low \[1.0, 1.0\]",
        ),
        ("cem", {"high": torch.tensor([1.0, float("inf")])}, "both finite"),
        ("cem", {"high": torch.ones(3)}, r"must both be \[A\], got \(2,\) and \(3,\)"),
    ],
)
def test_what_is_out_of_range_is_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        planners.make(name, **{**BOUNDS, **fields})


@pytest.mark.parametrize("name", sorted(planners.algorithms()))
def test_fields_are_frozen_and_of_types_a_config_can_hold(name):
    algorithm = planners.make(name, **BOUNDS).algorithm
    assert {type(getattr(algorithm, f.name)) for f in dataclasses.fields(algorithm)} <= {
        int,
        float,
        bool,
        str,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        algorithm.samples = 3


def test_importing_the_package_does_not_import_torch():
    code = (
        "import sys, latent_mpc.planners as p; assert 'torch' not in sys.modules; p.Planner; assert"
        " 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_public_name_is_answered_with_the_names():
    with pytest.raises(AttributeError, match=r"no attribute 'CMAES'; there are: CEM, MPPI"):
        planners.CMAES  # noqa: B018


@dataclass(frozen=True)
class Descent(Algorithm):
    """Gradient descent from several starts: the seam carries what is no distribution at all."""

    name: ClassVar[str] = "descent"
    differentiates: ClassVar[bool] = True
    rate: float = 0.3

    def sample(self, search, noise):
        return super().sample(search, noise) if search.memory is None else search.memory

    def update(self, search, candidates, score):
        (slope,) = torch.autograd.grad(score.sum(), candidates)
        moved = (candidates - self.rate * slope).detach()
        best = score.argmin(1)
        return search._replace(mean=moved[torch.arange(len(best)), best], memory=moved), {}


def test_a_new_algorithm_is_a_sample_and_an_update_and_may_take_gradients():
    target = torch.tensor([[0.3, -0.5]]).expand(4, 2)
    p = Planner(Descent(samples=4, iterations=20), **BOUNDS)
    plan = p.plan(lambda a: (a - target).square().sum((-2, -1)), p.init(2, seed=0))
    assert (plan.actions - target).abs().max() < 1e-4
    assert not plan.actions.requires_grad
    assert not plan.cost.requires_grad
