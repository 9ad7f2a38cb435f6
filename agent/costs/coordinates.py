"""`cost=coordinates`: the goal in part, where success depends on some numbers of the state only: a
tool's place, and neither velocities nor fingers. It knows no walls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, Distance, WeightedTerm
from latent_mpc.agent.costs.terms import Imagined, Networks

SCALE = 10.0  # of standardised numbers, towards the order of the learned cost-to-go


@dataclass
class CoordinatesCost(Cost):
    """Distance of what counts, and of nothing else."""

    name: ClassVar[str] = "coordinates"
    in_part: ClassVar[bool] = True

    @classmethod
    def usable(cls, networks: Networks) -> bool:
        return networks.knows_counted

    def bind(
        self, networks: Networks
    ) -> tuple[list[WeightedTerm], list[Callable[[Imagined], Tensor]]]:
        networks.counted(f"cost={self.name}")
        return super().bind(networks)

    def towards(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        read = networks.counted(f"cost={self.name}")
        return read(z_goal), lambda z, goal: euclidean(read(z), goal)


def euclidean(
    read: Float[Tensor, "B N H C"], goal: Float[Tensor, "B 1 1 C"]
) -> Float[Tensor, "B N H"]:
    """`SCALE` times the Euclidean distance."""
    # the gradient of a root at zero is infinite
    return SCALE * ((read - goal).square().sum(dim=-1) + 1e-8).sqrt()
