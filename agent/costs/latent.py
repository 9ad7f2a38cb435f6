"""`cost=latent`: the plain distance between latents, which leads into dead ends: a wall, a joint
limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, Distance
from latent_mpc.agent.costs.terms import Networks


@dataclass
class LatentCost(Cost):
    """Mean squared difference of latents."""

    name: ClassVar[str] = "latent"

    def towards(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        return z_goal, latent_distance


def latent_distance(
    z: Float[Tensor, "B N H D"], goal: Float[Tensor, "B 1 1 D"]
) -> Float[Tensor, "B N H"]:
    """Mean squared difference of latents."""
    return (z - goal).square().mean(dim=-1)
