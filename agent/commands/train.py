"""Train a world model and validate its planner.

Collects rollouts if no `data` is given, learns a latent world model without reward or reconstruction, and plays the validation pairs.
The folder it writes is the checkpoint: weights, config, metrics.jsonl, results.json. A killed run goes on with the same `out`.

Examples:
    latent-mpc train task=reacher obs=state
    latent-mpc train task=reacher obs=pixels data=runs/reacher-pixels/data seed=1 out=runs/reacher-pixels-1
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from latent_mpc.agent.checkpoint import FORMAT, Parts, build, make_agent, make_task, save_parts
from latent_mpc.agent.commands.collect import gather
from latent_mpc.agent.commands.evaluate import measure
from latent_mpc.agent.curves import draw_curves
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.results import print_results, versions, write_json
from latent_mpc.agent.training import encode_rollouts, train_cost_to_go, train_probe, train_world_model
from latent_mpc.configs.schema import PairsConfig, TrainConfig
from latent_mpc.envs.rollouts import Rollouts
from latent_mpc.envs.task import Task


def run(config: TrainConfig) -> int:
    """Collect if need be, train, validate."""
    begin, folder, device = time.perf_counter(), config.folder(), resolve_device(config.device)
    folder.mkdir(parents=True, exist_ok=True)
    same_run(folder / "run.json", asdict(config))
    rollouts = find_rollouts(config, folder)
    parts = build(describe(config, rollouts))
    task = make_task(parts.config)
    for part in parts.modules().values():
        part.to(device)
    train(parts, task, rollouts, config, folder)
    save_parts(parts, folder)
    agent = make_agent(parts, seed=config.seed)
    result = measure(agent, task, config.validation_episodes, PairsConfig(seed=0), parts.config["planner"], parts.config["cost"])
    result["checkpoint"] = {"path": str(folder), "data": rollouts.fingerprint, "seed": config.seed}
    result["train_seconds"] = time.perf_counter() - begin
    write_json(folder / "results.json", result)
    print_results(result)
    draw_curves(folder)
    print(
        f"wrote {folder} in {result['train_seconds'] / 60:.1f} min\nnext: latent-mpc evaluate checkpoint={folder} episodes=100 pairs.seed=7"
    )
    return 0


def train(parts: Parts, task: Task, rollouts: Rollouts, config: TrainConfig, folder: Path) -> None:
    """World model, then cost-to-go and probe on its latents; each goes on from its own state on disk."""
    repeat, seed = config.task.action_repeat, config.seed
    train_world_model(parts.model, rollouts, config.training, repeat, folder, seed)
    z, last, source = encode_rollouts(parts.model, rollouts, repeat)
    train_cost_to_go(parts.cost_to_go, z, last, folder, seed)
    points = task.tracked_point(rollouts.arrays["physics"][source])
    train_probe(parts.probe, z, torch.as_tensor(points, dtype=torch.float32, device=z.device), folder, seed)


def find_rollouts(config: TrainConfig, folder: Path) -> Rollouts:
    """The rollouts that were named, checked against the task, or fresh ones. Raises ValueError if they do not fit."""
    if not config.data:
        return gather(config.task, config.observations, config.collect, config.seed, folder / "data")
    rollouts = Rollouts(config.data)
    found = rollouts.meta["task"]["name"]
    if found != config.task.name:
        raise ValueError(f"data={config.data} must hold rollouts of {config.task.name}, it holds {found}; give task={found} or other data")
    missing = [key for key in config.observations if key not in rollouts.keys]
    if missing:
        raise ValueError(f"data={config.data} has no {', '.join(missing)}; it was collected with obs={'+'.join(rollouts.meta['obs'])}")
    return rollouts


def describe(config: TrainConfig, rollouts: Rollouts) -> dict[str, Any]:
    """The checkpoint's config.yaml: everything that building the parts and repeating the run needs."""
    said = asdict(config)
    spaces = {key: list(rollouts.arrays[key].shape[1:]) for key in config.observations}
    data = {"fingerprint": rollouts.fingerprint, "episodes": len(rollouts), "steps": int(rollouts.lengths.sum())}
    data["behaviour"] = rollouts.meta["behaviour"]
    parts = {key: said[key] for key in ("task", "obs", "seed", "model", "training", "cost_to_go", "planner", "cost")}
    actions = rollouts.arrays["action"].shape[1] * config.task.action_repeat
    return {"format": FORMAT, **parts, "spaces": spaces, "actions": actions, "data": data, "versions": versions()}


def same_run(path: Path, config: dict[str, Any]) -> None:
    """Note what a folder's run is; raise ValueError if the folder holds another run, naming the first key that differs."""
    flat = _flatten({key: value for key, value in config.items() if key not in ("out", "device")})
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} cannot be read ({error}); delete the folder or give another out=") from error
        for key in sorted(set(flat) | set(before)):
            if before.get(key) != flat.get(key) and not key.endswith("workers"):
                raise ValueError(
                    f"{path.parent} holds a run with {key}={before.get(key)}, got {flat.get(key)}; "
                    "give another out=, or the same settings to go on with it"
                )
        return
    write_json(path, flat)


def _flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
