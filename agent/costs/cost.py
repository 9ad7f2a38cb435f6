"""The cost of plans: imagines them, measures each step's distance to the goal, adds terms, sums up.
Lower is better.

    sum over steps h of  running / H * d_h  +  terminal * d_H
    d_h = distance(z_h, goal) + sum of weight * term_h

A kind of cost says what its distance is: one file of this folder, `cost=NAME`, or an entry point of
`latent_mpc.costs`.

Shapes: B problems, N candidates, H horizon, A action block, D latent, E ensemble members, C
constraints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.terms import (
    Constraint,
    Imagined,
    Networks,
    constraints,
    make_parts,
    terms,
)
from latent_mpc.agent.models.base import Memory
from latent_mpc.agent.models.ensemble import disagreement
from latent_mpc.configs.checks import one_of
from latent_mpc.configs.errors import LatentMPCError, UnknownNameError
from latent_mpc.configs.names import PRECISIONS
from latent_mpc.configs.plugins import registered

# Rows that a network sees at a time, be they rollouts or latents to be measured. Beyond it each
# chunk's memory goes back to the system and is asked for again: 512 x 16 steps at once take 9 900
# page faults, a fifth of the time; less, and bf16 loses 10 % at 512 rows.
ROWS = 2048
# A GPU is idle between chunks that small: 1 000 problems of 64 plans in one. Assumed, not measured.
GPU_ROWS = 65536


# (latents [B, N, H, D], goals [B, 1, 1, ...]) -> distance of each step [B, N, H]
Distance = Callable[[Tensor, Tensor], Tensor]
WeightedTerm = tuple[float, Callable[[Imagined], Tensor]]
# cost [B, N], and violations [B, N, C] where there are constraints
Costed = Tensor | tuple[Tensor, Tensor]


@dataclass
class Cost(ABC):
    """How the distances of a plan's steps are added up, and how they are computed."""

    name: ClassVar[str]
    in_part: ClassVar[bool] = False  # whether it needs to know what counts of a goal
    # weight of the mean over all steps; a sum over steps keeps the robot from hovering round the
    # goal
    running: float = 1.0
    terminal: float = 1.0  # weight of the last step
    # penalty per step and standard deviation between the ensemble's members; 0 = off
    disagreement: float = 0.0
    # terms added to each step's distance: [effort:WEIGHT,speed:WEIGHT]
    terms: list[str] = field(default_factory=list)
    # constraints that plans must not violate: [keep_out:X:Y:RADIUS] [m]
    constraints: list[str] = field(default_factory=list)
    # precision of the search's rollouts: one of PRECISIONS; auto = bf16 where the processor has it
    precision: str = "fp32"
    # whether the search's networks are fused by torch.compile, CUDA graphs on a GPU; no gain on a
    # CPU (docs/log.md)
    compile: bool = False

    def __post_init__(self) -> None:
        if self.disagreement < 0:
            raise LatentMPCError(f"disagreement must be at least 0, got {self.disagreement}")
        one_of(self, precision=PRECISIONS)
        if self.running < 0 or self.terminal < 0 or self.running + self.terminal == 0:
            raise LatentMPCError(
                f"running and terminal must be at least 0 and not both 0, got {self.running} and"
                f" {self.terminal}"
            )
        make_parts(self.terms, terms(), "cost term"), self.made_constraints()

    def made_constraints(self) -> list[Constraint]:
        """The constraints. Raises ValueError, KeyError for one that is none."""
        return make_parts(self.constraints, constraints(), "constraint")

    def bind(
        self, networks: Networks
    ) -> tuple[list[WeightedTerm], list[Callable[[Imagined], Tensor]]]:
        """The functions of terms, with their weights, and of constraints. Raises ValueError if one
        needs what was not learned.
        """
        made = make_parts(self.terms, terms(), "cost term")
        return [(term.weight, term.bind(networks)) for term in made], [
            one.bind(networks) for one in self.made_constraints()
        ]

    @classmethod
    def usable(cls, networks: Networks) -> bool:
        """Whether these networks have learned what it needs."""
        return True

    @abstractmethod
    def towards(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        """Goals `[B, ...]` in the form that the distance takes, encoded once and not per candidate;
        and the distance.
        """


def costs() -> dict[str, type[Cost]]:
    """Every kind of cost by name."""
    return registered("latent_mpc.agent.costs", Cost, "latent_mpc.costs")


def require_costs(names: Iterable[str]) -> None:
    """Raise KeyError for a name that is no cost's."""
    for name in names:
        if name not in costs():
            raise UnknownNameError(f"no cost {name!r:.60}; there are: {', '.join(sorted(costs()))}")


def usable_costs(networks: Networks) -> dict[str, type[Cost]]:
    """Those that these networks have learned enough for, by name."""
    return {name: kind for name, kind in costs().items() if kind.usable(networks)}


def other_cost(cost: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The cost called `name` with this one's weights, its own fields as they are by default."""
    shared = [item.name for item in fields(Cost)]
    return {"name": name, **{key: cost[key] for key in shared if key in cost}}


def chunk(device: torch.device) -> int:
    """Rows that a network sees at a time on a device."""
    return ROWS if device.type in ("cpu", "meta") else GPU_ROWS


class PlanCost:
    """The cost of candidate plans for B problems.

    Args:
        networks: what imagines and measures.
        memory: what has been observed of the B episodes.
        goal: one tensor per problem `[B, ...]` in the form that `distance` wants: encoded once, not
            per candidate.
        distance: how far latents are from goals.
        config: weights, terms and constraints.
    """

    differentiable = True

    def __init__(
        self, networks: Networks, memory: Memory, goal: Tensor, distance: Distance, config: Cost
    ) -> None:
        self.model, self.memory, self.goal, self.distance, self.config = (
            networks.model,
            memory,
            goal,
            distance,
            config,
        )
        self.terms, self.constraints = config.bind(networks)

    def __call__(self, actions: Float[Tensor, "B N H A"]) -> Costed:
        together = max(1, chunk(actions.device) // actions.shape[1])
        problems = torch.arange(len(actions), device=actions.device)
        return _cat(
            [
                self._problems(*some)
                for some in zip(problems.split(together), actions.split(together), strict=True)
            ],
            dim=0,
        )

    def _problems(self, problems: Tensor, actions: Tensor) -> Costed:
        memory, goal = self.memory.select(problems), self.goal[problems, None, None]
        parts = actions.split(chunk(actions.device), dim=1)
        return _cat([self._cost(memory, goal, some) for some in parts], dim=1)

    def _cost(self, memory: Memory, goal: Tensor, actions: Tensor) -> Costed:
        z = self.model.imagine(memory, actions)  # (E, B, N, H, D)
        together = max(1, chunk(z.device) // (z.shape[1] * z.shape[2]))  # steps of the horizon
        measured = [
            torch.cat([self.distance(some, goal) for some in member.split(together, dim=2)], dim=2)
            for member in z
        ]
        steps = torch.stack(measured).mean(dim=0)  # (B, N, H)
        if self.config.disagreement:
            steps = steps + self.config.disagreement * disagreement(z)
        imagined = [Imagined(member, actions, memory.z[:, None, None]) for member in z]
        for weight, term in self.terms:
            steps = steps + weight * torch.stack([term(one) for one in imagined]).mean(dim=0)
        cost = self.config.running * steps.mean(dim=-1) + self.config.terminal * steps[..., -1]
        if not self.constraints:
            return cost
        # of all members
        worst = [
            torch.stack([constraint(one) for one in imagined]).amax(dim=0)
            for constraint in self.constraints
        ]
        return cost, torch.cat(worst, dim=-1)


class TwoStageCost:
    """A quick cost to search with, and the reference by which a planner picks the plan it returns.

    Args:
        search: of candidates that need no gradient.
        exact: of the others, and of the last few.
    """

    differentiable = True

    def __init__(self, search: PlanCost, exact: PlanCost) -> None:
        self.search, self.exact = search, exact

    def __call__(self, actions: Float[Tensor, "B N H A"]) -> Costed:
        return self.exact(actions) if actions.requires_grad else self.search(actions)


def plan_cost(
    networks: Networks,
    memory: Memory,
    z_goal: Float[Tensor, "B D"],
    config: Cost,
    search: Networks | None = None,
) -> PlanCost | TwoStageCost:
    """The cost that `config` asks for, towards encoded goals; searched with other networks where
    there are some.
    """
    reference = _one_stage(networks, memory, z_goal, config)
    return (
        reference
        if search is None
        else TwoStageCost(_one_stage(search, memory, z_goal, config), reference)
    )


def _one_stage(networks: Networks, memory: Memory, z_goal: Tensor, config: Cost) -> PlanCost:
    return PlanCost(networks, memory, *config.towards(networks, z_goal), config)


def _cat(parts: list[Costed], dim: int) -> Costed:
    """Chunks of costs, with or without violations, together."""
    if isinstance(parts[0], tuple):
        return torch.cat([part[0] for part in parts], dim), torch.cat(
            [part[1] for part in parts], dim
        )
    return torch.cat(parts, dim)  # type: ignore[arg-type]  # all alike
