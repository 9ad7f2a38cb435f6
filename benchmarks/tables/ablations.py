"""What each part is worth: `make ablations`, or some: `make ablations VARIANTS="no-inverse
reacher-pixels"`; writes docs/ablations.md.

Every variant is trained from nothing at a quarter of the default budget, seed 0, and plays 100
validation pairs (`pairs.seed=0`, never the reported ones) with plans of one length: were it chosen
anew for each on these pairs, the choice would blur the comparison. Variants of planner and cost
alone are judged on the defaults' training. Results are kept in docs/ablations/, so that a second
call makes only what is missing: delete a file to make it anew. A killed training goes on; trainings
lie in runs/ablations/ under the settings and the code that they come out of.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmarks.running import latent_mpc, pick, read, tell, tell_left
from benchmarks.tables.ablations_page import Results, write_page
from latent_mpc.agent.cli.compose import compose_config
from latent_mpc.agent.evaluation.results import versions, write_json

RUNS = Path("runs/ablations")
RESULTS = Path(__file__).parents[2] / "docs" / "ablations"
PAGE = RESULTS.with_suffix(".md")
SHARE = 4  # the default budget is divided by it
PAIRS = 100
GUESS = {"state": 240.0, "pixels": 900.0}  # [s] of one training, until one was measured
TASKS = (("pointmaze-large", "state"), ("reacher", "pixels"), ("reacher", "state"))
LENGTH = {"state": 5, "pixels": 3}  # of plans [model steps]: what training mostly chooses there
# name: settings that differ from the defaults, as one writes them on the command line
VARIANTS: dict[str, str] = {
    "defaults": "",
    "latent-cost": "cost=latent",
    "last-step-cost": "cost.running=0",
    "no-inverse": "model.inverse=0",
    "reconstruction": "model=reconstruction",
    "one-step-loss": "training.horizon=1",
    "no-history": "model.history=1",
    "no-rests": "collect.behaviour.rest=0",
    "n-step-5": "cost_to_go.n_step=5",
    "expectile-0.1": "cost_to_go.expectile=0.1",
    "no-paths": "cost_to_go.landmarks=0",
    "latent-16": "model.latent=16",
    "identity": "model=identity",
    "octaves": "model.octaves=3",
    "sigreg-16": "model.sigreg_width=16",
    "dropout": "model.dropout=0.1",
    "ensemble": "model.ensemble=5",
    "ensemble-penalty": "model.ensemble=5 cost.disagreement=30",
    "proposals": "proposals.samples=16",
    "horizon-1": "planner.horizon=1",
    "horizon-8": "planner.horizon=8",
    "half-the-samples": "planner.samples=32",
    "mppi": "planner=mppi",
    "icem": "planner=icem",
    "predictive-sampling": "planner=predictive_sampling",
    "gradient": "planner=gradient",
    "spatial": "model.encoder.pixels=spatial",
    "shifts": "training.shift=2",
    "larger-frames": "task.size=96",
}
# variants that change nothing without them
PIXELS, STATES = ("spatial", "shifts", "larger-frames"), ("octaves", "identity")
KEPT = (  # of a result
    *("success_end", "success_any", "thirds", "cost_to_go", "plan_ms", "episodes", "pairs"),
    *("train_seconds", "resumed", "machine", "versions", "command"),
)
JUDGED = ("planner", "cost")  # groups that training does not look at


def variants(obs: str) -> list[str]:
    """Names of those that differ from the defaults for this kind of observation."""
    return [name for name in VARIANTS if name not in (STATES if obs == "pixels" else PIXELS)]


def budget(share: int = SHARE) -> list[str]:
    """Settings of `train` that leave a share of the default episodes and updates."""
    whole = compose_config("train", ["task=reacher"])
    amounts = {
        "collect.episodes": whole.collect.episodes,
        "training.steps": whole.training.steps,
        "cost_to_go.steps": whole.cost_to_go.steps,
    }
    return [f"{key}={amount // share}" for key, amount in amounts.items()]


def split(settings: str) -> tuple[list[str], list[str]]:
    """Settings that a training differs by, and those that only the evaluation does."""
    judged = [one for one in settings.split() if one.partition("=")[0].partition(".")[0] in JUDGED]
    return [one for one in settings.split() if one not in judged], judged


def make_variant(
    task: str, obs: str, name: str, spent: Sequence[str], runs: Path = RUNS, kept: Path = RESULTS
) -> dict[str, Any]:
    """The result of a variant, from its file where there is one; `{"failed": why}` if its training
    failed.

    Args:
        spent: the budget, as settings of `train`.
    """
    settings = VARIANTS[name]
    if (found := kept_result(task, obs, name, spent, kept)) and "failed" not in found:
        return found
    trained, judged = split(settings)
    folder, out = (run_folder(task, obs, one, spent, runs) for one in (" ".join(trained), settings))
    try:
        latent_mpc(
            "train",
            *_settings(task, obs, spent),
            *trained,
            f"validation_episodes={PAIRS}",
            f"out={folder}",
        )
        if judged:
            latent_mpc(
                "evaluate",
                f"checkpoint={folder}",
                f"episodes={PAIRS}",
                "pairs.seed=0",
                *judged,
                f"out={out}",
            )
        whole = read(out / "results.json")
        result = {key: whole[key] for key in KEPT if key in whole}
    except RuntimeError as error:  # the latent collapsed, the loss is not finite
        result = {"failed": str(error)}
    path = _path(task, obs, name, kept)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": settings, "budget": list(spent), **result})
    return kept_result(task, obs, name, spent, kept)


def kept_result(
    task: str, obs: str, name: str, spent: Sequence[str], kept: Path = RESULTS
) -> dict[str, Any]:
    """What was kept of a variant; `{}` if it has not been made, or with other settings or another
    budget than now.
    """
    found = read(_path(task, obs, name, kept))
    return (
        found
        if (found.get("settings"), found.get("budget")) == (VARIANTS[name], list(spent))
        else {}
    )


def run_folder(task: str, obs: str, settings: str, spent: Sequence[str], runs: Path = RUNS) -> Path:
    """Where a variant is trained or judged: named after all that its result comes out of, code and
    packages included.
    """
    trained, judged = split(settings)
    config = _composed(*_settings(task, obs, spent), *trained)
    said = json.dumps([config, judged, PAIRS, versions(), _code()], sort_keys=True)
    return runs / f"{task}-{obs}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def results(spent: Sequence[str], kept: Path = RESULTS) -> Results:
    """Of every task and variant what there is; `{}` for what has not been made."""
    return {
        (task, obs): {name: kept_result(task, obs, name, spent, kept) for name in variants(obs)}
        for task, obs in TASKS
    }


def names() -> dict[str, tuple[str, ...]]:
    """`task-obs/variant` of all there are, and the shorter names that each goes by."""
    return {
        f"{task}-{obs}/{name}": (name, f"{task}-{obs}", task)
        for task, obs in TASKS
        for name in variants(obs)
    }


def left_over(found: Results, chosen: Sequence[str]) -> dict[str, float]:
    """What of the chosen has not been made yet, and an estimate of each [s]."""
    left = {}
    for (task, obs), made in found.items():
        took = [one["train_seconds"] for one in made.values() if "train_seconds" in one]
        whole = sum(took) / len(took) if took else GUESS[obs]
        for name, result in made.items():
            if (not result or "failed" in result) and (one := f"{task}-{obs}/{name}") in chosen:
                left[one] = whole if split(VARIANTS[name])[0] or not VARIANTS[name] else whole / 2
    return left


def main(asked: Sequence[str]) -> int:
    try:
        chosen, spent = pick(asked, names(), "variant"), budget()
        todo = list(left_over(results(spent), chosen))
        for i, one in enumerate(todo):
            left = left_over(results(spent), chosen)
            tell_left({other: left[other] for other in todo[i:]})
            where, _, name = one.partition("/")
            task, _, obs = where.rpartition("-")
            make_variant(task, obs, name, spent)
            write_page(PAGE, results(spent), VARIANTS, spent)
        tell_left({})
    except (Exception, KeyboardInterrupt) as error:
        return tell(error)
    return 0


def _settings(task: str, obs: str, spent: Sequence[str]) -> list[str]:
    return [f"task={task}", f"obs={obs}", f"planner.horizon={LENGTH[obs]}", *spent]


def _path(task: str, obs: str, name: str, kept: Path) -> Path:
    return kept / f"{task}-{obs}" / f"{name}.json"


def _composed(*settings: str) -> dict[str, Any]:
    return asdict(compose_config("train", settings))


@cache
def _code() -> str:
    """A digest of the source that training and evaluation come out of."""
    digest = hashlib.sha256()
    for name in ("agent", "envs", "planners", "configs"):
        for path in sorted((Path(str(files("latent_mpc"))) / name).rglob("*")):
            if path.suffix in (".py", ".yaml", ".xml") and "checkpoints" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
