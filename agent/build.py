"""By name, from configs: the task, the learned parts, the planner, the cost, the agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import nn

from latent_mpc import planners
from latent_mpc.agent.agent import Agent
from latent_mpc.agent.costs.cost import Cost, costs
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo
from latent_mpc.agent.heads.head import Head, Sizes, heads
from latent_mpc.agent.heads.probe import Probe
from latent_mpc.agent.heads.proposals import Proposals
from latent_mpc.agent.heads.reader import Reader
from latent_mpc.agent.heads.value import Value
from latent_mpc.agent.models.base import WorldModel, models
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.keyword_arguments import require_hashed
from latent_mpc.configs.structured import from_values
from latent_mpc.configs.tasks import TaskConfig, task_options
from latent_mpc.envs.adapters.packages import require_known
from latent_mpc.envs.registry import make
from latent_mpc.envs.task import Task
from latent_mpc.planners import Planner


def open_task(config: TaskConfig, observations: tuple[str, ...]) -> tuple[Task, TaskConfig]:
    """Build a task from its config; fill in and print options the user left unset: making it again
    needs no probing.
    """
    task = make(config.name, obs=observations, **config.options())
    for line in task.about():
        print(line, flush=True)
    return task, replace(config, **task.settings())


@dataclass
class Parts:
    """What is learned, and the settings it was learned with."""

    model: WorldModel
    config: dict[str, Any]  # config.yaml
    # by name, in the order in which they are fitted
    heads: dict[str, Head] = field(default_factory=dict)

    @property
    def cost_to_go(self) -> CostToGo:
        """The learned distance."""
        return cast(CostToGo, self.heads["cost_to_go"])

    @property
    def probe(self) -> Probe:
        """Latent -> position [m]."""
        return cast(Probe, self.heads["probe"])

    @property
    def proposals(self) -> Proposals | None:
        """What proposes plans, where that was learned."""
        return cast(Proposals | None, self.heads.get("proposals"))

    @property
    def reader(self) -> Reader | None:
        """What tells the numbers on which success depends, where the task names some."""
        return cast(Reader | None, self.heads.get("reader"))

    @property
    def networks(self) -> Networks:
        """What a cost is computed with."""
        value = cast(Value | None, self.heads.get("value"))
        return Networks(self.model, self.cost_to_go, self.probe, self.reader, value)

    def modules(self) -> nn.ModuleDict:
        """All of them by name."""
        return nn.ModuleDict({"model": self.model, **self.heads})


def build(config: Mapping[str, Any]) -> Parts:
    """The parts as the config describes them, with fresh weights. Raises ValueError if these sizes
    cannot be built.
    """
    shapes = {key: tuple(shape) for key, shape in config["spaces"].items()}
    values, known = dict(config["model"]), models()
    family = known[values.pop("name", "jepa")]
    model = family(from_values(family.Config, values, "model"), shapes, config["actions"])
    sizes = Sizes(model.latent, config["actions"], shapes, config.get("counted", 0))
    made = {
        name: kind.build(sizes, from_values(kind.Config, config.get(name, {}), name))
        for name, kind in heads().items()
    }
    return Parts(
        model, dict(config), {name: head for name, head in made.items() if head is not None}
    )


def make_task(
    config: Mapping[str, Any], obs: tuple[str, ...] | None = None, task_id: str = ""
) -> Task:
    """The task that a checkpoint was trained on.

    Args:
        task_id: the checkpoint's own `task.id`, if the user repeats it: allows the import of the
            module that it names.

    Raises:
        ValueError: what it observes is no longer what the model expects, or it wants a module
            imported that nobody vouches for.
    """
    options = task_options(config["task"])
    if "id" in options:
        require_known(options["id"], task_id)
        require_hashed(options.get("kwargs", {}), options.get("fingerprint", ""))
    task = make(config["task"]["name"], obs=obs or tuple(config["spaces"]), **options)
    space = {key: list(value.shape) for key, value in task.observation().items()}
    for key, shape in config["spaces"].items():
        if key in space and space[key] != list(shape):
            raise LatentMPCError(
                f"the checkpoint does not fit {task.name}: {key} must be {list(shape)}, the task"
                f" gives {space[key]}"
            )
    actions = task.action_width * config["task"]["action_repeat"]
    if actions != config["actions"]:
        raise LatentMPCError(
            f"the checkpoint does not fit {task.name}: an action block must have"
            f" {config['actions']} numbers, it has {actions}"
        )
    return task


def make_agent(
    parts: Parts,
    *,
    planner: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Agent:
    """An agent from loaded parts; planner and cost are `{"name": …, **fields}`, by default those of
    the checkpoint.
    """
    repeat = parts.config["task"]["action_repeat"]
    search = {"horizon": parts.config["planner"]["horizon"], **(planner or parts.config["planner"])}
    made_cost = make_cost(cost or parts.config["cost"])
    if made_cost.disagreement and parts.model.members == 1:
        raise LatentMPCError(
            "cost.disagreement needs an ensemble: train with model.ensemble of 2 or more, or leave"
            " it at 0"
        )
    made = make_planner(
        search.pop("name"),
        actions=parts.model.actions,
        action_repeat=repeat,
        device=next(parts.model.parameters()).device,
        **search,
    )
    return Agent(parts.networks, made, made_cost, repeat, seed, parts.proposals)


def make_cost(config: Mapping[str, Any]) -> Cost:
    """A cost from `{"name": …, **fields}`. Raises KeyError for a name or field that there is not,
    ValueError for a value.
    """
    values, known = dict(config), costs()
    name = values.pop("name")
    if name not in known:
        raise UnknownNameError(f"no cost {name!r}; there are: {', '.join(sorted(known))}")
    return from_values(known[name], values, "cost")


def make_planner(
    name: str,
    *,
    actions: int,
    horizon: int,
    action_repeat: int,
    device: torch.device,
    block: int = 1,
    **fields: object,
) -> Planner:
    """A planner for action blocks in [-1, 1]: bounds tiled over the block, noise running through
    it.

    Raises ValueError for a `block` that is not the action_repeat; 1, which configs hold where it
    was left alone, stands for it.
    """
    if block not in (1, action_repeat):
        raise LatentMPCError(
            f"planner.block must be the task's action_repeat, {action_repeat}, got {block}; leave"
            " it out"
        )
    bound = torch.ones(actions, device=device)
    return planners.make(
        name, low=-bound, high=bound, horizon=horizon, block=action_repeat, **fields
    )
