"""From imagined latents and a goal to the one number per candidate that a planner sees. Lower is better.

Shapes: B problems, N candidates, H horizon, A action block, D latent, E ensemble members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.cost_to_go import CostToGo
from latent_mpc.agent.ensemble import disagreement
from latent_mpc.agent.world_model import Memory, WorldModel

ROWS = 4096  # imagined rollouts at a time: beyond it the activations leave the CPU's cache


@dataclass
class Cost:
    """How the distances of a plan's steps are added up."""

    running: float = 1.0  # weight of the mean over all steps; a sum over steps keeps the robot from hovering round the goal
    terminal: float = 1.0  # weight of the last step
    disagreement: float = 0.0  # added to each step's distance per standard deviation between the ensemble's members; 0 = off

    def __post_init__(self) -> None:
        if self.disagreement < 0:
            raise ValueError(f"disagreement must be at least 0, got {self.disagreement}")
        if self.running < 0 or self.terminal < 0 or self.running + self.terminal == 0:
            raise ValueError(f"running and terminal must be at least 0 and not both 0, got {self.running} and {self.terminal}")


@dataclass
class LatentCost(Cost):
    """Squared Euclidean distance between latents."""


@dataclass
class CostToGoCost(Cost):
    """Learned cost-to-go between latents [model steps]."""


# (latents [B, N, H, D], goals [B, 1, 1, ...]) -> distance of each step [B, N, H]
Distance = Callable[[Tensor, Tensor], Tensor]


def latent_distance(z: Float[Tensor, "B N H D"], goal: Float[Tensor, "B 1 1 D"]) -> Float[Tensor, "B N H"]:
    """Mean squared difference of latents."""
    return (z - goal).square().mean(dim=-1)


class PlanCost:
    """The cost of candidate plans for B problems: imagines them, measures each step's distance to the goal, adds up.

    Args:
        model: the world model.
        memory: what has been observed of the B episodes.
        goal: one tensor per problem `[B, ...]` in the form that `distance` wants: encoded once, not per candidate.
        distance: how far latents are from goals.
        config: weights.
    """

    differentiable = True

    def __init__(self, model: WorldModel, memory: Memory, goal: Tensor, distance: Distance, config: Cost) -> None:
        self.model, self.memory, self.goal, self.distance, self.config = model, memory, goal, distance, config

    def __call__(self, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N"]:
        problems = torch.arange(len(actions), device=actions.device)
        return torch.cat([self._cost(some, actions[some]) for some in problems.split(max(1, ROWS // actions.shape[1]))])

    def _cost(self, problems: Tensor, actions: Tensor) -> Tensor:
        z = self.model.imagine(self.memory.select(problems), actions)  # (E, B, N, H, D)
        goal = self.goal[problems, None, None]
        steps = torch.stack([self.distance(member, goal) for member in z]).mean(dim=0)  # (B, N, H)
        if self.config.disagreement:
            steps = steps + self.config.disagreement * disagreement(z)
        return self.config.running * steps.mean(dim=-1) + self.config.terminal * steps[..., -1]


def plan_cost(model: WorldModel, cost_to_go: CostToGo, memory: Memory, z_goal: Float[Tensor, "B D"], config: Cost) -> PlanCost:
    """The cost that `config` asks for, towards encoded goals."""
    if isinstance(config, LatentCost):
        return PlanCost(model, memory, z_goal, latent_distance, config)
    return PlanCost(model, memory, cost_to_go.embed(z_goal), lambda z, goal: cost_to_go.between(cost_to_go.embed(z), goal), config)


COSTS: dict[str, type[Cost]] = {"latent": LatentCost, "cost_to_go": CostToGoCost}
