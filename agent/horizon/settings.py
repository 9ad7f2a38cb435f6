"""The settings of a study: the checkpoint's planner at every horizon, what it is compared with at a
few, and the pairs of each.

A setting is data, so that it can be hashed, cached and written down. Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from latent_mpc import planners
from latent_mpc.agent.costs.cost import costs, other_cost
from latent_mpc.agent.evaluation import spread

ROLES = {  # why a setting is evaluated
    "horizon": "the checkpoint's planner",
    "cem": "CEM, as many evaluations",
    "oracle": "oracle: the same planner in the simulator",
    "replan": "planning anew less often",
    "samples": "fewer or more samples",
    "cost": "another cost",
}
COST_NAMES = {
    "cost_to_go": "learned cost-to-go",
    "latent": "raw latent distance",
    "coordinates": "distance of what counts",
    "value": "learned cost-to-go of what counts",
    "true": "true steps to go",
}
EVERY = (2, 4)  # model steps between two plans
FACTORS = (0.25, 0.5, 4.0)  # of the planner's samples
# pairs times horizon that the oracle plays by default: 2/3 s of one core each on Reacher
ORACLE_STEPS = 72
ORACLE_PAIRS = (8, 24)  # least and most pairs of the oracle by default


@dataclass(frozen=True)
class Setting:
    """One way of planning, on the first `pairs` pairs of `pairs_seed`."""

    role: str  # one of ROLES
    planner: Mapping[str, Any]  # {"name": …, "horizon": …, **fields}
    cost: Mapping[str, Any]  # {"name": …, **fields}
    pairs: int
    pairs_seed: int
    every: int = 1  # model steps between two plans [model steps]

    @property
    def horizon(self) -> int:
        """Plan length [model steps]."""
        return int(self.planner["horizon"])

    @property
    def evaluations(self) -> int:
        """Imagined rollouts in one decision."""
        return evaluations(self.planner)

    @property
    def label(self) -> str:
        """A short name that tells it from its neighbours: `H = 3, 16 samples`."""
        more = {
            "replan": f", a plan every {self.every} steps",
            "samples": f", {self.planner.get('samples')} samples",
            "cost": f", {cost_name(self.cost['name'])}",
            "cem": ", CEM",
            "oracle": ", oracle",
        }
        return f"H = {self.horizon}{more.get(self.role, '')}"


def horizon_settings(
    planner: Mapping[str, Any],
    cost: Mapping[str, Any],
    horizons: Sequence[int],
    pairs: int,
    seed: int,
) -> list[Setting]:
    """The planner at every horizon."""
    return [
        Setting("horizon", {**planner, "horizon": horizon}, cost, pairs, seed)
        for horizon in sorted(set(horizons))
    ]


def comparison_settings(
    by_horizon: Sequence[Setting],
    best: int,
    *,
    oracle: bool,
    full: bool,
    usable: Collection[str] | None = None,
) -> list[Setting]:
    """What those are compared with: CEM and the oracle at the shortest, best and longest horizon,
    the rest at the best one.

    Args:
        full: everything at every horizon, and the oracle on all pairs.
        usable: names of the costs to play, those that the checkpoint has learned enough for; all
            registered ones by default.
    """
    ends = {by_horizon[0].horizon, best, by_horizon[-1].horizon}
    some = [setting for setting in by_horizon if full or setting.horizon in ends]
    at_best = [setting for setting in by_horizon if full or setting.horizon == best]
    comparisons = [
        replace(setting, role="cem", planner=equal_cem(setting.planner))
        for setting in some
        if setting.planner["name"] != "cem"
    ]
    if oracle:
        comparisons += [
            replace(setting, role="oracle", pairs=setting.pairs if full else oracle_pairs(setting))
            for setting in some
        ]
    for setting in at_best:
        comparisons += [
            replace(setting, role="replan", every=every)
            for every in EVERY
            if every <= setting.horizon
        ]
        comparisons += [
            replace(setting, role="samples", planner=scaled(setting.planner, factor))
            for factor in FACTORS
        ]
        comparisons += [
            replace(setting, role="cost", cost=other_cost(setting.cost, name))
            for name in (costs() if usable is None else usable)
            if name != setting.cost["name"]
        ]
    return comparisons


def cost_name(name: str) -> str:
    """What a report calls a cost."""
    return COST_NAMES.get(name, name.replace("_", " "))


def oracle_pairs(setting: Setting) -> int:
    """How many pairs the oracle plays by default: the simulator takes as long as the horizon is."""
    least, most = ORACLE_PAIRS
    return min(setting.pairs, max(least, min(most, ORACLE_STEPS // setting.horizon)))


def scaled(planner: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """The planner with `factor` times its samples, and as large a share of them elites as
    before.
    """
    more = {
        key: max(least, round(planner[key] * factor))
        for key, least in (("samples", 2), ("elites", 1))
        if key in planner
    }
    return {**planner, **more}


def evaluations(planner: Mapping[str, Any]) -> int:
    """Imagined rollouts in one decision of this planner."""
    fields = {key: value for key, value in planner.items() if key not in ("name", "horizon")}
    return spread.evaluations(planners.algorithms()[planner["name"]](**fields))


def equal_cem(planner: Mapping[str, Any]) -> dict[str, Any]:
    """CEM with its default fields and as many evaluations as this planner, horizon and block as
    there.
    """
    cem = planners.CEM()
    samples = max(2, round(evaluations(planner) / cem.iterations))
    shared = {key: planner[key] for key in ("horizon", "block") if key in planner}
    return {
        "name": "cem",
        **shared,
        "samples": samples,
        "elites": min(cem.elites, samples),
        "iterations": cem.iterations,
    }
