"""Train a world model and validate its planner.

Collects rollouts if no `data` is given. Its folder is the checkpoint; the same `out` resumes it.

Examples:
    latent-mpc train task=mjcf task.xml=my_robot.xml budget=quick
    latent-mpc train task=reacher obs=pixels data=runs/reacher-pixels/data seed=1 out=runs/reacher-1
"""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from latent_mpc.agent import ranks
from latent_mpc.agent.build import Parts, make_agent, open_task
from latent_mpc.agent.checkpoints.checkpoint import load_parts, save_parts
from latent_mpc.agent.checkpoints.shipped import by_path
from latent_mpc.agent.costs.cost import costs, require_costs
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.evaluation.evaluate import origin
from latent_mpc.agent.evaluation.pairs import Pairs, pairs_of
from latent_mpc.agent.evaluation.results import (
    make_folder,
    print_results,
    require_folder,
    write_json,
)
from latent_mpc.agent.training import listening
from latent_mpc.agent.training.curves import draw_curves
from latent_mpc.agent.training.episode_length import require_length
from latent_mpc.agent.training.imagined_frames import draw_imagined
from latent_mpc.agent.training.imagined_motion import about, imagined_motion
from latent_mpc.agent.training.open_data import MODEL, open_rollouts, require_task
from latent_mpc.agent.training.pipeline import (
    describe,
    explore_once,
    gathered,
    initialise,
    save,
    task_options,
    train,
    validate,
)
from latent_mpc.configs.budgets import about as about_budget
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import PairsConfig, TrainConfig
from latent_mpc.configs.seeding import LISTENING, MOTION, stream
from latent_mpc.envs.files import only_writer
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts.minari_set import SCHEME, MinariSet
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.rollouts.several import open_folders
from latent_mpc.envs.task import Task


def run(config: TrainConfig) -> int:
    """Collect if need be, train, validate. What can be refused is, before anything is written or
    takes long.
    """
    begin, folder = time.perf_counter(), config.folder()
    device = ranks.own_device(resolve_device(config.device))
    require_folder(folder)
    require_costs(config.other_costs)
    if config.data:
        require_data(config)
    task, completed = open_task(config.task, config.observations)
    config = replace(config, task=completed)
    same_run(folder, asdict(config))
    if (earlier := finished(folder)) is not None:
        print_results(earlier)
        print(
            f"{folder} was finished before; to validate it again, delete {folder / 'results.json'}"
        )
        return 0
    parts = initialise(describe(config, task), config.seed)
    for part in parts.modules().values():
        part.to(device)
    require_batches(config, parts)
    require_part(parts, None)
    make_agent(parts)  # a planner and a cost that fit the model
    given = open_rollouts(config, task) if config.data else None
    require_part(parts, given)
    if config.collect.start and given is None:
        make(config.task.name, **task_options(config.task, config.collect))
    require_length(config, task, given)
    pairs = pairs_of(task, config.validation_episodes, PairsConfig(seed=0))
    make_folder(folder)
    with only_writer(folder) if ranks.rank() == 0 else nullcontext():
        return run_locked(config, folder, task, parts, given, pairs, begin)


def require_part(parts: Parts, given: Rollouts | None) -> None:
    """Raise ValueError for a cost of a part of the goal where nothing tells which part."""
    name, whole = parts.config["cost"]["name"], given is not None and "physics" not in given.keys
    if costs()[name].in_part and (parts.reader is None or whole):
        reason = (
            "the data hold no simulator states, which say what counts"
            if whole
            else "all of it counts"
        )
        raise LatentMPCError(
            f"cost={name} is for goals of which a part counts, but {reason}; use cost=cost_to_go"
        )


def require_batches(config: TrainConfig, parts: Parts) -> None:
    """Raise ValueError for a batch that several ranks cannot split evenly."""
    fitted = {name: head.config for name, head in parts.heads.items()}
    for name, part in {"training": config.training, **fitted}.items():
        ranks.require_split(f"{name}.batch", getattr(part, "batch", 0))


def require_data(config: TrainConfig) -> None:
    """Raise as `open_rollouts` for data that are not there, or of another task: making the task may
    take seconds of simulation.

    What the user leaves open and probing will tell is taken to be what the data hold.
    """
    if config.data.startswith(SCHEME):
        meta = MinariSet(config.data.removeprefix(SCHEME)).own
    else:
        meta = open_folders(config.data, config.data_skip).meta
    if meta is not None:
        stored = meta.get("task", {}).get("options", {})
        open_keys = [
            key for key in MODEL if key in stored and getattr(config.task, key, None) in ("", 0)
        ]
        require_task(
            f"data={config.data}",
            meta,
            replace(config, task=replace(config.task, **{key: stored[key] for key in open_keys})),
        )


def run_locked(
    config: TrainConfig,
    folder: Path,
    task: Task,
    parts: Parts,
    given: Rollouts | None,
    pairs: Pairs,
    begin: float,
) -> int:
    """The body of `run`, holding the folder's lock. Of several ranks the first alone writes, and
    goes on when all is trained.

    Args:
        given: the rollouts to train on; None = they are collected.
        pairs: to validate on.
        begin: when `run` began [s].
    """
    resumed = False
    if ranks.rank() == 0:
        resumed = same_run(folder, asdict(config))
        note = run_note(asdict(config))
        write_json(folder / "run.json", note)
        print(about_budget(config.budget.name, note))
        parts.config["task"] |= task.keep(folder)
    rollouts = given or gathered(config, folder / "data")
    for number in range(config.explore.rounds):
        rollouts = explore_once(parts, task, rollouts, config, folder / f"round-{number}", number)
    data = train(parts, task, rollouts, config, folder)
    if ranks.rank():
        return 0
    save(parts, rollouts, folder)
    motion = (
        imagined_motion(parts.model, parts.reader, data, stream(config.seed, MOTION))
        if parts.networks.knows_counted and parts.reader
        else None
    )
    _, held_back = rollouts.split(config.training.validation, config.seed)
    heard = listening.listening(
        parts.model,
        data,
        parts.reader if parts.networks.knows_counted else None,
        listening.held_out(data, held_back),
        stream(config.seed, LISTENING),
    )
    result = validate(parts, task, config, pairs, folder)
    if heard:
        result["listening"] = heard
    if motion:
        result["imagined_motion"] = motion
    save_parts(parts, folder)  # with the horizon that was chosen
    # collecting and validating too; of this call, so after a kill less than all
    seconds = time.perf_counter() - begin
    result |= {
        "checkpoint": {"path": str(folder), **origin(parts.config)},
        "budget": config.budget.name,
        "train_seconds": seconds,
        "resumed": resumed,
    }
    write_json(folder / "results.json", result)
    print_results(result)
    for line in [*listening.about(heard), *about(motion)]:
        print(line)
    draw_curves(folder)
    draw_imagined(parts, rollouts, config.training.validation, config.seed, folder)
    then = {
        **checkpoint_settings(by_path(folder), getattr(config.task, "id", "")),
        "episodes": 100,
        "pairs.seed": 7,
    }
    print(
        f"wrote {folder} in {result['train_seconds'] / 60:.1f} min\nnext: {write('evaluate', then)}"
    )
    return 0


def same_run(folder: Path, config: dict[str, Any]) -> bool:
    """Whether there is something to go on with in a run's folder. Raises ValueError, naming the
    first key that differs, if it holds the weights of another run. Before the first weights are
    saved, other settings simply take over.
    """
    path, flat = folder / "run.json", run_note(config)
    begun = (folder / "model.safetensors").exists() or any(folder.rglob("training/*.safetensors"))
    if begun:
        before = _read_run(path)
        # planner.name before its fields
        for key in sorted(
            set(flat) | set(before), key=lambda key: (not key.endswith(".name"), key)
        ):
            # the fingerprint decides, and the sizes that the budget made
            if before.get(key) != flat.get(key) and not (
                key.endswith(("workers", "patience", "task.xml", "task.title"))
                or key.startswith("budget.")
            ):
                raise LatentMPCError(
                    f"{folder} holds a run with {key}={before.get(key)}, got {flat.get(key)}; "
                    "give another out=, or the same settings to go on with it"
                )
    return begun


def run_note(config: dict[str, Any]) -> dict[str, Any]:
    """What run.json says: which run a folder is of."""
    return _flatten({key: value for key, value in config.items() if key not in ("out", "device")})


def finished(folder: Path) -> dict[str, Any] | None:
    """The results of a run that came to its end and whose checkpoint is whole, else None."""
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        load_parts(folder)
    except (OSError, ValueError, KeyError):
        return None
    return results if isinstance(results, dict) else None


def _read_run(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(
            f"{path.parent} holds weights, but no {path.name} that says of which run; give another"
            " out="
        )
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LatentMPCError(
            f"{path} cannot be read ({error}); delete the folder or give another out="
        ) from error
    if not isinstance(before, dict):
        raise LatentMPCError(
            f"{path} must hold keys and values, got {type(before).__name__}; delete the folder or"
            " give another out="
        )
    return before


def _flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= (
            _flatten(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat
