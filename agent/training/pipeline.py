"""The order of a training: collect, explore, train each part, validate, save."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latent_mpc.agent.build import Parts, build, make_agent
from latent_mpc.agent.checkpoints.checkpoint import save_parts
from latent_mpc.agent.checkpoints.validation import FORMAT
from latent_mpc.agent.evaluation.evaluate import measure
from latent_mpc.agent.evaluation.horizon_selection import HORIZONS, play_lengths
from latent_mpc.agent.evaluation.pairs import Pairs
from latent_mpc.agent.evaluation.results import versions
from latent_mpc.agent.training.cost_to_go import train_cost_to_go
from latent_mpc.agent.training.exploration import explore
from latent_mpc.agent.training.probe import train_probe
from latent_mpc.agent.training.proposals import train_proposals
from latent_mpc.agent.training.windows import encode_rollouts
from latent_mpc.agent.training.world_model import train_world_model
from latent_mpc.configs.errors import LatentMPCError
from latent_mpc.configs.schema import CollectionConfig, PairsConfig, TrainConfig
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.collection.collect import Job, collect
from latent_mpc.envs.rollouts.reader import Rollouts
from latent_mpc.envs.task import Task

PROBED = 1_000_000  # rows that the probe is fitted to, at most


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


def gather(
    task: TaskConfig,
    observations: tuple[str, ...],
    collection: CollectionConfig,
    seed: int,
    folder: Path,
    notes: Mapping[str, Any] | None = None,
) -> Rollouts:
    """The folder's rollouts, collected as far as they are missing; `task` as `open_task` completes it."""
    workers, options = collection.workers or None, task_options(task, collection)
    behaviour, episodes, patience = collection.behaviour, collection.episodes, collection.patience
    return collect(task.name, options, observations, behaviour, episodes, seed, folder, workers, notes=notes, patience=patience)


def task_options(task: TaskConfig, collection: CollectionConfig) -> dict[str, Any]:
    """What the collecting task is made with. Raises ValueError for a start cell where there are none."""
    if collection.start and not task.name.startswith("pointmaze"):
        raise LatentMPCError(f"start must be empty for {task.name}: only mazes have cells")
    return {**task.options(), **({"start": list(collection.start)} if collection.start else {})}
