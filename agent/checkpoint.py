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
from latent_mpc.agent.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.costs import COSTS
from latent_mpc.agent.devices import resolve_device
from latent_mpc.agent.optimise import replace
from latent_mpc.agent.shipped import find_checkpoint, read_config
from latent_mpc.agent.training import make_probe
from latent_mpc.agent.world_model import ModelConfig, WorldModel
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task

FORMAT = 1


@dataclass
class Parts:
    """What is learned, and the settings it was learned with."""

    model: WorldModel
    cost_to_go: CostToGo
    probe: nn.Module  # latent -> position [m], for pictures
    config: dict[str, Any]  # config.yaml

    def modules(self) -> nn.ModuleDict:
        return nn.ModuleDict({"model": self.model, "cost_to_go": self.cost_to_go, "probe": self.probe})


def build(config: Mapping[str, Any]) -> Parts:
    """The parts as the config describes them, with fresh weights. Raises ValueError naming the key that does not fit."""
    try:
        shapes = {key: tuple(shape) for key, shape in config["spaces"].items()}
        model_config = ModelConfig(**config["model"])
        model = WorldModel(model_config, shapes, int(config["actions"]))
        cost_to_go = CostToGo(model_config.latent, CostToGoConfig(**config["cost_to_go"]))
    except KeyError as error:
        raise ValueError(f"the checkpoint's config.yaml has no {error.args[0]!r}") from error
    except TypeError as error:
        raise ValueError(f"the checkpoint's config.yaml does not fit this version: {error}") from error
    return Parts(model, cost_to_go, make_probe(model_config.latent), dict(config))


def save_parts(parts: Parts, folder: Path) -> None:
    """Write weights and config, each atomically. Raises OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in parts.modules().state_dict().items()}
    replace(folder / "model.safetensors", save(tensors))
    replace(folder / "config.yaml", yaml.safe_dump(parts.config, sort_keys=False).encode())


def load_parts(path: str | os.PathLike[str], device: torch.device | None = None) -> Parts:
    """Read a checkpoint: a folder, or the name of one that ships.

    Raises:
        FileNotFoundError: no such checkpoint, or weights are missing.
        ValueError: another format, a damaged file, or weights that do not fit the config (the first is named).
    """
    folder = find_checkpoint(os.fspath(path))
    config = read_config(folder)
    if config.get("format") != FORMAT:
        raise ValueError(f"{folder}: checkpoint format must be {FORMAT}, got {config.get('format')!r}; train it again with this version")
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is missing; the checkpoint is not whole, train it again with out={folder}")
    parts = build(config)
    try:
        tensors = load_file(weights)
    except SafetensorError as error:
        raise ValueError(f"{weights} is truncated or damaged: {error}") from error
    _check_fit(weights, parts.modules().state_dict(), tensors)
    parts.modules().load_state_dict(tensors)
    for part in parts.modules().values():
        part.to(device or torch.device("cpu")).eval().requires_grad_(False)
    return parts


def make_task(config: Mapping[str, Any], obs: tuple[str, ...] | None = None) -> Task:
    """The task that a checkpoint was trained on. Raises ValueError if what it observes is no longer what the model expects."""
    task = make(config["task"]["name"], obs=obs or tuple(config["spaces"]), size=config["task"]["size"])
    space = {key: list(value.shape) for key, value in task.observation().items()}
    for key, shape in config["spaces"].items():
        if key in space and space[key] != list(shape):
            raise ValueError(f"the checkpoint does not fit {task.name}: {key} must be {list(shape)}, the task gives {space[key]}")
    actions = task.model.nu * config["task"]["action_repeat"]
    if actions != config["actions"]:
        raise ValueError(
            f"the checkpoint does not fit {task.name}: an action block must have {config['actions']} numbers, it has {actions}"
        )
    return task


def make_agent(parts: Parts, *, planner: Mapping[str, Any] | None = None, cost: Mapping[str, Any] | None = None, seed: int = 0) -> Agent:
    """An agent from loaded parts; planner and cost are `{"name": …, **fields}`, by default those of the checkpoint."""
    device = next(parts.model.parameters()).device
    repeat = parts.config["task"]["action_repeat"]
    search = dict(planner or parts.config["planner"])
    weights = dict(cost or parts.config["cost"])
    kind = weights.pop("name")
    if kind not in COSTS:
        raise KeyError(f"no cost {kind!r}; there are: {', '.join(sorted(COSTS))}")
    known = [field.name for field in fields(COSTS[kind])]
    for key in weights:
        if key not in known:
            raise KeyError(f"cost {kind!r} has no field {key!r}; there are: {', '.join(known)}")
    made = make_planner(search.pop("name"), actions=parts.model.actions, action_repeat=repeat, device=device, **search)
    return Agent(parts.model, parts.cost_to_go, made, COSTS[kind](**weights), repeat, seed)


def load_agent(path: str | os.PathLike[str], *, device: str = "auto", seed: int = 0, **choices: Mapping[str, Any] | None) -> Agent:
    """Load and assemble in one step; `planner=` and `cost=` as for `make_agent`."""
    return make_agent(load_parts(path, resolve_device(device)), seed=seed, **choices)


def _check_fit(path: Path, wanted: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> None:
    for name in sorted(set(wanted) | set(found)):
        if name not in found or name not in wanted:
            raise ValueError(f"{path} does not fit its config.yaml: {name} is {'missing' if name not in found else 'not expected'}")
        if wanted[name].shape != found[name].shape:
            raise ValueError(
                f"{path} does not fit its config.yaml: {name} must be {list(wanted[name].shape)}, is {list(found[name].shape)}"
            )
