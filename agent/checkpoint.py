"""A checkpoint is a folder: `model.safetensors` (weights, normalisers) and `config.yaml` (how to build the parts, and for which task).

Loading builds parts by registered name and runs no code from the file: tensors come without pickle, yaml without tags.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from latent_mpc.agent.agent import Agent, make_planner
from latent_mpc.agent.checkpoint_config import check_config
from latent_mpc.agent.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.costs import COSTS
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.files import replace
from latent_mpc.agent.proposals import Proposals, ProposalsConfig
from latent_mpc.agent.run_state import require_fit
from latent_mpc.agent.shipped import find_checkpoint, read_config
from latent_mpc.agent.training import make_probe
from latent_mpc.agent.world_model import ModelConfig, WorldModel
from latent_mpc.configs.command_line import setting
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.envs.gymnasium_task import require_known
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task


@dataclass
class Parts:
    """What is learned, and the settings it was learned with."""

    model: WorldModel
    cost_to_go: CostToGo
    probe: nn.Module  # latent -> position [m], for pictures
    config: dict[str, Any]  # config.yaml
    proposals: Proposals | None = None  # what proposes plans, where that was learned

    def modules(self) -> nn.ModuleDict:
        parts = {"model": self.model, "cost_to_go": self.cost_to_go, "probe": self.probe}
        return nn.ModuleDict(parts | ({"proposals": self.proposals} if self.proposals else {}))


def build(config: Mapping[str, Any]) -> Parts:
    """The parts as the config describes them, with fresh weights. Raises ValueError if these sizes cannot be built."""
    shapes = {key: tuple(shape) for key, shape in config["spaces"].items()}
    model_config = ModelConfig(**config["model"])
    model = WorldModel(model_config, shapes, config["actions"])
    cost_to_go = CostToGo(model_config.latent, CostToGoConfig(**config["cost_to_go"]))
    probe = make_probe(model_config.latent)
    wanted = ProposalsConfig(**config.get("proposals", {}))
    proposals = Proposals(model_config.latent, config["actions"], wanted) if wanted.samples else None
    return Parts(model, cost_to_go, probe, dict(config), proposals)


def save_parts(parts: Parts, folder: Path) -> None:
    """Write weights and config, each atomically. Raises OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in parts.modules().state_dict().items()}
    replace(folder / "model.safetensors", save(tensors))
    replace(folder / "config.yaml", yaml.safe_dump(parts.config, sort_keys=False).encode())


def load_parts(path: str | os.PathLike[str], device: torch.device | None = None, finite: bool = True) -> Parts:
    """Read a checkpoint: a folder, or the name of one that ships.

    Args:
        finite: refuse weights that are not; false to look at what is wrong with them.

    Raises:
        FileNotFoundError: no such checkpoint, or weights are missing.
        ValueError: another format, a damaged file, weights that do not fit the config or are not finite (the first is named).
    """
    folder = find_checkpoint(os.fspath(path))
    config = read_config(folder)
    try:
        check_config(config)
        with torch.device("meta"):  # sizes are compared before memory is asked for
            wanted = build(config).modules().state_dict()
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error) if isinstance(error, ValueError) else "sizes too large to build"
        raise LatentMPCError(f"{folder / 'config.yaml'}: {reason}") from error
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is missing; the checkpoint is not whole, train it again with {setting('out', folder)}")
    try:
        tensors = load_file(weights)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:  # a header that names no type that there is: KeyError
        raise LatentMPCError(f"{weights} is truncated or damaged: {' '.join(str(error).split())}") from error
    try:
        require_fit(wanted, tensors)
    except ValueError as error:
        raise LatentMPCError(f"{weights} does not fit its config.yaml: {error}") from error
    broken = [name for name, tensor in sorted(tensors.items()) if not tensor.isfinite().all()]
    if broken and finite:
        more = f" (and {len(broken) - 1} more)" if broken[1:] else ""
        raise LatentMPCError(f"{weights} must hold finite numbers, {broken[0]}{more} does not; restore it from a copy or train again")
    parts = build(located(config, folder))
    parts.modules().load_state_dict(tensors)
    for part in parts.modules().values():
        part.to(device or torch.device("cpu")).eval().requires_grad_(False)
    return parts


def located(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The config with the model that the folder keeps named by its path. Raises ValueError if it names one outside the folder."""
    task = dict(config["task"])
    if "xml" in task:
        if not (folder / task["xml"]).resolve().is_relative_to(folder.resolve()):
            raise LatentMPCError(f"{folder / 'config.yaml'}: task.xml must lie within the checkpoint, got {task['xml']!r:.60}")
        task["xml"] = str(folder / task["xml"])
    return {**config, "task": task}


def make_task(config: Mapping[str, Any], obs: tuple[str, ...] | None = None, task_id: str = "") -> Task:
    """The task that a checkpoint was trained on.

    Args:
        task_id: the checkpoint's own `task.id`, if the user repeats it: allows the import of the module that it names.

    Raises:
        ValueError: what it observes is no longer what the model expects, or it wants a module imported that nobody vouches for.
    """
    options = {key: value for key, value in config["task"].items() if key not in ("name", "action_repeat")}
    if "id" in options:
        require_known(options["id"], task_id)
    task = make(config["task"]["name"], obs=obs or tuple(config["spaces"]), **options)
    space = {key: list(value.shape) for key, value in task.observation().items()}
    for key, shape in config["spaces"].items():
        if key in space and space[key] != list(shape):
            raise LatentMPCError(f"the checkpoint does not fit {task.name}: {key} must be {list(shape)}, the task gives {space[key]}")
    actions = task.action_width * config["task"]["action_repeat"]
    if actions != config["actions"]:
        raise LatentMPCError(
            f"the checkpoint does not fit {task.name}: an action block must have {config['actions']} numbers, it has {actions}"
        )
    return task


def make_agent(parts: Parts, *, planner: Mapping[str, Any] | None = None, cost: Mapping[str, Any] | None = None, seed: int = 0) -> Agent:
    """An agent from loaded parts; planner and cost are `{"name": …, **fields}`, by default those of the checkpoint."""
    device = next(parts.model.parameters()).device
    repeat = parts.config["task"]["action_repeat"]
    search = {"horizon": parts.config["planner"]["horizon"], **(planner or parts.config["planner"])}
    weights = dict(cost or parts.config["cost"])
    kind = weights.pop("name")
    if kind not in COSTS:
        raise UnknownNameError(f"no cost {kind!r}; there are: {', '.join(sorted(COSTS))}")
    known = [field.name for field in fields(COSTS[kind])]
    for key in weights:
        if key not in known:
            raise UnknownNameError(f"cost {kind!r} has no field {key!r}; there are: {', '.join(known)}")
    made_cost = COSTS[kind](**weights)
    if made_cost.disagreement and parts.model.config.ensemble == 1:
        raise LatentMPCError("cost.disagreement needs an ensemble: train with model.ensemble of 2 or more, or leave it at 0")
    made = make_planner(search.pop("name"), actions=parts.model.actions, action_repeat=repeat, device=device, **search)
    return Agent(parts.model, parts.cost_to_go, made, made_cost, repeat, seed, parts.proposals)


def load_agent(path: str | os.PathLike[str], *, device: str = "auto", seed: int = 0, **choices: Mapping[str, Any] | None) -> Agent:
    """Load and assemble in one step; `planner=` and `cost=` as for `make_agent`."""
    return make_agent(load_parts(path, resolve_device(device)), seed=seed, **choices)
