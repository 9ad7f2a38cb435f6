"""The whole study, section by section: horizon.json without its pictures. Each section is cached,
so that a killed study goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from latent_mpc.agent.costs.cost import usable_costs
from latent_mpc.agent.devices import machine
from latent_mpc.agent.evaluation.cache import code_of
from latent_mpc.agent.evaluation.evaluate import floors
from latent_mpc.agent.evaluation.random_episodes import random_episodes
from latent_mpc.agent.evaluation.results import versions
from latent_mpc.agent.evaluation.statistics import THIRDS, third_of
from latent_mpc.agent.horizon import advice
from latent_mpc.agent.horizon.cost_quality import landscape, measure_guidance
from latent_mpc.agent.horizon.model_quality import Latents, encode, measure_imagination
from latent_mpc.agent.horizon.report.videos import open_film_camera
from latent_mpc.agent.horizon.settings import Setting, comparison_settings, horizon_settings, scaled
from latent_mpc.agent.horizon.success import steps_between, summarise
from latent_mpc.agent.horizon.sweep import CODE, Sweep
from latent_mpc.agent.horizon.timing import time_settings

TIMED_FACTORS = (0.25, 1.0, 4.0)  # of the planner's samples, for the figure of times
MODEL_CODE = (*CODE, "agent/training", "agent/horizon")
Result = dict[str, Any]


def settings_by_horizon(sweep: Sweep) -> list[Setting]:
    """The checkpoint's planner at the asked horizons, on the pairs of the choice."""
    config = sweep.config
    return horizon_settings(
        vars(config.planner), vars(config.cost), config.horizons, config.episodes, config.pairs.seed
    )


def require_playable(sweep: Sweep) -> None:
    """Raise now what would be raised after hours: pairs of either seed, planner and cost of any
    setting, the oracle, the camera.
    """
    config, by_horizon = sweep.config, settings_by_horizon(sweep)
    whole = config.only != "sweep"
    for seed in (config.pairs.seed, config.report_seed) if whole else (config.pairs.seed,):
        sweep.pairs(seed, config.episodes)
    for setting in [
        *by_horizon,
        *(_comparisons(sweep, by_horizon, by_horizon[-1].horizon) if whole else ()),
    ]:
        if setting.role != "oracle":
            sweep.agent(setting)
        else:
            sweep.oracle(setting, threads=1)
    if whole and config.videos:
        open_film_camera(sweep)


def study(sweep: Sweep) -> Result:
    """Play, measure, time, advise."""
    config, by_horizon = sweep.config, settings_by_horizon(sweep)
    steps = steps_between(sweep.task, sweep.pairs(config.pairs.seed, config.episodes), sweep.repeat)
    guess = min(
        by_horizon, key=lambda setting: abs(setting.horizon - config.planner.horizon)
    ).horizon
    results = [
        summarise(result, steps)
        for result in sweep.play(by_horizon, then=_comparisons(sweep, by_horizon, guess))
    ]
    best = advice.best_of(results)
    others = _comparisons(sweep, by_horizon, best["horizon"])
    results += [summarise(result, steps) for result in sweep.play(others)]
    settings = dict(
        zip([result["label"] for result in results], [*by_horizon, *others], strict=True)
    )
    agents = [result for result in results if result["role"] != "oracle"]
    grid = time_settings(
        sweep,
        [
            replace(r, role="samples", planner=scaled(r.planner, f))
            for r in by_horizon
            for f in TIMED_FACTORS
        ],
    )
    times = time_settings(sweep, [settings[result["label"]] for result in agents])
    model = _model(sweep, by_horizon)
    advised, third = _advise(config.cost.name, results, times, model), third_of(steps)
    return {
        **_head(sweep),
        "floors": floors(sweep.task, sweep.pairs(config.pairs.seed, config.episodes)),
        "success": results,
        "steps_away": {
            name: float(np.median(steps[third == i]))
            for i, name in enumerate(THIRDS)
            if (third == i).any()
        },
        **model,
        "times": {"grid": grid, "settings": times},
        "advice": {**advised, "reported": _report(sweep, settings, results, advised)},
    }


def _comparisons(sweep: Sweep, by_horizon: Sequence[Setting], best: int) -> list[Setting]:
    return comparison_settings(
        by_horizon,
        best,
        oracle=sweep.config.oracle,
        full=sweep.config.full,
        usable=usable_costs(sweep.parts.networks),
    )


def _head(sweep: Sweep) -> Result:
    config, parts = sweep.config, sweep.parts
    return {
        "task": sweep.task.name,
        "obs": "+".join(parts.model.shapes),
        "planner": config.planner.name,
        "cost": config.cost.name,
        "own_horizon": parts.config["planner"]["horizon"],
        "step_seconds": sweep.seconds,
        "episode_steps": sweep.task.episode_steps,
        "pairs": {
            "kind": config.pairs.kind,
            "seed": config.pairs.seed,
            "report_seed": config.report_seed,
            "episodes": config.episodes,
        },
        "seeds": {"planner": config.seed, "data": config.data_seed},
        "full": config.full,
        "checkpoint": {
            "path": config.checkpoint,
            "weights": sweep.weights,
            "data": parts.config["data"]["fingerprint"],
            "seed": parts.config["seed"],
        },
        "versions": versions(),
        "machine": machine(sweep.device),
    }


def _model(sweep: Sweep, by_horizon: Sequence[Setting]) -> Result:
    """Sections on the model and on the cost, on fresh random episodes."""
    config, task, parts = sweep.config, sweep.task, sweep.parts
    most = min(by_horizon[-1].horizon, task.episode_steps // sweep.repeat - 1)

    @cache
    def encoded() -> Latents:  # once, and only where something is not in the sweep's cache
        folder = config.folder() / f"episodes-{config.data_seed}"
        rollouts = random_episodes(parts, task, config.data_episodes, config.data_seed, folder)
        return encode(parts, rollouts, sweep.repeat)

    goal = sweep.pairs(config.pairs.seed, config.episodes).pairs[0].goal
    sections: dict[str, Callable[[], Result | None]] = {
        "imagination": lambda: measure_imagination(parts, task, encoded(), most, config.seed),
        "guidance": lambda: measure_guidance(
            parts, task, encoded(), sweep.repeat, config.data_seed
        ),
        "landscape": lambda: landscape(parts, task, goal, sweep.repeat, config.data_seed),
    }
    cache_key = {
        "weights": sweep.weights,
        "episodes": config.data_episodes,
        "seed": [config.data_seed, config.seed],
        "steps": most,
        "costs": sorted(usable_costs(parts.networks)),
        "goal": goal.tolist(),
        "task": task.name,
        "versions": versions(),
        "code": code_of(MODEL_CODE),
    }
    result: Result = {}
    for name, measure in sections.items():
        section = sweep.cache.read({"section": name, **cache_key})
        if section is None:
            sweep.progress.rename(f"measuring {name}")
            section = {"of": measure()}
            sweep.cache.write({"section": name, **cache_key}, section)
        result[name] = section["of"]
    return result


def _advise(
    cost: str, results: Sequence[Result], times: Sequence[Result], model: Mapping[str, Any]
) -> Result:
    """Horizons and settings to use, and what limits success; all chosen on `pairs.seed`."""
    by_horizon = [result for result in results if result["role"] == "horizon"]
    agents = [result for result in results if result["role"] != "oracle"]
    ms = {row["label"]: row["ms_per_step"] for row in times}
    best, smallest, fastest = (
        advice.best_of(by_horizon),
        advice.smallest_within(by_horizon),
        advice.fastest_close(agents, ms),
    )
    there = [result for result in results if result["horizon"] == best["horizon"]]
    oracles = {result["horizon"]: result for result in results if result["role"] == "oracle"}
    oracle, far = oracles.get(best["horizon"]), oracles.get(by_horizon[-1]["horizon"])
    more = max(
        (result for result in there if result["role"] == "samples"),
        key=lambda result: result["evaluations"],
        default=None,
    )
    return {
        "best": best["label"],
        "smallest": smallest["label"],
        "fastest": fastest["label"],
        "horizon": smallest["horizon"],
        "pareto": advice.pareto(agents, ms),
        "beyond": advice.longer_horizon_effect(
            best, by_horizon[-1], far, model["imagination"]["position"]
        ),
        "limit": advice.diagnose_bottleneck(
            best, oracle, more, model["imagination"], model["guidance"], cost
        ),
    }


def _report(
    sweep: Sweep, settings: Mapping[str, Setting], results: Sequence[Result], advised: Result
) -> Result:
    """The chosen settings, or with `full` all of them, on pairs that took no part in the choice."""
    seed, count = sweep.config.report_seed, sweep.config.episodes
    own = f"H = {sweep.parts.config['planner']['horizon']}"
    chosen = (
        list(settings)
        if sweep.config.full
        else [advised["smallest"], advised["best"], advised["fastest"]]
    )
    labels = list(dict.fromkeys(label for label in (*chosen, own) if label in settings))
    pairs = sweep.pairs(seed, count)
    steps = steps_between(sweep.task, pairs, sweep.repeat)
    reported = sweep.play([replace(settings[label], pairs_seed=seed) for label in labels])
    return {
        "settings": [summarise(result, steps) for result in reported],
        "floors": floors(sweep.task, pairs),
    }
