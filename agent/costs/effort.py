"""`cost.terms=[effort:WEIGHT]`: how much the actuators do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from latent_mpc.agent.costs.terms import Imagined, Term


@dataclass
class Effort(Term):
    """Mean squared action of each step, in units of the actions' half-range."""

    name: ClassVar[str] = "effort"

    def __call__(self, imagined: Imagined) -> Float[Tensor, "B N H"]:
        return imagined.actions.square().mean(dim=-1)
