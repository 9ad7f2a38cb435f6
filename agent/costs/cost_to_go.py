"""`cost=cost_to_go`, the default: how many model steps the robot still needs, as the learned
quasimetric has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, Distance
from latent_mpc.agent.costs.terms import Networks


@dataclass
class CostToGoCost(Cost):
    """Learned cost-to-go between latents [model steps]."""

    name: ClassVar[str] = "cost_to_go"

    def towards(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        cost_to_go = networks.cost_to_go
        return cost_to_go.embed(z_goal), lambda z, goal: cost_to_go.between(
            cost_to_go.embed(z), goal
        )
