"""Build a task from its config; fill in and print options the user left unset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import nn

from latent_mpc import planners
from latent_mpc.agent.agent import Agent
from latent_mpc.agent.costs import COSTS
from latent_mpc.agent.models.cost_to_go import CostToGo, CostToGoConfig
from latent_mpc.agent.models.probe import make_probe
from latent_mpc.agent.models.proposals import Proposals, ProposalsConfig
from latent_mpc.agent.models.world_model import ModelConfig, WorldModel
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.tasks import TaskConfig
from latent_mpc.envs.adapters.gymnasium_task import require_known
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task
from latent_mpc.planners import Planner


def open_task(config: TaskConfig, observations: tuple[str, ...]) -> tuple[Task, TaskConfig]:
    """The task and its config, complete: making it again from that config needs no probing. Prints what was chosen."""
    task = make(config.name, obs=observations, **config.options())
    for line in task.about():
        print(line, flush=True)
    return task, replace(config, **task.settings())


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


def make_planner(
    name: str, *, actions: int, horizon: int, action_repeat: int, device: torch.device, block: int = 1, **fields: object
) -> Planner:
    """A planner for action blocks in [-1, 1]: bounds tiled over the block, noise running through it.

    Raises ValueError for a `block` that is not the action_repeat; 1, which configs hold where it was left alone, stands for it.
    """
    if block not in (1, action_repeat):
        raise LatentMPCError(f"planner.block must be the task's action_repeat, {action_repeat}, got {block}; leave it out")
    bound = torch.ones(actions, device=device)
    return planners.make(name, low=-bound, high=bound, horizon=horizon, block=action_repeat, **fields)
