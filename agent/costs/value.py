"""`cost=value`: how many model steps until what counts is at the goal, wherever the rest is then,
as learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, Distance, WeightedTerm
from latent_mpc.agent.costs.terms import Imagined, Networks


@dataclass
class ValueCost(Cost):
    """Learned cost-to-go of what counts [model steps]."""

    name: ClassVar[str] = "value"
    in_part: ClassVar[bool] = True

    @classmethod
    def usable(cls, networks: Networks) -> bool:
        return networks.value is not None and networks.value.knows

    def bind(
        self, networks: Networks
    ) -> tuple[list[WeightedTerm], list[Callable[[Imagined], Tensor]]]:
        networks.learned_value(f"cost={self.name}")
        return super().bind(networks)

    def towards(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        name = f"cost={self.name}"
        read, value = networks.counted(name), networks.learned_value(name)
        return read(z_goal), lambda z, goal: value(z, read(z), goal)
