"""What every algorithm does where nobody says otherwise: a default that moves between base classes
must stay.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from latent_mpc.planners import algorithms

COMMON: dict[str, Any] = {
    "samples": 64,
    "iterations": 6,
    "std": 0.5,
    "cold_std": 0.0,
    "std_floor": 0.0,
    "momentum": 0.0,
}
COMMON |= {
    "noise_beta": 2.0,
    "knots": 0,
    "interpolation": "linear",
    "block": 1,
    "global_share": 0.0,
    "proposal_share": 1.0,
    "execute": "best",
}
REFITTED = {"cold_std": 1.0, "std_floor": 0.05, "momentum": 0.1}
CEM = {**REFITTED, "elites": 8, "keep_elites": 0.3, "overshoot": 0.7}
OWN: dict[str, dict[str, Any]] = {
    "cem": CEM,
    "gradient": {"samples": 8, "iterations": 30, "rate": 0.1},
    "hybrid": {**CEM, "iterations": 10, "keep_elites": 0.5, "steps": 6, "rate": 0.05},
    "icem": {**CEM, "std_floor": 0.0, "decay": 1.25},
    "mppi": {
        **REFITTED,
        "execute": "mean",
        "temperature": 0.0,
        "effective": 0.05,
        "adapt_std": True,
    },
    "predictive_sampling": {"std": 0.1, "cold_std": 0.5, "wide_std": 0.5, "wide": 0.2},
    "random": {"samples": 384, "iterations": 1},
}


def test_these_are_all() -> None:
    assert algorithms().keys() == OWN.keys()


@pytest.mark.parametrize("name", OWN)
def test_the_defaults_of_an_algorithm(name: str) -> None:
    assert {field.name: field.default for field in dataclasses.fields(algorithms()[name])} == {
        **COMMON,
        **OWN[name],
    }
