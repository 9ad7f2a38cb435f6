"""Pure search over action sequences: a planner knows a cost and bounds, no network and no MuJoCo.

An algorithm is one file of this folder: a frozen dataclass with a `name`, its fields, a `sample`
and an `update` (`algorithm.py`). The loop around them is written once (`planner.py`). Importing
this package does not import torch.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any

from latent_mpc.configs.errors import UnknownNameError
from latent_mpc.configs.plugins import registered

if TYPE_CHECKING:
    from torch import Tensor

    from latent_mpc.planners.algorithm import Algorithm, Search
    from latent_mpc.planners.budget import Budget
    from latent_mpc.planners.cem import CEM
    from latent_mpc.planners.mppi import MPPI
    from latent_mpc.planners.planner import Plan, Planner
    from latent_mpc.planners.warm_start import Warm

__all__ = [
    "CEM",
    "MPPI",
    "Algorithm",
    "Budget",
    "Plan",
    "Planner",
    "Search",
    "Warm",
    "algorithms",
    "make",
]

_HOME = {
    "Algorithm": "algorithm",
    "Budget": "budget",
    "CEM": "cem",
    "MPPI": "mppi",
    "Plan": "planner",
    "Planner": "planner",
    "Search": "algorithm",
    "Warm": "warm_start",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; there are: {', '.join(__all__)}"
        )
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def algorithms() -> dict[str, type[Algorithm]]:
    """Every algorithm by its name: those of this folder, and those of installed packages (entry
    points `latent_mpc.planners`).
    """
    from latent_mpc.planners.algorithm import Algorithm

    return registered(__name__, Algorithm, "latent_mpc.planners")


def make(name: str, *, low: Tensor, high: Tensor, horizon: int, **fields: Any) -> Planner:
    """The planner called `name` for actions in [low, high].

    Args:
        name: one of `algorithms()`.
        low, high: bounds of one action, `[A]`; their device and dtype are the planner's.
        horizon: plan length [model steps].
        fields: fields of the algorithm's dataclass that differ from their defaults.

    Raises:
        KeyError: unknown name or field; the valid ones are listed.
        ValueError: a field, the bounds or the horizon is out of range.
    """
    from latent_mpc.planners.planner import Planner

    known = algorithms()
    if name not in known:
        raise UnknownNameError(f"no planner {name!r}; there are: {', '.join(sorted(known))}")
    valid = [f.name for f in dataclasses.fields(known[name])]
    for field in fields:
        if field not in valid:
            raise UnknownNameError(
                f"planner {name!r} has no field {field!r}; there are: {', '.join(valid)}"
            )
    return Planner(known[name](**fields), low=low, high=high, horizon=horizon)
