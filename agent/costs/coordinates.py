"""`cost=coordinates`: how far what counts is from where it is at the goal, and nothing else; the
rest of a goal is free. Straight ways only: around a wall the learned cost-to-go leads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.cost import Cost, Distance
from latent_mpc.agent.costs.terms import Networks
from latent_mpc.agent.heads.cost_to_go import CostToGo
from latent_mpc.configs.errors import LatentMPCError

SCALE = 10.0  # of standard deviations, so that other terms weigh as they do beside steps to go


@dataclass
class CoordinatesCost(Cost):
    """Distance of what counts, as the latents show it [standard deviations of the data, times
    10].
    """

    name: ClassVar[str] = "coordinates"

    @classmethod
    def usable(cls, networks: Networks) -> bool:
        return networks.reader is not None and networks.reader.knows

    def measured(self, networks: Networks, z_goal: Float[Tensor, "B D"]) -> tuple[Tensor, Distance]:
        reader = networks.reader
        if reader is None or not reader.knows:
            raise LatentMPCError(
                "cost=coordinates needs a checkpoint that was trained to read what counts, and this"
                " one was not: give cost=cost_to_go"
            )
        return reader(
            z_goal
        ), lambda z, goal: SCALE * ((reader(z) - goal).square().sum(dim=-1) + 1e-8).sqrt()

    def towards(
        self, cost_to_go: CostToGo, z_goal: Float[Tensor, "B D"]
    ) -> tuple[Tensor, Distance]:
        raise NotImplementedError  # `measured` says it
