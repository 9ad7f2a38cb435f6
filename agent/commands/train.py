"""Train a world model and validate its planner.

Collects rollouts if no `data` is given, learns a latent world model without reward or reconstruction, and plays the validation pairs.
The folder it writes is the checkpoint: weights, config, metrics.jsonl, results.json. A killed run goes on with the same `out`.

Examples:
    latent-mpc train task=reacher obs=state
    latent-mpc train task=gymnasium task.id=Pusher-v5
    latent-mpc train task=mjcf task.xml=my_robot.xml
    latent-mpc train task=reacher obs=pixels data=runs/reacher-pixels/data seed=1 out=runs/reacher-pixels-1
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.checkpoint import Parts, build, load_parts, make_agent, save_parts
from latent_mpc.agent.checkpoint_config import FORMAT
from latent_mpc.agent.commands.collect import gather, task_options
from latent_mpc.agent.commands.evaluate import measure, origin, pairs_of
from latent_mpc.agent.cost_to_go_training import train_cost_to_go
from latent_mpc.agent.curves import draw_curves
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.episode_length import require_length
from latent_mpc.agent.explore import explore
from latent_mpc.agent.files import only_writer
from latent_mpc.agent.open_data import open_rollouts
from latent_mpc.agent.open_task import open_task
from latent_mpc.agent.pairs import Pairs
from latent_mpc.agent.plan_length import HORIZONS, play_lengths
from latent_mpc.agent.results import make_folder, print_results, require_folder, versions, write_json
from latent_mpc.agent.shipped import by_path
from latent_mpc.agent.training import encode_rollouts, train_probe, train_proposals, train_world_model
from latent_mpc.configs.command_line import checkpoint_settings, write
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import PairsConfig, TrainConfig
from latent_mpc.envs.collect import Job
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts import Rollouts
from latent_mpc.envs.task import Task

PROBED = 1_000_000  # rows that the probe is fitted to, at most


def run(config: TrainConfig) -> int:
    """Collect if need be, train, validate. What can be refused is, before anything is written or takes long."""
    begin, folder, device = time.perf_counter(), config.folder(), resolve_device(config.device)
    require_folder(folder)
    task, completed = open_task(config.task, config.observations)
    config = replace(config, task=completed)
    same_run(folder, asdict(config))
    if (found := finished(folder)) is not None:
        print_results(found)
        print(f"{folder} was finished before; to validate it again, delete {folder / 'results.json'}")
        return 0
    parts = initialise(describe(config, task), config.seed)
    for part in parts.modules().values():
        part.to(device)
    make_agent(parts)  # a planner and a cost that fit the model
    given = open_rollouts(config, task) if config.data else None
    if config.collect.start and given is None:
        make(config.task.name, **task_options(config.task, config.collect))
    require_length(config, task, given)
    drawn = pairs_of(task, config.validation_episodes, PairsConfig(seed=0))
    make_folder(folder)
    with only_writer(folder):
        return fulfil(config, folder, task, parts, given, drawn, begin)


def fulfil(config: TrainConfig, folder: Path, task: Task, parts: Parts, given: Rollouts | None, drawn: Pairs, begin: float) -> int:
    """What `run` does in a folder that it alone writes.

    Args:
        given: the rollouts to train on; None = they are collected.
        drawn: the pairs to validate on.
        begin: when `run` began [s].
    """
    resumed = same_run(folder, asdict(config))
    write_json(folder / "run.json", run_note(asdict(config)))
    parts.config["task"] |= task.keep(folder)
    rollouts = given or gathered(config, folder / "data")
    for number in range(config.explore.rounds):
        rollouts = explore_once(parts, task, rollouts, config, folder / f"round-{number}", number)
    train(parts, task, rollouts, config, folder)
    save(parts, rollouts, folder)
    result = validate(parts, task, config, drawn)
    save_parts(parts, folder)  # with the horizon that was chosen
    seconds = time.perf_counter() - begin  # collecting and validating too; of this call, so after a kill less than all
    result["checkpoint"] = {"path": str(folder), **origin(parts.config)}
    result |= {"train_seconds": seconds, "resumed": resumed}
    write_json(folder / "results.json", result)
    print_results(result)
    draw_curves(folder)
    then = {**checkpoint_settings(by_path(folder), getattr(config.task, "id", "")), "episodes": 100, "pairs.seed": 7}
    print(f"wrote {folder} in {result['train_seconds'] / 60:.1f} min\nnext: {write('evaluate', then)}")
    return 0


def validate(parts: Parts, task: Task, config: TrainConfig, drawn: Pairs) -> dict[str, Any]:
    """What the agent reaches on the validation pairs; where the plan's length is left open, with the best, which stays in `parts`."""
    pairs, planner = PairsConfig(seed=0), parts.config["planner"]
    played = play_lengths(parts, task, drawn, config.seed, [config.planner.horizon] if config.planner.horizon else HORIZONS)
    found = {horizon: {"success_end": float(one.end.mean()), "time_at_goal": one.time_at_goal} for horizon, one in played.items()}
    agent, best = make_agent(parts, seed=config.seed), played[planner["horizon"]]
    return {**measure(agent, task, drawn, pairs, dict(planner), parts.config["cost"], played=best), "horizons": found}


def train(parts: Parts, task: Task, rollouts: Rollouts, config: TrainConfig, folder: Path, updates: int = 0) -> Tensor:
    """World model, then cost-to-go and probe on its latents, which are returned; each goes on from its own state on disk.

    `updates` of world model and cost-to-go, if not those of the config.
    """
    repeat, seed = config.task.action_repeat, config.seed
    training = replace(config.training, steps=updates or config.training.steps)
    train_world_model(parts.model, rollouts, training, repeat, folder, seed)
    z, last, source = encode_rollouts(parts.model, rollouts, repeat, folder / "training", shown=True)
    train_cost_to_go(parts.cost_to_go, z, last, folder, seed, updates)
    if parts.proposals:
        blocks = source[:, None] + np.arange(repeat)  # beyond the end where an episode, and with it the data, ends
        action = rollouts.gather(np.minimum(blocks, len(rollouts.arrays["action"]) - 1), ["action"])["action"].reshape(len(z), -1)
        train_proposals(parts.proposals, parts.cost_to_go, z, last, torch.as_tensor(action, device=z.device), folder, seed)
    if "physics" not in rollouts.keys:  # of another library: nothing to show where the robot would be, so pictures show no path
        torch.nn.init.zeros_(list(parts.probe.parameters())[-2])
        return z
    every = -(-len(z) // PROBED)
    points = task.tracked_point(rollouts.arrays["physics"][source[::every]])
    train_probe(parts.probe, z[::every], torch.as_tensor(points, dtype=torch.float32, device=z.device), folder, seed)
    return z


def explore_once(parts: Parts, task: Task, rollouts: Rollouts, config: TrainConfig, folder: Path, number: int) -> Rollouts:
    """Train a little on what there is, from the weights that there are, and let the agent collect more; the folder is a checkpoint."""
    first = config.collect.episodes + number * config.explore.episodes
    z = train(parts, task, rollouts, config, folder, config.explore.steps)
    save(parts, rollouts, folder)
    job = Job(config.task.name, task_options(config.task, config.collect), config.observations, config.collect.behaviour, config.seed)
    agent, numbers = make_agent(parts, seed=config.seed), range(first, first + config.explore.episodes)
    return explore(agent, job, rollouts, z, numbers, config.explore.novelty, told=f"round {number + 1} of {config.explore.rounds}")


def save(parts: Parts, rollouts: Rollouts, folder: Path) -> None:
    """Write the checkpoint, which says what it was trained on."""
    parts.config |= {"data": describe_data(rollouts), "versions": versions()}
    save_parts(parts, folder)


def initialise(config: dict[str, Any], seed: int) -> Parts:
    """Parts with fresh weights that depend on the run's seed only; the caller's random numbers are left alone."""
    stream = np.random.SeedSequence([seed, zlib.crc32(b"weights")])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream.generate_state(1)[0]))
        return build(config)


def gathered(config: TrainConfig, folder: Path) -> Rollouts:
    """The run's own rollouts, collected as far as they are missing. Raises ValueError if they were damaged since."""
    notes = {"explore": asdict(config.explore)} if config.explore.rounds else None
    gather(config.task, config.observations, config.collect, config.seed, folder, notes)
    rollouts = Rollouts(folder, config.data_skip)
    rollouts.require_whole()
    return rollouts


def describe(config: TrainConfig, task: Task) -> dict[str, Any]:
    """The checkpoint's config.yaml, data and versions aside: everything that building the parts and repeating the run needs."""
    said = asdict(config)
    spaces = {key: list(shown.shape) for key, shown in task.observation().items()}
    parts = {key: said[key] for key in ("task", "obs", "seed", "model", "training", "cost_to_go", "planner", "cost")}
    parts["planner"]["horizon"] = config.planner.horizon or HORIZONS[0]
    parts |= {"proposals": said["proposals"]} if config.proposals.samples else {}
    return {"format": FORMAT, **parts, "spaces": spaces, "actions": task.action_width * config.task.action_repeat}


def describe_data(rollouts: Rollouts) -> dict[str, Any]:
    """What the checkpoint says of its data."""
    size = {"episodes": len(rollouts), "steps": int(rollouts.lengths.sum())}
    return {"fingerprint": rollouts.fingerprint, **size, "behaviour": rollouts.meta.get("behaviour")}


def same_run(folder: Path, config: dict[str, Any]) -> bool:
    """Whether there is something to go on with in a run's folder. Raises ValueError, naming the first key that differs, if it holds
    the weights of another run. Before the first weights are saved, other settings simply take over.
    """
    path, flat = folder / "run.json", run_note(config)
    begun = (folder / "model.safetensors").exists() or any(folder.rglob("training/*.safetensors"))
    if begun:
        before = _read_run(path)
        for key in sorted(set(flat) | set(before), key=lambda key: (not key.endswith(".name"), key)):  # planner.name before its fields
            if before.get(key) != flat.get(key) and not key.endswith(("workers", "patience", "task.xml")):  # the fingerprint decides
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
        raise FileNotFoundError(f"{path.parent} holds weights, but no {path.name} that says of which run; give another out=")
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LatentMPCError(f"{path} cannot be read ({error}); delete the folder or give another out=") from error
    if not isinstance(before, dict):
        raise LatentMPCError(f"{path} must hold keys and values, got {type(before).__name__}; delete the folder or give another out=")
    return before


def _flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
