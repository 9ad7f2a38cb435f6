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
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latent_mpc.agent.checkpoint import Parts, build, load_parts, make_agent, save_parts
from latent_mpc.agent.checkpoint_config import FORMAT
from latent_mpc.agent.commands.collect import gather
from latent_mpc.agent.commands.evaluate import measure, origin
from latent_mpc.agent.curves import draw_curves
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.files import only_writer
from latent_mpc.agent.results import make_folder, print_results, versions, write_json
from latent_mpc.agent.training import encode_rollouts, train_cost_to_go, train_probe, train_world_model
from latent_mpc.configs.schema import PairsConfig, TrainConfig
from latent_mpc.envs.minari_data import SCHEME, from_minari
from latent_mpc.envs.registry import make
from latent_mpc.envs.rollouts import Rollouts
from latent_mpc.envs.task import Task

PROBED = 1_000_000  # rows that the probe is fitted to, at most


def run(config: TrainConfig) -> int:
    """Collect if need be, train, validate."""
    begin, folder, device = time.perf_counter(), config.folder(), resolve_device(config.device)
    task = make(config.task.name, obs=config.observations, size=config.task.size)
    parts = initialise(describe(config, task), config.seed)
    given = open_rollouts(config, task) if config.data else None  # what can be refused is, before anything is written
    make_folder(folder)
    with only_writer(folder):
        return fulfil(config, folder, task, parts, given, device, begin)


def fulfil(config: TrainConfig, folder: Path, task: Task, parts: Parts, given: Rollouts | None, device: torch.device, begin: float) -> int:
    """What `run` does in a folder that it alone writes; `begin`: when it began [s]."""
    resumed = same_run(folder, asdict(config))
    if (found := finished(folder)) is not None:
        print_results(found)
        print(f"{folder} was finished before; to validate it again, delete {folder / 'results.json'}")
        return 0
    rollouts = given or gathered(config, folder / "data")
    parts.config |= {"data": describe_data(rollouts), "versions": versions()}
    for part in parts.modules().values():
        part.to(device)
    train(parts, task, rollouts, config, folder)
    save_parts(parts, folder)
    agent = make_agent(parts, seed=config.seed)
    result = measure(agent, task, config.validation_episodes, PairsConfig(seed=0), parts.config["planner"], parts.config["cost"])
    seconds = time.perf_counter() - begin  # collecting and validating too; of this call, so after a kill less than all
    result["checkpoint"] = {"path": str(folder), **origin(parts.config)}
    result |= {"train_seconds": seconds, "resumed": resumed}
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
    z, last, source = encode_rollouts(parts.model, rollouts, repeat, folder / "training")
    train_cost_to_go(parts.cost_to_go, z, last, folder, seed)
    if "physics" not in rollouts.keys:  # of another library: nothing to show where the robot would be, so pictures show no path
        torch.nn.init.zeros_(list(parts.probe.parameters())[-2])
        return
    every = -(-len(z) // PROBED)
    points = task.tracked_point(rollouts.arrays["physics"][source[::every]])
    train_probe(parts.probe, z[::every], torch.as_tensor(points, dtype=torch.float32, device=z.device), folder, seed)


def initialise(config: dict[str, Any], seed: int) -> Parts:
    """Parts with fresh weights that depend on the run's seed only; the caller's random numbers are left alone."""
    stream = np.random.SeedSequence([seed, zlib.crc32(b"weights")])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stream.generate_state(1)[0]))
        return build(config)


def gathered(config: TrainConfig, folder: Path) -> Rollouts:
    """The run's own rollouts, collected as far as they are missing. Raises ValueError if they were damaged since."""
    gather(config.task, config.observations, config.collect, config.seed, folder)
    rollouts = Rollouts(folder, config.data_skip)
    rollouts.require_whole()
    return rollouts


def open_rollouts(config: TrainConfig, task: Task) -> Rollouts:
    """The rollouts that `data` names. Raises ValueError if they are none, of another task, damaged, or do not hold what the task shows."""
    rollouts, where = _rollouts(config), f"data={config.data}"
    found = rollouts.meta.get("task", {}).get("name")
    if found != task.name:
        raise ValueError(f"{where} must hold rollouts of {task.name}, it holds {found}; give task={found} or other data")
    if not len(rollouts):
        raise ValueError(f"{where} holds no finished episode; latent-mpc collect out={config.data} goes on with it")
    missing = [key for key in (*config.observations, "action") if key not in rollouts.keys]
    if missing:
        raise ValueError(f"{where} has no {', '.join(missing)}, it holds {', '.join(rollouts.keys)}; give another obs= or other data")
    for key, shown in task.observation().items():
        shape = rollouts.arrays[key].shape[1:]
        if shape != shown.shape:
            raise ValueError(f"{where} has {key} of {list(shape)}, {task.name} shows {list(shown.shape)}; give other data or task.size=")
    if (width := rollouts.arrays["action"].shape[1:]) != task.action_space.shape:
        raise ValueError(f"{where} has actions of {list(width)}, {task.name} takes {list(task.action_space.shape or ())}; give other data")
    rollouts.require_whole()
    return rollouts


def _rollouts(config: TrainConfig) -> Rollouts:
    """The folder that `data` names; a Minari data set is copied into the run's own first."""
    if not config.data.startswith(SCHEME):
        return Rollouts(config.data, config.data_skip)
    make_folder(config.folder())
    from_minari(config.data.removeprefix(SCHEME), config.folder() / "data", config.task.name)
    return Rollouts(config.folder() / "data", config.data_skip)


def describe(config: TrainConfig, task: Task) -> dict[str, Any]:
    """The checkpoint's config.yaml, data and versions aside: everything that building the parts and repeating the run needs."""
    said = asdict(config)
    spaces = {key: list(shown.shape) for key, shown in task.observation().items()}
    parts = {key: said[key] for key in ("task", "obs", "seed", "model", "training", "cost_to_go", "planner", "cost")}
    return {"format": FORMAT, **parts, "spaces": spaces, "actions": task.model.nu * config.task.action_repeat}


def describe_data(rollouts: Rollouts) -> dict[str, Any]:
    """What the checkpoint says of its data."""
    size = {"episodes": len(rollouts), "steps": int(rollouts.lengths.sum())}
    return {"fingerprint": rollouts.fingerprint, **size, "behaviour": rollouts.meta.get("behaviour")}


def same_run(folder: Path, config: dict[str, Any]) -> bool:
    """Note what a folder's run is; whether there is something to go on with. Raises ValueError, naming the first key that differs, if
    the folder holds the weights of another run. Before the first weights are saved, other settings simply take over.
    """
    path, flat = folder / "run.json", _flatten({key: value for key, value in config.items() if key not in ("out", "device")})
    begun = (folder / "model.safetensors").exists() or any(folder.glob("training/*.safetensors"))
    if begun:
        before = _read_run(path)
        for key in sorted(set(flat) | set(before), key=lambda key: (not key.endswith(".name"), key)):  # planner.name before its fields
            if before.get(key) != flat.get(key) and not key.endswith(("workers", "patience")):
                raise ValueError(
                    f"{folder} holds a run with {key}={before.get(key)}, got {flat.get(key)}; "
                    "give another out=, or the same settings to go on with it"
                )
    write_json(path, flat)
    return begun


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
        raise ValueError(f"{path} cannot be read ({error}); delete the folder or give another out=") from error
    if not isinstance(before, dict):
        raise ValueError(f"{path} must hold keys and values, got {type(before).__name__}; delete the folder or give another out=")
    return before


def _flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
