"""From imagined latents and a goal to the one number per candidate that a planner sees. Lower is better.

Shapes: B problems, N candidates, H horizon, A action block, D latent, E ensemble members.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.models.cost_to_go import CostToGo
from latent_mpc.agent.models.ensemble import disagreement
from latent_mpc.agent.models.world_model import Memory, WorldModel
from latent_mpc.configs.errors import LatentMPCError

# Rows that a network sees at a time, be they rollouts or latents to be measured. Beyond it each chunk's memory goes back to the system
# and is asked for again: 512 x 16 steps at once take 9 900 page faults, a fifth of the time; less, and bf16 loses 10 % at 512 rows.
ROWS = 2048
PRECISIONS = ("auto", "fp32", "bf16")


# (latents [B, N, H, D], goals [B, 1, 1, ...]) -> distance of each step [B, N, H]
Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Cost:
    """How the distances of a plan's steps are added up, and how they are computed. A kind of cost says what its distance is."""

    running: float = 1.0  # weight of the mean over all steps; a sum over steps keeps the robot from hovering round the goal
    terminal: float = 1.0  # weight of the last step
    disagreement: float = 0.0  # penalty per step and standard deviation between the ensemble's members; 0 = off
    precision: str = "fp32"  # precision of the search's rollouts: one of PRECISIONS; auto = bf16 where the processor has it
    compile: bool = False  # whether the search's networks are fused by torch.compile, CUDA graphs on a GPU; no gain on a CPU (docs/log.md)

    def __post_init__(self) -> None:
        if self.disagreement < 0:
            raise LatentMPCError(f"disagreement must be at least 0, got {self.disagreement}")
        if self.precision not in PRECISIONS:
            raise LatentMPCError(f"precision must be one of {', '.join(PRECISIONS)}; got {self.precision!r}")
        if self.running < 0 or self.terminal < 0 or self.running + self.terminal == 0:
            raise LatentMPCError(f"running and terminal must be at least 0 and not both 0, got {self.running} and {self.terminal}")

    def towards(self, cost_to_go: CostToGo, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        """Goals `[B, ...]` in the form that the distance takes, encoded once and not per candidate; and the distance."""
        raise NotImplementedError


@dataclass
class LatentCost(Cost):
    """Squared Euclidean distance between latents."""

    def towards(self, cost_to_go: CostToGo, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        return z_goal, latent_distance


@dataclass
class CostToGoCost(Cost):
    """Learned cost-to-go between latents [model steps]."""

    def towards(self, cost_to_go: CostToGo, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        return cost_to_go.embed(z_goal), lambda z, goal: cost_to_go.between(cost_to_go.embed(z), goal)


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
        together = max(1, ROWS // actions.shape[1])
        problems = torch.arange(len(actions), device=actions.device)
        return torch.cat([self._problems(*some) for some in zip(problems.split(together), actions.split(together), strict=True)])

    def _problems(self, problems: Tensor, actions: Tensor) -> Tensor:
        memory, goal = self.memory.select(problems), self.goal[problems, None, None]
        return torch.cat([self._cost(memory, goal, some) for some in actions.split(ROWS, dim=1)], dim=1)

    def _cost(self, memory: Memory, goal: Tensor, actions: Tensor) -> Tensor:
        z = self.model.imagine(memory, actions)  # (E, B, N, H, D)
        together = max(1, ROWS // (z.shape[1] * z.shape[2]))  # steps of the horizon
        measured = [torch.cat([self.distance(some, goal) for some in member.split(together, dim=2)], dim=2) for member in z]
        steps = torch.stack(measured).mean(dim=0)  # (B, N, H)
        if self.config.disagreement:
            steps = steps + self.config.disagreement * disagreement(z)
        return self.config.running * steps.mean(dim=-1) + self.config.terminal * steps[..., -1]


class TwoStageCost:
    """A rough cost to search with, and the exact one by which a planner picks the plan it returns.

    Args:
        rough: of candidates that need no gradient.
        exact: of the others, and of the last few.
    """

    differentiable = True

    def __init__(self, rough: PlanCost, exact: PlanCost) -> None:
        self.rough, self.exact = rough, exact

    def __call__(self, actions: Float[Tensor, "B N H A"]) -> Float[Tensor, "B N"]:
        return self.exact(actions) if actions.requires_grad else self.rough(actions)


class Networks(NamedTuple):
    """What a cost is computed with."""

    model: WorldModel
    cost_to_go: CostToGo


def plan_cost(
    model: WorldModel, cost_to_go: CostToGo, memory: Memory, z_goal: Float[Tensor, "B D"], config: Cost, rough: Networks | None = None
) -> PlanCost | TwoStageCost:
    """The cost that `config` asks for, towards encoded goals; searched with `rough` networks where there are some."""
    if rough is not None:
        search = _one_stage(*rough, memory, z_goal, config)
        return TwoStageCost(search, _one_stage(model, cost_to_go, memory, z_goal, config))
    return _one_stage(model, cost_to_go, memory, z_goal, config)


def _one_stage(model: WorldModel, cost_to_go: CostToGo, memory: Memory, z_goal: Tensor, config: Cost) -> PlanCost:
    return PlanCost(model, memory, *config.towards(cost_to_go, z_goal), config)


COSTS: dict[str, type[Cost]] = {"cost_to_go": CostToGoCost, "latent": LatentCost}
