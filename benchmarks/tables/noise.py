"""What noise in pictures costs: `make noise`, or some of it: `make noise CELLS="reacher-frame
reconstruction"`; writes docs/noise.md.

Families of world models are trained on the same rollouts, with equal updates, where something moves
that no action moves (`task.distractor`). Each plays 100 validation pairs (`pairs.seed=0`, never the
reported ones) with plans of one length; probes tell how much of the robot, and of the noise, is in
its latent. Results are kept in docs/noise/, so that a second call makes only what is missing;
trainings lie in runs/noise/ and go on where they were killed. `--quick` tries all of it at a tiny
size, in runs/noise-quick/ alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.running import latent_mpc, pick, read, tell, tell_left
from benchmarks.tables.ablations import budget
from benchmarks.tables.noise_page import write_page
from latent_mpc.agent.build import make_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts
from latent_mpc.agent.evaluation.results import write_json
from latent_mpc.agent.horizon.model_quality import fit_mlp
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.configs.names import DISTRACTORS
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task

DOCS = Path(__file__).parents[2] / "docs"
TASKS = ("reacher", "pointmaze-umaze")
# name: settings that differ from the defaults, as one writes them on the command line
FAMILIES: dict[str, str] = {
    "jepa": "",
    "jepa-no-inverse": "model.inverse=0",
    "jepa-vicreg": "model.sigreg=0 model.sigreg_final=0 model.vicreg=1",
    "reconstruction": "model=reconstruction",
}
LENGTH = 3  # of plans [model steps]
HELD = 0.25  # share of the episodes that probes are tested on
GUESS = 1200.0  # [s] of one training, until one was measured
KEPT = ("success_end", "success_any", "train_seconds", "resumed", "machine", "versions", "episodes")
TINY = [
    *("task.size=16", "model.hidden=16", "model.latent=8", "model.embedding=8", "model.width=4"),
    *("training.batch=8", "cost_to_go.hidden=16", "cost_to_go.metric=8", "cost_to_go.batch=16"),
    *("planner.samples=8", "planner.iterations=1", "planner.elites=4", "probe.steps=4"),
]


@dataclass(frozen=True)
class Size:
    """How much is spent on each cell, and where it goes."""

    episodes: int
    settings: Sequence[str]  # of `train`
    pairs: int
    runs: Path
    kept: Path


def whole() -> Size:
    """A quarter of the default budget, as for the ablations."""
    amounts = budget()
    (collected,) = [one for one in amounts if one.startswith("collect.episodes=")]
    rest = [one for one in amounts if one != collected]
    episodes = int(collected.partition("=")[2])
    return Size(episodes, rest, 100, Path("runs/noise"), DOCS / "noise")


def quick() -> Size:
    """As small as can be, to see that it runs."""
    runs = Path("runs/noise-quick")
    spent = [*TINY, "training.steps=6", "cost_to_go.steps=6"]
    return Size(8, spent, 2, runs, runs / "results")


def cells() -> dict[str, tuple[str, str, str]]:
    """`reacher-frame/jepa` of all there are -> task, noise, family."""
    return {
        f"{task}-{noise}/{family}": (task, noise, family)
        for task in TASKS
        for noise in DISTRACTORS
        for family in FAMILIES
    }


def names() -> dict[str, tuple[str, ...]]:
    """Each cell, and the shorter names that it goes by."""
    return {
        cell: (f"{task}-{noise}", task, noise, family)
        for cell, (task, noise, family) in cells().items()
    }


def make_cell(task: str, noise: str, family: str, size: Size) -> dict[str, Any]:
    """Collect unless it was, train, probe; the result, which is kept. `{"failed": why}` if the
    training failed.
    """
    data, out = size.runs / f"{task}-{noise}" / "data", size.runs / f"{task}-{noise}" / family
    pictures = [one for one in size.settings if one.startswith("task.")]
    seen = [f"task={task}", f"task.distractor={noise}", "obs=pixels", *pictures]
    rest = [one for one in size.settings if one not in pictures]
    latent_mpc("collect", *seen, f"episodes={size.episodes}", f"out={data}")
    settings = FAMILIES[family].split()
    try:
        latent_mpc(
            *("train", *seen, f"data={data}", *settings, *rest, f"planner.horizon={LENGTH}"),
            *(f"validation_episodes={size.pairs}", f"out={out}"),
        )
        result = {key: value for key, value in read(out / "results.json").items() if key in KEPT}
        result |= read_latents(out, data)
    except RuntimeError as error:  # the latent collapsed, the loss is not finite
        result = {"failed": str(error)}
    path = size.kept / f"{task}-{noise}" / f"{family}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": FAMILIES[family], "spent": list(size.settings), **result})
    return result


def read_latents(checkpoint: Path, data: Path) -> dict[str, Any]:
    """How much of the robot's state and of the noise a network reads from latents: R² on episodes
    that it was not fitted to, the mean over numbers.
    """
    parts, rollouts = load_parts(checkpoint), Rollouts(data)
    task, repeat = make_task(parts.config), parts.config["task"]["action_repeat"]
    z, last, source = encode_rollouts(parts.model, rollouts, repeat, checkpoint / "training")
    states = rollouts.arrays["physics"][source]
    held = np.searchsorted(np.unique(last), last) >= (1 - HELD) * len(rollouts)
    found = {"robot": r_squared(z, state_vectors(task, states), held)}
    if task.distractor:
        numbers = np.stack([task.distractor.numbers(state[0]) for state in states])
        found["noise"] = r_squared(z, numbers, held)
    return {"r_squared": found}


def r_squared(z: torch.Tensor, numbers: np.ndarray, held: np.ndarray) -> float:
    """1 is all, 0 no more than their mean."""
    target = torch.as_tensor(numbers, dtype=torch.float32)
    probe = fit_mlp(z[~held], target[~held], 0)
    with torch.inference_mode():
        left = (probe(z[held]) - target[held]).square().mean(dim=0)
    return float((1 - left / target[held].var(dim=0, correction=0).clamp_min(1e-12)).mean())


def state_vectors(task: Task, states: np.ndarray) -> np.ndarray:
    """The observed states `[N, S]` of simulator states `[N, n]`."""
    found = []
    for state in states:
        task.restore(state)
        found.append(task.state_vector())
    return np.stack(found)


def results(size: Size) -> dict[str, dict[str, Any]]:
    """Of every cell what there is; `{}` for what has not been made, or of another size."""
    found = {}
    for cell, (_, _, family) in cells().items():
        result = read((size.kept / cell).with_suffix(".json"))
        same = (result.get("settings"), result.get("spent")) == (
            FAMILIES[family],
            list(size.settings),
        )
        found[cell] = result if same else {}
    return found


def left_over(found: Mapping[str, Mapping[str, Any]], chosen: Sequence[str]) -> dict[str, float]:
    """What of the chosen has not been made yet, and an estimate of each [s]."""
    took = [one["train_seconds"] for one in found.values() if "train_seconds" in one]
    guess = sum(took) / len(took) if took else GUESS
    return {cell: guess for cell in chosen if not found[cell]}


def main(asked: Sequence[str]) -> int:
    """Returns the exit status."""
    size = quick() if "--quick" in asked else whole()
    page = size.kept.with_suffix(".md")
    try:
        chosen = pick([one for one in asked if one != "--quick"], names(), "cell")
        todo = list(left_over(results(size), chosen))
        for i, cell in enumerate(todo):
            left = left_over(results(size), chosen)
            tell_left({other: left[other] for other in todo[i:]})
            make_cell(*cells()[cell], size)
            write_page(page, results(size), cells(), FAMILIES, size.episodes, size.settings)
        tell_left({})
    except (Exception, KeyboardInterrupt) as error:
        return tell(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
